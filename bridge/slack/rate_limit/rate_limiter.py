"""Rate limiter for Slack's Web API: callers wait here for a place."""

import asyncio
import itertools
import math
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Final

from bridge.slack.rate_limit.wait_queue import Urgency, Waiter, WaitQueue, WaitQueueLane
from bridge.slack.rate_limit.windows import Priority, RateLimitWindows
from bridge.telemetry import SLACK_WAIT

SLOW_S: Final = 5.0
"""Text that waits longer than this is worth a word."""

KEPT_S: Final = 10.0
"""How long the word stays after the last sign, so that it does not come and go."""

LOOK_S: Final = 2.0


@dataclass(slots=True)
class SlowNotice:
    """Whether replies are kept waiting. `shown` is what people are told."""

    shown: bool = False
    _until: float = 0.0

    def judge(self, *, oldest_s: float | None, interval_s: float, now: float) -> float:
        """Take in how things are at `now`; returns the seconds until this should be asked again.

        Args:
            oldest_s: how long the first in the queue has waited; None when nobody waits.
            interval_s: how long a growing reply waits between two edits; 0 without one.
            now: monotonic seconds.

        Returns:
            Infinite when nothing changes without a new call.
        """
        if (oldest_s or 0.0) >= SLOW_S or interval_s >= SLOW_S:
            self._until = now + KEPT_S
        self.shown = now < self._until
        if self.shown:
            return LOOK_S
        return math.inf if oldest_s is None else SLOW_S - oldest_s


GROWING_S: Final = 30.0
"""A reply that was not shown anew for so long beyond its interval leaves its share to others."""

SHOWING: Final = frozenset({"chat.postMessage", "chat.update"})
SHOWN: Final = frozenset({Priority.URGENT, Priority.FIRST, Priority.EDIT})


class RateLimiter:
    """One shared budget for all calls to one workspace. Belongs to one event loop.

    Args:
        monotonic: seconds that never jump.
    """

    def __init__(self, *, monotonic: Callable[[], float]) -> None:
        self._windows = RateLimitWindows()
        self._monotonic = monotonic
        self._lanes = WaitQueue()
        self._numbers = itertools.count()
        self._timer: asyncio.TimerHandle | None = None
        self._shares: dict[EditShare, float] = {}
        self._took_over = False
        self._slowness = SlowNotice()
        self._watchers: list[Callable[[], None]] = []

    @property
    def slow(self) -> bool:
        """Whether Slack's limits keep what replies say waiting for seconds."""
        return self._slowness.shown

    def watch_slow(self, changed: Callable[[], None]) -> None:
        """Call `changed` whenever `slow` has changed; it must return at once and not raise."""
        self._watchers.append(changed)

    @contextmanager
    def live_reply(self, *, resumed: bool = False) -> Iterator["EditShare"]:
        """While this is open one more reply is in progress: edits slow down and leave it room.

        `resumed`: an earlier process wrote it until now. What that one sent is not known, so
        the first such reply lets half of a minute's edits count as made.
        """
        share = EditShare(self._interval_of, self._monotonic())
        self._windows.live += 1
        self._shares[share] = self._monotonic() + GROWING_S
        if resumed and not self._took_over:
            self._took_over = True
            self._windows.taken_over(self._monotonic())
        try:
            yield share
        finally:
            self._windows.live -= 1
            del self._shares[share]
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
            self._windows.ended(method, channel=channel, now=self._monotonic())
            self._serve()

    def waiting(self, method: str) -> int:
        """How many calls of `method` wait for a place now."""
        return self._lanes.waiting(method)

    def reconsider(self) -> None:
        """Look again at who waits: a priority has changed."""
        self._lanes.sort_anew()
        self._serve()

    def refused(
        self, method: str, *, channel: str | None = None, retry_after_s: float | None
    ) -> float:
        """Slack answered 429 to a call that still holds its permit; returns the rest in seconds.

        `channel` as for the permit; `retry_after_s` is None when Slack did not say.
        """
        now = self._monotonic()
        return self._windows.refused(method, channel=channel, retry_after_s=retry_after_s, now=now)

    async def _place(self, method: str, channel: str | None, priority: Urgency) -> None:
        through = asyncio.get_running_loop().create_future()
        since = self._monotonic()
        waiter = Waiter(priority, next(self._numbers), method, channel, since, through)
        # Behind another of its lane there is nothing to see: that one had to wait as well.
        if self._lanes.join(waiter):
            self._serve()
        try:
            await through
        except asyncio.CancelledError:
            if through.done() and not through.cancelled():
                self._windows.unused(method, channel=channel)
            else:
                self._lanes.leave(waiter)
            self._serve()
            raise
        SLACK_WAIT.labels(waiter.priority.name.lower()).observe(self._monotonic() - since)

    def _serve(self) -> None:
        """Let through whom the windows allow, in order, and wake up for the next one."""
        now = self._monotonic()
        self._count_growing(now)

        def take(lane: WaitQueueLane) -> float:
            return self._windows.take(
                lane.method, channel=lane.channel, priority=lane.priority, now=now
            )

        soonest = self._lanes.let_through(take)
        self._wake_in(min(soonest, self._judge(now)))

    def _judge(self, now: float) -> float:
        """See whether replies are kept waiting, and say so; returns when to look again."""
        interval_s = self._windows.edit_interval_s(now, age_s=math.inf) if self._shares else 0.0
        was = self._slowness.shown
        since = self._lanes.oldest(_shows_replies)
        oldest_s = None if since is None else now - since
        again_s = self._slowness.judge(oldest_s=oldest_s, interval_s=interval_s, now=now)
        if self._slowness.shown is not was:
            for changed in self._watchers:
                changed()
        return again_s

    def _interval_of(self, share: "EditShare") -> float:
        now = self._monotonic()
        self._count_growing(now)
        interval_s = self._windows.edit_interval_s(now, age_s=now - share.since)
        self._shares[share] = now + interval_s + GROWING_S
        return interval_s

    def _count_growing(self, now: float) -> None:
        self._windows.growing = sum(until > now for until in self._shares.values())

    def _wake_in(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if seconds < math.inf:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._serve)


class EditShare:
    """One live reply's part in the edits. Compared by identity."""

    def __init__(self, interval_of: Callable[["EditShare"], float], since: float) -> None:
        self._interval_of = interval_of
        self.since = since

    def interval_s(self) -> float:
        """How long the reply, just shown anew, should wait until its next edit."""
        return self._interval_of(self)


def _shows_replies(lane: WaitQueueLane) -> bool:
    return lane.method in SHOWING and lane.priority in SHOWN
