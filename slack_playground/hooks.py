"""The instants of each call and envelope, for a program that wants to act exactly then."""

from collections.abc import Callable
from enum import StrEnum


class HookPoint(StrEnum):
    """Where a call or an envelope stands."""

    ASKED = "asked"
    """A call has arrived; nothing has been done about it."""
    WRITTEN = "written"
    """It is in force; its answer has not left."""
    ANSWERED = "answered"
    """Its answer has left."""
    SENT = "sent"
    """An envelope was handed to a connection."""
    ACKED = "acked"
    """Its ack has arrived."""


Hook = Callable[[HookPoint, str], None]
"""Gets the moment and the name of the method, event or interaction. Called at once, in place."""


class Hooks:
    """Tells every watcher of each instant, in order."""

    def __init__(self) -> None:
        self.watchers: list[Hook] = []

    def reached(self, moment: HookPoint, name: str) -> None:
        """Say that `name` is at `moment` now."""
        for watcher in list(self.watchers):
            watcher(moment, name)
