"""Approval cards and modals: the question with everything that would run, and its decision."""

import json
from collections.abc import Iterator, Set
from dataclasses import dataclass
from datetime import UTC, datetime

from bridge.domain.approvals import Approval, ApprovalState, settled_sentence
from bridge.domain.events import FileDiff
from bridge.domain.ids import ApprovalId, OutboxId, UserId
from bridge.domain.teammates import Persona
from bridge.render.action_ids import (
    APPROVAL_ALLOW,
    APPROVAL_DENY,
    APPROVAL_DENY_REASON,
    APPROVAL_VIEW,
    REASON_BLOCK,
    REASON_INPUT,
    VIEW_FULL,
    VIEW_REASON,
)
from bridge.render.block_kit import (
    Block,
    Rendered,
    actions,
    button,
    context,
    literal,
    plain,
    rendered,
    section,
)
from bridge.render.code_blocks import chunks, command_and_rest, diff_text, excerpt, pretty
from bridge.render.limits import MODAL_BLOCKS, MODAL_BYTES, SECTION_TEXT, VIEW_TITLE
from bridge.render.mentions import escape_mrkdwn, safe_mrkdwn
from bridge.render.progress import code_span, hint_of, one_line, tool_name

_ROOM = 2_400
_ROOM_BESIDE_DIFF = 800
_FILES_SHOWN = 3
_WORDS = 300


def approval_card(
    approval: Approval,
    persona: Persona,
    *,
    approvers: Set[UserId] = frozenset(),
    outbox_id: OutboxId | None = None,
) -> Rendered:
    """Return the question with its buttons; each carries the approval's id and nothing else.

    What would run is shown as data, never as formatting. Where it had to be cut the card says so
    and offers the full view. `approvers` are named beside the one who asked.
    """
    title = f"*{_bold(persona.name)}* asks to use *{tool_name(approval.tool_name)}*"
    diffs, diffs_cut = _diffs(approval.diffs)
    # The server's diff says what a write does; its arguments, beside it, would say it twice.
    shown, cut = ([], False) if _tells_all(approval.diffs) else _what_runs(approval)
    full = cut or diffs_cut or bool(approval.diffs)
    blocks = [
        section(title),
        *shown,
        *diffs,
        context(_terms(approval, approvers)),
        _buttons(approval.approval_id, full=full),
    ]
    hint = escape_mrkdwn(hint_of(approval.tool_name, approval.arguments))
    fallback = f"{_bold(persona.name)} asks to use {tool_name(approval.tool_name)}: {hint}"
    return rendered(blocks, fallback.removesuffix(": "), outbox_id)


def decided_card(approval: Approval, *, outbox_id: OutboxId | None = None) -> Rendered:
    """Return the one line that a settled card becomes: who, what, when and why."""
    hint = code_span(hint_of(approval.tool_name, approval.arguments))
    what = f"*{tool_name(approval.tool_name)}* {hint}".strip()
    line = _settled(approval, what)
    return rendered([context(line)], line, outbox_id)


def instant(at: datetime) -> str:
    """Return an instant as Slack's date token: every reader sees it in the own time zone."""
    utc = at.astimezone(UTC)
    words = "{date_short_pretty} {time}"
    return f"<!date^{int(utc.timestamp())}^{words}|{utc:%Y-%m-%d %H:%M} UTC>"


# --- what would run ------------------------------------------------------------------------


def _what_runs(approval: Approval) -> tuple[list[Block], bool]:
    room = _ROOM_BESIDE_DIFF if approval.diffs else _ROOM
    command, description, rest = command_and_rest(approval.tool_name, approval.arguments)
    blocks: list[Block] = []
    cut = 0
    if command is not None:
        block, cut = _data(command, room)
        blocks.append(block)
    if description:
        words = one_line(description, _WORDS)
        cut += words != description
        blocks.append(literal(f"In the agent's words: {words}"))
    if rest:
        block, left = _data(pretty(rest), room)
        blocks.append(block)
        cut += left
    if not approval.arguments:
        blocks.append(context("It takes no arguments."))
    return blocks, cut > 0


