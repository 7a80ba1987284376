"""What we may send to Slack, when: the arithmetic of its rate limits. Pure; time comes in.

A call counts from its start and is forgotten only when a window has passed since its *answer*.
Slack counts it somewhere in between, so by this reckoning Slack's own count is never higher
than ours, whatever the network does (guarantee G10).
"""

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

WINDOW_S: Final = 60.0

PER_MINUTE: Final[Mapping[str, int]] = {
    "assistant.threads.setStatus": 600,
    "auth.test": 100,
    "bots.info": 50,
    "chat.delete": 50,
    "chat.postEphemeral": 100,
    "chat.postMessage": 300,
    "chat.update": 50,
    "conversations.history": 50,
    "conversations.info": 50,
    "conversations.replies": 50,
    "files.info": 100,
    "reactions.add": 50,
    "reactions.remove": 20,
    "users.info": 100,
    "views.open": 100,
}
"""Calls per minute and workspace (PLATFORM §1.2); "several hundred" posts are taken as 300."""

CAUTIOUS: Final = 20
"""Calls per minute of a method that is not in the table."""

CHANNEL_BURST: Final = 3.0
"""Posts that may go into a quiet channel at once; after that one a second (PLATFORM §1.2)."""

EDIT_S: Final = 1.1
"""Seconds between the edits of one reply when nothing else is going on."""

EDIT_S_PER_REPLY: Final = 0.75
"""Seconds between edits, per reply in progress. Ten replies of 30 s then spend 30 of the
50 edits of a minute before they end, and their last edits still fit."""

SPARING: Final = 0.85
"""From this share of the window on, edits are spread over the time until it empties again."""


class Priority(IntEnum):
    """Who goes first when Slack lets only some through; the lowest number does."""

    URGENT = 0
    """Approvals, final answers, and what people wait for after a click."""

    FIRST = 1
    """The first text of a reply."""

    EDIT = 2
    """A reply's progress."""

    QUIET = 3
    """The status line and emoji."""


@dataclass(slots=True)
class _Window:
    """The calls of one method in the last minute: ended ones by their end, and those in flight."""

    limit: int
    ended: deque[float] = field(default_factory=deque)
    in_flight: int = 0
    blocked_until: float = 0.0
    last_edit: float = -math.inf

    def used(self, now: float) -> int:
        while self.ended and self.ended[0] <= now - WINDOW_S:
            self.ended.popleft()
        return len(self.ended) + self.in_flight

    def frees_in(self, room: int, now: float) -> float:
        """Seconds until less than `room` calls count; infinite while that needs an answer."""
        surplus = self.used(now) - room
        if surplus < 0:
            return 0.0
        if surplus >= len(self.ended):
            return math.inf
        return self.ended[surplus] + WINDOW_S - now


@dataclass(slots=True)
class _Bucket:
    """Posts into one channel: what is owed drains by one a second, from each answer on."""

    paid_at: float = 0.0
    in_flight: int = 0

    def level(self, now: float) -> float:
        return max(0.0, self.paid_at - now) + self.in_flight

    def settle(self, now: float) -> None:
        self.in_flight -= 1
        self.paid_at = max(self.paid_at, now) + 1.0


@dataclass(slots=True)
class Ledger:
    """All calls of one workspace. `live` is the number of replies in progress."""

    live: int = 0
    _windows: dict[str, _Window] = field(default_factory=dict)
    _channels: dict[str, _Bucket] = field(default_factory=dict)

    def take(self, method: str, *, channel: str | None, priority: Priority, now: float) -> float:
        """Count a call and return 0.0 if it may start at `now`; else the seconds to wait.

        Infinite means: until a call in flight has ended. `channel` is given for posts. A call
        that was let through must end with `ended` or `unused`.
        """
        window = self._window(method)
        wait_s = max(
            window.blocked_until - now,
            self._window_wait(window, priority, now),
            self._channel_wait(method, channel, priority, now),
        )
        if wait_s > 0.0:
            return wait_s
        window.in_flight += 1
        if priority is Priority.EDIT:
            window.last_edit = now
        if bucket := self._bucket(method, channel):
            bucket.in_flight += 1
        return 0.0

    def ended(self, method: str, *, channel: str | None, now: float) -> None:
        """A call that was let through has its answer, or will never have one."""
        window = self._window(method)
        window.in_flight -= 1
        window.ended.append(now)
        if bucket := self._bucket(method, channel):
            bucket.settle(now)
        if len(self._channels) > 1_000:
            self._forget_quiet_channels(now)

    def unused(self, method: str, *, channel: str | None) -> None:
        """A call that was let through was never made: its place is free again."""
        self._window(method).in_flight -= 1
        if bucket := self._bucket(method, channel):
            bucket.in_flight -= 1

    def refused(self, method: str, *, retry_after_s: float, now: float) -> None:
        """Slack answered 429: this method rests (PLATFORM §1.4)."""
        window = self._window(method)
        window.blocked_until = max(window.blocked_until, now + retry_after_s)

    def edit_interval_s(self) -> float:
        """How long a reply should wait between two edits, by how many are in progress."""
        return max(EDIT_S, EDIT_S_PER_REPLY * self.live)

    def _window(self, method: str) -> _Window:
        if method not in self._windows:
            per_minute = PER_MINUTE.get(method, CAUTIOUS)
            # The margin is for what an earlier process sent within the same minute.
            self._windows[method] = _Window(per_minute - max(1, per_minute // 25))
        return self._windows[method]

    def _bucket(self, method: str, channel: str | None) -> _Bucket | None:
        if channel is None or method not in ("chat.postMessage", "chat.postEphemeral"):
            return None
        return self._channels.setdefault(channel, _Bucket())

    def _window_wait(self, window: _Window, priority: Priority, now: float) -> float:
        if priority <= Priority.FIRST:
            return window.frees_in(window.limit, now)
        # Every reply in progress will need one more call to end; half the window at most.
        room = window.limit - min(self.live, window.limit // 2)
        if wait_s := window.frees_in(room, now):
            return wait_s
        left = room - window.used(now)
        if left > room * (1 - SPARING) or not window.ended:
            return 0.0
        spacing_s = (window.ended[0] + WINDOW_S - now) / (left + 1)
        return max(0.0, window.last_edit + spacing_s - now)

    def _channel_wait(
        self, method: str, channel: str | None, priority: Priority, now: float
    ) -> float:
        bucket = self._bucket(method, channel)
        if bucket is None:
            return 0.0
        # Progress leaves the last place of the burst to what matters more.
        room = CHANNEL_BURST - 1.0 - (1.0 if priority >= Priority.EDIT else 0.0)
        surplus = bucket.level(now) - room
        if surplus <= 0.0:
            return 0.0
        return math.inf if bucket.in_flight > room else surplus

    def _forget_quiet_channels(self, now: float) -> None:
        self._channels = {
            channel: bucket for channel, bucket in self._channels.items() if bucket.level(now) > 0
        }
