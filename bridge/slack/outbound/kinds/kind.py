"""Outbox kind: what every kind of durable write to Slack answers to the outbox worker.

A kind says how its rows are stored, which of them keep their order, how one is delivered, how it
is looked up after an unclear call, and when it is stale. Nothing here waits or tries again: what
fails is raised, and the worker repeats it.
"""

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

from bridge.domain.ids import TeamId, ThreadKey, UserId
from bridge.domain.outbox_entry import OutboxEntry
from bridge.domain.ports import ReplyTarget
from bridge.domain.teammates import Persona
from bridge.slack.outbound.message_sending import MessageSender, Post
from bridge.telemetry import OUTBOX_GIVEN_UP, get_logger

Lane = tuple[str, ...]
"""Rows of one lane are delivered one after another, in the order in which they were stored."""

_log = get_logger("slack.outbound.kinds")


@dataclass(slots=True, eq=False)
class Delivery:
    """The work of delivering one row, from the first try to the last.

    `first`: this process made the row and nobody tried it before, so there is nothing to look
    up. `inherited`: an earlier process left it, whose last call may still take effect. `post`
    is the message that is being sent, kept between tries.
    """

    entry: OutboxEntry
    first: bool = False
    inherited: bool = False
    post: Post | None = None


class OutboxKind(ABC):
    """One kind of row. Unless a kind says otherwise, a row is a message of a thread."""

    name: ClassVar[str]
    """The row's `kind`."""

    stale_after: ClassVar[timedelta | None] = None
    """The age at which a row is not worth showing any more; None for what must be seen."""

    def __init__(self, sender: MessageSender) -> None:
        self._sender = sender

    @abstractmethod
    async def deliver(self, delivery: Delivery) -> bool:
        """Bring it to Slack; False when it must be done once more after the longest call.

        Raises:
            ChatError: it may be tried again, unless it is a refusal for good.
            StoreError: likewise.
        """

    def key(self, entry: OutboxEntry) -> str:
        """Names what is delivered as one."""
        return entry.outbox_id

    def lane(self, entry: OutboxEntry) -> Lane:
        """What must keep its order: the messages of a thread."""
        return ("post", entry.channel, entry.thread_ts or "")

    async def give_up(self, entry: OutboxEntry, reason: str) -> None:
        """Note that this is not shown, and never will be. Raises `StoreError`."""
        await self._sender.outbox.failed(entry.outbox_id, reason)
        OUTBOX_GIVEN_UP.inc()
        _log.error("given up", kind=entry.kind, turn=entry.turn_id, reason=reason)
        self._sender.given_up(entry, reason)

    async def show_unstored(self, entry: OutboxEntry) -> bool:
        """Show a row that could not be stored, once; whether that was done. Raises `ChatError`.

        No message: nobody could tell later whether it is there.
        """
        return False

    def _post(self, delivery: Delivery, *, persona: Persona | None) -> Post:
        """The message of this delivery."""
        if delivery.post is None:
            delivery.post = self._sender.post(
                delivery.entry, persona=persona, known=not delivery.first
            )
            delivery.post.planned()
        return delivery.post


def encode(**parts: object) -> str:
    """A payload, as the row keeps it."""
    return json.dumps(parts, separators=(",", ":"))


def decode(payload: str | None) -> dict[str, Any]:
    """A row's payload. Raises `ValueError` for what is none."""
    decoded: dict[str, Any] = json.loads(payload or "{}")
    return decoded


def persona_of(entry: OutboxEntry) -> Persona | None:
    """As whom it is posted; None for the app itself."""
    spelled = decode(entry.payload).get("persona")
    return None if spelled is None else Persona(**spelled)


def target_of(
    entry: OutboxEntry, team: TeamId, persona: Persona, allowed: frozenset[UserId] = frozenset()
) -> ReplyTarget:
    """Where the reply stands that the row belongs to."""
    assert entry.turn_id is not None
    thread = ThreadKey(team, entry.channel, entry.thread_ts)
    return ReplyTarget(entry.turn_id, thread, entry.thread_ts, persona, allowed)
