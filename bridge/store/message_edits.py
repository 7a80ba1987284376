"""Message edits and deletions, as statements inside a transaction.

The fact is stored before anybody acts on it. What waits changes with its message; a turn that
is being worked on keeps the words that it was given, and its agent is told of new ones.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bridge.domain.events import Outcome
from bridge.domain.ids import ChannelId, MessageId, MessageTs, TeamId, TurnId, UserId
from bridge.domain.messages import InboundMessage, Speaker, WaitingTurn
from bridge.store.deduplication import SAME_MESSAGE, same_message
from bridge.store.enqueue import EnqueueRequest, accept
from bridge.store.result_types import Amendment, Located, LocatedTurn, Removal, TurnState
from bridge.store.rows import Row, clean, files_of, located_turn_of, thread_of
from bridge.store.schema import bindings, messages, turn_messages, turns, waiting

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
    .where(SAME_MESSAGE)
    .order_by(turns.c.place)
)
_ROW = sa.select(messages).where(SAME_MESSAGE)
_REWRITE = (
    sa.update(messages)
    .where(messages.c.message_id == _param("message"))
    .values(body=_param("words"), edited_ts=_param("edited"))
)
_NAMES = sa.select(bindings.c.teammate).where(
    bindings.c.binding_id.in_(_param("bound", expanding=True))
)
_TOLD = sa.select(messages.c.ts).where(
    messages.c.event_id >= _param("first"), messages.c.event_id < _param("past")
)
_DELETED = (
    sa.update(messages)
    .where(messages.c.message_id == _param("message"))
    .values(deleted_at=_param("at"))
)
_CLEAR = (
    sa.update(messages).where(messages.c.message_id == _param("message")).values(body="", files="")
)
_SIZE = (
    sa.select(sa.func.count())
    .select_from(turn_messages)
    .where(turn_messages.c.turn_id == _param("turn"))
)
_STANDING = (
    sa.select(messages.c.message_id)
    .join_from(turn_messages, messages)
    .where(turn_messages.c.turn_id == _param("turn"), messages.c.deleted_at.is_(None))
    .limit(1)
)
_OF_TURN = (
    sa.select(messages.c.team, messages.c.channel, messages.c.ts, turn_messages.c.binding_id)
    .join_from(turn_messages, messages)
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


class JoinsWhoever(Protocol):
    """Whether a message of somebody who is `trusted` or not becomes part of a waiting turn."""

    def __call__(self, waiting: WaitingTurn, message: InboundMessage, *, trusted: bool) -> bool:
        """Decide; pure."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A person changed a message to `message`, whose `edited_ts` names the edit.

    `told` are the words for an agent who works on the message already; `joins` and `new_turn_id`
    queue them like any message. Both run on the database's thread and must be pure.
    """

    message: InboundMessage
    told: str
    now: datetime
    joins: JoinsWhoever
    new_turn_id: Callable[[], TurnId]


def find(
    connection: Connection, *, team: TeamId, channel: ChannelId, ts: MessageTs
) -> Located | None:
    """The stored message of that name with its turns; None when it is not known."""
    rows = connection.execute(_FIND, same_message(team, channel, ts)).all()
    if not rows:
        return None
    placed = tuple(located_turn_of(row) for row in rows if row.turn_id is not None)
    return Located(MessageId(rows[0].message_id), placed)


def edit(connection: Connection, *, edit: Edit) -> Amendment:
    """Rewrite a message, unless all its turns have ended; queue the news for those at work."""
    now = edit.message
    located = find(connection, team=now.team, channel=now.channel, ts=now.ts)
    if located is None:
        return Amendment(known=False)
    if located.turns and not _unfinished(located):
        return Amendment()
    row = connection.execute(_ROW, same_message(now.team, now.channel, now.ts)).one()
    if row.deleted_at is not None or not _is_news(row, now):
        return Amendment()
    words = {"words": clean(now.text), "edited": now.edited_ts}
    connection.execute(_REWRITE, {"message": located.message_id, **words})
    at_work = [turn for turn in located.turns if turn.state is TurnState.ACTIVE]
    if not at_work:
        return Amendment(waits=bool(located.turns))
    bound = [turn.binding_id for turn in at_work]
    names = [row.teammate for row in connection.execute(_NAMES, {"bound": bound})]
    return Amendment(
        waits=len(_unfinished(located)) > len(at_work),
        placed=accept(connection, _follow_up(connection, edit, row, names)).placed,
    )


def _is_news(row: Row, now: InboundMessage) -> bool:
    """Whether this edit is newer than what is stored, and says something else.

    Of the two events that tell of one edit, only the first counts.
    """
    is_late = row.edited_ts is not None and (now.edited_ts or "") <= row.edited_ts
    return not is_late and clean(now.text).strip() != row.body.strip()


def _follow_up(
    connection: Connection, edit: Edit, row: Row, teammates: list[str]
) -> EnqueueRequest:
    """The news of an edit as a message of the same person in the same thread."""
    thread, now = thread_of(row), edit.message
    ts = _free_ts(connection, now)
    message = InboundMessage(
        event_id=f"{_news_of(now.team, now.channel, now.ts)}:{ts}",
        team=now.team,
        channel=now.channel,
        ts=ts,
        thread_ts=thread.thread_ts,
        user=UserId(row.author),
        text=edit.told,
        is_dm=thread.thread_ts is None,
        mentions_app=False,
        files=files_of(""),
    )
    return EnqueueRequest(
        message=message,
        thread=thread,
        teammates=teammates,
        server="",
        new_turn_ids=[edit.new_turn_id() for _ in teammates],
        now=edit.now,
        joins=partial(edit.joins, trusted=row.trusted),
        speaker=Speaker(row.speaker),
        trusted=row.trusted,
    )


def _free_ts(connection: Connection, edit: InboundMessage) -> MessageTs:
    """A name that no message has: the second of the edit, the fraction of the message."""
    second = (edit.edited_ts or edit.ts).partition(".")[0]
    fraction = int(edit.ts.partition(".")[2] or 0)
    while True:
        ts = MessageTs(f"{second}.{fraction % 1_000_000:06d}")
        if find(connection, team=edit.team, channel=edit.channel, ts=ts) is None:
            return ts
        fraction += 1


def _news_of(team: TeamId, channel: ChannelId, ts: MessageTs) -> str:
    """How the event ids begin of what was written down about edits of a message."""
    return f"edit:{team}:{channel}:{ts}"


def remove(
    connection: Connection, *, team: TeamId, channel: ChannelId, ts: MessageTs, now: datetime
) -> Removal:
    """Take a message, and the news of its edits, out of every turn that waits with it.

    An emptied turn that waits is cancelled. The row stays, so that a late redelivery is still
    known as a duplicate; without its words if no turn has begun with it.
    """
    located = find(connection, team=team, channel=channel, ts=ts)
    if located is None:
        return Removal(None)
    removal = Removal(located.message_id)
    for part in (located, *_news(connection, team, channel, ts)):
        removal = _remove(connection, part, removal, now)
    return removal


def _news(
    connection: Connection, team: TeamId, channel: ChannelId, ts: MessageTs
) -> Iterator[Located]:
    stem = _news_of(team, channel, ts)
    told = connection.execute(_TOLD, {"first": f"{stem}:", "past": f"{stem};"}).all()
    for row in told:
        located = find(connection, team=team, channel=channel, ts=MessageTs(row.ts))
        if located is not None:
            yield located


def withdraw_news(connection: Connection, *, turn_id: TurnId, now: datetime) -> None:
    """Tell nobody of edits to what a turn works on: it waits again, and gets the new words."""
    for row in connection.execute(_OF_TURN, {"turn": turn_id}).all():
        for news in _news(connection, TeamId(row.team), ChannelId(row.channel), MessageTs(row.ts)):
            for turn in news.turns:
                if turn.binding_id == row.binding_id and turn.state is TurnState.WAITING:
                    _take_out(connection, turn.turn_id, news.message_id, now)


def _take_out(
    connection: Connection, turn_id: TurnId, message_id: MessageId, now: datetime
) -> bool:
    """Take a message out of a turn that waits; True when that emptied and so ended it."""
    if connection.execute(_SIZE, {"turn": turn_id}).scalar_one() == 1:
        connection.execute(_CANCEL, {"turn": turn_id, "at": now})
        return True
    connection.execute(_UNLINK, {"turn": turn_id, "message": message_id})
    return False


def _remove(connection: Connection, located: Located, so_far: Removal, now: datetime) -> Removal:
    dropped, shortened = list(so_far.dropped), list(so_far.shortened)
    for turn in located.turns:
        if turn.state is not TurnState.WAITING:
            continue
        emptied_it = _take_out(connection, turn.turn_id, located.message_id, now)
        (dropped if emptied_it else shortened).append(turn.turn_id)
    connection.execute(_DELETED, {"message": located.message_id, "at": now})
    if not any(turn.state is not TurnState.WAITING for turn in located.turns):
        connection.execute(_CLEAR, {"message": located.message_id})
    emptied = tuple(
        turn
        for turn in located.turns
        if turn.state is TurnState.ACTIVE
        and connection.execute(_STANDING, {"turn": turn.turn_id}).first() is None
    )
    return Removal(
        so_far.message_id,
        dropped=tuple(dropped),
        shortened=tuple(shortened),
        emptied=(*so_far.emptied, *emptied),
    )


def _unfinished(located: Located) -> list[LocatedTurn]:
    return [turn for turn in located.turns if turn.state is not TurnState.ENDED]
