"""A conversation's stored messages, as people should see them (PROTOCOL §15, §18)."""

import re

from bridge.appserver.responses import StoredMessageRecord
from bridge.appserver.wire_base import text_of
from bridge.domain.ports import HistoryMessage

_ADDED = re.compile(r"<(system-reminder|task-notification)>.*?(?:</\1>|\Z)\s*", re.S)
_ROLES = {
    "user_message": "user",
    "assistant_message": "assistant",
    "approval_request_message": "call",
}


def without_reminders(text: str) -> str:
    """The text without the blocks that the server put in for the model."""
    return _ADDED.sub("", text).strip()


def to_history(record: StoredMessageRecord) -> HistoryMessage:
    """One stored message. Only what a person wrote is cleaned: an answer may quote anything."""
    role = _ROLES.get(record.message_type, "other")
    text = text_of(record.content or "")
    return HistoryMessage(
        message_id=record.id,
        role=role,
        text=without_reminders(text) if role == "user" else text,
        otid=record.otid if role == "user" else None,
        call_id=record.tool_call.tool_call_id if role == "call" and record.tool_call else None,
    )
