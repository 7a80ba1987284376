"""Cards of approvals: what was begun is brought to its end, whatever becomes of the turn.

A card is posted and closed in tasks of its own, so that no cancelled turn leaves live buttons.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

from bridge.domain.approvals import Approval, ApprovalState
from bridge.domain.ids import ApprovalId, MessageTs
from bridge.domain.teammates import Persona
from bridge.engine.context import EngineContext
from bridge.telemetry import Tasks, bounded


class ApprovalCards:
    """Shows and closes cards. The stored row says which of them are still to be closed."""

    def __init__(self, context: EngineContext, tasks: Tasks) -> None:
        self._context = context
        self._tasks = tasks
        self._busy: set[asyncio.Task[Any]] = set()
        self._showing: set[ApprovalId] = set()

    def spawn(self, work: Coroutine[Any, Any, Any], *, name: str) -> asyncio.Task[Any]:
        """Run work that `aclose` waits for."""
        task = self._tasks.spawn(work, name=name)
        self._busy.add(task)
        task.add_done_callback(self._busy.discard)
        return task

    async def show(
        self, approval: Approval, *, persona: Persona, thread_ts: MessageTs | None
    ) -> None:
        """Post the card and note where it is. Raises `ChatError` when it cannot be shown."""
        approvals = self._context.store.approvals
        self._showing.add(approval.approval_id)
        try:
            card = await self._context.chat.post_card(
                approval, thread_ts=thread_ts, persona=persona
            )
            await approvals.set_card(approval.approval_id, card)
        finally:
            self._showing.discard(approval.approval_id)
        shown = await approvals.get(approval.approval_id)
        if shown is not None and shown.state is not ApprovalState.PENDING:
            self.close(shown)  # it was settled while its card was on the way

    def is_showing(self, approval_id: ApprovalId) -> bool:
        """Whether the card is on its way."""
        return approval_id in self._showing

    def close(self, approval: Approval) -> None:
        """Take the buttons from a settled approval's card, if it has one. Returns at once.

        Also when none is known: Slack may have one that it did not tell us of.
        """
        self.spawn(self._close(approval), name=f"close card {approval.approval_id}")

    async def aclose(self, *, within_s: float) -> None:
        """Wait, at most so long, for what is being posted and closed. May be called twice."""
        await bounded(self._idle(), within_s=within_s, what="cards")

    async def _close(self, approval: Approval) -> None:
        if await self._context.chat.close_card(approval):
            now = self._context.clock.now()
            await self._context.store.approvals.card_closed(approval.approval_id, now)

    async def _idle(self) -> None:
        while self._busy:
            await asyncio.wait(list(self._busy))
