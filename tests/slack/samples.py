"""Domain objects as the engine would hand them over."""

import secrets
from datetime import UTC, datetime, timedelta

from bridge.domain.approvals import Approval, digest
from bridge.domain.ids import ApprovalId, UserId


def approval(turn_id, thread, *, command="rm -rf build", **changes):
    now = datetime.now(UTC)
    arguments = {"command": command}
    return Approval(
        **{
            "approval_id": ApprovalId(secrets.token_urlsafe(15)),
            "turn_id": turn_id,
            "thread": thread,
            "teammate": "ada",
            "request_id": "perm-1",
            "tool_name": "Bash",
            "arguments": arguments,
            "diffs": (),
            "digest": digest("Bash", arguments, ()),
            "requester": UserId("U01MAYACHEN"),
            "asked_at": now,
            "expires_at": now + timedelta(minutes=30),
            **changes,
        }
    )
