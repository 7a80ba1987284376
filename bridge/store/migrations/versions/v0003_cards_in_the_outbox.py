"""Cards are delivered by the outbox alone: what approvals kept about them goes."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_NOT_CLOSED = """
    UPDATE outbox SET payload = '{}'
    WHERE payload IS NULL AND state IN ('planned', 'sent') AND approval_id IN (
        SELECT approval_id FROM approvals
        WHERE state <> 'pending' AND card_ts IS NOT NULL AND card_closed_at IS NULL
    )
"""
_NOT_POSTED = """
    UPDATE outbox SET payload = '{}'
    WHERE payload IS NULL AND state = 'planned' AND approval_id IN (
        SELECT approval_id FROM approvals WHERE state = 'pending' AND card_ts IS NULL
    )
"""
_POSTED = """
    UPDATE outbox SET state = 'sent', ts = (
        SELECT card_ts FROM approvals WHERE approvals.approval_id = outbox.approval_id
    )
    WHERE state = 'planned' AND approval_id IN (
        SELECT approval_id FROM approvals WHERE card_ts IS NOT NULL
    )
"""


def upgrade() -> None:
    """What was not closed or not posted yet is owed; nothing is lost."""
    for statement in (_NOT_CLOSED, _NOT_POSTED, _POSTED):
        op.execute(sa.text(statement))
    op.drop_index("approvals_not_closed", "approvals")
    for column in ("card_channel", "card_ts", "card_closed_at"):
        op.execute(f"ALTER TABLE approvals DROP COLUMN {column}")
