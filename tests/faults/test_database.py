"""The database under a house that fails: another program's lock, a full or read-only disk, a file
that is gone or damaged. Real files and a real second program; refusals in words, and recovery.
"""

import asyncio
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.engine import Connection

from bridge.domain.errors import StoreError, StoreUnavailable
from bridge.store.database import Database
from bridge.store.event_log import BUFFER_BYTES, EventLog
from bridge.telemetry import REGISTRY
from tests.support import eventually

BUSY_S = 0.2


def failures(code: str) -> float:
    return REGISTRY.get_sample_value("bridge_store_failures_total", {"code": code}) or 0.0


def put(number: int) -> Callable[[Connection], None]:
    def work(connection: Connection) -> None:
        connection.exec_driver_sql("INSERT INTO kept VALUES (?)", (number,))

    return work


def pragma(words: str) -> Callable[[Connection], None]:
    def work(connection: Connection) -> None:
        connection.exec_driver_sql(f"PRAGMA {words}")

    return work


async def kept(database: Database) -> list[int]:
    def work(connection: Connection) -> list[int]:
        return list(connection.exec_driver_sql("SELECT n FROM kept ORDER BY n").scalars())

    return await database.read(work)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bridge.db"


@pytest.fixture
async def database(path: Path) -> AsyncIterator[Database]:
    opened = await Database.open(f"sqlite+aiosqlite:///{path}", busy_timeout_s=BUSY_S)
    await opened.write(lambda connection: connection.exec_driver_sql("CREATE TABLE kept (n INT)"))
    yield opened
    await opened.close()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield


def move(path: Path, to: Path) -> None:
    path.rename(to)


def damage(path: Path) -> None:
    """Overwrite all of a file but its first page."""
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (size - 4096))


async def test_a_lock_refuses_writes_not_reads_and_ends_by_itself(
    database: Database, path: Path
) -> None:
    await database.write(put(1))
    before = failures("SQLITE_BUSY")
    with locked(path):
        for _ in range(2):
            with pytest.raises(StoreUnavailable, match="locked by another program"):
                await database.write(put(2))
        with pytest.raises(StoreUnavailable, match="locked by another program"):
            await database.check_writable()
        assert await kept(database) == [1]
    await database.check_writable()
    await database.write(put(3))
    assert await kept(database) == [1, 3]
    assert failures("SQLITE_BUSY") == before + 3


async def test_a_queue_behind_a_lock_is_refused_together_and_not_one_after_the_other(
    database: Database, path: Path
) -> None:
    """Slack waits three seconds for an answer, however many messages come meanwhile."""
    started = time.monotonic()
    with locked(path):
        many = [database.write(put(number)) for number in range(20)]
        outcomes = await asyncio.gather(*many, return_exceptions=True)
    assert all(isinstance(outcome, StoreUnavailable) for outcome in outcomes)
    assert time.monotonic() - started < 6 * BUSY_S
    await database.write(put(99))
    assert await kept(database) == [99]


async def test_a_lock_that_is_short_only_delays(database: Database, path: Path) -> None:
    with locked(path):
        writing = asyncio.gather(database.write(put(1)), database.write(put(2)))
        await asyncio.sleep(BUSY_S / 2)
    await writing
    assert await kept(database) == [1, 2]


async def test_a_bug_inside_a_transaction_is_rolled_back_and_the_next_one_works(
    database: Database,
) -> None:
    def broken(connection: Connection) -> None:
        put(1)(connection)
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        await database.write(broken)
    await database.write(put(2))
    assert await kept(database) == [2]


async def test_a_file_that_became_read_only_is_refused_and_tried_anew(database: Database) -> None:
    await database.write(pragma("query_only = ON"))
    with pytest.raises(StoreUnavailable, match="cannot be written"):
        await database.write(put(1))
    await database.write(put(2))  # on a new connection: the file can be written again
    assert await kept(database) == [2]


async def test_a_check_sees_what_a_real_write_would_meet(database: Database) -> None:
    await database.write(pragma("query_only = ON"))
    with pytest.raises(StoreUnavailable, match="cannot be written"):
        await database.check_writable()


