"""One task that lets pending approvals expire, whichever comes first.

How long an approval has left is counted on a clock that never jumps, from when this process first
saw it: a clock that is set forward expires nothing, and one set back keeps nothing alive.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from bridge.domain.approvals import Approval
from bridge.domain.errors import StoreError
from bridge.domain.ids import ApprovalId
from bridge.engine.context import EngineContext
from bridge.telemetry import Tasks, get_logger

log = get_logger("expiries")

_PAUSE_S = 1.0
"""How long a database that fails is left alone, in seconds."""


class ApprovalTimeouts:
    """Asks the store what is pending and sleeps until the first is due; never in two tasks."""

    def __init__(
        self, context: EngineContext, tasks: Tasks, *, expire: Callable[[Approval], Awaitable[None]]
    ) -> None:
        self._context = context
        self._tasks = tasks
        self._expire = expire
        self._added = asyncio.Event()
        self._sweeping: asyncio.Task[None] | None = None
        self._due: dict[ApprovalId, float] = {}

    def watch(self) -> None:
        """There may be a new pending approval."""
        self._added.set()
        if self._sweeping is None or self._sweeping.done():
            self._sweeping = self._tasks.spawn(self._sweep(), name="expiries")

    def moment_of(self, approval: Approval) -> datetime:
        """Now, as far as this approval's end is concerned: it may be compared with that alone."""
        return approval.expires_at - timedelta(seconds=self._left_s(approval))

    async def _sweep(self) -> None:
        """Until nothing is pending."""
        while self._added.is_set():
            self._added.clear()
            try:
                await self._work_off()
            except StoreError as error:
                log.warning("expiries wait for the database", cause=str(error))
                self._added.set()
                await asyncio.sleep(_PAUSE_S)

    async def _work_off(self) -> None:
        while pending := await self._context.store.approvals.open_all():
            first = min(pending, key=self._left_s)
            self._forget_all_but(pending)
            left_s = self._left_s(first)
            if left_s <= 0:
                await self._expire(first)
            else:
                await self._added_within(left_s)
        self._due.clear()

    def _left_s(self, approval: Approval) -> float:
        """Seconds until it expires; never more than it was given when it was asked."""
        monotonic = self._context.clock.monotonic()
        if approval.approval_id not in self._due:
            left = approval.expires_at - self._context.clock.now()
            left = min(left, approval.expires_at - approval.asked_at)
            self._due[approval.approval_id] = monotonic + left.total_seconds()
        return self._due[approval.approval_id] - monotonic

    def _forget_all_but(self, pending: list[Approval]) -> None:
        open_ids = {approval.approval_id for approval in pending}
        self._due = {which: due for which, due in self._due.items() if which in open_ids}

    async def _added_within(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._added.wait()
            self._added.clear()
        except TimeoutError:
            return
