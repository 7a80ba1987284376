"""Telemetry: structured logs with bound context, metrics, and background tasks.

Nothing here may fail a turn: logging and metrics swallow nothing but also decide nothing.
"""

import asyncio
import logging
import re
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterator, MutableMapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any, cast

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from bridge.domain.errors import BridgeError


@contextmanager
def _not_importable(name: str) -> Iterator[None]:
    """While this is open, importing the module fails as if it were not installed."""
    modules = cast("dict[str, ModuleType | None]", sys.modules)
    if name in modules:
        yield  # already loaded: nothing is saved
        return
    modules[name] = None
    try:
        yield
    finally:
        del modules[name]


# structlog loads rich for tracebacks that we do not print: 4 MB and 50 ms for each process.
with _not_importable("rich"):
    import structlog

SECRET = re.compile(
    r"xox[a-z](?:\.xox[a-z])?-[A-Za-z0-9-]+|xapp-[A-Za-z0-9-]+"
    r"|(?i:bearer)\s+[A-Za-z0-9._~+/=-]+"
    r"|https://hooks\.slack\.com/[^\s\"']+"
    r"|(?:wss?|https?)://[^\s\"']*(?:[?&](?:ticket|token)=|/link/|/response/|/upload/)[^\s\"']+"
)

_SIGNS = ("xox", "xapp-", "bearer", "://")
"""One of these is in every secret."""


def redact(text: str) -> str:
    """Replace tokens, response URLs and socket tickets in `text` by a mark (guarantee G9)."""
    lowered = text.lower()
    if not any(sign in lowered for sign in _SIGNS):  # ten times quicker, and nearly always so
        return text
    return SECRET.sub("[secret]", text)


def redact_deep(value: Any) -> Any:
    """Apply `redact` to every string inside a JSON-like value; other values stay as they are."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {key: redact_deep(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [redact_deep(item) for item in value]
    return value


def _redact_event(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    return {key: redact_deep(value) for key, value in event.items()}


class _RedactingFormatter(logging.Formatter):
    """Formats the records of libraries (Bolt, aiohttp), which do not pass through structlog."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


