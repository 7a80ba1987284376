"""How long to wait before the next attempt: longer each time, never in step with others."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True)
class Backoff:
    """Delays in seconds that double from `first_s` to `cap_s`, each shortened by up to half.

    `chance` gives numbers from 0 to 1 (1 excluded). Call `worked` only after the thing that was
    tried had really worked, not merely begun: a server that accepts and then drops everybody
    must not be called in a tight loop.
    """

    chance: Callable[[], float]
    first_s: float = 0.2
    cap_s: float = 15.0
    _failures: int = 0

    def delay_s(self) -> float:
        """The next delay; each call counts as one more failure."""
        whole = min(self.cap_s, self.first_s * 2.0 ** min(self._failures, 30))
        self._failures += 1
        return whole * (1 - self.chance() / 2)

    def worked(self) -> None:
        """Begin again with the shortest delay."""
        self._failures = 0
