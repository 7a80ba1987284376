"""Registry of the runtimes started on this connection, and of what the server said of them.

Starts and subscriptions die with their connection (PROTOCOL §4, §15): a runtime that was started
on an earlier one must be started again before anything is sent to it. So must one that was idle
for so long that it was forgotten: threads are many, and only a few are in use.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from bridge.appserver.events import (
    DeviceStatus,
    Event,
    StreamDelta,
    TurnFinishedFrame,
    UpdateDeviceStatus,
    UpdateLoopStatus,
)
from bridge.domain.bindings import RuntimeRequest
from bridge.domain.ids import Runtime

KEPT: Final = 1_000
"""As many runtimes are remembered, and all that are at work."""

IDLE: Final = "WAITING_ON_INPUT"


@dataclass(frozen=True, slots=True)
class Difference:
    """The server runs with something else than was asked for: `what` is `cwd` or `mode`."""

    what: str
    wanted: str
    actual: str


@dataclass(slots=True)
class _RuntimeRecord:
    """One runtime: what was asked for once it is started, and what the server said."""

    request: RuntimeRequest | None = None
    status: DeviceStatus | None = None
    busy: bool = False


@dataclass(slots=True)
class StartedRuntimes:
    """Memory of one connection; `kept` is how many runtimes it remembers."""

    kept: int = KEPT
    _known: OrderedDict[Runtime, _RuntimeRecord] = field(default_factory=OrderedDict)

    def connected(self) -> None:
        """A new connection: nothing is started on it and nothing known."""
        self._known.clear()

    def starting(self, runtime: Runtime) -> None:
        """A start is about to be asked for: what was known before does not count."""
        self._lately(runtime).status = None

    def started(self, runtime: Runtime, request: RuntimeRequest) -> None:
        """The server has started it on this connection."""
        self._lately(runtime).request = request

    def heard(self, runtime: Runtime, event: Event) -> None:
        """The server said something of the runtime."""
        if isinstance(event, StreamDelta):
            return  # by far the most, and only what is known to be at work says them
        known = self._lately(runtime)
        match event:
            case UpdateDeviceStatus():
                known.status = event.device_status
                known.busy = event.device_status.is_processing
            case UpdateLoopStatus():
                known.busy = event.loop_status.status != IDLE
            case TurnFinishedFrame():
                known.busy = False
            case _:
                pass

    def is_started(self, runtime: Runtime) -> bool:
        """Whether it was started on this connection, and is remembered."""
        known = self._known.get(runtime)
        return known is not None and known.request is not None

    def status(self, runtime: Runtime) -> DeviceStatus | None:
        """The newest description on this connection; None when none came lately."""
        known = self._known.get(runtime)
        return known.status if known is not None else None

    def forget_one(self) -> Runtime | None:
        """Forget the runtime that was idle longest, if there are too many; ask after each event.

        Looks at one runtime only, so that an event costs the same however many there are.
        """
        if len(self._known) <= self.kept:
            return None
        runtime, known = self._known.popitem(last=False)
        if not known.busy:
            return runtime
        self._known[runtime] = known
        return None

    def differences(self, runtime: Runtime) -> tuple[Difference, ...]:
        """Where the server fell back to something else; it does so silently (PROTOCOL §2)."""
        known = self._known.get(runtime, _RuntimeRecord())
        request, status = known.request, known.status
        if request is None or status is None:
            return ()
        pairs = (
            ("cwd", _plain(request.cwd), _plain(status.current_working_directory)),
            ("mode", request.mode.value, status.current_permission_mode),
        )
        return tuple(
            Difference(what, wanted, actual)
            for what, wanted, actual in pairs
            if wanted is not None and actual is not None and wanted != actual
        )

    def _lately(self, runtime: Runtime) -> _RuntimeRecord:
        """What is known of it, from now on the last to be forgotten."""
        known = self._known.setdefault(runtime, _RuntimeRecord())
        self._known.move_to_end(runtime)
        return known


def _plain(path: str | None) -> str | None:
    """A directory's name without a slash at the end."""
    return path if path is None or path == "/" else path.rstrip("/")
