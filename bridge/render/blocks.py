"""Messages as Block Kit: a reply in any state, and notices."""

from collections.abc import Set

from bridge.domain.ids import OutboxId, TurnId, UserId
from bridge.render.action_ids import TURN_STOP
from bridge.render.block_kit import (
    Block,
    Rendered,
    actions,
    button,
    context,
    markdown,
    rendered,
    section,
)
from bridge.render.mentions import safe_mrkdwn
from bridge.render.plain import plain_fallback
from bridge.render.stream import MessageView

WORKING = "Working…"
WITHDRAWN = "This part was taken back. What replaces it is in this thread."


def reply_blocks(
    view: MessageView, *, turn_id: TurnId, outbox_id: OutboxId | None = None
) -> Rendered:
    """Return one message of a reply: text, closing sentence, tool line, stop button, footer.

    Only a live message has the stop button, with the turn's id. The blocks are named after
    `outbox_id` (`handles.block_id`), so that a post can be recognised later.
    """
    blocks: list[Block] = []
    if view.markdown.strip():
        blocks.append(markdown(view.markdown))
    if view.sentence:
        blocks.append(section(view.sentence))
    if view.tools_line:
        blocks.append(context(view.tools_line))
    if not blocks and view.live:
        blocks.append(context(WORKING))
    if view.live:
        blocks.append(actions(button("Stop", action_id=TURN_STOP, value=turn_id)))
    if view.footer:
        blocks.append(context(view.footer))
    if not blocks:
        blocks.append(context(WITHDRAWN))
    return rendered(blocks, _fallback(view), outbox_id)


def notice_blocks(
    text: str, *, allowed: Set[UserId] | None = frozenset(), outbox_id: OutboxId | None = None
) -> Rendered:
    """Return a quiet line. Mentions of `allowed` users stay, all others are broken; None keeps
    every user mention, for a text of our own.
    """
    shown = safe_mrkdwn(text, allowed=allowed)
    return rendered([context(shown)], shown, outbox_id)


def private_note(text: str) -> Rendered:
    """Return a note that one person sees: user mentions stay readable, nobody else is told."""
    shown = safe_mrkdwn(text, allowed=None)
    return rendered([section(shown)], shown)


def _fallback(view: MessageView) -> str:
    words = plain_fallback(view.markdown)
    last = view.sentence or ("" if words else view.tools_line or view.footer)
    if not words and not last:
        return WORKING if view.live else WITHDRAWN
    return "\n".join(part for part in (words, last) if part)
