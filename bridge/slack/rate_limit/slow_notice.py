"""When to tell people that Slack slows us down, and when to stop. Pure; time comes in."""

import math
from dataclasses import dataclass
from typing import Final

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
