"""Turn lock: claims turns from the queue, and finds what earlier processes held."""

from collections import defaultdict
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bridge.domain.bindings import ClaimedTurn
from bridge.domain.ids import BindingId, TurnId, UserId
from bridge.domain.messages import StoredMessage
from bridge.store.result_types import LeftTurn, TurnState
from bridge.store.rows import Row, binding_of, claimed_of, message_of
from bridge.store.schema import active, bindings, messages, turn_messages, turns, waiting

_param = sa.bindparam
_older = turns.alias("older")
_busy = turns.alias("busy")

# The rule of the queue (G3) is this one statement and the unique index of active turns.
_CLAIM = (
    sa.update(turns)
    .where(
        turns.c.place
        == sa.select(sa.func.min(_older.c.place))
        .where(_older.c.binding_id == _param("binding"), waiting(_older))
        .scalar_subquery(),
        waiting(turns),
        ~sa.exists().where(_busy.c.binding_id == _param("binding"), active(_busy)),
    )
    .values(state=TurnState.ACTIVE, lease=_param("by"), claimed_at=_param("at"))
    .returning(turns)
)
_BINDING = sa.select(bindings).where(bindings.c.binding_id == _param("binding"))
_MESSAGES = (
    sa.select(messages)
    .join_from(turn_messages, messages)
    .where(turn_messages.c.turn_id == _param("turn"))
    .order_by(turn_messages.c.message_id)
)
_IS_BUSY = sa.select(turns.c.turn_id).where(turns.c.binding_id == _param("binding"), active(turns))
_BEGIN = sa.insert(turns).returning(turns)
_LAST_REQUESTER = (
    sa.select(messages.c.author)
    .select_from(turns)
    .join(turn_messages, turn_messages.c.turn_id == turns.c.turn_id)
    .join(messages)
    .where(turns.c.binding_id == _param("binding"), turns.c.claimed_at.is_not(None))
    .order_by(turns.c.place.desc(), turn_messages.c.message_id)
    .limit(1)
)
"""A turn belongs to the one whose message began it: the first of its messages."""
_LEFT = (
    sa.select(turns, *(column for column in bindings.c if column.name != "binding_id"))
    .join_from(turns, bindings)
    .where(active(turns), turns.c.lease != _param("lease"))
)
"""Unordered: sorting in SQL would make SQLite walk the whole table in that order instead."""
_LEFT_MESSAGES = (
    sa.select(turn_messages.c.turn_id, messages)
    .join_from(turn_messages, messages)
    .where(turn_messages.c.turn_id.in_(_param("turns", expanding=True)))
    .order_by(turn_messages.c.turn_id, turn_messages.c.message_id)
)


def claim(
    connection: Connection, *, binding_id: BindingId, lease: str, now: datetime
) -> ClaimedTurn | None:
    """Make the binding's oldest waiting turn active; None when there is none or one is active."""
    row = connection.execute(_CLAIM, {"binding": binding_id, "by": lease, "at": now}).first()
    return None if row is None else _held(connection, row)


def claim_unprompted(
    connection: Connection, *, binding_id: BindingId, turn_id: TurnId, lease: str, now: datetime
) -> ClaimedTurn | None:
    """Store an active turn without messages; None when another one is active."""
    if connection.execute(_IS_BUSY, {"binding": binding_id}).first() is not None:
        return None
    values = {
        "turn_id": turn_id,
        "binding_id": binding_id,
        "state": TurnState.ACTIVE,
        "unprompted": True,
        "lease": lease,
        "attempt": 0,
        "created_at": now,
        "claimed_at": now,
    }
    return _held(connection, connection.execute(_BEGIN, values).one())


def left(connection: Connection, *, not_lease: str) -> list[LeftTurn]:
    """Active turns of other leases, oldest first, in two statements however many they are."""
    found = connection.execute(_LEFT, {"lease": not_lease}).all()
    if not found:
        return []
    rows = sorted(found, key=lambda row: int(row.place))
    held = [row.turn_id for row in rows]
    spoken: dict[str, list[StoredMessage]] = defaultdict(list)
    for row in connection.execute(_LEFT_MESSAGES, {"turns": held}):
        spoken[row.turn_id].append(message_of(row))
    return [
        LeftTurn(
            turn=claimed_of(row, binding_of(row), spoken[row.turn_id]),
            lease=row.lease,
            client_message_id=row.client_message_id,
        )
        for row in rows
    ]


def _held(connection: Connection, turn: Row) -> ClaimedTurn:
    binding = connection.execute(_BINDING, {"binding": turn.binding_id}).one()
    spoken = connection.execute(_MESSAGES, {"turn": turn.turn_id})
    return claimed_of(turn, binding_of(binding), [message_of(row) for row in spoken])


def messages_of(connection: Connection, turn_id: TurnId) -> list[StoredMessage]:
    """What a turn answers, oldest first."""
    return [message_of(row) for row in connection.execute(_MESSAGES, {"turn": turn_id})]


def last_requester(connection: Connection, binding_id: BindingId) -> UserId | None:
    """Who began the binding's newest turn that a person began; None when nobody did."""
    author = connection.execute(_LAST_REQUESTER, {"binding": binding_id}).scalar()
    return None if author is None else UserId(author)
