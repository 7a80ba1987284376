"""Queue of API calls that wait for the rate limit: one lane per method, channel and priority."""

import heapq
import math
from asyncio import Future
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from bridge.slack.rate_limit.windows import Priority

Urgency = Priority | Callable[[], Priority]
"""How much a call matters; a function where that may change while the call waits."""


class WaitQueueLane(NamedTuple):
    """Calls that the windows treat alike: when one of them must wait, all of them must."""

    priority: Priority
    method: str
    channel: str | None


@dataclass(frozen=True, slots=True)
class Waiter:
    """One call that waits. `number` says who came first; `through` is set when it may start."""

    urgency: Urgency
    number: int
    method: str
    channel: str | None
    since: float
    through: Future[None]

    @property
    def priority(self) -> Priority:
        """How much it matters now."""
        return self.urgency() if callable(self.urgency) else self.urgency


class WaitQueue:
    """All who wait. A priority is asked for when a call joins and at `sort_anew`."""

    def __init__(self) -> None:
        self._waiters: dict[int, Waiter] = {}  # in the order of their numbers
        self._lanes: dict[WaitQueueLane, dict[int, Waiter]] = {}
        self._lane_of: dict[int, WaitQueueLane] = {}

    def join(self, waiter: Waiter) -> bool:
        """Take it in, its number being the highest so far; says whether it has its lane alone."""
        self._waiters[waiter.number] = waiter
        return len(self._stand(waiter)) == 1

    def leave(self, waiter: Waiter) -> None:
        """Take it out; nothing happens when it is not there."""
        if self._waiters.pop(waiter.number, None) is not None:
            lane = self._lane_of.pop(waiter.number)
            line = self._lanes[lane]
            del line[waiter.number]
            if not line:
                del self._lanes[lane]

    def sort_anew(self) -> None:
        """Priorities have changed: ask all for theirs."""
        self._lanes.clear()
        for waiter in self._waiters.values():
            self._stand(waiter)

    def let_through(self, take: Callable[[WaitQueueLane], float]) -> float:
        """Let through, the most important and then the oldest first, whom `take` gives 0 s.

        Returns:
            The fewest seconds that `take` has another lane wait; infinite when none waits so.
        """
        soonest, heads = math.inf, [_head(lane, line) for lane, line in self._lanes.items()]
        heapq.heapify(heads)
        while heads:
            _, _, lane, first = heapq.heappop(heads)
            if not first.through.cancelled():
                if (wait_s := take(lane)) > 0.0:
                    soonest = min(soonest, wait_s)
                    continue
                first.through.set_result(None)
            self.leave(first)
            if line := self._lanes.get(lane):
                heapq.heappush(heads, _head(lane, line))
        return soonest

    def oldest(self, wanted: Callable[[WaitQueueLane], bool]) -> float | None:
        """Since when the first in any of the wanted lanes waits; None when nobody does."""
        lines = (line for lane, line in self._lanes.items() if wanted(lane))
        return min((next(iter(line.values())).since for line in lines), default=None)

    def waiting(self, method: str) -> int:
        """How many calls of `method` wait."""
        return sum(len(line) for lane, line in self._lanes.items() if lane.method == method)

    def _stand(self, waiter: Waiter) -> Mapping[int, Waiter]:
        lane = WaitQueueLane(waiter.priority, waiter.method, waiter.channel)
        self._lane_of[waiter.number] = lane
        line = self._lanes.setdefault(lane, {})
        line[waiter.number] = waiter
        return line


def _head(
    lane: WaitQueueLane, line: Mapping[int, Waiter]
) -> tuple[Priority, int, WaitQueueLane, Waiter]:
    first = next(iter(line.values()))
    return lane.priority, first.number, lane, first