async def test_nothing_is_written_to_a_file_that_was_deleted(
    database: Database, path: Path
) -> None:
    """It would be gone with the process, although Slack was told that it is kept."""
    await database.write(put(1))
    aside = path.with_suffix(".aside")
    move(path, aside)
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="deleted, moved or replaced"):
            await database.write(put(2))
    with pytest.raises(StoreUnavailable, match="Put it back"):
        await database.check_writable()
    move(aside, path)
    await database.write(put(3))
    assert await kept(database) == [1, 3]


async def test_another_file_in_its_place_is_left_alone(database: Database, path: Path) -> None:
    move(path, path.with_suffix(".aside"))
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE kept (n INT)")
        other.commit()
    with pytest.raises(StoreUnavailable, match="deleted, moved or replaced"):
        await database.write(put(1))
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT * FROM kept").fetchall() == []


async def test_a_damaged_file_is_refused_in_words_each_time(database: Database, path: Path) -> None:
    for number in range(2_000):
        await database.write(put(number))
    await database.write(lambda c: c.exec_driver_sql("CREATE INDEX by_n ON kept (n)"))
    damage(path)
    before = failures("SQLITE_CORRUPT")
    for _ in range(3):
        with pytest.raises(StoreUnavailable, match=r"damaged\. Restore it"):
            await database.write(put(1))
    assert failures("SQLITE_CORRUPT") == before + 3


_FULL = """
import asyncio, resource, sqlite3, sys
from pathlib import Path
from bridge.domain.errors import StoreUnavailable
from bridge.store.database import Database

def put(number):
    return lambda c: c.exec_driver_sql("INSERT INTO kept VALUES (?, ?)", (number, "x" * 3000))

async def main(path):
    database = await Database.open(f"sqlite+aiosqlite:///{path}")
    await database.write(lambda c: c.exec_driver_sql("CREATE TABLE kept (n INT, t TEXT)"))
    room = Path(path + "-wal").stat().st_size + 200_000
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, unlimited[1]))
    promised, refusals = [], set()
    for number in range(200):
        try:
            await database.write(put(number))
        except StoreUnavailable as error:
            refusals.add(error.sentence)
        else:
            promised.append(number)
    try:
        await database.check_writable()
    except StoreUnavailable as error:
        refusals.add(error.sentence)
    else:
        sys.exit("the check saw nothing")
    resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    await database.check_writable()
    await database.write(put(1000))
    promised.append(1000)
    await database.close()
    print(len(promised), refusals)
    with sqlite3.connect(path) as reopened:
        found = [n for (n,) in reopened.execute("SELECT n FROM kept ORDER BY n")]
        (whole,) = reopened.execute("PRAGMA integrity_check").fetchone()
    assert found == promised, (found, promised)
    assert whole == "ok", whole
    assert len(promised) < 200 and refusals

asyncio.run(main(sys.argv[1]))
"""


async def test_g1_a_disk_without_room_keeps_what_was_promised_and_refuses_the_rest(
    path: Path,
) -> None:
    """In a process of its own, because a limit of the operating system fills its disk."""
    ran = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", _FULL, str(path)],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "Check the disk" in ran.stdout or "is full" in ran.stdout


async def test_the_event_log_never_waits_for_the_database_and_never_grows_without_bound(
    database: Database, path: Path
) -> None:
    log = EventLog(database, keep=timedelta(days=1), max_bytes=1_000_000)
    body = "x" * 100_000
    with locked(path):
        flushing = asyncio.gather(log.flush())
        started = time.monotonic()
        for _ in range(300):
            log.append("in", None, "status", body)
        assert time.monotonic() - started < BUSY_S
        await flushing
        assert not await log.flush()
    assert log.dropped >= 300 - BUFFER_BYTES // len(body) - 1
    assert log._buffered <= BUFFER_BYTES


async def test_a_writer_that_was_refused_waits_for_nothing_else(
    database: Database, path: Path
) -> None:
    """Whoever tries again gets through as soon as the lock is gone."""
    done = asyncio.Event()
    refused: list[StoreError] = []

    async def insist() -> None:
        while True:
            try:
                await database.write(put(7))
            except StoreError as error:
                refused.append(error)
                await asyncio.sleep(0.05)
            else:
                return done.set()

    with locked(path):
        insisting = asyncio.gather(insist())
        await eventually(lambda: len(refused) >= 2, within_s=4 * BUSY_S)
        assert not done.is_set()
    await eventually(done.is_set, within_s=2.0)
    await insisting
    assert await kept(database) == [7]
