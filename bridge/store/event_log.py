"""Event log: raw frames in both directions, as evidence. Nothing depends on it.

Appending never waits and never fails; a disk that does is told once and counted.
"""

import asyncio
import operator
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bridge.domain.errors import StoreError
from bridge.domain.ids import AgentId, ConversationId, Runtime
from bridge.store.database import Database
from bridge.store.rows import Row, clean
from bridge.store.schema import Instant, event_log
from bridge.telemetry import get_logger

FLUSH_S = 0.25
FLUSH_ROWS = 200
BUFFER_BYTES = 8 * 1024 * 1024
RETRY_S = 5.0
PRUNE_S = 60.0
_PRUNE_BATCH = 500

_param = sa.bindparam
_COLUMNS = ("logged_at", "direction", "agent_id", "conversation_id", "kind", "size_bytes", "body")
_INSERT = sa.insert(event_log)
_values = operator.itemgetter(*_COLUMNS)
_TOTAL = sa.select(sa.func.coalesce(sa.func.sum(event_log.c.size_bytes), 0))
_OLDEST = sa.select(event_log.c.place).order_by(event_log.c.place).limit(_PRUNE_BATCH)
_PRUNE = (
    sa.delete(event_log)
    .where(event_log.c.place.in_(_OLDEST), event_log.c.logged_at < _param("older_than"))
    .returning(event_log.c.size_bytes)
)
_PRUNE_OLDEST = (
    sa.delete(event_log).where(event_log.c.place.in_(_OLDEST)).returning(event_log.c.size_bytes)
)
_ENTRIES = (
    sa.select(event_log)
    .where(event_log.c.place > _param("after"))
    .order_by(event_log.c.place)
    .limit(_param("limit"))
)


@dataclass(frozen=True, slots=True)
class LoggedFrame:
    """One frame of the log. `direction` is `in` or `out`; `runtime` None when it names none."""

    place: int
    logged_at: datetime
    direction: str
    runtime: Runtime | None
    kind: str
    body: str


class EventLog:
    """Collects frames in memory and writes them in batches.

    Args:
        database: where to.
        keep: how long a frame is kept.
        max_bytes: how much of the bodies is kept in all.
        now: the clock that stamps frames as they are appended.
    """

    def __init__(
        self,
        database: Database,
        *,
        keep: timedelta,
        max_bytes: int,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._keep = keep
        self._max_bytes = max_bytes
        self._now = now
        self._rows: deque[dict[str, Any]] = deque()
        self._buffered = 0
        self._stored: int | None = None
        self._some = asyncio.Event()
        self._many = asyncio.Event()
        self._log = get_logger("store.event_log")
        self._failing = False
        self.dropped = 0
        """Frames that were lost because the disk was too slow or refused them."""

    def append(self, direction: str, runtime: Runtime | None, kind: str, body: str) -> None:
        """Keep a frame for the next batch; drops the oldest when too much waits.

        Returns at once and never raises. `body` is JSON text without secrets (G9). Call it on
        the event loop's thread.
        """
        body = clean(body)
        row = {
            "logged_at": self._now(),
            "direction": direction,
            "agent_id": runtime.agent_id if runtime else None,
            "conversation_id": runtime.conversation_id if runtime else None,
            "kind": kind,
            "size_bytes": len(body),
            "body": body,
        }
        self._rows.append(row)
        self._buffered += len(body)
        self._shed()
        self._some.set()
        if len(self._rows) >= FLUSH_ROWS:
            self._many.set()

    async def flush(self) -> bool:
        """Write what waits, in one batch; False when the database refused and it waits on."""
        batch = list(self._rows)
        self._rows.clear()
        self._buffered = 0
        self._some.clear()
        self._many.clear()
        if not batch:
            return True
        try:
            await self._database.write(partial(_write, batch))
        except StoreError as error:
            self._put_back(batch)
            if not self._failing:
                self._log.warning("event log cannot be written", reason=error.sentence)
            self._failing = True
            return False
        self._failing = False
        if self._stored is not None:
            self._stored += _size(batch)
        return True

    async def run(self) -> None:
        """Flush every quarter of a second or at 200 frames, and prune; until cancelled."""
        loop = asyncio.get_running_loop()
        prune_at = loop.time()
        while True:
            await self._some.wait()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._many.wait(), FLUSH_S)
            if not await self.flush():
                await asyncio.sleep(RETRY_S)
            elif loop.time() >= prune_at or self._too_large():
                await self.prune()
                prune_at = loop.time() + PRUNE_S

    async def prune(self) -> int:
        """Delete what is too old or too much, oldest first; returns how many frames.

        A database that refuses is left for the next time.
        """
        pruned = 0
        try:
            if self._stored is None:
                self._stored = await self._database.read(_total)
            while deleted := await self._prune_batch():
                pruned += deleted
        except StoreError as error:
            self._log.warning("event log cannot be pruned", reason=error.sentence)
        return pruned

    async def entries(self, *, after: int = 0, limit: int = 1000) -> list[LoggedFrame]:
        """Stored frames behind a `place`, oldest first."""

        def work(connection: Connection) -> list[LoggedFrame]:
            rows = connection.execute(_ENTRIES, {"after": after, "limit": limit})
            return [_frame_of(row) for row in rows]

        return await self._database.read(work)

    async def _prune_batch(self) -> int:
        if self._too_large():
            work = partial(_delete, _PRUNE_OLDEST, {})
        else:
            work = partial(_delete, _PRUNE, {"older_than": self._now() - self._keep})
        sizes = await self._database.write(work)
        self._stored = max(0, (self._stored or 0) - sum(sizes))
        return len(sizes)

    def _too_large(self) -> bool:
        return self._stored is not None and self._stored > self._max_bytes

    def _put_back(self, batch: list[dict[str, Any]]) -> None:
        self._rows.extendleft(reversed(batch))
        self._buffered += _size(batch)
        self._shed()
        self._some.set()

    def _shed(self) -> None:
        while self._buffered > BUFFER_BYTES and self._rows:
            self._buffered -= self._rows.popleft()["size_bytes"]
            self.dropped += 1


def _size(batch: list[dict[str, Any]]) -> int:
    return sum(row["size_bytes"] for row in batch)


def _write(batch: list[dict[str, Any]], connection: Connection) -> None:
    """Straight to the driver: SQLAlchemy's way through a thousand rows costs four times as much."""
    dialect = connection.dialect
    statement = _INSERT.compile(dialect=dialect, column_keys=list(_COLUMNS))
    instant = Instant().dialect_impl(dialect).bind_processor(dialect)
    assert instant is not None
    rows = [(instant(at), *rest) for at, *rest in map(_values, batch)]
    connection.exec_driver_sql(str(statement), rows)


def _total(connection: Connection) -> int:
    return int(connection.execute(_TOTAL).scalar_one())


def _delete(
    statement: sa.Executable, values: dict[str, datetime], connection: Connection
) -> list[int]:
    return list(connection.execute(statement, values).scalars())


def _frame_of(row: Row) -> LoggedFrame:
    runtime = None
    if row.agent_id is not None:
        runtime = Runtime(AgentId(row.agent_id), ConversationId(row.conversation_id))
    return LoggedFrame(
        place=row.place,
        logged_at=row.logged_at,
        direction=row.direction,
        runtime=runtime,
        kind=row.kind,
        body=row.body,
    )
