"""Plain text from Markdown: for notifications, and for readers that show no blocks."""

import re

from bridge.render.limits import FALLBACK_TEXT, clip, fit, size
from bridge.render.markdown_lines import SEPARATOR
from bridge.render.mentions import escape_mrkdwn

_HALF_ENTITY = re.compile(r"&[a-z]{0,3}$")
_FENCE_LINE = re.compile(r"^[ \t>]*(?:`{3,}|~{3,})[^`\n]*$", re.MULTILINE)
_HEADING_MARK = re.compile(r"^[ \t]{0,3}#{1,6}[ \t]+", re.MULTILINE)
_QUOTE_MARK = re.compile(r"^[ \t]{0,3}>[ \t]?", re.MULTILINE)
_LINKED = re.compile(r"!?\[([^\[\]\n]*)\]\([^()\s]*\)")
_EMPHASIS = re.compile(r"(?<!\\)(\*\*\*|\*\*|\*|~~|__)(?=\S)([^*~\n]+?)(?<=\S)\1")
_CODE = re.compile(r"`+([^`\n]+)`+")
_BLANKS = re.compile(r"\n\s*\n+")


def plain_fallback(text: str, limit: int = FALLBACK_TEXT) -> str:
    """Return `text` without Markdown's marks, mention-safe and escaped, at most `limit` long.

    For the top-level `text` of a message: links keep their words, code its content, tables their
    rows. Empty when nothing is left.
    """
    text = clip(text, limit * 2)
    text = "\n".join(line for line in text.split("\n") if not _is_rule(line))
    for pattern, kept in (
        (_FENCE_LINE, ""),
        (_HEADING_MARK, ""),
        (_QUOTE_MARK, ""),
        (_LINKED, r"\1"),
        (_EMPHASIS, r"\2"),
        (_CODE, r"\1"),
        (_BLANKS, "\n"),
    ):
        text = pattern.sub(kept, text)
    return clip_escaped(escape_mrkdwn(text.strip()), limit)


def clip_escaped(escaped: str, limit: int) -> str:
    """Cut escaped text to a size of `limit`, with an ellipsis, never inside an entity."""
    if size(escaped) <= limit:
        return escaped
    return _HALF_ENTITY.sub("", escaped[: fit(escaped, limit - 1)]) + "…"


def _is_rule(line: str) -> bool:
    return "-" in line and len(line.strip()) > 2 and SEPARATOR.match(line) is not None
