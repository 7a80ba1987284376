"""Approvals: what exactly was shown, how it was decided, and what the agent is told."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from bridge.domain.events import FileDiff, Verdict
from bridge.domain.ids import ApprovalId, MessageRef, ThreadKey, TurnId, UserId
from bridge.domain.messages import Person


class ApprovalState(StrEnum):
    """Where an approval stands. Everything but `PENDING` is final."""

    PENDING = "pending"
    ALLOWED = "allowed"
    DENIED = "denied"
    EXPIRED = "expired"
    VOID = "void"


@dataclass(frozen=True, slots=True)
class Approval:
    """One question to people, as stored.

    `request_id` is the server's name for it within one connection, `call_id` the tool call that
    it is about; `digest` is the hash of exactly what the card shows; `card` is the message with
    the buttons, None until posted; `cause` says why it is void, or the reason given with a denial.
    """

    approval_id: ApprovalId
    turn_id: TurnId
    thread: ThreadKey
    teammate: str
    request_id: str
    tool_name: str
    arguments: Mapping[str, Any]
    diffs: tuple[FileDiff, ...]
    digest: str
    requester: UserId | None
    asked_at: datetime
    expires_at: datetime
    state: ApprovalState = ApprovalState.PENDING
    decided_by: UserId | None = None
    decided_at: datetime | None = None
    cause: str | None = None
    card: MessageRef | None = None
    call_id: str = ""


@dataclass(frozen=True, slots=True)
class Click:
    """A person decided, on the card that was pressed or in the form that it opened (`card` is
    None). `team` is the workspace to which the click says that the person belongs, empty when
    it does not say.
    """

    approval_id: ApprovalId
    person: Person
    verdict: Verdict
    card: MessageRef | None
    team: str = ""
    reason: str | None = None


QUESTION_TOOL = "AskUserQuestion"
"""What servers up to 0.33 ask permission for when the agent wants to ask people (PROTOCOL §12)."""

ASK_IN_WORDS = (
    "Nobody refused this, but people here cannot fill in that form. Ask your questions in your "
    "reply, in words, and end your turn; the answer comes as the next message."
)
"""What the agent is told instead."""

EXPIRED = "Nobody answered in time, so this request has expired."


def digest(tool_name: str, arguments: Mapping[str, Any], diffs: tuple[FileDiff, ...]) -> str:
    """SHA-256 (hex) of what a card shows: the decision is bound to it."""
    shown = {
        "tool": tool_name,
        "arguments": arguments,
        "diffs": [
            [diff.path, diff.note, [[line.kind, line.text] for line in diff.lines]]
            for diff in diffs
        ],
    }
    canonical = json.dumps(shown, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


def settled_sentence(approval: Approval) -> str:
    """What to tell somebody who comes too late."""
    match approval.state:
        case ApprovalState.ALLOWED:
            return f"<@{approval.decided_by}> has already approved this."
        case ApprovalState.DENIED:
            return f"<@{approval.decided_by}> has already denied this."
        case ApprovalState.EXPIRED:
            return approval.cause or EXPIRED
        case ApprovalState.VOID:
            return approval.cause or "This request is no longer open."
        case ApprovalState.PENDING:  # pragma: no branch
            return "This request is still open."


def decision_for_agent(verdict: Verdict, *, who: str | None, reason: str | None) -> str:
    """The true cause in words for the agent; "nobody answered" is not "refused"."""
    match verdict:
        case Verdict.ALLOW:
            return ""
        case Verdict.DENY:
            said = f" and said: {reason}" if reason else "."
            return f"{who or 'A person'} denied this action{said}"
        case Verdict.EXPIRED:  # pragma: no branch
            why = reason or "Nobody answered the request in time."
            return f"{why} The action was not run. This is not a refusal: nobody has looked at it."
