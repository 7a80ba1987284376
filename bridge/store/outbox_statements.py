"""Outbox statements that run inside somebody's transaction.

A turn's end and the outbox share them: the end of a turn and its last words are one transaction.
"""

from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bridge.domain.ids import ApprovalId, MessageTs, OutboxId, TurnId
from bridge.domain.messages import Speaker
from bridge.domain.outbox_entry import LastRevision, OutboxEntry
from bridge.store.rows import clean
from bridge.store.schema import bindings, may_be_in_slack, messages, outbox, turns

_param = sa.bindparam
_THIS = outbox.c.outbox_id == _param("entry")

_KNOWN = sa.select(outbox.c.place).where(_THIS)
_INSERT = sa.insert(outbox)
_OWE = (
    sa.update(outbox)
    .where(_THIS)
    # What was found not to be there, and so not to be needed, is needed after all.
    .values(
        payload=_param("owed"),
        state=sa.case((outbox.c.state == "removed", "planned"), else_=outbox.c.state),
    )
)
_OWE_CARD = (
    sa.update(outbox)
    .where(outbox.c.approval_id == _param("approval"), may_be_in_slack(outbox))
    .values(payload=sa.func.coalesce(outbox.c.payload, "{}"))
)
_SAY = (
    sa.update(outbox)
    # One that will never have a ts is never heard: its words would stay for good.
    .where(_THIS, sa.or_(outbox.c.ts.is_not(None), outbox.c.state != "failed"))
    .values(reply_text=_param("words"))
    .returning(outbox)
)
_SAID = sa.update(outbox).where(_THIS).values(reply_text=None)
_DEBT = sa.select(outbox.c.payload, outbox.c.reply_text).where(_THIS)
_ACQUIT = sa.update(outbox).where(_THIS).values(payload=None, reply_text=None)
_NOTE_REPLY = sa.insert(messages).from_select(
    [
        *("team", "channel", "thread_ts", "ts", "speaker", "author"),
        *("trusted", "received_at", "body", "files"),
    ],
    sa.select(
        bindings.c.team,
        bindings.c.channel,
        bindings.c.thread_ts,
        _param("post", type_=sa.Text),
        _param("speaker", Speaker.TEAMMATE, type_=sa.Text),
        bindings.c.teammate,
        sa.true(),
        _param("at", type_=messages.c.received_at.type),
        _param("words", type_=sa.Text),
        sa.literal(""),
    )
    .select_from(turns)
    .join(bindings, bindings.c.binding_id == turns.c.binding_id)
    .where(
        turns.c.turn_id == _param("turn"),
        ~sa.exists().where(
            messages.c.team == bindings.c.team,
            messages.c.channel == bindings.c.channel,
            messages.c.ts == _param("post"),
        ),
    ),
)


def plan(connection: Connection, entry: OutboxEntry, *, instead_of: OutboxId | None = None) -> None:
    """Store a row, if it is not there yet. What `instead_of` still owed is owed by it now."""
    if connection.execute(_KNOWN, {"entry": entry.outbox_id}).first() is not None:
        return
    values = {name: getattr(entry, name) for name in OutboxEntry.__slots__}
    if instead_of is not None:
        debt = connection.execute(_DEBT, {"entry": instead_of}).first()
        if debt is not None:
            values |= {"payload": debt.payload, "reply_text": debt.reply_text}
            connection.execute(_ACQUIT, {"entry": instead_of})
    connection.execute(_INSERT, values)


def owe(connection: Connection, entries: Iterable[OutboxEntry]) -> None:
    """Store what is to be shown: in the row, if it is there, or with it."""
    for entry in entries:
        owed = connection.execute(_OWE, {"entry": entry.outbox_id, "owed": entry.payload})
        if owed.rowcount == 0:
            plan(connection, entry)


def owe_card_anew(connection: Connection, approval_id: ApprovalId) -> None:
    """What an approval's card shows is out of date."""
    connection.execute(_OWE_CARD, {"approval": approval_id})


def last_revision(connection: Connection, last: LastRevision, *, turn_id: TurnId) -> None:
    """Store a reply's last revision, and its words for the other teammates."""
    owe(connection, last.owed)
    if last.first is None or not last.text:
        return
    words = {"entry": last.first, "words": clean(last.text)}
    row = connection.execute(_SAY, words).first()
    if row is not None and row.ts is not None:
        note_reply(
            connection, OutboxId(row.outbox_id), turn_id=turn_id, ts=row.ts, at=row.planned_at
        )


def note_reply(
    connection: Connection, outbox_id: OutboxId, *, turn_id: TurnId, ts: MessageTs, at: datetime
) -> None:
    """Slack's name of a reply is known: the other teammates can be told its words."""
    debt = connection.execute(_DEBT, {"entry": outbox_id}).one()
    values = {"turn": turn_id, "post": ts, "at": at, "words": debt.reply_text}
    connection.execute(_NOTE_REPLY, values)
    connection.execute(_SAID, {"entry": outbox_id})
