"""What a frame is and whose, seen from its text without reading it as JSON: for the log."""

import re

from bridge.domain.ids import AgentId, ConversationId, Runtime

_KIND = re.compile(r'"type"\s*:\s*"([^"]{1,64})"')
_RUNTIME = re.compile(r'"runtime"\s*:\s*\{([^{}]{1,400})\}')
_ID = re.compile(r'"(agent|conversation)_id"\s*:\s*"([^"\\]{1,128})"')


def kind_in(frame: str) -> str:
    """The frame's type, which stands near its beginning; else `unknown`."""
    found = _KIND.search(frame[:300])
    return found[1] if found else "unknown"


def runtime_in(frame: str) -> Runtime | None:
    """The runtime that the frame names first; None when it names none."""
    if (found := _RUNTIME.search(frame)) is None:
        return None
    ids = dict(_ID.findall(found[1]))
    if ids.keys() != {"agent", "conversation"}:
        return None
    return Runtime(AgentId(ids["agent"]), ConversationId(ids["conversation"]))
