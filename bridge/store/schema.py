"""Schema: the tables. The same definitions serve SQLite and PostgreSQL.

`place` is a row's position in the order of storing: orders never depend on a clock.
A missing thread root is stored as an empty string, because NULLs are never equal and the
uniqueness of (team, channel, thread, teammate) must hold for whole DMs too.
"""

from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

SCHEMA_VERSION = 3
"""Number of the newest migration in `migrations/versions`."""

metadata = sa.MetaData()


class Instant(sa.TypeDecorator[datetime]):
    """An aware instant, stored in UTC; reading gives an aware UTC datetime."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive datetimes, which would mean different instants on different machines."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("instants are aware")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give back the zone that SQLite does not store."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _place(name: str = "place") -> sa.Column[int]:
    return sa.Column(name, BIG, primary_key=True)


def _index(name: str, *columns: str, where: str | None = None, unique: bool = False) -> sa.Index:
    # What other databases are told is the migrations' business: to name them here loads them.
    clause = None if where is None else sa.text(where)
    return sa.Index(name, *columns, unique=unique, sqlite_where=clause)


def _text(name: str, *keys: sa.ForeignKey, unique: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, *keys, nullable=False, unique=unique or None)


def _maybe(name: str, *keys: sa.ForeignKey, unique: bool = False) -> sa.Column[str | None]:
    return sa.Column(name, sa.Text, *keys, nullable=True, unique=unique or None)


messages = sa.Table(
    "messages",
    metadata,
    _place("message_id"),
    _maybe("event_id", unique=True),
    _text("team"),
    _text("channel"),
    _text("ts"),
    _text("thread_ts"),
    _text("speaker"),
    _text("author"),
    sa.Column("trusted", sa.Boolean, nullable=False),
    sa.Column("received_at", Instant, nullable=False),
    _maybe("edited_ts"),
    sa.Column("deleted_at", Instant),
    _text("body"),
    _text("files"),
    sa.UniqueConstraint("team", "channel", "ts", name="messages_once"),
    _index("messages_of_thread", "team", "channel", "thread_ts", "message_id"),
    _index("messages_with_text", "received_at", where="body <> '' OR files <> ''"),
)

bindings = sa.Table(
    "bindings",
    metadata,
    _place("binding_id"),
    _text("team"),
    _text("channel"),
    _text("thread_ts"),
    _text("teammate"),
    _text("server"),
    _maybe("agent_id"),
    _maybe("conversation_id"),
    _maybe("cwd"),
    sa.Column("last_seen", BIG, sa.ForeignKey("messages.message_id")),
    sa.Column("last_addressed", BIG, sa.ForeignKey("messages.message_id"), nullable=False),
    sa.Column("last_started_at", Instant),
    sa.UniqueConstraint("team", "channel", "thread_ts", "teammate", name="bindings_once"),
    _index("bindings_of_runtime", "conversation_id", "agent_id"),
)

turns = sa.Table(
    "turns",
    metadata,
    _place(),
    _text("turn_id", unique=True),
    sa.Column("binding_id", BIG, sa.ForeignKey("bindings.binding_id"), nullable=False),
    _text("state"),
    sa.Column("unprompted", sa.Boolean, nullable=False),
    _maybe("lease"),
    sa.Column("attempt", sa.Integer, nullable=False),
    _maybe("client_message_id"),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("claimed_at", Instant),
    sa.Column("ended_at", Instant),
    _maybe("outcome"),
    _maybe("cause"),
    _maybe("stop_asked_by"),
    sa.Column("prompt_tokens", sa.Integer),
    sa.Column("completion_tokens", sa.Integer),
    sa.Column("duration_s", sa.Double),
    _index("turns_unfinished", "binding_id", "place", where="state <> 'ended'"),
    _index("turns_one_active", "binding_id", where="state = 'active'", unique=True),
    _index("turns_begun", "binding_id", "place", where="claimed_at IS NOT NULL"),
)

turn_messages = sa.Table(
    "turn_messages",
    metadata,
    sa.Column("message_id", BIG, sa.ForeignKey("messages.message_id"), primary_key=True),
    sa.Column("binding_id", BIG, sa.ForeignKey("bindings.binding_id"), primary_key=True),
    _text("turn_id", sa.ForeignKey("turns.turn_id")),
    _index("turn_messages_of_turn", "turn_id", "message_id"),
)
"""Which turn answers which message. The key says G2: one turn per message and teammate."""

approvals = sa.Table(
    "approvals",
    metadata,
    _place(),
    _text("approval_id", unique=True),
    _text("turn_id", sa.ForeignKey("turns.turn_id")),
    _text("request_id"),
    _text("call_id"),
    _text("tool_name"),
    _text("arguments"),
    _text("diffs"),
    _text("digest"),
    _maybe("requester"),
    sa.Column("asked_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
    _text("state"),
    _maybe("decided_by"),
    sa.Column("decided_at", Instant),
    _maybe("cause"),
    _index("approvals_of_turn", "turn_id"),
    _index("approvals_open", "place", where="state = 'pending'"),
    _index("approvals_with_text", "asked_at", where="arguments <> '' AND state <> 'pending'"),
)

outbox = sa.Table(
    "outbox",
    metadata,
    _place(),
    _text("outbox_id", unique=True),
    _maybe("turn_id", sa.ForeignKey("turns.turn_id")),
    _text("kind"),
    sa.Column("seq", sa.Integer, nullable=False),
    _text("channel"),
    _maybe("thread_ts"),
    _text("state"),
    _maybe("ts"),
    _maybe("payload_hash"),
    _maybe("teammate"),
    _maybe("approval_id"),
    _maybe("payload"),
    _maybe("reply_text"),
    _maybe("reason"),
    sa.Column("planned_at", Instant, nullable=False),
    _index("outbox_of_turn", "turn_id", "seq"),
    _index("outbox_owed", "place", where="payload IS NOT NULL"),
    _index("outbox_of_approval", "approval_id", where="approval_id IS NOT NULL"),
    _index("outbox_posts", "channel", "ts", where="ts IS NOT NULL"),
)

"""`payload` is what Slack is still to be shown, NULL when nothing is owed. `reply_text` is a
reply's text for the other teammates, until the ts is known under which they know it."""

