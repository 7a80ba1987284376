"""Turn cancellation, as statements inside somebody's transaction.

A wish to stop is stored with what carries it, and with what is to be said of it, so that both
outlive the process that was told.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bridge.domain.events import Outcome
from bridge.domain.ids import BindingId, ChannelId, MessageRef, MessageTs, TurnId, UserId
from bridge.domain.outbox_entry import OutboxEntry
from bridge.store import outbox_statements
from bridge.store.result_types import TurnState
from bridge.store.schema import active, messages, turn_messages, turns, waiting

OnDropped = Callable[[Sequence[MessageRef]], Sequence[OutboxEntry]]
"""What Slack is to show for waiting messages that nobody will answer. Pure; called on the
database's thread."""

END_OF_TIME = MessageTs("9999999999.999999")
"""Later than any message."""

_param = sa.bindparam

_OLDER = ~sa.exists().where(
    turn_messages.c.turn_id == turns.c.turn_id,
    messages.c.message_id == turn_messages.c.message_id,
    messages.c.ts > _param("up_to"),
)
_DROP_OF = (
    sa.update(turns)
    .where(turns.c.binding_id == _param("binding"), waiting(turns), _OLDER)
    .values(state=TurnState.ENDED, ended_at=_param("at"), outcome=Outcome.CANCELLED)
    .returning(turns.c.turn_id, turns.c.place)
)
_ASK_OF = (
    sa.update(turns)
    .where(turns.c.binding_id == _param("binding"), active(turns), _OLDER)
    .values(stop_asked_by=_param("by"))
)
_ASK = (
    sa.update(turns)
    .where(turns.c.turn_id == _param("turn"), active(turns))
    .values(stop_asked_by=_param("by"))
)
_MESSAGES_OF = (
    sa.select(messages.c.channel, messages.c.ts)
    .join_from(turn_messages, messages)
    .where(turn_messages.c.turn_id.in_(_param("dropped", expanding=True)))
    .order_by(messages.c.message_id)
)


def drop(
    connection: Connection, binding_id: BindingId, *, now: datetime, up_to: MessageTs
) -> list[TurnId]:
    """End the binding's waiting turns in which nothing was said after `up_to`, oldest first."""
    rows = connection.execute(_DROP_OF, {"binding": binding_id, "at": now, "up_to": up_to}).all()
    return [TurnId(row.turn_id) for row in sorted(rows, key=lambda row: int(row.place))]


def nothing_said(_: Sequence[MessageRef]) -> Sequence[OutboxEntry]:
    """For messages of which nobody needs to hear."""
    return ()


def owe_dropped(
    connection: Connection, dropped: Sequence[TurnId], on_dropped: OnDropped
) -> tuple[OutboxEntry, ...]:
    """Store what is to be said about the messages of dropped turns; returns it."""
    if not dropped:
        return ()
    rows = connection.execute(_MESSAGES_OF, {"dropped": list(dropped)})
    refs = [MessageRef(ChannelId(row.channel), MessageTs(row.ts)) for row in rows]
    owed = tuple(on_dropped(refs))
    outbox_statements.owe(connection, owed)
    return owed


def stop_all(
    connection: Connection,
    bindings: Iterable[BindingId],
    *,
    by: UserId,
    now: datetime,
    up_to: MessageTs,
) -> list[TurnId]:
    """Drop what waits in these bindings, note that what is at work is to end; returns the former.

    What was said after `up_to` goes on.
    """
    dropped: list[TurnId] = []
    for binding_id in bindings:
        dropped += drop(connection, binding_id, now=now, up_to=up_to)
        connection.execute(_ASK_OF, {"binding": binding_id, "by": by, "up_to": up_to})
    return dropped


def stop(connection: Connection, turn_id: TurnId, *, by: UserId) -> bool:
    """Note that a turn is to end; False when it is not at work."""
    return connection.execute(_ASK, {"turn": turn_id, "by": by}).rowcount == 1
