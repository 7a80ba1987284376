"""What people do to messages afterwards: edits and deletions, as far as they still matter.

A message that is part of a turn which has begun stays as the agent got it.
"""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bridge.domain.events import Outcome
from bridge.domain.ids import ChannelId, MessageId, MessageTs, TeamId, TurnId
from bridge.store.records import Located, LocatedTurn, Removal, TurnState
from bridge.store.rows import clean, located_turn_of
from bridge.store.schema import messages, turn_messages, turns, waiting

_param = sa.bindparam

_FIND = (
    sa.select(
        messages.c.message_id,
        turns.c.binding_id,
        turns.c.turn_id,
        turns.c.state,
    )
    .select_from(messages)
    .outerjoin(turn_messages, turn_messages.c.message_id == messages.c.message_id)
    .outerjoin(turns, turns.c.turn_id == turn_messages.c.turn_id)
    .where(
        messages.c.team == _param("team"),
        messages.c.channel == _param("channel"),
        messages.c.ts == _param("ts"),
    )
    .order_by(turns.c.place)
)
_REWRITE = (
    sa.update(messages)
    .where(messages.c.message_id == _param("message"))
    .values(body=_param("words"))
)
_CLEAR = (
    sa.update(messages).where(messages.c.message_id == _param("message")).values(body="", files="")
)
_SIZE = (
    sa.select(sa.func.count())
    .select_from(turn_messages)
    .where(turn_messages.c.turn_id == _param("turn"))
)
_UNLINK = sa.delete(turn_messages).where(
    turn_messages.c.turn_id == _param("turn"), turn_messages.c.message_id == _param("message")
)
_CANCEL = (
    sa.update(turns)
    .where(turns.c.turn_id == _param("turn"), waiting(turns))
    .values(state=TurnState.ENDED, ended_at=_param("at"), outcome=Outcome.CANCELLED)
)


def find(
    connection: Connection, *, team: TeamId, channel: ChannelId, ts: MessageTs
) -> Located | None:
    """The stored message of that name with its turns; None when it is not known."""
    rows = connection.execute(_FIND, {"team": team, "channel": channel, "ts": ts}).all()
    if not rows:
        return None
    placed = tuple(located_turn_of(row) for row in rows if row.turn_id is not None)
    return Located(MessageId(rows[0].message_id), placed)


def edit(
    connection: Connection, *, team: TeamId, channel: ChannelId, ts: MessageTs, text: str
) -> bool:
    """Rewrite a message that no turn has begun with; True when a turn waits with it."""
    located = find(connection, team=team, channel=channel, ts=ts)
    if located is None or _has_begun(located):
        return False
    connection.execute(_REWRITE, {"message": located.message_id, "words": clean(text)})
    return bool(_waiting(located))


def remove(
    connection: Connection, *, team: TeamId, channel: ChannelId, ts: MessageTs, now: datetime
) -> Removal:
    """Take a message out of every turn that waits with it; an emptied turn is cancelled.

    The row stays, without its words, so that a late redelivery is still known as a duplicate.
    """
    located = find(connection, team=team, channel=channel, ts=ts)
    if located is None:
        return Removal(None)
    dropped: list[TurnId] = []
    shortened: list[TurnId] = []
    for turn in _waiting(located):
        if connection.execute(_SIZE, {"turn": turn.turn_id}).scalar_one() == 1:
            connection.execute(_CANCEL, {"turn": turn.turn_id, "at": now})
            dropped.append(turn.turn_id)
        else:
            values = {"turn": turn.turn_id, "message": located.message_id}
            connection.execute(_UNLINK, values)
            shortened.append(turn.turn_id)
    if not _has_begun(located):
        connection.execute(_CLEAR, {"message": located.message_id})
    return Removal(located.message_id, tuple(dropped), tuple(shortened))


def _waiting(located: Located) -> list[LocatedTurn]:
    return [turn for turn in located.turns if turn.state is TurnState.WAITING]


def _has_begun(located: Located) -> bool:
    return any(turn.state is not TurnState.WAITING for turn in located.turns)
