"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make every table."""
    op.create_table(
        "event_log",
        sa.Column("place", BIG, nullable=False),
        sa.Column("logged_at", INSTANT, nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=True),
        sa.Column("conversation_id", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("place"),
    )
    op.create_table(
        "hearing",
        sa.Column("team", sa.Text(), nullable=False),
        sa.Column("begun_ts", sa.Text(), nullable=False),
        sa.Column("heard_ts", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("team"),
    )
    op.create_table(
        "gaps",
        sa.Column("team", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("since_ts", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("openings", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("team", "channel"),
    )
    op.create_table(
        "messages",
        sa.Column("message_id", BIG, nullable=False),
        sa.Column("event_id", sa.Text(), nullable=True),
        sa.Column("team", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("ts", sa.Text(), nullable=False),
        sa.Column("thread_ts", sa.Text(), nullable=False),
        sa.Column("speaker", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("trusted", sa.Boolean(), nullable=False),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.Column("edited_ts", sa.Text(), nullable=True),
        sa.Column("deleted_at", INSTANT, nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("files", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("message_id"),
        sa.UniqueConstraint("event_id"),
        sa.UniqueConstraint("team", "channel", "ts", name="messages_once"),
    )
    op.create_index(
        "messages_of_thread", "messages", ["team", "channel", "thread_ts", "message_id"]
    )
    op.create_index(
        "messages_with_text",
        "messages",
        ["received_at"],
        unique=False,
        sqlite_where=sa.text("body <> '' OR files <> ''"),
        postgresql_where=sa.text("body <> '' OR files <> ''"),
    )
    op.create_table(
        "spares",
        sa.Column("server", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("conversation_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("server", "name"),
    )
    op.create_table(
        "teammates",
        sa.Column("server", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("server", "name"),
    )
    op.create_table(
        "bindings",
        sa.Column("binding_id", BIG, nullable=False),
        sa.Column("team", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("thread_ts", sa.Text(), nullable=False),
        sa.Column("teammate", sa.Text(), nullable=False),
        sa.Column("server", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=True),
        sa.Column("conversation_id", sa.Text(), nullable=True),
        sa.Column("cwd", sa.Text(), nullable=True),
        sa.Column("last_seen", BIG, nullable=True),
        sa.Column("last_addressed", BIG, nullable=False),
        sa.Column("last_started_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["last_addressed"], ["messages.message_id"]),
        sa.ForeignKeyConstraint(["last_seen"], ["messages.message_id"]),
        sa.PrimaryKeyConstraint("binding_id"),
        sa.UniqueConstraint("team", "channel", "thread_ts", "teammate", name="bindings_once"),
    )
    op.create_index("bindings_of_runtime", "bindings", ["conversation_id", "agent_id"])
    op.create_table(
        "turns",
        sa.Column("place", BIG, nullable=False),
        sa.Column("turn_id", sa.Text(), nullable=False),
        sa.Column("binding_id", BIG, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("unprompted", sa.Boolean(), nullable=False),
        sa.Column("lease", sa.Text(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("client_message_id", sa.Text(), nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("claimed_at", INSTANT, nullable=True),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("cause", sa.Text(), nullable=True),
        sa.Column("stop_asked_by", sa.Text(), nullable=True),
        sa.Column("prompt_tokens", sa.Integer(), nullable=True),
        sa.Column("completion_tokens", sa.Integer(), nullable=True),
        sa.Column("duration_s", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["binding_id"], ["bindings.binding_id"]),
        sa.PrimaryKeyConstraint("place"),
        sa.UniqueConstraint("turn_id"),
    )
    op.create_index(
        "turns_one_active",
        "turns",
        ["binding_id"],
        unique=True,
        sqlite_where=sa.text("state = 'active'"),
        postgresql_where=sa.text("state = 'active'"),
    )
    op.create_index(
        "turns_unfinished",
        "turns",
        ["binding_id", "place"],
        unique=False,
        sqlite_where=sa.text("state <> 'ended'"),
        postgresql_where=sa.text("state <> 'ended'"),
    )
    op.create_index(
        "turns_begun",
        "turns",
        ["binding_id", "place"],
        unique=False,
        sqlite_where=sa.text("claimed_at IS NOT NULL"),
        postgresql_where=sa.text("claimed_at IS NOT NULL"),
    )
    op.create_table(
        "approvals",
        sa.Column("place", BIG, nullable=False),
        sa.Column("approval_id", sa.Text(), nullable=False),
        sa.Column("turn_id", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("tool_name", sa.Text(), nullable=False),
        sa.Column("arguments", sa.Text(), nullable=False),
        sa.Column("diffs", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("requester", sa.Text(), nullable=True),
        sa.Column("asked_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_at", INSTANT, nullable=True),
        sa.Column("cause", sa.Text(), nullable=True),
        sa.Column("card_channel", sa.Text(), nullable=True),
        sa.Column("card_ts", sa.Text(), nullable=True),
        sa.Column("card_closed_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["turn_id"], ["turns.turn_id"]),
        sa.PrimaryKeyConstraint("place"),
        sa.UniqueConstraint("approval_id"),
    )
    op.create_index("approvals_of_turn", "approvals", ["turn_id"])
    op.create_index(
        "approvals_not_closed",
        "approvals",
        ["place"],
        unique=False,
        sqlite_where=sa.text("card_ts IS NOT NULL AND card_closed_at IS NULL"),
        postgresql_where=sa.text("card_ts IS NOT NULL AND card_closed_at IS NULL"),
    )
    op.create_index(
        "approvals_open",
        "approvals",
        ["place"],
        unique=False,
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        "approvals_with_text",
        "approvals",
        ["asked_at"],
        unique=False,
        sqlite_where=sa.text("arguments <> '' AND state <> 'pending'"),
        postgresql_where=sa.text("arguments <> '' AND state <> 'pending'"),
    )
    op.create_table(
        "outbox",
        sa.Column("place", BIG, nullable=False),
        sa.Column("outbox_id", sa.Text(), nullable=False),
        sa.Column("turn_id", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("thread_ts", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("ts", sa.Text(), nullable=True),
        sa.Column("payload_hash", sa.Text(), nullable=True),
        sa.Column("teammate", sa.Text(), nullable=True),
        sa.Column("about", sa.Text(), nullable=True),
        sa.Column("payload", sa.Text(), nullable=True),
        sa.Column("said", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("planned_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["turn_id"], ["turns.turn_id"]),
        sa.PrimaryKeyConstraint("place"),
        sa.UniqueConstraint("outbox_id"),
    )
    op.create_index("outbox_of_turn", "outbox", ["turn_id", "seq"])
    op.create_index(
        "outbox_owed",
        "outbox",
        ["place"],
        unique=False,
        sqlite_where=sa.text("payload IS NOT NULL"),
        postgresql_where=sa.text("payload IS NOT NULL"),
    )
    op.create_index(
        "outbox_about",
        "outbox",
        ["about"],
        unique=False,
        sqlite_where=sa.text("about IS NOT NULL"),
        postgresql_where=sa.text("about IS NOT NULL"),
    )
    op.create_index(
        "outbox_posts",
        "outbox",
        ["channel", "ts"],
        unique=False,
        sqlite_where=sa.text("ts IS NOT NULL"),
        postgresql_where=sa.text("ts IS NOT NULL"),
    )
    op.create_table(
        "turn_messages",
        sa.Column("message_id", BIG, nullable=False),
        sa.Column("binding_id", BIG, nullable=False),
        sa.Column("turn_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["binding_id"], ["bindings.binding_id"]),
        sa.ForeignKeyConstraint(["message_id"], ["messages.message_id"]),
        sa.ForeignKeyConstraint(["turn_id"], ["turns.turn_id"]),
        sa.PrimaryKeyConstraint("message_id", "binding_id"),
    )
    op.create_index("turn_messages_of_turn", "turn_messages", ["turn_id", "message_id"])
