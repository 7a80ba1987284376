"""Time that two processes share and that one of them lets pass: a day in a minute.

Everything that waits, waits by its event loop's clock or by the house's; both are moved on in
small steps, so that pauses, pings, windows and timetables come in their order.
"""

import asyncio
import mmap
import struct
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bridge.clock import SystemClock

_SIZE = struct.calcsize("dd")


class SharedTime:
    """Seconds that have passed besides the real ones, and how many of them the other one saw."""

    def __init__(self, file: Path) -> None:
        if not file.exists():
            file.write_bytes(bytes(_SIZE))
        with file.open("r+b") as opened:
            self._memory = mmap.mmap(opened.fileno(), _SIZE)

    @property
    def skipped_s(self) -> float:
        """Seconds that were skipped so far."""
        return self._read(0)

    @property
    def seen_s(self) -> float:
        """What the other process has taken note of."""
        return self._read(8)

    def skip(self, seconds: float) -> None:
        """Let time pass at once."""
        struct.pack_into("d", self._memory, 0, self.skipped_s + seconds)

    def see(self) -> None:
        """Take note."""
        struct.pack_into("d", self._memory, 8, self.skipped_s)

    def _read(self, at: int) -> float:
        found: float = struct.unpack_from("d", self._memory, at)[0]
        return found


class QuickLoop(asyncio.SelectorEventLoop):
    """An event loop in which skipped time has passed."""

    def __init__(self, shared: SharedTime) -> None:
        self._shared = shared
        super().__init__()

    def time(self) -> float:
        """Seconds that never jump back."""
        return super().time() + self._shared.skipped_s


class QuickClock(SystemClock):
    """The house's clock, in which skipped time has passed."""

    def __init__(self, shared: SharedTime) -> None:
        self._shared = shared

    def now(self) -> datetime:
        """The instant, aware, UTC."""
        return datetime.now(UTC) + timedelta(seconds=self._shared.skipped_s)

    def monotonic(self) -> float:
        """Seconds that never jump back."""
        return time.monotonic() + self._shared.skipped_s
