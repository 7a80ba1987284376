"""Redaction of tokens and one-time addresses in what the inspector shows."""

import re
from typing import Any

_SECRET = re.compile(
    r"xox[a-z](?:\.xox[a-z])?-[A-Za-z0-9-]+|xapp-[A-Za-z0-9-]+"
    r"|(?i:bearer)\s+[A-Za-z0-9._~+/=-]+"
    r"|(?:wss?|https?)://[^\s\"']*(?:[?&](?:ticket|token)=|/link/|/response/|/upload/)[^\s\"']+"
)


def redact_deep(value: Any) -> Any:
    """A copy of a JSON-like value whose strings hold `[secret]` in place of secrets."""
    if isinstance(value, str):
        return _SECRET.sub("[secret]", value)
    if isinstance(value, dict):
        return {key: redact_deep(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redact_deep(item) for item in value]
    return value
