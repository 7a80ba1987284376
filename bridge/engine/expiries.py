"""One task that lets pending approvals expire, whichever comes first."""

import asyncio
from collections.abc import Awaitable, Callable

from bridge.domain.approvals import Approval
from bridge.domain.errors import StoreError
from bridge.engine.tools import Tools
from bridge.telemetry import Tasks, get_logger

log = get_logger("expiries")

_PAUSE_S = 1.0
"""How long a database that fails is left alone, in seconds."""


class Expiries:
    """Asks the store what expires next and sleeps until then; there is never a second task."""

    def __init__(
        self, tools: Tools, tasks: Tasks, *, expire: Callable[[Approval], Awaitable[None]]
    ) -> None:
        self._tools = tools
        self._tasks = tasks
        self._expire = expire
        self._added = asyncio.Event()
        self._sweeping: asyncio.Task[None] | None = None

    def watch(self) -> None:
        """There may be a new pending approval."""
        self._added.set()
        if self._sweeping is None or self._sweeping.done():
            self._sweeping = self._tasks.spawn(self._sweep(), name="expiries")

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
        approvals = self._tools.store.approvals
        while (first := await approvals.first_to_expire()) is not None:
            left_s = (first.expires_at - self._tools.clock.now()).total_seconds()
            if left_s <= 0:
                await self._expire(first)
            else:
                await self._added_within(left_s)

    async def _added_within(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._added.wait()
            self._added.clear()
        except TimeoutError:
            return
