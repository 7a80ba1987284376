"""Card: the message that asks for an approval, and says later how it was decided.

The row owes Slack what the approval is now: buttons while it is open, one line once it is
settled. It is stored in the transaction that stores the question, and owed anew in the one that
settles it, so a card is never missing and never keeps its buttons.
"""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Final

from bridge.domain.approvals import Approval, ApprovalState
from bridge.domain.errors import ChatRefused
from bridge.domain.ids import ApprovalId, UserId
from bridge.domain.outbox_entry import OutboxEntry
from bridge.domain.teammates import Persona
from bridge.render import cards
from bridge.slack.outbound.kinds.kind import (
    Delivery,
    Lane,
    OutboxKind,
    encode,
    persona_of,
)
from bridge.slack.outbound.message_sending import MessageSender, Post, Revision, fixed
from bridge.slack.outbound.status_line import StatusBoard
from bridge.slack.rate_limit.windows import Priority
from bridge.slack.web_api_errors import About, is_about
from bridge.store.approvals import Approvals
from bridge.telemetry import get_logger

CARD: Final = "card"

OnGivenUp = Callable[[ApprovalId], Awaitable[None]]
"""Told of a card that cannot be shown."""

_log = get_logger("slack.outbound.card")


def card_payload(persona: Persona) -> str:
    """As whom it is posted. What it shows is the approval's."""
    return encode(persona=asdict(persona))


class CardKind(OutboxKind):
    """Posted, then edited once. After an unclear send it is looked up by its outbox id.

    Args:
        approvers: people who are named on every card.
        given_up: told of an open question whose card cannot be shown.
    """

    name = CARD

    def __init__(
        self,
        sender: MessageSender,
        status: StatusBoard,
        approvals: Approvals,
        *,
        approvers: frozenset[UserId],
        given_up: OnGivenUp,
    ) -> None:
        super().__init__(sender)
        self._status = status
        self._approvals = approvals
        self._approvers = approvers
        self._given_up = given_up

    def lane(self, entry: OutboxEntry) -> Lane:
        """Every card by itself: no decision waits for another message."""
        return (self.name, entry.approval_id or entry.outbox_id)

    async def deliver(self, delivery: Delivery) -> bool:
        """Show the approval as it is now."""
        approval_id = ApprovalId(delivery.entry.approval_id or "")
        row = await self._sender.outbox.card_of(approval_id)
        approval = await self._approvals.get(approval_id)
        if row is None or row.payload is None or approval is None:
            return True
        post = delivery.post = delivery.post or self._post_of(row, delivery)
        if approval.state is ApprovalState.PENDING:
            await self._ask(post, approval)
        elif not await post.never_sent():
            await self._close(post, approval)
        await self._sender.outbox.card_shown(row.outbox_id, approval.state)
        return True

    async def give_up(self, entry: OutboxEntry, reason: str) -> None:
        """Note that it is not shown, and first tell whoever waits for an answer."""
        approval_id = ApprovalId(entry.approval_id or "")
        approval = await self._approvals.get(approval_id)
        if approval is not None and approval.state is ApprovalState.PENDING:
            await self._given_up(approval_id)
        row = await self._sender.outbox.card_of(approval_id)
        await super().give_up(row or entry, reason)

    def _post_of(self, row: OutboxEntry, delivery: Delivery) -> Post:
        post = self._sender.post(row, persona=persona_of(row), known=not delivery.first)
        post.planned()
        return post

    async def _ask(self, post: Post, approval: Approval) -> None:
        persona = persona_of(post.entry) or Persona("")
        shown = cards.approval_card(
            approval, persona, approvers=self._approvers, outbox_id=post.entry.outbox_id
        )
        asked = Revision(shown, last=False)
        await post.send(lambda: asked, priority=Priority.URGENT)
        self._status.posted(post.entry.channel, post.entry.thread_ts)

    async def _close(self, post: Post, approval: Approval) -> None:
        try:
            await post.update(fixed(cards.decided_card(approval)), priority=Priority.URGENT)
        except ChatRefused as refusal:
            if not is_about(refusal, About.MESSAGE):
                raise
            _log.info("the card cannot be edited any more", code=refusal.code)
