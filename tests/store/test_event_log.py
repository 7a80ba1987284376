"""The event log: batches, bounds, and a disk that fails without harm."""

import sqlite3
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bridge.domain.ids import AgentId, ConversationId, Runtime
from bridge.store import EventLog, LoggedFrame
from bridge.store.database import Database
from bridge.store.event_log import BUFFER_BYTES, FLUSH_ROWS
from bridge.telemetry import Tasks
from tests.store.world import NOW, later, url
from tests.support import eventually

RUNTIME = Runtime(AgentId("agent-1"), ConversationId("conv-1"))


class HandClock:
    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def database(file: Path) -> AsyncIterator[Database]:
    opened = await Database.open(url(file), busy_timeout_s=0.05)
    yield opened
    await opened.close()


def log_of(database: Database, clock: HandClock, *, max_bytes: int = 1_000_000) -> EventLog:
    return EventLog(database, keep=timedelta(days=1), max_bytes=max_bytes, now=clock)


async def bodies(log: EventLog) -> list[str]:
    return [frame.body for frame in await log.entries()]


async def test_frames_are_kept_in_order_as_they_were(database: Database, clock: HandClock) -> None:
    log = log_of(database, clock)
    log.append("out", RUNTIME, "input", '{"a":1}')
    clock.at = later(1)
    log.append("in", None, "status", '{"b":"\ud83d"}')
    assert await log.flush()
    assert await log.entries() == [
        LoggedFrame(1, NOW, "out", RUNTIME, "input", '{"a":1}'),
        LoggedFrame(2, later(1), "in", None, "status", '{"b":"?"}'),
    ]
    assert [frame.place for frame in await log.entries(after=1, limit=5)] == [2]


async def test_running_writes_soon_without_being_asked(
    database: Database, clock: HandClock
) -> None:
    log, tasks = log_of(database, clock), Tasks()
    tasks.spawn(log.run(), name="event log")
    log.append("in", None, "k", "first")
    await eventually(lambda: bodies(log), within_s=5)
    for number in range(FLUSH_ROWS):
        log.append("in", None, "k", str(number))

    async def all_there() -> bool:
        return len(await log.entries()) == FLUSH_ROWS + 1

    await eventually(all_there, within_s=5)
    await tasks.aclose()


async def test_what_waits_when_the_run_is_cancelled_is_not_lost(
    database: Database, clock: HandClock
) -> None:
    log, tasks = log_of(database, clock), Tasks()
    tasks.spawn(log.run(), name="event log")
    log.append("in", None, "k", "last words")
    await tasks.aclose()
    await log.flush()
    assert await bodies(log) == ["last words"]


async def test_a_full_buffer_drops_the_oldest_and_counts(
    database: Database, clock: HandClock
) -> None:
    log = log_of(database, clock)
    piece = "x" * (BUFFER_BYTES // 4)
    for number in range(6):
        log.append("in", None, str(number), piece)
    assert log.dropped == 2
    await log.flush()
    assert [frame.kind for frame in await log.entries()] == ["2", "3", "4", "5"]


async def test_a_disk_that_fails_is_waited_for(
    file: Path, database: Database, clock: HandClock, capsys: pytest.CaptureFixture[str]
) -> None:
    log = log_of(database, clock)
    blocker = sqlite3.connect(file, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    log.append("in", None, "k", "one")
    assert not await log.flush()
    log.append("in", None, "k", "two")
    assert not await log.flush()
    blocker.execute("ROLLBACK")
    blocker.close()
    assert await log.flush()
    assert await bodies(log) == ["one", "two"]
    assert capsys.readouterr().out.count("cannot be written") == 1


async def test_old_frames_are_pruned(database: Database, clock: HandClock) -> None:
    log = log_of(database, clock)
    for number in range(1200):
        log.append("in", None, "k", f"old {number}")
    await log.flush()
    clock.at = NOW + timedelta(days=2)
    log.append("in", None, "k", "new")
    await log.flush()
    assert await log.prune() == 1200
    assert await bodies(log) == ["new"]


async def test_too_many_bytes_are_pruned_oldest_first(database: Database, clock: HandClock) -> None:
    log = log_of(database, clock, max_bytes=60_000)
    for number in range(1000):
        log.append("in", None, str(number), "x" * 100)
    await log.flush()
    assert await log.prune() == 500
    kept = [frame.kind for frame in await log.entries()]
    assert kept == [str(number) for number in range(500, 1000)]


async def test_running_keeps_the_size_within_bounds(database: Database, clock: HandClock) -> None:
    log, tasks = log_of(database, clock, max_bytes=60_000), Tasks()
    tasks.spawn(log.run(), name="event log")
    for number in range(1000):
        log.append("in", None, str(number), "x" * 100)

    async def pruned() -> bool:
        return [frame.kind for frame in await log.entries()][:1] == ["500"]

    await eventually(pruned, within_s=5)
    for number in range(1000, 2000):
        log.append("in", None, str(number), "x" * 100)

    async def pruned_again() -> bool:
        return [frame.kind for frame in await log.entries()][:1] == ["1500"]

    await eventually(pruned_again, within_s=5)
    await tasks.aclose()