event_log = sa.Table(
    "event_log",
    metadata,
    _place(),
    sa.Column("logged_at", Instant, nullable=False),
    _text("direction"),
    _maybe("agent_id"),
    _maybe("conversation_id"),
    _text("kind"),
    sa.Column("size_bytes", sa.Integer, nullable=False),
    _text("body"),
)

teammates = sa.Table(
    "teammates",
    metadata,
    sa.Column("server", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    _text("agent_id"),
    sa.Column("created_at", Instant, nullable=False),
)

spare_conversations = sa.Table(
    "spare_conversations",
    metadata,
    sa.Column("server", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    _text("agent_id"),
    _text("conversation_id"),
)
"""The newest conversation that was made ready for a teammate; it may be in use by now."""

event_cursors = sa.Table(
    "event_cursors",
    metadata,
    sa.Column("team", sa.Text, primary_key=True),
    _text("first_ts"),
    _text("last_ts"),
)
"""Since when, and up to which event, by Slack's clock, all that Slack sent has been taken in."""

event_gaps = sa.Table(
    "event_gaps",
    metadata,
    sa.Column("team", sa.Text, primary_key=True),
    sa.Column("channel", sa.Text, primary_key=True),
    _text("since_ts"),
    _text("cause"),
    sa.Column("times_opened", sa.Integer, nullable=False),
)
"""What may have been missed and is not caught up yet: a row for each channel. The row with no
channel stands for all of them, before they are known by name."""


def unfinished(table: sa.FromClause) -> sa.ColumnElement[bool]:
    """Waiting or active. Written exactly as in the partial index, so that it is used."""
    return table.c.state != sa.literal_column("'ended'")


def active(table: sa.FromClause) -> sa.ColumnElement[bool]:
    """Held by a worker. Written exactly as in the partial index, so that it is used."""
    return table.c.state == sa.literal_column("'active'")


def waiting(table: sa.FromClause) -> sa.ColumnElement[bool]:
    """Not held yet; found by the index of unfinished turns."""
    return sa.and_(table.c.state == sa.literal_column("'waiting'"), unfinished(table))


def with_text(table: sa.FromClause) -> sa.ColumnElement[bool]:
    """Words or files are still there. Written exactly as in the partial index."""
    nothing: sa.ColumnElement[str] = sa.literal_column("''")
    return sa.or_(table.c.body != nothing, table.c.files != nothing)


def pending(table: sa.FromClause) -> sa.ColumnElement[bool]:
    """Nobody has decided yet. Written exactly as in the partial index."""
    return table.c.state == sa.literal_column("'pending'")


def may_be_in_slack(table: sa.FromClause) -> sa.ColumnElement[bool]:
    """Written to the outbox, and neither refused nor taken away."""
    return table.c.state.in_(("planned", "sent"))


def settled_with_text(table: sa.FromClause) -> sa.ColumnElement[bool]:
    """Decided, and its arguments are still there. Written exactly as in the partial index."""
    return sa.and_(
        table.c.arguments != sa.literal_column("''"),
        table.c.state != sa.literal_column("'pending'"),
    )
