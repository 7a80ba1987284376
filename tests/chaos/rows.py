"""The bridge's database from outside: read to know what is stored, or locked to be in the way."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

_COUNTS = {
    "accepted": "SELECT count(*) FROM turns",
    "claimed": "SELECT count(*) FROM turns WHERE claimed_at IS NOT NULL",
    "asked": "SELECT count(*) FROM approvals",
    "decided": "SELECT count(*) FROM approvals WHERE state <> 'pending'",
    "ended": "SELECT count(*) FROM turns WHERE state = 'ended'",
    "noted": "SELECT count(*) FROM outbox",
}


class Rows:
    """Counts what is stored. Only reads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._counted = dict.fromkeys(_COUNTS, 0)
        self._counted = self._count()

    def news(self) -> list[str]:
        """What has been stored since the last call, one word for each row."""
        counted, before = self._count(), self._counted
        self._counted = counted
        return [what for what in _COUNTS for _ in range(counted[what] - before[what])]

    def _count(self) -> dict[str, int]:
        try:
            database = sqlite3.connect(f"file:{self._path}?mode=ro", uri=True)
        except sqlite3.OperationalError:  # it is not there yet
            return self._counted
        with closing(database):
            try:
                return {what: database.execute(q).fetchone()[0] for what, q in _COUNTS.items()}
            except sqlite3.OperationalError:  # busy, or without its tables: the next time
                return self._counted


async def lock(path: Path, *, for_s: float) -> bool:
    """Hold the write lock of a database; False when it could not be had."""

    def take() -> sqlite3.Connection | None:
        database = sqlite3.connect(path, timeout=1.0, check_same_thread=False, isolation_level=None)
        try:
            database.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            database.close()
            return None
        return database

    held = await asyncio.to_thread(take)
    if held is None:
        return False
    try:
        await asyncio.sleep(for_s)
    finally:
        held.close()  # rolls back
    return True
