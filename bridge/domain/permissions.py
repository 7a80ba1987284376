"""Permissions: who may give work to agents, stop it, and decide on approvals."""

from dataclasses import dataclass
from datetime import datetime

from bridge.domain.approvals import EXPIRED, Approval, ApprovalState, Click, settled_sentence
from bridge.domain.ids import MessageRef, UserId
from bridge.domain.messages import Person


@dataclass(frozen=True, slots=True)
class PeoplePolicy:
    """`allowed` empty means every full member of the workspace; outsiders are guests, people
    of other organisations and everyone else who is not a full member. `apps` are ids of apps,
    bots and workflows that may give work.
    """

    allowed: frozenset[UserId] = frozenset()
    allow_outsiders: bool = False
    apps: frozenset[str] = frozenset()


def may_ask(person: Person, policy: PeoplePolicy) -> bool:
    """Whether this person's messages become turns. Bots never do: that is how loops begin."""
    if person.is_bot or not person.active:
        return False
    if policy.allowed:
        return person.user in policy.allowed
    return person.trusted or policy.allow_outsiders


def app_may_ask(apps: frozenset[str], policy: PeoplePolicy) -> bool:
    """Whether an app that is known by these ids may give work."""
    return not apps.isdisjoint(policy.apps)


APPS_MAY_NOT_ASK = (
    "Agents here take no work from this app, only from people. "
    "The operator can let it in with the setting people.apps."
)
"""The quiet line under the words of an app that mentioned us."""


def may_stop(person: Person, policy: PeoplePolicy) -> bool:
    """Whether this person may stop turns: whoever may start one may stop any."""
    return may_ask(person, policy)


def reason_to_ignore(person: Person, team: str) -> str | None:
    """Why nothing that this account presses counts, as a sentence; None when it may count.

    `team` is the workspace to which the click says that the person belongs, empty when it does not
    say. It must be one of those that Slack's directory gives for that user id.
    """
    if person.is_bot:
        return "Only people can decide this."
    if not person.active:
        return "This account is deactivated, so what it presses does not count."
    if team and person.teams and team not in person.teams:
        return "This was pressed from another workspace, so it does not count."
    return None


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
    refused = reason_to_ignore(click.person, click.team)
    if refused is not None:
        return refused
    if click.card is not None and not _is_card_of(approval, click.card):
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


def reason_to_hide(
    approval: Approval, click: Click, people: PeoplePolicy, policy: ApprovalPolicy
) -> str | None:
    """Why this person is not shown everything that would run; None when they are."""
    person = click.person
    refused = reason_to_ignore(person, click.team)
    if refused is not None:
        return refused
    if click.card is not None and not _is_card_of(approval, click.card):
        return "That card is out of date. Please use the newest one in the thread."
    is_known = person.user == approval.requester or person.user in policy.approvers
    return None if is_known or may_ask(person, people) else NOT_ALLOWED


def _is_card_of(approval: Approval, card: MessageRef) -> bool:
    if approval.card is None:
        return card.channel == approval.thread.channel
    return card == approval.card


def _who_may(approval: Approval, refused: Person, policy: ApprovalPolicy) -> str:
    may = policy.approvers | ({approval.requester} if approval.requester else set())
    named = " or ".join(f"<@{user}>" for user in sorted(may - {refused.user}))
    if not named:
        return "Nobody is set up to decide this. Ask the operator to name approvers."
    return f"Only {named} can decide this."
