"""The switches with which people break the platform on purpose. Only /api and sockets feel them."""

from collections.abc import Callable
from dataclasses import dataclass, field

from slack_playground.slack_types import Json


@dataclass(slots=True)
class InjectedFault:
    """One switch. Params `method` narrows it to one Web API method, `count` to so many uses.

    `group` is what it breaks; `choices` are the values that a param may have, where they are few.
    """

    name: str
    label: str
    help: str
    group: str
    on: bool = False
    params: Json = field(default_factory=dict)
    choices: dict[str, list[str]] = field(default_factory=dict)

    def shown(self) -> Json:
        """The switch as the page reads it."""
        return {
            "name": self.name,
            "label": self.label,
            "help": self.help,
            "group": self.group,
            "on": self.on,
            "params": self.params,
            "choices": self.choices,
        }


CALLS, CONNECTIONS, EVENTS = "Web API calls", "Socket Mode connections", "Events"

_MAY_BE_EMPTY = frozenset({"method", "count", "reason"})


def _of_calls() -> list[InjectedFault]:
    return [
        InjectedFault(
            "rate_limited",
            "Refuse as too many",
            "Calls get 429 and a Retry-After header.",
            CALLS,
            params={"method": "", "count": None, "retry_after_s": 2},
        ),
        InjectedFault(
            "server_error",
            "Fail",
            "Calls get a 5xx status, and nothing is written.",
            CALLS,
            params={"method": "", "count": None, "status": 503},
        ),
        InjectedFault(
            "error",
            "Refuse with a code",
            "Calls get an error code of your choice, such as org_login_required.",
            CALLS,
            params={"method": "", "count": None, "code": "org_login_required"},
        ),
        InjectedFault(
            "late_error",
            "Fail after writing",
            "The write happens, then the call gets a 5xx status.",
            CALLS,
            params={"method": "", "count": None, "status": 500},
        ),
        InjectedFault(
            "slow",
            "Answer late",
            "Every answer waits before it is sent.",
            CALLS,
            params={"method": "", "count": None, "delay_s": 2.0},
        ),
        InjectedFault(
            "lost_answer",
            "Lose the answer",
            "The write happens, then the connection breaks before the answer.",
            CALLS,
            params={"method": "", "count": None},
        ),
        InjectedFault(
            "lost_call",
            "Lose the call",
            "The connection breaks before anything is written.",
            CALLS,
            params={"method": "", "count": None},
        ),
    ]


def _of_sockets() -> list[InjectedFault]:
    return [
        InjectedFault(
            "drop_socket",
            "Close the connections",
            "Once. With a reason, Slack’s disconnect message is sent instead.",
            CONNECTIONS,
            params={"reason": "", "how": "close", "which": "all"},
            choices={"how": ["close", "abort"], "which": ["all", "one"]},
        ),
        InjectedFault(
            "deaf_socket",
            "Silence the connections",
            "They stay open, but nothing passes any more; they break later.",
            CONNECTIONS,
            params={"which": "all", "for_s": 10.0},
            choices={"which": ["all", "one"]},
        ),
        InjectedFault(
            "late_delivery",
            "Deliver late",
            "Every event waits before it is sent, so that later ones may overtake it.",
            EVENTS,
            params={"count": None, "delay_s": 3.0},
        ),
        InjectedFault(
            "double_delivery",
            "Deliver twice",
            "Every event arrives a second time with the same event id.",
            EVENTS,
            params={"count": None},
        ),
        InjectedFault(
            "hold_acks",
            "Ignore acknowledgements",
            "They do not arrive, so events are delivered again.",
            EVENTS,
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
