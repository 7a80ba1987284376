"""Reply: the messages of a turn's answer, in their last revision."""

from collections.abc import Container, Sequence

from bridge.domain.ids import TeamId
from bridge.domain.outbox_entry import OutboxEntry
from bridge.domain.teammates import Persona
from bridge.render.stream import MessageView
from bridge.slack.outbound.kinds.kind import Delivery, OutboxKind, persona_of, target_of
from bridge.slack.outbound.message_sending import MessageSender
from bridge.slack.outbound.reply_messages import REPLY, REST, ReplyMessages, view_of
from bridge.slack.outbound.status_line import StatusBoard
from bridge.slack.rate_limit.windows import Priority
from bridge.telemetry import OUTBOX_GIVEN_UP, get_logger

_log = get_logger("slack.outbound.reply")


class ReplyKind(OutboxKind):
    """All owed messages of one reply are one delivery, which finds, edits and posts them.

    While a live reply writes a turn's messages, nobody else does; this brings what it left.
    """

    name = REPLY

    def __init__(self, sender: MessageSender, status: StatusBoard, team: TeamId) -> None:
        super().__init__(sender)
        self._status = status
        self._team = team

    def key(self, entry: OutboxEntry) -> str:
        """The turn."""
        return f"{entry.turn_id}"

    async def deliver(self, delivery: Delivery) -> bool:
        """Bring the messages to their last revision.

        What an earlier process left is brought twice: an edit of its live writer may still be
        under way, and only one that comes after it is the last for sure.
        """
        entry = delivery.entry
        assert entry.turn_id is not None
        rows = await self._sender.outbox.of_turn(entry.turn_id)
        owed = {row.seq: row for row in rows if row.kind == REPLY and row.payload is not None}
        if not owed:
            return True
        # Numbered as `ReplyMessages.adopt` numbers the messages.
        views = [view_of(row.payload or "{}", number) for number, row in enumerate(owed.values())]
        parts = [row for row in rows if _is_part(row, owed)]
        messages = self._messages(next(iter(owed.values())), views)
        messages.adopt(parts)
        for view in views:
            await messages.show(view, at_end=True)
        if not delivery.inherited:
            await self._sender.outbox.settled(messages.settled())
        self._status.clear(entry.channel, entry.thread_ts)
        return not delivery.inherited

    async def give_up(self, entry: OutboxEntry, reason: str) -> None:
        """Note that none of the reply's owed messages is shown. Raises `StoreError`."""
        assert entry.turn_id is not None
        for row in await self._sender.outbox.of_turn(entry.turn_id):
            if row.payload is not None:
                await self._sender.outbox.failed(row.outbox_id, reason)
        OUTBOX_GIVEN_UP.inc()
        _log.error("given up", kind=entry.kind, turn=entry.turn_id, reason=reason)
        self._sender.given_up(entry, reason)

    def _messages(self, first: OutboxEntry, views: Sequence[MessageView]) -> ReplyMessages:
        persona = persona_of(first) or Persona("")
        return ReplyMessages(
            target_of(first, self._team, persona),
            teammate=first.teammate or persona.name,
            sender=self._sender,
            newest=views.__getitem__,
            priority=lambda: Priority.URGENT,
            clock=self._sender.clock.monotonic,
        )


def _is_part(row: OutboxEntry, owed: Container[int]) -> bool:
    """Whether it is a message that is owed, or holds what did not fit into one."""
    return row.seq in owed and (row.payload is not None or row.kind == REST)
