"""Modals: everything that would run, the reason for a denial, and why something did not work."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from bridge.domain.approvals import Approval
from bridge.render.action_ids import (
    REASON_BLOCK,
    REASON_INPUT,
    VIEW_FULL,
    VIEW_REASON,
)
from bridge.render.block_kit import Block, plain, section
from bridge.render.code_blocks import chunks, command_and_rest, diff_text, pretty
from bridge.render.limits import MODAL_BLOCKS, MODAL_BYTES, SECTION_TEXT, VIEW_TITLE
from bridge.render.progress import code_span, one_line, tool_name

REASON_LIMIT = 1_000
"""A reason's length in characters."""

_WORDS = 300


def full_view_modal(approval: Approval) -> Block:
    """Return a modal with all arguments and changes; its last line says what had to be cut."""
    view = _View([section(f"*{tool_name(approval.tool_name)}*")])
    left = sum(view.show(title, text) for title, text in _contents(approval))
    if left:
        more = "1 more character does" if left == 1 else f"{left:,} more characters do"
        view.blocks.append(section(f"…, {more} not fit here. Deny when you need to see the rest."))
    return _modal(VIEW_FULL, "Full view", view.blocks)


def reason_modal(approval: Approval) -> Block:
    """Return the modal that asks why. Its private metadata is a JSON object: `approval`, and
    `channel` and `thread_ts` (or null) of the thread, where people are answered.
    """
    question = {
        "type": "input",
        "block_id": REASON_BLOCK,
        "label": plain("Why not?", 2_000),
        "hint": plain("The agent is told these words.", 2_000),
        "element": {
            "type": "plain_text_input",
            "action_id": REASON_INPUT,
            "multiline": True,
            "max_length": REASON_LIMIT,
            "focus_on_load": True,
        },
    }
    view = _modal(VIEW_REASON, "Deny with reason", [question])
    return {
        **view,
        "close": plain("Cancel", VIEW_TITLE),
        "submit": plain("Deny", VIEW_TITLE),
        "private_metadata": json.dumps(
            {
                "approval": approval.approval_id,
                "channel": approval.thread.channel,
                "thread_ts": approval.thread.thread_ts,
            }
        ),
    }


@dataclass(slots=True)
class _View:
    """A modal as it fills up."""

    blocks: list[Block]
    used: int = 0

    def show(self, title: str, text: str) -> int:
        """Add what fits; return how many characters of `text` do not."""
        shown = 0
        if self._add(section(title)):
            for chunk, end in chunks(text, SECTION_TEXT):
                if not self._add(section(chunk)):
                    break
                shown = end
        return len(text) - shown

    def _add(self, block: Block) -> bool:
        size = len(json.dumps(block))
        if self.used + size > MODAL_BYTES or len(self.blocks) >= MODAL_BLOCKS:
            return False
        self.blocks.append(block)
        self.used += size
        return True


def _contents(approval: Approval) -> Iterator[tuple[str, str]]:
    command, description, rest = command_and_rest(approval.tool_name, approval.arguments)
    if command is not None:
        yield "Command", command
    if description:
        yield "In the agent's words", description
    if rest or not approval.arguments:
        yield "Arguments", pretty(rest)
    for diff in approval.diffs:
        path = code_span(one_line(diff.path, _WORDS))
        yield f"Changes in {path or 'a file'}", diff_text(diff) or "(nothing to show)"


def _modal(callback_id: str, title: str, blocks: list[Block]) -> Block:
    return {
        "type": "modal",
        "callback_id": callback_id,
        "title": plain(title, VIEW_TITLE),
        "close": plain("Close", VIEW_TITLE),
        "blocks": blocks,
    }