def _tells_all(diffs: tuple[FileDiff, ...]) -> bool:
    return bool(diffs) and all(diff.lines and diff.note is None for diff in diffs)


def _diffs(diffs: tuple[FileDiff, ...]) -> tuple[list[Block], bool]:
    blocks: list[Block] = []
    cut = 0
    for diff in diffs[:_FILES_SHOWN]:
        path = code_span(one_line(diff.path, _WORDS)) or "`(no path)`"
        if not diff.lines:
            blocks.append(section(f"Changes in {path}: {_no_lines(diff)}"))
            continue
        blocks.append(section(f"Changes in {path}"))
        block, left = _data(diff_text(diff), _ROOM)
        blocks.append(block)
        cut += left
    more = len(diffs) - _FILES_SHOWN
    if more > 0:
        blocks.append(context(f"…and {more:,} more file{'' if more == 1 else 's'}: {_OPEN}"))
    return blocks, cut > 0


def _no_lines(diff: FileDiff) -> str:
    note = escape_mrkdwn(one_line(diff.note, _WORDS)) if diff.note else ""
    return f"no lines to show ({note})" if note else "no lines to show"


_OPEN = "open the full view"


def _data(text: str, room: int) -> tuple[Block, int]:
    shown, left = excerpt(text, room)
    if left:
        shown += f"\n…, {left:,} more character{'' if left == 1 else 's'}: {_OPEN}."
    return section(shown), left


# --- who and until when --------------------------------------------------------------------


def _terms(approval: Approval, approvers: Set[UserId]) -> str:
    requester = {approval.requester} if approval.requester else set[UserId]()
    people = " or ".join(f"<@{user}>" for user in [*requester, *sorted(approvers - requester)][:10])
    who = f"{people} can decide" if people else "Only an approver can decide"
    return f"{who} · until {instant(approval.expires_at)}"


def _buttons(approval_id: ApprovalId, *, full: bool) -> Block:
    buttons = [
        button("Approve", action_id=APPROVAL_ALLOW, value=approval_id, style="primary"),
        button("Deny", action_id=APPROVAL_DENY, value=approval_id, style="danger"),
        button("Deny with reason…", action_id=APPROVAL_DENY_REASON, value=approval_id),
    ]
    if full:
        buttons.append(button("Full view", action_id=APPROVAL_VIEW, value=approval_id))
    return actions(*buttons)


def _settled(approval: Approval, what: str) -> str:
    when = f" · {instant(approval.decided_at)}" if approval.decided_at else ""
    who = f"<@{approval.decided_by}>" if approval.decided_by else "Somebody"
    sentences = {
        ApprovalState.ALLOWED: f"✓ {who} approved {what}{when}",
        ApprovalState.DENIED: f"✕ {who} denied {what}{when}{_reason(approval)}",
        ApprovalState.EXPIRED: f"Nobody answered in time: {what} was not run{when}",
        ApprovalState.VOID: f"{what}: {safe_mrkdwn(settled_sentence(approval))}{when}",
        ApprovalState.PENDING: f"{what} is waiting for a decision.",
    }
    return sentences[approval.state]


def _reason(approval: Approval) -> str:
    if not approval.cause:
        return ""
    return f" · “{escape_mrkdwn(one_line(approval.cause, SECTION_TEXT // 4))}”"


def _bold(name: str) -> str:
    return escape_mrkdwn(one_line(name)).replace("*", "∗") or "The agent"


REASON_LIMIT = 1_000
"""A reason's length in characters."""


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
        yield f"Changes in {path or 'a file'}", diff_text(diff) or "No lines to show."


def _modal(callback_id: str, title: str, blocks: list[Block]) -> Block:
    return {
        "type": "modal",
        "callback_id": callback_id,
        "title": plain(title, VIEW_TITLE),
        "close": plain("Close", VIEW_TITLE),
        "blocks": blocks,
    }
