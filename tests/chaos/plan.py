"""The vocabulary of a round: what people say and do, and what breaks."""

from dataclasses import dataclass, field
from enum import StrEnum

from tests.chaos.steps import Step


class Shape(StrEnum):
    """What the agent does about a message."""

    SHORT = "a short answer at once"
    LONG = "a long answer that streams"
    TOOLS = "text, a tool without a question, text"
    COMMAND = "text, a command that needs an approval, text"


class Pressing(StrEnum):
    """How people answer the card of a command."""

    ALLOW = "allow"
    DENY = "deny"
    STRANGER_THEN_DENY = "somebody who may not allows, then the requester denies"
    TWICE = "the requester allows twice"
    CONTRADICT = "the requester allows, then denies"


class Twist(StrEnum):
    """What a person does about the own message afterwards."""

    NONE = "nothing"
    STOP_BUTTON = "presses the stop button"
    STOP_WORD = "says !stop"
    STOP_SIGN = "reacts with the stop sign"
    EDIT = "edits it"
    DELETE = "deletes it"


STOPS = frozenset({Twist.STOP_BUTTON, Twist.STOP_WORD, Twist.STOP_SIGN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One message of a person. `key` marks it; `after` is the ask in whose thread it is said.

    `place` is a channel's name or `dm`. `words` is how many words the answer has, `rate` how
    many come in a second. Times are seconds from the round's start, or from the message.
    """

    key: str
    at_s: float
    who: str
    place: str
    after: str | None
    teammate: str
    shape: Shape
    words: int
    rate: int
    pressing: Pressing = Pressing.ALLOW
    twist: Twist = Twist.NONE
    twist_after_s: float = 0.0

    @property
    def edited_key(self) -> str:
        """The mark after an edit."""
        return f"{self.key}e"


@dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
    """One fault: its kind, and when. With a `step` it waits for the `nth` time from `at_s` on.

    `for_s` is how long it lasts, `count` how often, where that means something; `method`
    narrows it to one Web API method, `how` chooses among its forms.
    """

    kind: str
    at_s: float
    step: Step | None = None
    nth: int = 1
    for_s: float = 1.0
    count: int = 1
    method: str = ""
    how: str = ""

    def __str__(self) -> str:
        when = f"at the {self.nth}. {self.step} after" if self.step else "at"
        return f"{self.kind} {self.how} {self.method} {when} {self.at_s:.1f} s ({self.for_s:.1f} s)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One round. `managed`: the App Server belongs to the bridge."""

    seed: int
    managed: bool
    asks: tuple[Ask, ...]
    strikes: tuple[Strike, ...] = field(default_factory=tuple)
