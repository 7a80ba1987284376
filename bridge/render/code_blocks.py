"""Code blocks for foreign data: every character visible, nothing taken for formatting."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from bridge.domain.events import FileDiff
from bridge.render.mentions import JOINER, escape_mrkdwn

_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e0fff]"
)
_MARKS = re.compile("`{3,}")
_SIGNS = {"add": "+", "remove": "-"}
_COSTS = {"&": 5, "<": 4, ">": 4, "@": 2, "`": 2}
_REVEALED = len("⟨U+E0FFF⟩")
_FRAME = len("```\n\n```")


def reveal(text: str) -> str:
    """Write characters that nobody sees as `⟨U+202E⟩`, so that a command looks as it is.

    Tabs and newlines stay.
    """
    return _UNSEEN.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", text)


def pretty(value: object) -> str:
    """Return JSON text with indentation; a sentence when it is nested too deeply to be shown."""
    try:
        return json.dumps(value, ensure_ascii=False, indent=2, default=str)
    except (ValueError, TypeError, RecursionError):
        return "(These arguments cannot be shown.)"


def command_and_rest(
    tool_name: str, arguments: Mapping[str, Any]
) -> tuple[str | None, str | None, dict[str, Any]]:
    """Return a shell call's command and description, and every other argument.

    The command is None for other tools, and when it is not text: then nothing is taken out.
    """
    rest = dict(arguments)
    command = rest.get("command")
    if tool_name != "Bash" or not isinstance(command, str):
        return None, None, rest
    del rest["command"]
    description = rest.get("description")
    if not isinstance(description, str):
        return command, None, rest
    del rest["description"]
    return command, description, rest


def diff_text(diff: FileDiff) -> str:
    """Return a diff's lines with `+`, `-` or a blank before each; its note when it has none."""
    lines = [_SIGNS.get(line.kind, " ") + line.text for line in diff.lines]
    return "\n".join([diff.note, *lines] if diff.note else lines)


def code_block(text: str) -> str:
    """Return data as a mrkdwn code block: revealed, escaped, and nothing in it can end it."""
    shown = _MARKS.sub(lambda found: JOINER.join(found[0]), escape_mrkdwn(reveal(text)))
    return f"```\n{shown}\n```"


def excerpt(text: str, room: int) -> tuple[str, int]:
    """Return a code block of at most `room` with the beginning of `text`, and how many
    characters are left out.
    """
    taken = _fitting(text, 0, room - _FRAME)
    return code_block(text[:taken]), len(text) - taken


def chunks(text: str, room: int) -> Iterator[tuple[str, int]]:
    """Yield code blocks of at most `room` that hold all of `text`, each with how many characters
    of it are shown then.
    """
    start = 0
    while start < len(text):
        end = _fitting(text, start, room - _FRAME)
        yield code_block(text[start:end].removesuffix("\n")), end
        start = end


def _fitting(text: str, start: int, room: int) -> int:
    """Return where to end so that what is shown fits into `room`, at a line's end if possible."""
    used = 0
    for end in range(start, len(text)):
        used += _cost(text[end])
        if used > room:
            line_end = text.rfind("\n", start + (end - start) // 2, end) + 1
            return line_end or end
    return len(text)


def _cost(char: str) -> int:
    """Return how long one character can become when it is revealed and escaped."""
    if " " <= char <= "~" or char == "\n":
        return _COSTS.get(char, 1)
    return _REVEALED if _UNSEEN.match(char) else 2
