"""Time and chance of the real world; tests choose their own."""

import secrets
import time
from datetime import UTC, datetime


class SystemClock:
    """Implements `domain.ports.Clock`."""

    def now(self) -> datetime:
        """The instant, aware, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never jump, for durations."""
        return time.monotonic()

    def new_id(self) -> str:
        """An unguessable id of 22 URL-safe characters."""
        return secrets.token_urlsafe(16)
