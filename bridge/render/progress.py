"""Progress in a few words: tool hints, the tool line, the status."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from bridge.domain.events import ToolLine
from bridge.render.code_blocks import reveal
from bridge.render.durations import coarse
from bridge.render.limits import clip, fit, size
from bridge.render.mentions import escape_mrkdwn

HINT_LIMIT: Final = 80
TOOLS_SHOWN: Final = 3
_NAME_LIMIT = 40

_TELLING: Final[Mapping[str, tuple[str, ...]]] = {
    "Bash": ("command", "description"),
    "Read": ("file_path", "path"),
    "Edit": ("file_path", "path"),
    "Write": ("file_path", "path"),
    "Agent": ("description", "prompt"),
    "Skill": ("skill", "name"),
}
_PATHS = frozenset({"file_path", "path"})


def tool_hint(name: str, arguments_json: str) -> str:
    """Say in one line of at most 80 characters what a tool is about to touch.

    The command of Bash, the path of a file tool, the description of a helper, else compact JSON.
    Text that is not a JSON object is shown as it is. Empty when there is nothing to say.
    """
    try:
        arguments = json.loads(arguments_json)
    except (ValueError, RecursionError):
        return one_line(arguments_json)
    if not isinstance(arguments, dict):
        return one_line(arguments_json)
    return hint_of(name, arguments)


def hint_of(name: str, arguments: Mapping[str, Any]) -> str:
    """Like `tool_hint`, for arguments that are parsed already."""
    for key in _TELLING.get(name, ()):
        value = arguments.get(key)
        if isinstance(value, str) and value.strip():
            return _path_end(value) if key in _PATHS else one_line(value)
    if not arguments:
        return ""
    try:
        return one_line(json.dumps(dict(arguments), ensure_ascii=False, default=str))
    except (ValueError, TypeError, RecursionError):
        return ""


def one_line(text: str, limit: int = HINT_LIMIT) -> str:
    """Flatten white space, reveal what nobody sees, cut to `limit` with an ellipsis."""
    return clip(reveal(" ".join(text[: 8 * limit].split())), limit)


def code_span(text: str) -> str:
    """Return foreign text as mrkdwn inline code; empty text gives empty."""
    shown = escape_mrkdwn(text.replace("`", "'")).strip()
    return f"`{shown}`" if shown else ""


def tools_line(tools: Sequence[ToolLine], since: Mapping[str, float], now: float) -> str:
    """Say as mrkdwn which tools run, and for how long: at most three and a count of the rest.

    `since` maps a call id to the moment at which it was first shown, on the clock of `now`.
    """
    shown = [_tool(tool, now - since.get(tool.call_id, now)) for tool in tools[:TOOLS_SHOWN]]
    rest = len(tools) - len(shown)
    more = f" and {rest:,} more" if rest > 0 else ""
    return "⚙ " + ", ".join(shown) + more if shown else ""


def tool_name(name: str) -> str:
    """Return a tool's name for mrkdwn, escaped and short."""
    flat = one_line(name, _NAME_LIMIT).replace("*", "∗").replace("`", "'")
    return escape_mrkdwn(flat) or "a tool"


def _tool(tool: ToolLine, running_s: float) -> str:
    words = [tool_name(tool.name), code_span(tool_hint(tool.name, tool.arguments))]
    lasting = coarse(running_s)
    return " ".join(word for word in words if word) + (f" · {lasting}" if lasting else "")


def _path_end(path: str) -> str:
    flat = reveal(" ".join(path.split()))
    if size(flat) <= HINT_LIMIT:
        return flat
    return "…" + flat[::-1][: fit(flat[::-1], HINT_LIMIT - 1)][::-1]
