"""System clock, ids, and a monitor that notices when the clock jumps."""

import asyncio
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bridge.domain.ports import Clock
from bridge.telemetry import CLOCK_JUMPS, get_logger


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


log = get_logger("clock")

EVERY_S = 10.0
JUMP_S = 2.0
"""A clock that is only being slewed stays far below this between two looks."""


@dataclass(slots=True)
class Drift:
    """Compares the two clocks from look to look. Pure."""

    now: datetime
    monotonic: float

    def look(self, now: datetime, monotonic: float) -> float:
        """Seconds by which `now` has jumped since the last look; 0.0 when it has not."""
        passed = timedelta(seconds=monotonic - self.monotonic)
        jump_s = (now - self.now - passed).total_seconds()
        self.now, self.monotonic = now, monotonic
        return jump_s if abs(jump_s) >= JUMP_S else 0.0


async def watch_clock(clock: Clock, *, every_s: float = EVERY_S) -> None:
    """Log and count every jump, until cancelled."""
    drift = Drift(clock.now(), clock.monotonic())
    while True:
        await asyncio.sleep(every_s)
        if jump_s := drift.look(clock.now(), clock.monotonic()):
            CLOCK_JUMPS.labels("forward" if jump_s > 0 else "back").inc()
            log.warning("the system's clock jumped, or the machine slept", by_s=round(jump_s, 1))
