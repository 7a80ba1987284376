"""Rate limit windows: the arithmetic of Slack's limits. Pure; time comes in.

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

from bridge.slack.rate_limit.channel_pacing import ChannelPacing
from bridge.slack.rate_limit.edit_pacing import WINDOW_S, EditPacing

LOWEST: Final = 0.25
"""The share of its room that progress keeps, whatever happens."""

GROWS_BACK_S: Final = 300.0
"""From nothing to the whole share; from half it takes half as long."""

FIRST_REST_S: Final = 1.0
LONGEST_GUESS_S: Final = 30.0
"""Rests when Slack does not say how long: doubled with every refusal in a row, up to this."""

LONGEST_REST_S: Final = 3600.0


@dataclass(slots=True)
class Penalty:
    """One method's standing with Slack."""

    rests_until: float = 0.0
    _share: float = 1.0
    _since: float = 0.0
    _refusals: int = 0
    _unsettled: int = 0

    @property
    def on_trial(self) -> bool:
        """Whether the next call shows if Slack allows the method again: it goes alone."""
        return self._refusals > 0

    def share(self, now: float) -> float:
        """The part of its usual room that progress may use, from `LOWEST` to 1."""
        return min(1.0, self._share + max(0.0, now - self._since) / GROWS_BACK_S)

    def refused(self, *, rest_s: float | None, now: float) -> float:
        """Slack answered 429 to one call; returns how long the method rests.

        `rest_s` is what Slack said, None when it did not. Calls that were under way together
        are one refusal.
        """
        self._unsettled += 1
        if now >= self.rests_until:
            self._share = max(LOWEST, self.share(now) / 2)
            self._refusals += 1
        if rest_s is None:
            rest_s = min(LONGEST_GUESS_S, FIRST_REST_S * 2 ** (self._refusals - 1))
        rest_s = min(rest_s, LONGEST_REST_S)
        self.rests_until = self._since = max(self.rests_until, now + rest_s)
        return rest_s

    def answered(self) -> None:
        """A call has ended. One that was not refused ends the trial."""
        if self._unsettled:
            self._unsettled -= 1
        else:
            self._refusals = 0


EDIT: Final = "chat.update"

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

UNKNOWN_METHOD_PER_MINUTE: Final = 20
"""Calls per minute of a method that is not in the table."""

TAKEN_OVER_S: Final = 20.0
"""Within how long an earlier process is taken to have made the edits that nobody counted."""


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
    allowance: Penalty = field(default_factory=Penalty)
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

    def room(self, kept: int, now: float) -> int:
        """What progress may use of a minute when so many calls are kept for what matters more."""
        return max(1, int((self.limit - kept) * self.allowance.share(now)))


@dataclass(slots=True)
class RateLimitWindows:
    """All calls of one workspace.

    `live` is the number of replies in progress, each of which needs one more call to end;
    `growing` how many of them change now and so share the edits.
    """

    live: int = 0
    growing: int = 0
    _windows: dict[str, _Window] = field(default_factory=dict)
    _channels: dict[str, ChannelPacing] = field(default_factory=dict)

    def take(self, method: str, *, channel: str | None, priority: Priority, now: float) -> float:
        """Count a call and return 0.0 if it may start at `now`; else the seconds to wait.

        Infinite means: until a call in flight has ended. `channel` is given for posts. A call
        that was let through must end with `ended` or `unused`.
        """
        window = self._window(method)
        wait_s = max(
            self._rest(window, now),
            self._window_wait(window, priority, now),
            self._channel_wait(method, channel, priority, now),
        )
        if wait_s > 0.0:
            return wait_s
        window.in_flight += 1
        if priority is Priority.EDIT:
            window.last_edit = now
        if posts := self._posts(method, channel):
            posts.started(now)
        return 0.0

    def ended(self, method: str, *, channel: str | None, now: float) -> None:
        """A call that was let through has its answer, or will never have one."""
        window = self._window(method)
        window.in_flight -= 1
        window.ended.append(now)
        window.allowance.answered()
        if posts := self._posts(method, channel):
            posts.answered(now)
        if len(self._channels) > 1_000:
            self._forget_quiet_channels(now)

    def unused(self, method: str, *, channel: str | None) -> None:
        """A call that was let through was never made: its place is free again."""
        self._window(method).in_flight -= 1
        if posts := self._posts(method, channel):
            posts.unused()

    def refused(
        self, method: str, *, channel: str | None, retry_after_s: float | None, now: float
    ) -> float:
        """Slack answered 429 to a call that has not ended yet; returns how long its method rests.

        It rests in the whole workspace (PLATFORM §1.4). Into the channel of a post it is one a
        second for a minute after that. `retry_after_s` is None when Slack did not say.
        """
        window = self._window(method)
        rest_s = window.allowance.refused(rest_s=retry_after_s, now=now)
        if posts := self._posts(method, channel):
            posts.refused(until=now + rest_s)
        return rest_s

    def taken_over(self, now: float) -> None:
        """An earlier process wrote until now: half the edits of a minute count as just made."""
        window = self._window(EDIT)
        made = window.limit // 2
        earlier = [now - TAKEN_OVER_S * nth / made for nth in range(made)]
        window.ended = deque(sorted((*window.ended, *earlier)))

    def edit_interval_s(self, now: float, *, age_s: float) -> float:
        """How long a reply should wait between two of its edits."""
        window = self._window(EDIT)
        return self._pace(window, now).interval_s(window.used(now), age_s=age_s)

    def _window(self, method: str) -> _Window:
        if method not in self._windows:
            per_minute = PER_MINUTE.get(method, UNKNOWN_METHOD_PER_MINUTE)
            self._windows[method] = _Window(per_minute - max(1, per_minute // 25))
        return self._windows[method]

    def _posts(self, method: str, channel: str | None) -> ChannelPacing | None:
        if channel is None or method not in ("chat.postMessage", "chat.postEphemeral"):
            return None
        return self._channels.setdefault(channel, ChannelPacing())

    def _rest(self, window: _Window, now: float) -> float:
        rest_s = window.allowance.rests_until - now
        if rest_s <= 0.0 and window.allowance.on_trial and window.in_flight:
            return math.inf
        return rest_s

    def _pace(self, window: _Window, now: float) -> EditPacing:
        # Every reply in progress will need one more call to end; half the window at most.
        kept = min(self.live, window.limit // 2)
        return EditPacing(window.room(kept, now), max(1, self.growing))

    def _window_wait(self, window: _Window, priority: Priority, now: float) -> float:
        if priority <= Priority.FIRST:
            return window.frees_in(window.limit, now)
        pace = self._pace(window, now)
        wait_s = window.frees_in(pace.room, now)
        if wait_s or priority is not Priority.EDIT:
            return wait_s
        frees_in_s = WINDOW_S - (now - window.ended[0] if window.ended else 0.0)
        spacing_s = pace.spacing_s(window.used(now), frees_in_s=frees_in_s)
        return max(0.0, window.last_edit + spacing_s - now)

    def _channel_wait(
        self, method: str, channel: str | None, priority: Priority, now: float
    ) -> float:
        posts = self._posts(method, channel)
        return posts.wait_s(now, leave_one=priority >= Priority.EDIT) if posts else 0.0

    def _forget_quiet_channels(self, now: float) -> None:
        self._channels = {
            channel: posts for channel, posts in self._channels.items() if not posts.quiet(now)
        }
