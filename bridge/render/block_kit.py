"""Block Kit elements, each within Slack's limits."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bridge.domain.ids import OutboxId
from bridge.render.action_ids import block_id
from bridge.render.limits import (
    BUTTON_TEXT,
    BUTTON_VALUE,
    FALLBACK_TEXT,
    MARKDOWN_PER_MESSAGE,
    TEXT_OBJECT,
    clip,
)
from bridge.render.plain import clip_escaped

Block = dict[str, Any]
"""One Block Kit block, element or composition object, as JSON data."""

BLANK = "\u2026"


@dataclass(frozen=True, slots=True)
class Rendered:
    """What to send: blocks, and the top-level `text` for notifications and plain readers."""

    blocks: tuple[Block, ...]
    text: str


def rendered(blocks: Sequence[Block], text: str, outbox_id: OutboxId | None = None) -> Rendered:
    """Put blocks and fallback together; each block gets its id when there is an outbox id."""
    if outbox_id is not None:
        blocks = [
            {**block, "block_id": block_id(outbox_id, index)} for index, block in enumerate(blocks)
        ]
    return Rendered(tuple(blocks), clip_escaped(text.strip() or BLANK, FALLBACK_TEXT))


def mrkdwn(text: str) -> Block:
    """Return a mrkdwn object in which Slack looks for nothing (`verbatim`); `text` is escaped."""
    shown = clip_escaped(text, TEXT_OBJECT)
    return {"type": "mrkdwn", "text": shown if shown.strip() else BLANK, "verbatim": True}


def plain(text: str, limit: int) -> Block:
    """Return a plain text object."""
    return {"type": "plain_text", "text": clip(text, limit) or BLANK, "emoji": False}


def markdown(text: str) -> Block:
    """Return a markdown block; `text` is mention-safe standard Markdown."""
    return {"type": "markdown", "text": clip(text, MARKDOWN_PER_MESSAGE)}


def section(text: str) -> Block:
    """Return a section with one mrkdwn text."""
    return {"type": "section", "text": mrkdwn(text)}


def context(text: str) -> Block:
    """Return a quiet line."""
    return {"type": "context", "elements": [mrkdwn(text)]}


def literal(text: str) -> Block:
    """Return a quiet line of foreign words: nothing in it is formatting or a mention."""
    return {"type": "context", "elements": [plain(text, TEXT_OBJECT)]}


def actions(*buttons: Block) -> Block:
    """Return a row of buttons."""
    return {"type": "actions", "elements": list(buttons)}


def button(text: str, *, action_id: str, value: str, style: str | None = None) -> Block:
    """Return a button. `style` is `primary`, `danger` or None; raises `ValueError` when `value`
    is too long, because a cut value would name something else.
    """
    if len(value) > BUTTON_VALUE:
        raise ValueError("A button's value may have 2,000 characters.")
    styled = {"style": style} if style else {}
    shown = plain(text, BUTTON_TEXT)
    return {"type": "button", "text": shown, "action_id": action_id, "value": value, **styled}
