"""Second subscription: a connection on which every held runtime is subscribed.

A scoped `sync` subscribes (PROTOCOL §4; tried with 0.34.12, also amid a turn: the turn outlives
the other connection). There is no unsubscribe, so runtimes stay subscribed when they are
released: the next hold costs nothing. When too many have gathered, the connection is replaced,
the new one subscribed before the old one is closed.
"""

import asyncio
import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from bridge.appserver.transport import Endpoint, Fault, Link, LinkFailed, LinkFailure, ReadPacing
from bridge.retry import Backoff, RetryPolicy
from bridge.supervisor.turn_endings import RuntimeIds
from bridge.telemetry import Tasks, get_logger

log = get_logger("supervisor.subscription")


@dataclass(frozen=True, slots=True)
class SubscriptionOptions:
    """All `_s` are seconds. `stale_limit`: how many subscriptions without a hold are put up with.

    `operator_retry_s`: how often to try when a person must act first.
    """

    hold_within_s: float = 0.8
    answer_within_s: float = 5.0
    first_retry_s: float = 0.1
    longest_retry_s: float = 5.0
    operator_retry_s: float = 30.0
    stale_limit: int = 1000


class Subscription:
    """Connects at the first hold, so that the worker is the first on a server that takes one
    client; where there is no second place it gives way for good.

    Args:
        address: where the server is, and the token; read before each attempt, off the loop.
        held: what must be subscribed on a new connection.
        hear: called with each message of the server; returns at once.
    """

    def __init__(
        self,
        address: Callable[[], Endpoint],
        *,
        held: Callable[[], Iterable[RuntimeIds]],
        hear: Callable[[str | bytes], object],
        options: SubscriptionOptions | None = None,
    ) -> None:
        self._address, self._held, self._hear = address, held, hear
        self._options = options or SubscriptionOptions()
        self._tasks = Tasks()
        self._keeping: asyncio.Task[None] | None = None
        self._line: _Connection | None = None
        self._left_to_worker = False
        self._tried_once = asyncio.Event()  # connected, or the newest attempt has failed
        self._retry_now = asyncio.Event()
        self._replace_connection = asyncio.Event()
        self.trouble: str | None = None

    async def hold(self, runtime: RuntimeIds) -> str | None:
        """Subscribe to the runtime; None when that is done, else a sentence that says why not.

        Takes at most `hold_within_s`; what is held is subscribed later, once that can be.
        """
        if self._line is None and not self._left_to_worker:
            self._tried_once.clear()
            self._retry_now.set()
        if self._keeping is None:
            self._keeping = self._tasks.spawn(self._keep(), name="supervisor subscription")
        with suppress(TimeoutError):
            async with asyncio.timeout(self._options.hold_within_s):
                await self._tried_once.wait()
                if self._line is not None and await self._line.subscribe(runtime):
                    return None
        return self.trouble or "The supervisor's connection to the App Server does not answer."

    def released(self) -> None:
        """Something is no longer held: see whether the connection should be replaced."""
        if self._line is not None and self._line.stale(self._held()) > self._options.stale_limit:
            self._replace_connection.set()

    async def aclose(self) -> None:
        """Hang up. May be called twice."""
        await self._tasks.aclose()
        await self._leave(self._line)

    # --- staying connected -------------------------------------------------------------------

    async def _keep(self) -> None:
        backoff = Backoff(RetryPolicy(self._options.first_retry_s, self._options.longest_retry_s))
        while not self._left_to_worker:
            self._retry_now.clear()
            began = asyncio.get_running_loop().time()
            try:
                line = await self._connect()
            except LinkFailed as failed:
                trouble = failed.trouble
            except Exception as error:  # nobody foresaw it, and it may not end this
                log.exception("the second subscription failed")
                trouble = LinkFailure(Fault.AWAY, f"The supervisor cannot connect: {error}")
            else:
                if await self._until_renewal(line):
                    continue
                trouble = line.why
            if asyncio.get_running_loop().time() - began > self._options.longest_retry_s:
                backoff.succeeded()
            await self._lost(trouble)
            await self._pause(trouble, backoff.failed())

    async def _connect(self) -> "_Connection":
        """Connect and subscribe everything held; only then leave the connection before."""
        new = _Connection(await asyncio.to_thread(self._address), self._hear, self._options)
        try:
            await new.open()
            await new.subscribe_all(self._held())
        except BaseException:
            await new.close()
            raise
        old, self._line = self._line, new
        self.trouble = None
        self._replace_connection.clear()
        self._tried_once.set()
        log.info("second subscription", runtimes=new.count)
        await self._leave(old)
        return new

    async def _until_renewal(self, line: "_Connection") -> bool:
        """Wait until the connection should be replaced; False when it is gone before."""
        renewal = self._tasks.spawn(self._replace_connection.wait(), name="supervisor renewal")
        await asyncio.wait({line.over, renewal}, return_when=asyncio.FIRST_COMPLETED)
        renewal.cancel()
        return not line.over.done()

    async def _lost(self, trouble: LinkFailure) -> None:
        line, self._line = self._line, None
        self._left_to_worker = trouble.fault is Fault.TAKEN
        if trouble.sentence != self.trouble:
            log.warning(
                "no second subscription", reason=trouble.sentence, for_good=self._left_to_worker
            )
        self.trouble = trouble.sentence
        self._tried_once.set()
        await self._leave(line)

    async def _leave(self, line: "_Connection | None") -> None:
        if line is not None:
            await line.close()

    async def _pause(self, trouble: LinkFailure, pause_s: float) -> None:
        """Wait before the next attempt; a hold ends the wait."""
        limit = self._options.operator_retry_s if trouble.needs_operator else pause_s
        with suppress(TimeoutError):
            async with asyncio.timeout(limit):
                await self._retry_now.wait()


