"""What has been started on this connection, and what the server said of it.

Starts and subscriptions die with their connection (PROTOCOL §4, §15): a runtime that was started
on an earlier one must be started again before anything is sent to it.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from bridge.appserver.events import DeviceStatus
from bridge.domain.ids import Runtime
from bridge.domain.people import RuntimeRequest

STATUSES_KEPT: Final = 2_000
"""A description counts while its runtime is being started, so older ones may go."""


@dataclass(frozen=True, slots=True)
class Difference:
    """The server runs with something else than was asked for: `what` is `cwd` or `mode`."""

    what: str
    wanted: str
    actual: str


@dataclass(slots=True)
class Runtimes:
    """Memory of one connection."""

    _started: dict[Runtime, RuntimeRequest] = field(default_factory=dict)
    _status: OrderedDict[Runtime, DeviceStatus] = field(default_factory=OrderedDict)

    def connected(self) -> None:
        """A new connection: nothing is started on it and nothing known."""
        self._started.clear()
        self._status.clear()

    def starting(self, runtime: Runtime) -> None:
        """A start is about to be asked for: what was known before does not count."""
        self._status.pop(runtime, None)

    def started(self, runtime: Runtime, request: RuntimeRequest) -> None:
        """The server has started it on this connection."""
        self._started[runtime] = request

    def heard(self, runtime: Runtime, status: DeviceStatus) -> None:
        """The server described the runtime."""
        self._status[runtime] = status
        self._status.move_to_end(runtime)
        if len(self._status) > STATUSES_KEPT:
            self._status.popitem(last=False)

    def is_started(self, runtime: Runtime) -> bool:
        """Whether it was started on this connection."""
        return runtime in self._started

    def status(self, runtime: Runtime) -> DeviceStatus | None:
        """The newest description on this connection; None when none came lately."""
        return self._status.get(runtime)

    def differences(self, runtime: Runtime) -> tuple[Difference, ...]:
        """Where the server fell back to something else; it does so silently (PROTOCOL §2)."""
        request, status = self._started.get(runtime), self._status.get(runtime)
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


def _plain(path: str | None) -> str | None:
    """A directory's name without a slash at the end."""
    return path if path is None or path == "/" else path.rstrip("/")
