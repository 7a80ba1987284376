"""A message as bare text, for the case that Slack refuses its blocks. Pure."""

from collections.abc import Iterator
from typing import Final

from bridge.render.block_kit import Rendered
from bridge.render.limits import size
from bridge.render.mentions import escape_mrkdwn
from bridge.render.plain import clip_escaped
from bridge.render.stream import MessageView

PIECE: Final = 3_000
"""Escaped size of one piece; chat.update takes 4,000 (PLATFORM §3.1)."""

REFUSED_BLOCKS: Final = frozenset(
    {
        "block_mismatch",
        "invalid_blocks",
        "invalid_blocks_format",
        "msg_blocks_too_long",
        "msg_blocks_too_many",
        "msg_too_long",
    }
)
"""Slack's words for a message whose blocks it will not show."""


def plain_pieces(view: MessageView) -> list[Rendered]:
    """All words of a message as texts without blocks, each short enough for any method."""
    words = view.markdown.strip("\n")
    pieces = [Rendered((), escape_mrkdwn(piece)) for piece in _cut(words)]
    ends = [line for line in (view.sentence, view.tools_line, view.footer) if line]
    if ends or not pieces:
        pieces.append(Rendered((), clip_escaped("\n".join(ends) or "…", PIECE)))
    return pieces


def _cut(text: str) -> Iterator[str]:
    """Cut at the end of a line or word where possible; every piece escapes to at most `PIECE`."""
    while text:
        end = len(text) if size(escape_mrkdwn(text[: PIECE + 1])) <= PIECE else PIECE
        while size(escape_mrkdwn(text[:end])) > PIECE:
            end = end * 3 // 4
        if end < len(text):
            place = max(text.rfind("\n", end // 2, end), text.rfind(" ", end * 9 // 10, end))
            end = place + 1 if place > 0 else end
        yield text[:end]
        text = text[end:]