_PACING = ReadPacing(pause_s=0.25, busy_frames=2)
"""Nobody waits for what is heard here but for answers, so it is read four times a second."""

_ANSWER = b'"supervisor-'


class _Connection:
    """One connection, its subscriptions and its questions. `over` is done when it has ended."""

    over: asyncio.Task[LinkFailure]

    def __init__(
        self,
        endpoint: Endpoint,
        hear: Callable[[str | bytes], object],
        options: SubscriptionOptions,
    ) -> None:
        self._url, self._hear = endpoint.url, hear
        self._within_s = options.answer_within_s
        self._link = Link(endpoint, hear=self._heard, pacing=_PACING)
        self._tasks = Tasks()
        self._silent: LinkFailure | None = None
        self._asked = 0
        self._answers: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._subscribing: dict[RuntimeIds, asyncio.Task[bool]] = {}

    @property
    def why(self) -> LinkFailure:
        """Why it is of no use any more."""
        return self._silent or self.over.result()

    @property
    def count(self) -> int:
        """How many runtimes are subscribed."""
        return len(self._subscribing)

    def stale(self, held: Iterable[RuntimeIds]) -> int:
        """How many of them are not held."""
        return len(self._subscribing.keys() - set(held))

    async def open(self) -> None:
        """Connect, and give way to the worker where one client is taken (PROTOCOL §21).

        Raises `LinkFailed`.
        """
        await self._link.open()
        self.over = self._tasks.spawn(self._link.ended(), name="supervisor link")
        info = await self._ask({"type": "app_server_info"})
        if (info.get("capabilities") or {}).get("split_channels"):
            sentence = f"The App Server at {self._url} takes one client, and that is the worker."
            raise LinkFailed(LinkFailure(Fault.TAKEN, sentence))

    async def subscribe_all(self, runtimes: Iterable[RuntimeIds]) -> None:
        """Subscribe all of them. Raises `LinkFailed`."""
        if not all(await asyncio.gather(*map(self.subscribe, runtimes))):
            raise LinkFailed(self.why)

    async def subscribe(self, runtime: RuntimeIds) -> bool:
        """Subscribe, once per connection; False when the connection is of no use."""
        task = self._subscribing.get(runtime)
        if task is None:
            task = self._tasks.spawn(self._sync(runtime), name=f"supervisor {runtime}")
            self._subscribing[runtime] = task
        await asyncio.wait({task})
        return not task.cancelled() and task.result()

    async def _sync(self, runtime: RuntimeIds) -> bool:
        quietly = {"recover_approvals": False, "force_device_status": False}
        try:
            await self._ask({"type": "sync", "runtime": runtime._asdict(), **quietly})
        except LinkFailed as failed:
            self._silent = failed.trouble
            await self._link.close()  # what does not answer is replaced
            return False
        return True

    async def _ask(self, command: dict[str, Any]) -> dict[str, Any]:
        """The answer to a command. Raises `LinkFailed` without one in time."""
        self._asked += 1
        ident = f"supervisor-{self._asked}"
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._answers[ident] = answer
        try:
            with self._link.unpaced():
                await self._link.send(json.dumps({**command, "request_id": ident}))
                either: set[asyncio.Future[Any]] = {answer, self.over}
                await asyncio.wait(
                    either, timeout=self._within_s, return_when=asyncio.FIRST_COMPLETED
                )
        finally:
            del self._answers[ident]
        if answer.done():
            return answer.result()
        if self.over.done():
            raise LinkFailed(self.over.result())
        sentence = f"The App Server at {self._url} did not answer the supervisor in time."
        raise LinkFailed(LinkFailure(Fault.AWAY, sentence))

    def _heard(self, message: str | bytes) -> None:
        raw = message if isinstance(message, bytes) else message.encode()
        if self._answers and _ANSWER in raw:
            frame = json.loads(raw)
            answer = self._answers.get(str(frame.get("request_id")))
            if answer is not None and not answer.done():
                answer.set_result(frame)
        self._hear(raw)

    async def close(self) -> None:
        """Hang up, and end everybody who waits. May be called twice."""
        await self._tasks.aclose()
        await self._link.close()
