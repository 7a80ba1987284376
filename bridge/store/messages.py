"""Inbox: what was said where, by people and by teammates."""

from datetime import datetime
from functools import partial

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bridge.domain.ids import ChannelId, MessageId, MessageTs, TeamId, ThreadKey, TurnId
from bridge.domain.messages import Speaker, StoredMessage
from bridge.store import message_edits
from bridge.store.database import Database
from bridge.store.result_types import Located
from bridge.store.rows import message_of, thread_params
from bridge.store.schema import (
    approvals,
    bindings,
    messages,
    settled_with_text,
    turn_messages,
    turns,
    unfinished,
    with_text,
)

TOLD_AT_MOST = 200
"""Newest messages that `said_since` returns."""

_FORGET_BATCH = 500
_param = sa.bindparam

_IN_THREAD = sa.and_(
    messages.c.team == _param("team"),
    messages.c.channel == _param("channel"),
    messages.c.thread_ts == _param("thread_ts"),
)
# A turn that was dropped before any input was sent gave the agent nothing.
_GIVEN = (
    sa.exists()
    .where(
        turn_messages.c.message_id == messages.c.message_id,
        bindings.c.binding_id == turn_messages.c.binding_id,
        bindings.c.teammate == _param("teammate"),
        turns.c.turn_id == turn_messages.c.turn_id,
        sa.or_(unfinished(turns), turns.c.attempt > 0, turns.c.turn_id == _param("turn")),
    )
    .correlate(messages)
)
_SAID_SINCE = (
    sa.select(messages)
    .where(
        _IN_THREAD,
        messages.c.message_id > _param("after"),
        messages.c.message_id < _param("before"),
        sa.not_(
            sa.and_(messages.c.speaker == Speaker.TEAMMATE, messages.c.author == _param("teammate"))
        ),
        sa.or_(messages.c.body != "", messages.c.files != ""),
        messages.c.deleted_at.is_(None),
        ~_GIVEN,
    )
    .order_by(messages.c.message_id.desc())
    .limit(TOLD_AT_MOST)
)
_NEWEST = sa.select(sa.func.max(messages.c.message_id)).where(_IN_THREAD)

_NEEDED = (
    sa.exists()
    .where(
        turn_messages.c.message_id == messages.c.message_id,
        turns.c.turn_id == turn_messages.c.turn_id,
        unfinished(turns),
    )
    .correlate(messages)
)
_FORGET = (
    sa.update(messages)
    .where(
        messages.c.message_id.in_(
            sa.select(messages.c.message_id)
            .where(messages.c.received_at < _param("older_than"), with_text(messages), ~_NEEDED)
            .limit(_FORGET_BATCH)
        )
    )
    .values(body="", files="")
)
_FORGET_ARGUMENTS = (
    sa.update(approvals)
    .where(
        approvals.c.place.in_(
            sa.select(approvals.c.place)
            .where(approvals.c.asked_at < _param("older_than"), settled_with_text(approvals))
            .limit(_FORGET_BATCH)
        )
    )
    .values(arguments="", diffs="")
)


class Messages:
    """Stored messages. Rows stay for good, their text only as long as it is needed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def said_since(
        self,
        thread: ThreadKey,
        *,
        after: MessageId | None,
        before: MessageId,
        exclude_teammate: str,
        exclude_turn: TurnId,
    ) -> list[StoredMessage]:
        """What a teammate has not heard: messages strictly between `after` and `before`.

        Leaves out the teammate's own replies, its input in `exclude_turn` or another turn, and
        what was deleted or forgotten. The newest 200, oldest first; `after` None
        means from the thread's beginning.
        """

        def work(connection: Connection) -> list[StoredMessage]:
            rows = connection.execute(
                _SAID_SINCE,
                {
                    **thread_params(thread),
                    "after": after or 0,
                    "before": before,
                    "teammate": exclude_teammate,
                    "turn": exclude_turn,
                },
            ).all()
            return [message_of(row) for row in reversed(rows)]

        return await self._database.read(work)

    async def newest(self, thread: ThreadKey) -> MessageId | None:
        """The newest stored message of a thread; None when nothing is stored."""

        def work(connection: Connection) -> MessageId | None:
            found = connection.execute(_NEWEST, thread_params(thread)).scalar()
            return None if found is None else MessageId(found)

        return await self._database.read(work)

    async def find(self, team: TeamId, channel: ChannelId, ts: MessageTs) -> Located | None:
        """The stored message of that name with its turns; None when it is not known."""
        return await self._database.read(
            partial(message_edits.find, team=team, channel=channel, ts=ts)
        )

    async def forget_text(self, older_than: datetime) -> int:
        """Clear words, files and tool arguments from before an instant; returns rows cleared.

        Keeps what unfinished turns and open approvals need. Works in short transactions, so
        that the queue is never held up; may be cancelled and called again.
        """
        forgotten = 0
        for statement in (_FORGET, _FORGET_ARGUMENTS):
            cleared = _FORGET_BATCH
            while cleared == _FORGET_BATCH:
                cleared = await self._database.write(partial(_clear, statement, older_than))
                forgotten += cleared
        return forgotten


def _clear(statement: sa.Update, older_than: datetime, connection: Connection) -> int:
    return connection.execute(statement, {"older_than": older_than}).rowcount
