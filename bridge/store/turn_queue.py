"""Turn queue: durable, per binding at most one active turn, in order (G3)."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bridge.domain.bindings import ClaimedTurn
from bridge.domain.events import Outcome, Usage
from bridge.domain.ids import BindingId, ChannelId, MessageTs, TeamId, ThreadKey, TurnId, UserId
from bridge.domain.messages import InboundMessage, Speaker, StoredMessage
from bridge.domain.outbox_entry import LastRevision, OutboxEntry
from bridge.store import message_edits, outbox_statements, turn_cancellation, turn_lock
from bridge.store.database import Database
from bridge.store.enqueue import EnqueueRequest, Joins, accept
from bridge.store.message_edits import Edit
from bridge.store.result_types import (
    Accepted,
    Amendment,
    LeftTurn,
    Load,
    LocatedTurn,
    Removal,
    TurnState,
)
from bridge.store.rows import clean, located_turn_of, thread_of
from bridge.store.schema import active, bindings, turns, waiting
from bridge.store.turn_cancellation import OnDropped, nothing_said

_param = sa.bindparam

_HELD = sa.and_(
    turns.c.turn_id == _param("turn"), active(turns), turns.c.lease == _param("held_by")
)
_ATTEMPT = (
    sa.update(turns)
    .where(_HELD)
    .values(attempt=_param("number"), client_message_id=_param("client_id"))
)
_FIND = sa.select(turns.c.binding_id, turns.c.turn_id, turns.c.state).where(
    turns.c.turn_id == _param("turn")
)
_END = (
    sa.update(turns)
    .where(_HELD)
    .values(
        state=TurnState.ENDED,
        ended_at=_param("at"),
        outcome=_param("how"),
        cause=_param("why"),
        prompt_tokens=_param("prompts"),
        completion_tokens=_param("completions"),
        duration_s=_param("took"),
    )
)
_PUT_BACK = (
    sa.update(turns).where(_HELD).values(state=TurnState.WAITING, lease=None, claimed_at=None)
)
_DROP = (
    sa.update(turns)
    .where(turns.c.turn_id == _param("turn"), waiting(turns))
    .values(state=TurnState.ENDED, ended_at=_param("at"), outcome=_param("how"))
)
_TAKE_OVER = (
    sa.update(turns)
    .where(turns.c.turn_id == _param("turn"), active(turns), turns.c.lease != _param("by"))
    .values(lease=_param("by"))
)
NEWEST_TURNS = 200
_BINDINGS_WAITING = (
    sa.select(turns.c.binding_id)
    .where(waiting(turns))
    .group_by(turns.c.binding_id)
    .order_by(sa.func.min(turns.c.place))
)
_LOAD = (
    sa.select(
        bindings.c.teammate,
        sa.func.sum(sa.case((active(turns), 1), else_=0)).label("at_work"),
        sa.func.sum(sa.case((waiting(turns), 1), else_=0)).label("waiting"),
    )
    .join(turns, turns.c.binding_id == bindings.c.binding_id)
    .where(turns.c.state != "ended")
    .group_by(bindings.c.teammate)
)
_NEWEST = sa.select(turns).order_by(turns.c.place.desc()).limit(NEWEST_TURNS).subquery()
_THREADS_ENDED = (
    sa.select(bindings.c.team, bindings.c.channel, bindings.c.thread_ts)
    .join(_NEWEST, _NEWEST.c.binding_id == bindings.c.binding_id)
    .where(_NEWEST.c.ended_at >= _param("since"))
    .distinct()
)


class TurnQueue:
    """The queue. `lease` names the process that holds a turn; only it may change the turn."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def accept(
        self,
        message: InboundMessage,
        *,
        thread: ThreadKey,
        teammates: Sequence[str],
        server: str,
        new_turn_ids: Sequence[TurnId],
        now: datetime,
        joins: Joins,
        trusted: bool,
        speaker: Speaker = Speaker.PERSON,
        stops: Sequence[BindingId] = (),
        on_dropped: OnDropped = nothing_said,
    ) -> Accepted:
        """Store a message and queue one turn per teammate, all or nothing (G1, G2).

        A message whose event id or (team, channel, ts) is known changes nothing. `teammates`
        (distinct; may be empty: mere context) match `new_turn_ids`, of which those that are not
        needed are dropped. `joins` decides whether the message becomes part of the binding's
        newest waiting turn; it runs on the database's thread and must be pure. `stops` are the
        bindings whose work the message ends: what waits is dropped, as `on_dropped` says it, what
        is at work is noted.
        """
        intake = EnqueueRequest(
            message=message,
            thread=thread,
            teammates=teammates,
            server=server,
            new_turn_ids=new_turn_ids,
            now=now,
            joins=joins,
            speaker=speaker,
            trusted=trusted,
            stops=stops,
            on_dropped=on_dropped,
        )
        return await self._database.write(partial(accept, intake=intake), durable=True)

    async def claim(
        self, binding_id: BindingId, *, lease: str, now: datetime
    ) -> ClaimedTurn | None:
        """Take the binding's oldest waiting turn; None when there is none or one is active."""
        return await self._database.write(
            partial(turn_lock.claim, binding_id=binding_id, lease=lease, now=now)
        )

    async def claim_unprompted(
        self, binding_id: BindingId, *, turn_id: TurnId, lease: str, now: datetime
    ) -> ClaimedTurn | None:
        """Record a turn that the server began by itself; None when one is active."""
        return await self._database.write(
            partial(
                turn_lock.claim_unprompted,
                binding_id=binding_id,
                turn_id=turn_id,
                lease=lease,
                now=now,
            )
        )

    async def find(self, turn_id: TurnId) -> LocatedTurn | None:
        """Where a turn is; None when there is none of that id."""

        def work(connection: Connection) -> LocatedTurn | None:
            row = connection.execute(_FIND, {"turn": turn_id}).first()
            return None if row is None else located_turn_of(row)

        return await self._database.read(work)

    async def messages(self, turn_id: TurnId) -> list[StoredMessage]:
        """What a turn answers, oldest first."""

        def work(connection: Connection) -> list[StoredMessage]:
            return turn_lock.messages_of(connection, turn_id)

        return await self._database.read(work)

    async def last_requester(self, binding_id: BindingId) -> UserId | None:
        """Who began the newest turn of the binding that a person began and that was taken up."""

        def work(connection: Connection) -> UserId | None:
            return turn_lock.last_requester(connection, binding_id)

        return await self._database.read(work)

    async def record_attempt(
        self, turn_id: TurnId, *, lease: str, attempt: int, client_message_id: str
    ) -> bool:
        """Note the input about to be sent, before it is; False when the lease is lost."""
        return await self._changed(
            _ATTEMPT,
            turn=turn_id,
            held_by=lease,
            number=attempt,
            client_id=client_message_id,
        )

    async def end(
        self,
        turn_id: TurnId,
        *,
        lease: str,
        outcome: Outcome,
        cause: str | None,
        usage: Usage,
        seconds: float,
        now: datetime,
        last: LastRevision | None = None,
    ) -> bool:
        """Record how an active turn ended: True exactly once, False without the lease.

        `last` is what Slack is to show in the end; it is stored with the end or not at all.
        """
        values = {
            "turn": turn_id,
            "held_by": lease,
            "at": now,
            "how": outcome,
            "why": None if cause is None else clean(cause),
            "prompts": usage.prompt_tokens,
            "completions": usage.completion_tokens,
            "took": seconds,
        }

        def work(connection: Connection) -> bool:
            ended = connection.execute(_END, values).rowcount > 0
            if ended and last is not None:
                outbox_statements.last_revision(connection, last, turn_id=turn_id)
            return ended

        return await self._database.write(work)

    async def put_back(self, turn_id: TurnId, *, lease: str, now: datetime) -> bool:
        """Let an active turn wait again, at its old place; False without the lease.

        For a turn whose input was not sent: it gets the words of its messages as they are then.
        """

        def work(connection: Connection) -> bool:
            values = {"turn": turn_id, "held_by": lease}
            ours = connection.execute(_PUT_BACK, values).rowcount == 1
            if ours:
                message_edits.withdraw_news(connection, turn_id=turn_id, now=now)
            return ours

        return await self._database.write(work)

    async def drop_waiting(
        self,
        turn_id: TurnId,
        *,
        outcome: Outcome,
        now: datetime,
        on_dropped: OnDropped = nothing_said,
    ) -> tuple[OutboxEntry, ...] | None:
        """End a turn that waits, and store what is to be said of it; returns that.

        None when it is active or has ended.
        """
        values = {"turn": turn_id, "at": now, "how": outcome}

        def work(connection: Connection) -> tuple[OutboxEntry, ...] | None:
            if connection.execute(_DROP, values).rowcount == 0:
                return None
            return turn_cancellation.owe_dropped(connection, [turn_id], on_dropped)

        return await self._database.write(work)

    async def drop_waiting_of(
        self, binding_id: BindingId, *, now: datetime, on_dropped: OnDropped = nothing_said
    ) -> tuple[OutboxEntry, ...]:
        """End a binding's waiting turns as cancelled, and store what is to be said of it."""

        def work(connection: Connection) -> tuple[OutboxEntry, ...]:
            dropped = turn_cancellation.drop(
                connection, binding_id, now=now, up_to=turn_cancellation.END_OF_TIME
            )
            return turn_cancellation.owe_dropped(connection, dropped, on_dropped)

        return await self._database.write(work)

    async def ask_stop(self, turn_id: TurnId, *, by: UserId) -> bool:
        """Note that a turn is to end, for whoever holds it next; False when it is not active."""
        return await self._database.write(partial(turn_cancellation.stop, turn_id=turn_id, by=by))

    async def edit_message(self, edit: Edit) -> Amendment:
        """Put in a message's new text; tell those who work on the old one. Once per edit."""
        return await self._database.write(partial(message_edits.edit, edit=edit), durable=True)

    async def remove_message(
        self, team: TeamId, channel: ChannelId, ts: MessageTs, now: datetime
    ) -> Removal:
        """Take a deleted message out of the turns that wait with it, and note its end."""
        return await self._database.write(
            partial(message_edits.remove, team=team, channel=channel, ts=ts, now=now)
        )

    async def left_active(self, *, not_lease: str) -> list[LeftTurn]:
        """Active turns of other leases, oldest first: what an earlier process left."""
        return await self._database.read(partial(turn_lock.left, not_lease=not_lease))

    async def take_over(self, turn_id: TurnId, *, lease: str) -> bool:
        """Hold an active turn of another lease; False when it ended or is held already."""
        return await self._changed(_TAKE_OVER, turn=turn_id, by=lease)

    async def bindings_waiting(self) -> list[BindingId]:
        """Bindings with a waiting turn, the one that waits longest first."""

        def work(connection: Connection) -> list[BindingId]:
            return [BindingId(row.binding_id) for row in connection.execute(_BINDINGS_WAITING)]

        return await self._database.read(work)

    async def load(self) -> dict[str, Load]:
        """What each teammate with unfinished turns has to do, by the teammate's name."""

        def work(connection: Connection) -> dict[str, Load]:
            rows = connection.execute(_LOAD)
            return {row.teammate: Load(row.at_work, row.waiting) for row in rows}

        return await self._database.read(work)

    async def threads_ended(self, since: datetime) -> list[ThreadKey]:
        """The threads of the newest turns that ended at or after `since`, in no order.

        Only the newest `NEWEST_TURNS` are looked at, so the size of the database does not matter.
        """

        def work(connection: Connection) -> list[ThreadKey]:
            return [thread_of(row) for row in connection.execute(_THREADS_ENDED, {"since": since})]

        return await self._database.read(work)

    async def _changed(self, statement: sa.Update, **values: object) -> bool:
        def work(connection: Connection) -> bool:
            return connection.execute(statement, values).rowcount == 1

        return await self._database.write(work)
