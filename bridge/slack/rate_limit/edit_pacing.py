"""Edit pacing: how often replies are edited when they share Slack's limit. Pure.

Edits are a shared minute: what one reply spends early, another lacks later. So the first part of
the minute is spent quickly, because most answers are short, and the rest evenly, because a long
answer that stands still looks broken. While a reply is young it moves more often, as far as all
can still move for half a minute. Replies take turns: each asks again only after it was shown, and
who asked first goes first, so nobody waits longer than one round.
"""

from dataclasses import dataclass
from typing import Final

WINDOW_S: Final = 60.0

EDIT_S: Final = 1.1
"""Seconds between the edits of one reply when nothing else is going on."""

YOUNG_S: Final = 10.0
"""An answer counts as short for so long: most are."""

YOUNG_EDIT_S_PER_REPLY: Final = 0.37
EDIT_S_PER_REPLY: Final = 0.78
"""Seconds between the edits of one reply in the quick part of the minute, per growing reply,
while it is young and later. Ten replies of 10 s then stand still for 4 s at most; ten of 30 s,
which look the same at first, for 8 s."""

KEPT_EDITS: Final = 3.0
"""Edits of each reply that young ones leave for later: so many do ten replies of 30 s need. Nor do
they take more than one each."""

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

    def interval_s(self, used: int, *, age_s: float) -> float:
        """Seconds that one reply waits until it asks for its next edit.

        `used`: edits spent in the last minute. `age_s`: since the reply began to grow.
        """
        if not self._few:
            return EDIT_S  # the queue decides
        if self._is_quick(used):
            free = used <= min(self.growing, self.room - KEPT_EDITS * self.growing)
            each_s = YOUNG_EDIT_S_PER_REPLY if free and age_s < YOUNG_S else EDIT_S_PER_REPLY
            return max(EDIT_S, each_s * self.growing)
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
