"""How the app is reached: over Socket Mode, or at an address of its own."""

from collections.abc import Callable
from typing import Protocol

from slack_playground.slack_types import Json


class Transport(Protocol):
    """Carries events, interactions and commands to the app."""

    watchers: list[Callable[[int], None]]
    """Told how many connections are open whenever that changes."""

    @property
    def connected(self) -> int:
        """How many connections are open; an address that was verified counts as one."""

    @property
    def undelivered(self) -> int:
        """How many deliveries still wait for an ack or a connection."""

    def send_event(self, payload: Json, *, name: str, summary: str) -> None:
        """Deliver an event until it is acked, at most four times."""

    async def interact(
        self, payload: Json, *, name: str, summary: str, kind: str = "interactive"
    ) -> Json | None:
        """Deliver an interaction or a command (`slash_commands`) once.

        Returns the ack's payload, None if nobody acked in time.
        """
