"""The switches with which people break the platform on purpose. Only /api and sockets feel them."""

from collections.abc import Callable
from dataclasses import dataclass, field

from slack_playground.slack_types import Json


@dataclass(slots=True)
class InjectedFault:
    """One switch. Params `method` narrows it to one Web API method, `count` to so many uses."""

    name: str
    label: str
    help: str
    on: bool = False
    params: Json = field(default_factory=dict)

    def shown(self) -> Json:
        """The switch as the page reads it."""
        return {
            "name": self.name,
            "label": self.label,
            "help": self.help,
            "on": self.on,
            "params": self.params,
        }


_MAY_BE_EMPTY = frozenset({"method", "count", "reason"})


def _of_calls() -> list[InjectedFault]:
    return [
        InjectedFault(
            "rate_limited",
            "Too many requests",
            "Calls are refused with 429 and a Retry-After header.",
            params={"method": "", "count": None, "retry_after_s": 2},
        ),
        InjectedFault(
            "server_error",
            "Server errors",
            "Calls fail with a 5xx status and nothing is written.",
            params={"method": "", "count": None, "status": 503},
        ),
        InjectedFault(
            "error",
            "Refusals",
            "Calls are refused with an error code of your choice, such as org_login_required.",
            params={"method": "", "count": None, "code": "org_login_required"},
        ),
        InjectedFault(
            "late_error",
            "Errors after the write",
            "The write happens, then the answer is a 5xx status.",
            params={"method": "", "count": None, "status": 500},
        ),
        InjectedFault(
            "slow",
            "Slow answers",
            "Every answer waits before it is sent.",
            params={"method": "", "count": None, "delay_s": 2.0},
        ),
        InjectedFault(
            "lost_answer",
            "Lost answers",
            "The write happens, then the connection breaks before the answer.",
            params={"method": "", "count": None},
        ),
        InjectedFault(
            "lost_call",
            "Lost calls",
            "The connection breaks before anything is written.",
            params={"method": "", "count": None},
        ),
    ]


def _of_sockets() -> list[InjectedFault]:
    return [
        InjectedFault(
            "drop_socket",
            "Drop the sockets",
            "Closes Socket Mode connections once, all or one. A reason such as refresh_requested "
            "sends a disconnect frame instead; how may be close or abort.",
            params={"reason": "", "how": "close", "which": "all"},
        ),
        InjectedFault(
            "deaf_socket",
            "Deaf sockets",
            "Connections, all or one, stay open but nothing passes any more; they break later.",
            params={"which": "all", "for_s": 10.0},
        ),
        InjectedFault(
            "late_delivery",
            "Deliver events late",
            "Every event waits before it is sent, so that later ones may overtake it.",
            params={"count": None, "delay_s": 3.0},
        ),
        InjectedFault(
            "double_delivery",
            "Deliver events twice",
            "Every event arrives a second time with the same event id.",
            params={"count": None},
        ),
        InjectedFault(
            "hold_acks",
            "Ignore acks",
            "Acks do not arrive, so events are delivered again.",
            params={"count": None},
        ),
    ]


class Faults:
    """All switches, by name."""

    def __init__(self) -> None:
        switches = (*_of_calls(), *_of_sockets())
        self.by_name: dict[str, InjectedFault] = {fault.name: fault for fault in switches}
        self.changed: Callable[[], None] = lambda: None
        """Called when a switch turned itself off, its count used up."""

    def set(self, name: str, *, on: bool, params: Json) -> InjectedFault:
        """Turn a switch; unknown params are ignored. Raises KeyError for an unknown name."""
        fault = self.by_name[name]
        fault.on = on
        for key, value in params.items():
            if key in fault.params and (value is not None or key in _MAY_BE_EMPTY):
                fault.params[key] = value
        return fault

    def strikes(self, name: str, method: str = "") -> InjectedFault | None:
        """The switch if it is on and meant for `method`; uses up one of its count."""
        fault = self.by_name[name]
        wanted = fault.params.get("method")
        if not fault.on or (wanted and wanted != method):
            return None
        count = fault.params.get("count")
        if count is not None:
            fault.params["count"] = int(count) - 1
            if int(count) <= 1:
                fault.on = False
                fault.params["count"] = None
                self.changed()
        return fault

    def shown(self) -> list[Json]:
        """Every switch as the page reads it."""
        return [fault.shown() for fault in self.by_name.values()]
