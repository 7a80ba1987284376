"""Outbox: the durable list of writes to Slack and what became of each (G4)."""

from collections.abc import Sequence
from functools import partial

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bridge.domain.approvals import ApprovalState
from bridge.domain.ids import ApprovalId, ChannelId, MessageTs, OutboxId, TeamId, TurnId
from bridge.domain.outbox_entry import OutboxEntry
from bridge.store import outbox_statements
from bridge.store.database import Database
from bridge.store.result_types import LocatedTurn
from bridge.store.rows import Row, clean, located_turn_of
from bridge.store.schema import approvals, bindings, may_be_in_slack, outbox, turns

_param = sa.bindparam
_THIS = outbox.c.outbox_id == _param("entry")

_SENT = (
    sa.update(outbox)
    .where(_THIS)
    .values(state="sent", ts=_param("posted"), payload_hash=None, reason=None)
    .returning(outbox)
)
_SETTLED = sa.update(outbox).where(_THIS).values(payload=None, payload_hash=_param("hash"))
_FAILED = (
    sa.update(outbox)
    .where(_THIS)
    .values(state="failed", reason=_param("why"), payload=None, reply_text=None)
)
_REMOVED = sa.update(outbox).where(_THIS).values(state="removed", payload=None, reply_text=None)
_TRIED = sa.update(outbox).where(_THIS).values(state=_param("now"))
_DONE = sa.delete(outbox).where(_THIS)
_OF_TURN = (
    sa.select(outbox)
    .where(outbox.c.turn_id == _param("turn"))
    .order_by(outbox.c.seq, outbox.c.place)
)
_OWED = sa.select(outbox).where(outbox.c.payload.is_not(None)).order_by(outbox.c.place)
_CARD = (
    sa.select(outbox)
    .where(outbox.c.approval_id == _param("approval"), may_be_in_slack(outbox))
    .order_by(outbox.c.place.desc())
    .limit(1)
)
_CARD_SHOWN = (
    sa.update(outbox)
    .where(
        _THIS,
        sa.exists().where(
            approvals.c.approval_id == outbox.c.approval_id,
            approvals.c.state == _param("shown"),
        ),
    )
    .values(payload=None)
)
_THIS_TURN = turns.alias()
_BEFORE = (
    sa.select(turns.c.turn_id)
    .join(_THIS_TURN, _THIS_TURN.c.binding_id == turns.c.binding_id)
    .where(
        _THIS_TURN.c.turn_id == _param("turn"),
        turns.c.place < _THIS_TURN.c.place,
        turns.c.claimed_at.is_not(None),
    )
    .order_by(turns.c.place.desc())
    .limit(1)
)
_UNDELIVERED = (
    sa.select(outbox.c.reason)
    .where(
        outbox.c.turn_id == _BEFORE.scalar_subquery(),
        outbox.c.kind == "reply",
        outbox.c.state == "failed",
    )
    .limit(1)
)
_AUTHORS = (
    sa.select(outbox.c.ts, outbox.c.teammate)
    .select_from(outbox)
    .outerjoin(turns, turns.c.turn_id == outbox.c.turn_id)
    .outerjoin(bindings, bindings.c.binding_id == turns.c.binding_id)
    .where(
        outbox.c.channel == _param("channel"),
        outbox.c.ts.in_(_param("posts", expanding=True)),
        outbox.c.teammate.is_not(None),
        sa.or_(bindings.c.team.is_(None), bindings.c.team == _param("team")),
    )
    .order_by(outbox.c.place)
)
_TURN_OF = (
    sa.select(turns.c.binding_id, turns.c.turn_id, turns.c.state)
    .select_from(outbox)
    .join(turns, turns.c.turn_id == outbox.c.turn_id)
    .join(bindings, bindings.c.binding_id == turns.c.binding_id)
    .where(
        outbox.c.channel == _param("channel"),
        outbox.c.ts == _param("post"),
        bindings.c.team == _param("team"),
    )
)


