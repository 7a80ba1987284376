"""The named instants of a turn, as they can be observed from outside the product."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """An instant: where it is observed, of what, and when.

    `slack`: a Web API call (`asked`, `written`, `answered`) or an envelope (`sent`, `acked`).
    `wire`: a frame between bridge and App Server (`before` it is passed on, `after`).
    `store`: a row that is now in the database (`stored`).
    """

    where: str
    what: str
    when: str

    def __str__(self) -> str:
        return f"{self.where} {self.what} {self.when}"


_CALLS = (
    "chat.postMessage",
    "chat.update",
    "reactions.add",
    "reactions.remove",
    "assistant.threads.setStatus",
)
_AT_START = ("auth.test", "apps.connections.open")
_ENVELOPES = ("message", "block_actions")
_FRAMES = (
    "runtime_start",
    "runtime_start_response",
    "input",
    "input_accepted",
    "text",
    "control_request",
    "approval answer",
    "client_tool_start",
    "turn_finished",
)
_ROWS = ("accepted", "claimed", "asked", "decided", "ended", "noted")

SLACK = (
    *(Step("slack", call, when) for call in _CALLS for when in ("asked", "written", "answered")),
    *(Step("slack", call, "written") for call in _AT_START),
    *(Step("slack", name, when) for name in _ENVELOPES for when in ("sent", "acked")),
)
WIRE = tuple(Step("wire", frame, when) for frame in _FRAMES for when in ("before", "after"))
STORE = tuple(Step("store", row, "stored") for row in _ROWS)


@dataclass(slots=True)
class _Wire:
    step: Step
    left: int
    act: Callable[[], None]


class Tripwires:
    """Acts in place when an awaited step is reached."""

    def __init__(self) -> None:
        self._armed: list[_Wire] = []
        self.reached_so_far: set[Step] = set()

    def arm(self, step: Step, nth: int, act: Callable[[], None]) -> None:
        """Call `act` once, at the `nth` time from now on that `step` is reached."""
        self._armed.append(_Wire(step, nth, act))

    def reached(self, step: Step) -> None:
        """Say that it happens now."""
        self.reached_so_far.add(step)
        for wire in [wire for wire in self._armed if wire.step == step]:
            wire.left -= 1
            if wire.left == 0:
                self._armed.remove(wire)
                wire.act()

    def disarm(self) -> None:
        """Forget what was never reached."""
        self._armed.clear()

    @property
    def await_rows(self) -> bool:
        """Whether something waits for the database."""
        return any(wire.step.where == "store" for wire in self._armed)
