"""The outbox: the durable list of writes to Slack and what became of each (G4)."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bridge.domain.ids import ChannelId, MessageTs, OutboxId, TeamId, TurnId
from bridge.store.database import Database
from bridge.store.records import LocatedTurn
from bridge.store.rows import Row, clean, located_turn_of
from bridge.store.schema import bindings, outbox, turns


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """One Slack message that the bridge posts.

    `kind` is `reply`, `card`, `notice` or another word of the sender's; `seq` counts within the
    turn. `turn_id` is None for what belongs to no turn, `thread_ts` None at a channel's root.
    `state` is `planned` (what Slack made of it is not known), `sent`, `failed` or `removed`;
    `ts` and `payload_hash` are None until sent. `teammate` is the one who speaks, if any.
    """

    outbox_id: OutboxId
    turn_id: TurnId | None
    kind: str
    seq: int
    channel: ChannelId
    thread_ts: MessageTs | None
    state: str = "planned"
    ts: MessageTs | None = None
    payload_hash: str | None = None
    teammate: str | None = None


_param = sa.bindparam
_THIS = outbox.c.outbox_id == _param("entry")

_PLAN = sa.insert(outbox)
_SENT = (
    sa.update(outbox)
    .where(_THIS)
    .values(state="sent", ts=_param("posted"), payload_hash=_param("hash"), reason=None)
)
_FAILED = sa.update(outbox).where(_THIS).values(state="failed", reason=_param("why"))
_REMOVED = sa.update(outbox).where(_THIS).values(state="removed")
_OF_TURN = (
    sa.select(outbox)
    .where(outbox.c.turn_id == _param("turn"))
    .order_by(outbox.c.seq, outbox.c.place)
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

    async def plan(self, entry: OutboxEntry) -> None:
        """Store a write before it is tried."""
        values = {name: getattr(entry, name) for name in OutboxEntry.__slots__}

        def work(connection: Connection) -> None:
            connection.execute(_PLAN, values)

        await self._database.write(work)

    async def sent(self, outbox_id: OutboxId, ts: MessageTs, payload_hash: str) -> None:
        """Slack has the message. May be called again after a later revision."""
        await self._change(_SENT, entry=outbox_id, posted=ts, hash=payload_hash)

    async def failed(self, outbox_id: OutboxId, reason: str) -> None:
        """The write was given up; `reason` is for operators."""
        await self._change(_FAILED, entry=outbox_id, why=clean(reason))

    async def removed(self, outbox_id: OutboxId) -> None:
        """The message was deleted in Slack, or was never needed."""
        await self._change(_REMOVED, entry=outbox_id)

    async def of_turn(self, turn_id: TurnId) -> list[OutboxEntry]:
        """All entries of a turn, by `seq`."""
        return await self._read(_OF_TURN, turn=turn_id)

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

    async def _change(self, statement: sa.Update, **values: object) -> None:
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
