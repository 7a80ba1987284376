"""Result types of the store."""

from dataclasses import dataclass
from enum import StrEnum

from bridge.domain.bindings import ClaimedTurn
from bridge.domain.ids import BindingId, MessageId, TurnId
from bridge.domain.outbox_entry import OutboxEntry


class TurnState(StrEnum):
    """Where a turn is in the queue. `ENDED` is final; its outcome says how."""

    WAITING = "waiting"
    ACTIVE = "active"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Placed:
    """What became of a message for one teammate.

    `joined`: it became part of a turn that was already waiting. `must_wait`: another turn of
    the binding is active, or waits before this one.
    """

    binding_id: BindingId
    teammate: str
    turn_id: TurnId
    joined: bool
    must_wait: bool


@dataclass(frozen=True, slots=True)
class Accepted:
    """The message is stored. `duplicate`: it already was, and nothing changed. `owed` is what
    Slack is to be shown about the turns that waited and that it stopped.
    """

    message_id: MessageId
    duplicate: bool
    placed: tuple[Placed, ...]
    owed: tuple[OutboxEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class Load:
    """How many turns of a teammate are at work, and how many wait."""

    at_work: int
    waiting: int


@dataclass(frozen=True, slots=True)
class LocatedTurn:
    """A turn that answers the message that was looked up."""

    binding_id: BindingId
    turn_id: TurnId
    state: TurnState


@dataclass(frozen=True, slots=True)
class Located:
    """A stored message and the turns it is part of, oldest first; none for mere context."""

    message_id: MessageId
    turns: tuple[LocatedTurn, ...]


@dataclass(frozen=True, slots=True)
class LeftTurn:
    """An active turn of another lease: an earlier process left it unfinished.

    `client_message_id` is the name of the newest input, None when none was sent.
    """

    turn: ClaimedTurn
    lease: str
    client_message_id: str | None


@dataclass(frozen=True, slots=True)
class Amendment:
    """What an edit did. `known` is False for a message that was never stored. `waits`: a turn
    that waits has the new words. `placed`: where the news was queued for those who work on the
    old ones.
    """

    known: bool = True
    waits: bool = False
    placed: tuple[Placed, ...] = ()


@dataclass(frozen=True, slots=True)
class Removal:
    """What a deleted message did to the queue.

    `message_id` is None when the message is not known. `dropped` are waiting turns that had no
    other message and so ended as cancelled; `shortened` are those that go on without it.
    `emptied` are active turns of which every message is deleted now.
    """

    message_id: MessageId | None
    dropped: tuple[TurnId, ...] = ()
    shortened: tuple[TurnId, ...] = ()
    emptied: tuple[LocatedTurn, ...] = ()
