"""Edit pacing: how often replies are edited when they share Slack's limit. Pure.

Edits are a shared minute: what one reply spends early, another lacks later. So the first part of
the minute is spent quickly, because most answers are short, and the rest evenly, because a long
answer that stands still looks broken. Replies take turns: each asks again only after it was
shown, and who asked first goes first, so nobody waits longer than one round.
"""

from dataclasses import dataclass
from typing import Final

WINDOW_S: Final = 60.0

EDIT_S: Final = 1.1
"""Seconds between the edits of one reply when nothing else is going on."""

EDIT_S_PER_REPLY: Final = 0.75
"""Seconds between the edits of one reply in the quick part of the minute, per growing reply. Ten
replies of 30 s then spend 30 of the 50 edits of a minute before they end, and their last edits
still fit."""

QUICK_EDITS: Final = 3.7
"""So many edits of each reply are quick, or half of all; none where these do not fit into
`QUICK_PART` of the minute: a larger crowd goes evenly from the start. Three are what ten replies
of 30 s need that begin together; the rest is for those that begin one after the other."""

QUICK_PART: Final = 0.98
SPARE: Final = 1.1
"""A reply asks this much later than its turn can come, so that the queue stays short."""


@dataclass(frozen=True, slots=True)
class EditPacing:
    """The edits of a minute, shared.

    Args:
        room: edits that progress may use in any minute; at least 1.
        growing: replies that grow now.
    """

    room: int
    growing: int

    def interval_s(self, used: int) -> float:
        """Seconds that one reply waits until it asks for its next edit, `used` being spent."""
        if not self._few:
            return EDIT_S  # the queue decides
        if self._is_quick(used):
            return max(EDIT_S, EDIT_S_PER_REPLY * self.growing)
        return max(EDIT_S, SPARE * self.growing * WINDOW_S / self.room)

    def spacing_s(self, used: int, *, frees_in_s: float) -> float:
        """Seconds between two edits of any replies; `frees_in_s`: until the oldest is forgotten.

        0 in the quick part. Later what is left is spread over the time until it comes back, and
        never goes faster than could go on for ever.
        """
        if self._is_quick(used):
            return 0.0
        left = max(0, self.room - used)
        return max(WINDOW_S / self.room, frees_in_s / (left + 1))

    @property
    def _few(self) -> bool:
        return QUICK_EDITS * self.growing <= QUICK_PART * self.room

    def _is_quick(self, used: int) -> bool:
        return self._few and used < max(QUICK_EDITS * self.growing, self.room / 2)
