"""The queue in front of Slack: callers wait here until the ledger lets them through."""

import asyncio
import itertools
import math
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from bridge.slack.ledger import Ledger, Priority

Urgency = Priority | Callable[[], Priority]
"""How much a call matters; a function where that may change while the call waits."""


@dataclass(frozen=True, slots=True)
class _Waiter:
    urgency: Urgency
    number: int
    method: str
    channel: str | None
    through: asyncio.Future[None]

    @property
    def priority(self) -> Priority:
        return self.urgency() if callable(self.urgency) else self.urgency

    @property
    def rank(self) -> tuple[Priority, int]:
        return self.priority, self.number


class Budget:
    """One shared budget for all calls to one workspace. Belongs to one event loop.

    Args:
        monotonic: seconds that never jump.
    """

    def __init__(self, *, monotonic: Callable[[], float]) -> None:
        self._ledger = Ledger()
        self._monotonic = monotonic
        self._waiters: list[_Waiter] = []
        self._numbers = itertools.count()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def edit_interval_s(self) -> float:
        """How long a reply should wait between two edits now."""
        return self._ledger.edit_interval_s()

    @contextmanager
    def live_reply(self) -> Iterator[None]:
        """While this is open one more reply is in progress: edits slow down and leave it room."""
        self._ledger.live += 1
        try:
            yield
        finally:
            self._ledger.live -= 1
            self._serve()

    @asynccontextmanager
    async def permit(
        self, method: str, *, channel: str | None = None, priority: Urgency
    ) -> AsyncIterator[None]:
        """Wait for a place, hold it during the call. Cancelling the wait gives the place back.

        Among those who wait, the lower priority number goes first, then who came first. Call
        `reconsider` when the priority of one who waits has changed.
        """
        await self._place(method, channel, priority)
        try:
            yield
        finally:
            self._ledger.ended(method, channel=channel, now=self._monotonic())
            self._serve()

    def waiting(self, method: str) -> int:
        """How many calls of `method` wait for a place now."""
        return sum(waiter.method == method for waiter in self._waiters)

    def reconsider(self) -> None:
        """Look again at who waits: a priority has changed."""
        self._serve()

    def refused(self, method: str, *, retry_after_s: float) -> None:
        """Slack answered 429 to `method`."""
        self._ledger.refused(method, retry_after_s=retry_after_s, now=self._monotonic())

    async def _place(self, method: str, channel: str | None, priority: Urgency) -> None:
        through = asyncio.get_running_loop().create_future()
        waiter = _Waiter(priority, next(self._numbers), method, channel, through)
        self._waiters.append(waiter)
        self._serve()
        try:
            await through
        except asyncio.CancelledError:
            if through.done() and not through.cancelled():
                self._ledger.unused(method, channel=channel)
            else:
                self._waiters.remove(waiter)
            self._serve()
            raise

    def _serve(self) -> None:
        """Let through whom the ledger allows, in order, and wake up for the next one."""
        now, soonest, waiting = self._monotonic(), math.inf, []
        for waiter in sorted(self._waiters, key=lambda waiter: waiter.rank):
            if waiter.through.cancelled():
                waiting.append(waiter)  # its owner takes it out
                continue
            wait_s = self._ledger.take(
                waiter.method, channel=waiter.channel, priority=waiter.priority, now=now
            )
            if wait_s > 0.0:
                soonest = min(soonest, wait_s)
                waiting.append(waiter)
            else:
                waiter.through.set_result(None)
        self._waiters = waiting
        self._wake_in(soonest)

    def _wake_in(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if seconds < math.inf:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._serve)
