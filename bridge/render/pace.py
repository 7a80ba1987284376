"""When the next revision may be written, so that all live turns of a workspace share Slack's
budget of updates and nobody waits long.

Budget: 50 chat.update a minute for app and workspace (PLATFORM §1.2). Two are kept for each live
turn's last revision and for cards. A young turn gets quick revisions as long as the budget lasts;
an old one gets its even share of what remains of the minute.
"""

from collections import deque
from typing import Final

from bridge.render.limits import UPDATES_PER_MINUTE

WINDOW_S: Final = 60.0
QUICK_S: Final = 1.0
QUICK_PER_TURN_S: Final = 0.75
YOUNG_S: Final = 30.0
_SPARE: Final = 2


class Pace:
    """Shares the updates of one workspace. All instants are monotonic seconds.

    Call `wrote` for every chat.update of the workspace, whatever it was for. The first post of a
    message is another method and needs no leave.
    """

    def __init__(self, *, per_minute: int = UPDATES_PER_MINUTE) -> None:
        self._per_minute = per_minute
        self._written: deque[float] = deque()

    def wrote(self, now: float) -> None:
        """Count one update, sent at `now`."""
        self._written.append(now)
        self._forget(now)

    def next_write_at(
        self, last_write: float | None, now: float, live_turns: int, *, age_s: float = 0.0
    ) -> float:
        """Return the earliest instant for a turn's next revision; may lie in the past.

        `last_write` is when its message was last written, None when never: then at once.
        `age_s` is how long the turn has been saying something. Final revisions and cards do not
        ask: the budget keeps room for them.
        """
        if last_write is None:
            return now
        self._forget(now)
        turns = max(live_turns, 1)
        left = self._per_minute - len(self._written) - min(turns + _SPARE, self._per_minute // 2)
        if left <= 0:
            return max(self._relief(1 - left), last_write + QUICK_S)
        interval = max(QUICK_S, QUICK_PER_TURN_S * turns)
        burst = min(9 + 3 * turns, self._per_minute * 3 // 5)
        if age_s > YOUNG_S or len(self._written) >= burst:
            horizon = max(self._relief(1) - now, 0.0)
            interval = max(interval, turns * horizon / left)
        return last_write + interval

    def _relief(self, count: int) -> float:
        """Return when `count` of the counted updates will be forgotten."""
        if not self._written:
            return 0.0
        return self._written[min(count, len(self._written)) - 1] + WINDOW_S

    def _forget(self, now: float) -> None:
        while self._written and self._written[0] <= now - WINDOW_S:
            self._written.popleft()
