"""Slack's rate limits: a tier per method, and the special ones of posting (PLATFORM §1)."""

import math
from collections import Counter, deque
from dataclasses import dataclass, field

TIER_1, TIER_2, TIER_3, TIER_4 = 1, 20, 50, 100
WINDOW_S = 60.0
POSTS_A_MINUTE = 300
STATUS_A_MINUTE = 600
CHANNEL_BURST = 5


class Window:
    """At most `per_minute` calls in any sixty seconds."""

    def __init__(self, per_minute: int) -> None:
        self.per_minute = per_minute
        self._times: deque[float] = deque()

    def wait_s(self, now: float) -> float:
        """Seconds until a call is allowed; 0 when it is allowed at `now`."""
        while self._times and self._times[0] <= now - WINDOW_S:
            self._times.popleft()
        if len(self._times) < self.per_minute:
            return 0.0
        return self._times[-self.per_minute] + WINDOW_S - now

    def take(self, now: float) -> None:
        """Count an allowed call."""
        self._times.append(now)


@dataclass(slots=True)
class Bucket:
    """Tokens for one channel: one a second, at most `burst` saved."""

    burst: float
    at: float
    tokens: float = field(init=False)

    def __post_init__(self) -> None:
        self.tokens = self.burst

    def wait_s(self, now: float) -> float:
        """Seconds until a whole token is there."""
        self.tokens = min(self.burst, self.tokens + max(0.0, now - self.at))
        self.at = now
        return max(0.0, 1.0 - self.tokens)

    def take(self) -> None:
        """Spend one token."""
        self.tokens -= 1.0


@dataclass(slots=True)
class RateLimits:
    """Counts every call and says how long a caller has to wait.

    `refused` counts the refusals this made, by method; a 429 from a fault switch is not among
    them. `now` is monotonic seconds. `channel_burst` is how many posts a quiet channel takes at
    once, which Slack does not publish.
    """

    on: bool = True
    channel_burst: int = CHANNEL_BURST
    refused: Counter[str] = field(default_factory=Counter)
    _windows: dict[str, Window] = field(default_factory=dict)
    _channels: dict[str, Bucket] = field(default_factory=dict)

    def refuse(
        self, method: str, *, per_minute: int, channel: str | None, now: float
    ) -> int | None:
        """Whole seconds for `Retry-After`, or None when the call is allowed (and counted).

        `channel` is given for posting methods, which are limited per channel too.
        """
        if not self.on:
            return None
        window = self._windows.setdefault(method, Window(per_minute))
        window.per_minute = per_minute
        bucket = self._bucket(channel, now) if channel else None
        wait_s = max(window.wait_s(now), bucket.wait_s(now) if bucket else 0.0)
        if wait_s > 1e-9:
            self.refused[method] += 1
            return max(1, math.ceil(wait_s))
        window.take(now)
        if bucket:
            bucket.take()
        return None

    def _bucket(self, channel: str, now: float) -> Bucket:
        return self._channels.setdefault(channel, Bucket(float(self.channel_burst), now))

    def forget(self) -> None:
        """Start with empty windows, as after a quiet minute; the counters stay."""
        self._windows.clear()
        self._channels.clear()
