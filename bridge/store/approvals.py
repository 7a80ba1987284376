"""Approvals: each is settled once, by a compare-and-set from pending (G6)."""

import json
from dataclasses import asdict
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bridge.domain.approvals import Approval, ApprovalState
from bridge.domain.events import DiffLine, FileDiff
from bridge.domain.ids import ApprovalId, ChannelId, MessageRef, MessageTs, TurnId, UserId
from bridge.domain.outbox_entry import OutboxEntry
from bridge.store import outbox_statements
from bridge.store.database import Database
from bridge.store.rows import Row, clean, thread_of
from bridge.store.schema import approvals, bindings, outbox, pending, turns

_param = sa.bindparam

_HAS_CARD = outbox.c.state == "sent"
_ALL = (
    sa.select(
        approvals,
        bindings.c.team,
        bindings.c.channel,
        bindings.c.thread_ts,
        bindings.c.teammate,
        outbox.c.channel.label("card_channel"),
        outbox.c.ts.label("card_ts"),
    )
    .select_from(approvals)
    .join(turns, turns.c.turn_id == approvals.c.turn_id)
    .join(bindings, bindings.c.binding_id == turns.c.binding_id)
    .outerjoin(outbox, sa.and_(outbox.c.approval_id == approvals.c.approval_id, _HAS_CARD))
)
_GET = _ALL.where(approvals.c.approval_id == _param("approval"))
_OPEN = _ALL.where(pending(approvals)).order_by(approvals.c.place)
_OPEN_OF_TURN = _OPEN.where(approvals.c.turn_id == _param("turn"))
_SHOWN_CALLS = (
    sa.select(approvals.c.call_id)
    .join(outbox, outbox.c.approval_id == approvals.c.approval_id)
    .where(approvals.c.turn_id == _param("turn"), _HAS_CARD)
)
_NEWEST = (
    _ALL.where(approvals.c.turn_id == _param("turn"), approvals.c.request_id == _param("request"))
    .order_by(approvals.c.place.desc())
    .limit(1)
)
_SETTLE = (
    sa.update(approvals)
    .where(approvals.c.approval_id == _param("approval"), pending(approvals))
    .values(
        state=_param("to"),
        decided_by=_param("by"),
        decided_at=_param("at"),
        cause=_param("why"),
    )
)


class Approvals:
    """Questions to people. The thread and the teammate are those of the turn."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, approval: Approval, card: OutboxEntry) -> None:
        """Store a new question of a known turn, and that Slack is to show its card."""
        values = {
            "approval_id": approval.approval_id,
            "turn_id": approval.turn_id,
            "request_id": approval.request_id,
            "call_id": clean(approval.call_id),
            "tool_name": clean(approval.tool_name),
            "arguments": json.dumps(dict(approval.arguments)),
            "diffs": json.dumps([asdict(diff) for diff in approval.diffs]),
            "digest": approval.digest,
            "requester": approval.requester,
            "asked_at": approval.asked_at,
            "expires_at": approval.expires_at,
            "state": approval.state,
            "decided_by": approval.decided_by,
            "decided_at": approval.decided_at,
            "cause": approval.cause,
        }

        def work(connection: Connection) -> None:
            connection.execute(sa.insert(approvals), values)
            outbox_statements.owe(connection, [card])

        await self._database.write(work)

    async def get(self, approval_id: ApprovalId) -> Approval | None:
        """The approval; None when there is none of that id."""
        found = await self._read(_GET, approval=approval_id)
        return found[0] if found else None

    async def settle(
        self,
        approval_id: ApprovalId,
        *,
        state: ApprovalState,
        by: UserId | None,
        cause: str | None,
        now: datetime,
    ) -> Approval | None:
        """Settle a pending approval and return it; None when it was settled before.

        Its card, if Slack has one or may have, is owed anew.
        """
        values = {
            "approval": approval_id,
            "to": state,
            "by": by,
            "at": now,
            "why": None if cause is None else clean(cause),
        }

        def work(connection: Connection) -> Approval | None:
            if connection.execute(_SETTLE, values).rowcount == 0:
                return None
            outbox_statements.owe_card_anew(connection, approval_id)
            return _approval_of(connection.execute(_GET, {"approval": approval_id}).one())

        return await self._database.write(work)

    async def open_of_turn(self, turn_id: TurnId) -> list[Approval]:
        """The turn's pending approvals, oldest first."""
        return await self._read(_OPEN_OF_TURN, turn=turn_id)

    async def shown_calls(self, turn_id: TurnId) -> frozenset[str]:
        """The tool calls of a turn about which a card was shown, whatever became of it."""

        def work(connection: Connection) -> frozenset[str]:
            return frozenset(connection.execute(_SHOWN_CALLS, {"turn": turn_id}).scalars())

        return await self._database.read(work)

    async def open_all(self) -> list[Approval]:
        """Every pending approval, oldest first."""
        return await self._read(_OPEN)

    async def newest_by_request(self, turn_id: TurnId, request_id: str) -> Approval | None:
        """The newest approval for the server's request, pending or settled; None for none."""
        found = await self._read(_NEWEST, turn=turn_id, request=request_id)
        return found[0] if found else None

    async def _read(self, statement: sa.Select[tuple[object]], **values: object) -> list[Approval]:
        def work(connection: Connection) -> list[Approval]:
            return [_approval_of(row) for row in connection.execute(statement, values)]

        return await self._database.read(work)


def _approval_of(row: Row) -> Approval:
    card = None
    if row.card_ts is not None:
        card = MessageRef(ChannelId(row.card_channel), MessageTs(row.card_ts))
    return Approval(
        approval_id=ApprovalId(row.approval_id),
        turn_id=TurnId(row.turn_id),
        thread=thread_of(row),
        teammate=row.teammate,
        request_id=row.request_id,
        tool_name=row.tool_name,
        arguments=json.loads(row.arguments) if row.arguments else {},
        diffs=_diffs_of(row.diffs),
        digest=row.digest,
        requester=None if row.requester is None else UserId(row.requester),
        asked_at=row.asked_at,
        expires_at=row.expires_at,
        state=ApprovalState(row.state),
        decided_by=None if row.decided_by is None else UserId(row.decided_by),
        decided_at=row.decided_at,
        cause=row.cause,
        card=card,
        call_id=row.call_id,
    )


def _diffs_of(text: str) -> tuple[FileDiff, ...]:
    if not text:
        return ()
    return tuple(
        FileDiff(
            path=diff["path"],
            lines=tuple(DiffLine(**line) for line in diff["lines"]),
            note=diff["note"],
        )
        for diff in json.loads(text)
    )
