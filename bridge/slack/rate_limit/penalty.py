"""What a method may still be used for after Slack refused it with 429. Pure; time comes in.

Slack's limits are floors, other programs may share them, and a new process does not know all
that the one before it sent. So a 429 is believed: the method rests as long as Slack says, is then
tried by one call alone, and progress gets half its share, which grows back over some minutes.
"""

from dataclasses import dataclass
from typing import Final

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
