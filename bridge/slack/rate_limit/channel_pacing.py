"""Channel pacing: how quickly posts go into one channel. Pure; time comes in.

Slack takes about one post a second into a channel, and more in a burst that it does not publish
(PLATFORM §1.2). So a quiet channel gets a few in a row, each after the answer to the one before;
where Slack refuses one, the channel gets one a second for a minute, counted from the answers.
"""

import math
from dataclasses import dataclass
from typing import Final

CHANNEL_BURST: Final = 3.0
"""Posts that may go into a quiet channel in a row; after that one a second."""

SECOND_S: Final = 1.0
NO_BURST_S: Final = 60.0
"""How long after a refusal a channel gets one post at a time."""


@dataclass(slots=True)
class ChannelPacing:
    """Posts into one channel: what is owed drains by one a second, from each answer on."""

    _paid_at: float = 0.0
    _in_flight: int = 0
    _started_at: float = -math.inf
    _answered_at: float = -math.inf
    _burst_from: float = -math.inf

    def wait_s(self, now: float, *, leave_one: bool) -> float:
        """Seconds until a post may start; infinite: not before one under way has its answer.

        `leave_one`: the last place of the burst is left to what matters more.
        """
        if now < self._burst_from:
            return math.inf if self._in_flight else max(0.0, self._answered_at + SECOND_S - now)
        room = CHANNEL_BURST - 1.0 - leave_one
        if self._in_flight > room:
            return math.inf
        # One that is under way is waited for, so that of a burst only one can be refused.
        alone_s = self._started_at + SECOND_S - now if self._in_flight else 0.0
        return max(0.0, alone_s, self._level(now) - room)

    def started(self, now: float) -> None:
        """A post is under way; `answered` or `unused` must follow."""
        self._in_flight += 1
        self._started_at = now

    def unused(self) -> None:
        """A post that was let through was never made."""
        self._in_flight -= 1

    def answered(self, now: float) -> None:
        """A post has its answer, or will never have one."""
        self._in_flight -= 1
        self._paid_at = max(self._paid_at, now) + SECOND_S
        self._answered_at = now

    def refused(self, *, until: float) -> None:
        """Slack refused a post that is under way; the method rests until then."""
        self._burst_from = until + NO_BURST_S

    def quiet(self, now: float) -> bool:
        """Whether nothing is to be remembered of this channel."""
        return self._level(now) <= 0.0 and now >= self._burst_from

    def _level(self, now: float) -> float:
        return max(0.0, self._paid_at - now) + self._in_flight