class Outbox:
    """An entry is planned before its call to Slack, so that no post is ever unaccounted for."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # --- what is to be written -----------------------------------------------------------

    async def plan(self, entry: OutboxEntry, *, instead_of: OutboxId | None = None) -> None:
        """Store a write before it is tried; one that is stored already stays as it is.

        `instead_of`: what that row still owes is owed by this one from now on.
        """
        await self._database.write(
            partial(outbox_statements.plan, entry=entry, instead_of=instead_of)
        )

    async def owe(self, entries: Sequence[OutboxEntry]) -> None:
        """Store what Slack is to be shown, all or nothing."""
        await self._database.write(partial(outbox_statements.owe, entries=entries))

    async def owed(self) -> list[OutboxEntry]:
        """Everything that Slack is still to be shown, in the order of storing."""
        return await self._read(_OWED)

    # --- what became of it ---------------------------------------------------------------

    async def sent(self, outbox_id: OutboxId, ts: MessageTs, payload_hash: str | None) -> None:
        """Slack has the message.

        `payload_hash` is that of what it shows, if it stays so: then nothing is owed any more.
        """

        def work(connection: Connection) -> None:
            row = connection.execute(_SENT, {"entry": outbox_id, "posted": ts}).first()
            if payload_hash is not None:
                connection.execute(_SETTLED, {"entry": outbox_id, "hash": payload_hash})
            if row is not None and row.reply_text is not None:
                at = row.planned_at
                outbox_statements.note_reply(
                    connection, outbox_id, turn_id=row.turn_id, ts=ts, at=at
                )

        await self._database.write(work)

    async def settled(self, hashes: Sequence[tuple[OutboxId, str]]) -> None:
        """These messages show their last revision, of which the hashes are."""

        def work(connection: Connection) -> None:
            for outbox_id, payload_hash in hashes:
                connection.execute(_SETTLED, {"entry": outbox_id, "hash": payload_hash})

        await self._database.write(work)

    async def card_shown(self, outbox_id: OutboxId, state: ApprovalState) -> None:
        """The card shows its approval in this state; it owes nothing if that is still true."""
        await self._change(_CARD_SHOWN, entry=outbox_id, shown=state)

    async def failed(self, outbox_id: OutboxId, reason: str) -> None:
        """The write was given up; `reason` is for operators."""
        await self._change(_FAILED, entry=outbox_id, why=clean(reason))

    async def removed(self, outbox_id: OutboxId) -> None:
        """The message was deleted in Slack, or was never needed."""
        await self._change(_REMOVED, entry=outbox_id)

    async def trying(self, outbox_id: OutboxId, *, now: bool) -> None:
        """Note that a write that cannot be looked up is being tried, or clearly failed."""
        await self._change(_TRIED, entry=outbox_id, now="trying" if now else "planned")

    async def done(self, outbox_id: OutboxId) -> None:
        """Forget a write that leaves no message behind."""
        await self._change(_DONE, entry=outbox_id)

    # --- looking it up -------------------------------------------------------------------

    async def of_turn(self, turn_id: TurnId) -> list[OutboxEntry]:
        """All entries of a turn, by `seq`."""
        return await self._read(_OF_TURN, turn=turn_id)

    async def card_of(self, approval_id: ApprovalId) -> OutboxEntry | None:
        """The newest card of an approval that Slack has or may have; None without one."""
        found = await self._read(_CARD, approval=approval_id)
        return found[0] if found else None

    async def undelivered_before(self, turn_id: TurnId) -> str | None:
        """Why the answer of the binding's turn before this one was not shown; None if it was."""

        def work(connection: Connection) -> str | None:
            return connection.execute(_UNDELIVERED, {"turn": turn_id}).scalar()

        return await self._database.read(work)

    async def authors(
        self, team: TeamId, channel: ChannelId, ts: Sequence[MessageTs]
    ) -> dict[MessageTs, str]:
        """Which teammate posted these messages; those that no teammate posted are left out."""

        def work(connection: Connection) -> dict[MessageTs, str]:
            values = {"team": team, "channel": channel, "posts": list(ts)}
            rows = connection.execute(_AUTHORS, values)
            return {MessageTs(row.ts): row.teammate for row in rows}

        return await self._database.read(work) if ts else {}

    async def turn_of(self, team: TeamId, channel: ChannelId, ts: MessageTs) -> LocatedTurn | None:
        """The turn that a posted message belongs to; None for a message of no turn of ours."""

        def work(connection: Connection) -> LocatedTurn | None:
            values = {"team": team, "channel": channel, "post": ts}
            row = connection.execute(_TURN_OF, values).first()
            return None if row is None else located_turn_of(row)

        return await self._database.read(work)

    async def _change(self, statement: sa.Update | sa.Delete, **values: object) -> None:
        def work(connection: Connection) -> None:
            connection.execute(statement, values)

        await self._database.write(work)

    async def _read(
        self, statement: sa.Select[tuple[object]], **values: object
    ) -> list[OutboxEntry]:
        def work(connection: Connection) -> list[OutboxEntry]:
            return [_entry_of(row) for row in connection.execute(statement, values)]

        return await self._database.read(work)


def _entry_of(row: Row) -> OutboxEntry:
    return OutboxEntry(**{name: getattr(row, name) for name in OutboxEntry.__slots__})
