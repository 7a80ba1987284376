"""Permissions: who may give work to agents, stop it, and decide on approvals."""

from dataclasses import dataclass
from datetime import datetime

from bridge.domain.approvals import EXPIRED, Approval, ApprovalState, Click, settled_sentence
from bridge.domain.ids import UserId
from bridge.domain.messages import Person


@dataclass(frozen=True, slots=True)
class PeoplePolicy:
    """`allowed` empty means every full member of the workspace; outsiders are guests, people
    of other organisations and everyone else who is not a full member.
    """

    allowed: frozenset[UserId] = frozenset()
    allow_outsiders: bool = False


def may_ask(person: Person, policy: PeoplePolicy) -> bool:
    """Whether this person's messages become turns. Bots never do: that is how loops begin."""
    if person.is_bot:
        return False
    if policy.allowed:
        return person.user in policy.allowed
    return person.trusted or policy.allow_outsiders


def may_stop(person: Person, policy: PeoplePolicy) -> bool:
    """Whether this person may stop turns: whoever may start one may stop any."""
    return may_ask(person, policy)


NOT_ALLOWED = (
    "Agents here take work only from full members of this workspace. "
    "Ask a colleague who is one, or ask the operator to let you in."
)
"""The private note for somebody whose message becomes no turn."""


@dataclass(frozen=True, slots=True)
class ApprovalPolicy:
    """Who decides besides the one who asked, and for how long a question stays open."""

    approvers: frozenset[UserId]
    expiry_s: float


def reason_to_deny(
    approval: Approval, click: Click, policy: ApprovalPolicy, *, now: datetime
) -> str | None:
    """Why this click may not decide, as a sentence for the person; None when it may.

    Denies by default: only the member whose message started the turn and the configured
    approvers may decide, on the card that was stored, before it expires.
    """
    if click.person.is_bot:
        return "Only people can decide this."
    if approval.card is not None and approval.card.ts != click.message_ts:
        return "That card is out of date. Please use the newest one in the thread."
    if approval.state is not ApprovalState.PENDING:
        return settled_sentence(approval)
    if now >= approval.expires_at:
        return EXPIRED
    if click.person.user in policy.approvers:
        return None
    if click.person.user == approval.requester and click.person.trusted:
        return None
    return _who_may(approval, click.person, policy)


def _who_may(approval: Approval, refused: Person, policy: ApprovalPolicy) -> str:
    may = policy.approvers | ({approval.requester} if approval.requester else set())
    named = " or ".join(f"<@{user}>" for user in sorted(may - {refused.user}))
    if not named:
        return "Nobody is set up to decide this. Ask the operator to name approvers."
    return f"Only {named} can decide this."
