"""Late notice: tells a thread once why messages are answered late."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final, Protocol

from bridge.domain.ids import ThreadKey

_TOLD_AGAIN_S: Final = 3_600.0


class Lost(StrEnum):
    """Why something that Slack sent may not have been heard."""

    DEAF = "deaf"
    """No connection was up until now: since the last start, or for a while."""

    DOUBTFUL = "doubtful"
    """One of several connections was dead before that was noticed."""

    SHARED = "shared"
    """Another program takes part of what Slack sends to this app."""


Missed = Callable[[Lost, float], None]
"""Told why something may have been missed, and for how many seconds back beyond the last event."""


class Cause(StrEnum):
    """Why messages came late, as it is stored."""

    AWAY = "away"
    DEAF = "deaf"
    DOUBTFUL = "doubtful"
    SHARED = "shared"
    UNSTORED = "unstored"
    DROPPED = "dropped"


_BECAUSE: Final[Mapping[Cause, str]] = {
    Cause.AWAY: "I was not running",
    Cause.DEAF: "my connection to Slack was down",
    Cause.DOUBTFUL: "my connection to Slack was down",
    Cause.SHARED: "another program received them",
    Cause.UNSTORED: "I could not write them down at first",
    Cause.DROPPED: "Slack had too much to tell me at once",
}


class Notices(Protocol):
    """Who tells a thread something."""

    async def notice(self, thread: ThreadKey, text: str) -> None:
        """A quiet line in the thread."""


class LateNotice:
    """Tells threads, however many messages come late there, once.

    Args:
        monotonic: seconds that never jump.
    """

    def __init__(self, notices: Notices, *, monotonic: Callable[[], float]) -> None:
        self._notices = notices
        self._monotonic = monotonic
        self._told: dict[ThreadKey, float] = {}

    async def tell(self, thread: ThreadKey, cause: Cause) -> None:
        """A message in this thread came late."""
        if thread in self._told:
            return
        lasting = self._monotonic() + _TOLD_AGAIN_S if cause is Cause.SHARED else 0.0
        self._told[thread] = lasting
        await self._notices.notice(thread, late_sentence(cause))

    def caught_up(self) -> None:
        """Nothing is late any more: the next time is told anew, unless the trouble lasts."""
        now = self._monotonic()
        self._told = {thread: until for thread, until in self._told.items() if until > now}


def late_sentence(cause: Cause) -> str:
    """What a thread is told when messages there are answered late."""
    return f"Some messages here reached me late, because {_BECAUSE[cause]}. I am on them now."
