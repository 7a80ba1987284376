"""Action ids, callback ids and block ids: the names by which Slack reports interactions."""

import hashlib
from typing import Final

from bridge.domain.ids import OutboxId

TURN_STOP: Final = "turn_stop"
"""Button; its value is the turn id."""

APPROVAL_ALLOW: Final = "approval_allow"
APPROVAL_DENY: Final = "approval_deny"
APPROVAL_DENY_REASON: Final = "approval_deny_reason"
APPROVAL_VIEW: Final = "approval_view"
"""The four buttons of a card; their value is the approval id and nothing else."""

VIEW_REASON: Final = "approval_reason"
"""Callback id of the modal that asks for a reason; private_metadata is the approval id."""

VIEW_FULL: Final = "approval_full_view"
"""Callback id of the modal with everything that would run."""

"""Callback id of the modal that says why something did not work."""

REASON_BLOCK: Final = "reason"
REASON_INPUT: Final = "reason_text"
"""Where the reason is in a submitted view: `state.values[REASON_BLOCK][REASON_INPUT].value`."""

_PREFIX = "out-"
_ID_LIMIT = 200


def block_id(outbox_id: OutboxId, index: int) -> str:
    """Name block number `index` of a message: `out-<outbox id>`, then `out-<outbox id>.1`.

    Slack does not keep the id of a markdown block, so a message may have to be recognised by a
    later block, or by its metadata. Ids over 200 characters are hashed.
    """
    return f"{_PREFIX}{_short(outbox_id)}" + (f".{index}" if index else "")


def is_from(block: str, outbox_id: OutboxId) -> bool:
    """Whether this block id was made by `block_id` for `outbox_id`."""
    name, _, _ = block.removeprefix(_PREFIX).rpartition(".")
    return block.startswith(_PREFIX) and _short(outbox_id) in (
        name,
        block.removeprefix(_PREFIX),
    )


def _short(outbox_id: OutboxId) -> str:
    if len(outbox_id) <= _ID_LIMIT:
        return outbox_id
    return hashlib.sha256(outbox_id.encode("utf-8", "surrogatepass")).hexdigest()
