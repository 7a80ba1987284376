"""An approval's card: the question with everything that would run, and how it was settled."""

from collections.abc import Set
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
)
from bridge.render.block_kit import (
    Block,
    Rendered,
    actions,
    button,
    context,
    literal,
    rendered,
    section,
)
from bridge.render.code_blocks import command_and_rest, diff_text, excerpt, pretty
from bridge.render.limits import SECTION_TEXT
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
        blocks.append(section(f"Changes in {path}"))
        block, left = _data(diff_text(diff) or "(nothing to show)", _ROOM)
        blocks.append(block)
        cut += left
    more = len(diffs) - _FILES_SHOWN
    if more > 0:
        blocks.append(context(f"…and {more:,} more file{'' if more == 1 else 's'}: {_OPEN}"))
    return blocks, cut > 0


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
