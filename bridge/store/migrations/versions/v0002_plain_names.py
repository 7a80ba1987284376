"""Plain names for tables and columns, and for the persona in what is still to be sent."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Rename; nothing is lost, and a failure leaves version 1 whole."""
    op.rename_table("hearing", "event_cursors")
    op.execute("ALTER TABLE event_cursors RENAME COLUMN begun_ts TO first_ts")
    op.execute("ALTER TABLE event_cursors RENAME COLUMN heard_ts TO last_ts")
    op.rename_table("gaps", "event_gaps")
    op.execute("ALTER TABLE event_gaps RENAME COLUMN openings TO times_opened")
    op.rename_table("spares", "spare_conversations")
    op.drop_index("outbox_about", "outbox")
    op.execute("ALTER TABLE outbox RENAME COLUMN about TO approval_id")
    op.execute("ALTER TABLE outbox RENAME COLUMN said TO reply_text")
    where = sa.text("approval_id IS NOT NULL")
    op.create_index(
        "outbox_of_approval",
        "outbox",
        ["approval_id"],
        sqlite_where=where,
        postgresql_where=where,
    )
    _rename_face()


def _rename_face() -> None:
    """In payloads of writes that are still to be made, `face` becomes `persona`."""
    connection = op.get_bind()
    pending = sa.text("SELECT outbox_id, payload FROM outbox WHERE payload IS NOT NULL")
    renamed = sa.text("UPDATE outbox SET payload = :payload WHERE outbox_id = :outbox_id")
    for row in connection.execute(pending).all():
        payload = json.loads(row.payload)
        if isinstance(payload, dict) and "face" in payload:
            payload["persona"] = payload.pop("face")
            text = json.dumps(payload, separators=(",", ":"))
            connection.execute(renamed, {"payload": text, "outbox_id": row.outbox_id})
