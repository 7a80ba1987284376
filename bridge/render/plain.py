"""Plain text from Markdown: for notifications, and for readers that show no blocks."""

import re
from collections.abc import Sequence

from bridge.render.limits import FALLBACK_TEXT, clip, fit, size
from bridge.render.markdown_lines import SEPARATOR, Fence, code_spans, fence_after
from bridge.render.mentions import escape_mrkdwn

_HALF_ENTITY = re.compile(r"&[a-z]{0,3}$")
_HEADING_MARK = re.compile(r"^[ \t]{0,3}#{1,6}[ \t]+", re.MULTILINE)
_QUOTE_MARK = re.compile(r"^[ \t]{0,3}>[ \t]?", re.MULTILINE)
_LINKED = re.compile(r"!?\[([^\[\]\n]*)\]\([^()\s]*\)")
_EMPHASIS = re.compile(
    r"(?<![\\\w*~])(\*\*\*|\*\*|\*|~~|___|__|_)(?=[^\s*_~])([^*~\n]+?)(?<=[^\s*_~])\1(?![\w*~])"
)
"""Marks around words. Within a word they are part of it, as in `2*3*4` and `__init__.py`."""

_BLANKS = re.compile(r"\n\s*\n+")


def plain_fallback(text: str, limit: int = FALLBACK_TEXT) -> str:
    """Return `text` without Markdown's marks, mention-safe and escaped, at most `limit` long.

    For the top-level `text` of a message: links keep their words, code its content to the letter,
    tables their rows. Empty when nothing is left.
    """
    lines: list[str] = []
    fence: Fence | None = None
    prose: list[str] = []
    for line in clip(text, limit * 2).split("\n"):
        before, fence = fence, fence_after(fence, line)
        if before is None and fence is None:
            prose.append(line)
            continue
        lines += _without_marks(prose)
        prose = []
        if before is not None and before == fence:
            lines.append(line.removeprefix(fence.lead))
    lines += _without_marks(prose)
    words = _BLANKS.sub("\n", "\n".join(lines).strip())
    return clip_escaped(escape_mrkdwn(words), limit)


def _without_marks(lines: Sequence[str]) -> list[str]:
    """The words of some lines outside of fences."""
    text = "\n".join(line for line in lines if not _is_rule(line))
    for pattern, kept in ((_HEADING_MARK, ""), (_QUOTE_MARK, "")):
        text = pattern.sub(kept, text)
    shown: list[str] = []
    end = 0
    for start, stop in [*code_spans(text), (len(text), len(text))]:
        prose = _LINKED.sub(r"\1", text[end:start])
        shown += _EMPHASIS.sub(r"\2", prose), text[start:stop].strip("`")
        end = stop
    return "".join(shown).split("\n") if lines else []


def clip_escaped(escaped: str, limit: int) -> str:
    """Cut escaped text to a size of `limit`, with an ellipsis, never inside an entity."""
    if size(escaped) <= limit:
        return escaped
    return _HALF_ENTITY.sub("", escaped[: fit(escaped, limit - 1)]) + "…"


def _is_rule(line: str) -> bool:
    return "-" in line and len(line.strip()) > 2 and SEPARATOR.match(line) is not None