def configure_logging(*, level: str = "INFO", json: bool = False) -> None:
    """Send structured logs to standard error, one event a line. May be called again."""
    number = logging.getLevelNamesMapping()[level.upper()]
    renderer = (
        structlog.processors.JSONRenderer()
        if json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _redact_event,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_RedactingFormatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(handlers=[handler], level=max(number, logging.WARNING), force=True)


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """The logger of one module; `name` is its area, such as `appserver`."""
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(area=name)
    return logger


REGISTRY = CollectorRegistry()
"""Every metric of the process; served at /metrics."""

TURNS = Counter("bridge_turns", "Turns ended, by outcome.", ["outcome"], registry=REGISTRY)
TURNS_ACTIVE = Gauge("bridge_turns_active", "Turns running now.", registry=REGISTRY)
TURN_SECONDS = Histogram(
    "bridge_turn_seconds",
    "From claim to end of a turn, in seconds.",
    buckets=(0.5, 1, 2, 5, 10, 30, 60, 300, 1800, 3600),
    registry=REGISTRY,
)
ACK_SECONDS = Histogram(
    "bridge_slack_ack_seconds",
    "From a Slack event's arrival to its durable ack, in seconds.",
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 3),
    registry=REGISTRY,
)
EVENTS = Counter(
    "bridge_slack_events", "Slack events, by what became of them.", ["kind"], registry=REGISTRY
)
SLACK_CALLS = Counter(
    "bridge_slack_calls",
    "Web API calls, by method and result.",
    ["method", "result"],
    registry=REGISTRY,
)
SLACK_WAIT = Histogram(
    "bridge_slack_wait_seconds",
    "How long a Web API call waited for Slack's limits before it was made, by priority.",
    ["priority"],
    buckets=(0.01, 0.1, 1, 5, 10, 30, 60, 120, 300),
    registry=REGISTRY,
)
FRAMES = Counter(
    "bridge_frames",
    "App Server frames, by direction and kind.",
    ["direction", "kind"],
    registry=REGISTRY,
)
APPROVALS = Counter("bridge_approvals", "Approvals, by how they ended.", ["end"], registry=REGISTRY)
WORKER_RESTARTS = Gauge(
    "bridge_worker_restarts",
    "How often the supervisor has started the worker again after its death.",
    registry=REGISTRY,
)
BACKFILLED = Counter(
    "bridge_slack_backfilled",
    "Missed messages that were taken in from Slack's history.",
    registry=REGISTRY,
)
EVENT_GAPS = Gauge(
    "bridge_slack_gaps", "Channels that are still to be backfilled.", registry=REGISTRY
)
OTHER_CONNECTIONS = Gauge(
    "bridge_slack_other_connections",
    "Socket Mode connections of the same app that another program has.",
    registry=REGISTRY,
)
LINKS_UP = Gauge("bridge_link_up", "1 while the link works.", ["link"], registry=REGISTRY)
STORE_FAILURES = Counter(
    "bridge_store_failures",
    "Database transactions that failed, by SQLite's code.",
    ["code"],
    registry=REGISTRY,
)
UNEXPECTED_ERRORS = Counter(
    "bridge_unexpected_errors",
    "Unexpected errors: bugs, each with a traceback in the log.",
    registry=REGISTRY,
)
TASKS = Gauge("bridge_tasks", "Background tasks running now.", registry=REGISTRY)
CLOCK_JUMPS = Counter(
    "bridge_clock_jumps",
    "Jumps of the system's clock, by direction.",
    ["direction"],
    registry=REGISTRY,
)
DISPLAY_FAILURES = Counter(
    "bridge_display_failures", "Failed writes on the progress path.", registry=REGISTRY
)
OUTBOX_PENDING = Gauge(
    "bridge_outbox_pending",
    "Writes to Slack that are stored and not delivered yet.",
    registry=REGISTRY,
)
OUTBOX_GIVEN_UP = Counter(
    "bridge_outbox_given_up",
    "Writes to Slack that were refused for good or tried for too long.",
    registry=REGISTRY,
)


class Tasks:
    """Background tasks with a name, a strong reference and a logged failure.

    A failed task is logged once (with its traceback, unless the failure is one of our own tree
    and so foreseen) and passed to `on_failure` if given; it never disappears silently.
    `aclose` cancels what still runs and waits for it.
    """

    def __init__(self, *, on_failure: Callable[[str, BaseException], None] | None = None) -> None:
        self._running: set[asyncio.Task[Any]] = set()
        self._on_failure = on_failure
        self._log = get_logger("tasks")

    def __len__(self) -> int:
        return len(self._running)

    def spawn(self, work: Coroutine[Any, Any, Any], *, name: str) -> asyncio.Task[Any]:
        """Start `work` on the running loop and return its task."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._running.add(task)
        TASKS.inc()
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        TASKS.dec()
        if task.cancelled():
            return
        failure = task.exception()
        if failure is None:
            return
        if isinstance(failure, BridgeError):
            self._log.warning("task failed", task=task.get_name(), cause=str(failure))
        else:
            UNEXPECTED_ERRORS.inc()
            self._log.error("task failed", task=task.get_name(), exc_info=failure)
        if self._on_failure is not None:
            self._on_failure(task.get_name(), failure)

    async def aclose(self) -> None:
        """Cancel every running task and wait until all have ended. May be called twice."""
        current = asyncio.current_task()
        running = [task for task in self._running if task is not current]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def bounded(work: Awaitable[Any], *, within_s: float, what: str) -> bool:
    """Wait for `work` at most `within_s` seconds; log and return False when it is not done."""
    try:
        async with asyncio.timeout(within_s):
            await work
    except TimeoutError:
        get_logger("tasks").warning("gave up waiting", what=what, within_s=within_s)
        return False
    return True
