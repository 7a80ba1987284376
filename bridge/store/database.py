"""Database transactions through aiosqlite: one writer and one reader; migrations at start.

A transaction is a plain function of SQLAlchemy's synchronous connection and runs as a whole on the
thread of an aiosqlite connection: one switch of threads per transaction instead of several per
statement, and nothing can cancel it half-way. A caller that is cancelled meanwhile does not learn
the result, but what it asked for is still done.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import Any, TypeVar, cast

import aiosqlite
import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection

from bridge.domain.errors import ConfigurationError, StoreUnavailable
from bridge.store import sqlite
from bridge.store.schema import SCHEMA_VERSION
from bridge.telemetry import STORE_FAILURES

T = TypeVar("T")


class _ThreadConnection:
    """SQLAlchemy's connection as aiosqlite's thread owns it: opened, used and closed only there."""

    def __init__(self, url: URL, *, writes: bool, busy_timeout_s: float) -> None:
        self._url = url
        self._engine = sqlite.engine(url, writes=writes, busy_timeout_s=busy_timeout_s)
        self._busy_timeout_s = busy_timeout_s
        self._connection: Connection | None = None
        self._file: sqlite.FileMark | None = None
        self._patience_s = busy_timeout_s

    def transact(self, work: Callable[[Connection], T], *, durable: bool, asked_at: float) -> T:
        """Run `work` in one transaction: committed when it returns, rolled back if it raises."""
        connection = self._connected()
        self._be_patient(connection, self._busy_timeout_s - (time.monotonic() - asked_at))
        safety = sqlite.durable(connection) if durable else nullcontext()
        try:
            with safety, connection.begin():
                return work(connection)
        except sa.exc.DBAPIError as error:
            if sqlite.spoils_connection(error):
                self._disconnect()  # what this one believes of the file may be wrong by now
            raise

    def _connected(self) -> Connection:
        """The connection, to the file that was opened first.

        Raises `StoreUnavailable` when another file is in its place, or none: what would be
        written to a deleted file is gone with the process.
        """
        found = sqlite.mark_of(self._url)
        if self._file is not None and found != self._file:
            raise sqlite.moved()
        if self._connection is None:
            self._connection = self._engine.connect()
            self._patience_s = self._busy_timeout_s
            self._file = sqlite.mark_of(self._url)
        return self._connection

    def _be_patient(self, connection: Connection, seconds: float) -> None:
        """Wait for another program's lock as long as is left of the time of this transaction.

        Those that wait behind a locked one have waited already: each on top would make the
        queue, and with it the answer to Slack, longer and longer.
        """
        patience_s = max(0.0, seconds)
        if patience_s > 0.9 * self._busy_timeout_s:
            patience_s = self._busy_timeout_s
        if patience_s != self._patience_s:
            sqlite.set_busy_timeout(connection, patience_s)
            self._patience_s = patience_s

    def close(self) -> None:
        """Close the connection. aiosqlite calls this once, on its thread."""
        self._disconnect()
        self._engine.dispose()

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sa.exc.DBAPIError):  # of a file that cannot be read, for example
                connection.close()


class _SQLiteConnection(aiosqlite.Connection):
    """An aiosqlite connection that runs whole transactions, one after another.

    Await it before use and close it in every case: its thread is not a daemon.
    """

    def __init__(self, url: URL, *, writes: bool, busy_timeout_s: float) -> None:
        thread_connection = _ThreadConnection(url, writes=writes, busy_timeout_s=busy_timeout_s)
        # aiosqlite asks nothing of what its connector returns but `close`.
        super().__init__(cast(Any, lambda: thread_connection), iter_chunk_size=64)
        self._transact = thread_connection.transact

    async def transact(self, work: Callable[[Connection], T], *, durable: bool = False) -> T:
        """Run `work` in one transaction, after those that were asked for before."""
        # The way by which aiosqlite's own cursors reach the thread.
        execute = cast(Callable[..., Awaitable[T]], self._execute)
        return await execute(self._transact, work, durable=durable, asked_at=time.monotonic())


class Database:
    """An open database file. Made by `open`; `close` it once."""

    def __init__(self, url: URL, *, busy_timeout_s: float) -> None:
        self._url = url
        self._writer = _SQLiteConnection(url, writes=True, busy_timeout_s=busy_timeout_s)
        self._reader = _SQLiteConnection(url, writes=False, busy_timeout_s=busy_timeout_s)
        self._closed = False
        self._schema_version = 0

    @classmethod
    async def open(cls, url: str, *, busy_timeout_s: float = 2.0) -> "Database":
        """Open or create the file; changes nothing in it (see `migrate`).

        Args:
            url: `sqlite+aiosqlite:///path`.
            busy_timeout_s: how long after it was asked for a transaction waits for another
                program's lock; below the three seconds after which Slack counts an event as
                lost (PLATFORM §11.1).

        Raises:
            ConfigurationError: the address is wrong, or the file cannot be used.
            SchemaTooNew: a newer program wrote it.
            StoreUnavailable: it is locked, or the disk is full.
        """
        parsed = sqlite.parse(url)
        await asyncio.to_thread(sqlite.prepare_file, parsed)
        database = cls(parsed, busy_timeout_s=busy_timeout_s)
        try:
            await database._writer
            await database._reader
            database._schema_version = await database._examine()
        except BaseException:
            await database.close()
            raise
        return database

    @property
    def schema_version(self) -> int:
        """The file's schema: 0 before the first migration."""
        return self._schema_version

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    async def migrate(self) -> bool:
        """Bring the schema up to date in one transaction; False when it already was."""
        if self._schema_version == SCHEMA_VERSION:
            return False
        # Alembic is large and rarely needed: imported on the writer's thread.
        await self.write(_upgrade)
        self._schema_version = SCHEMA_VERSION
        return True

    async def write(self, work: Callable[[Connection], T], *, durable: bool = False) -> T:
        """Run `work` in one write transaction. Raises `StoreUnavailable`.

        What is committed survives the death of this process; `durable` also a power cut.
        """
        with self._translated(opening=False):
            return await self._writer.transact(work, durable=durable)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on one consistent snapshot that cannot write. Raises `StoreUnavailable`."""
        with self._translated(opening=False):
            return await self._reader.transact(work)

    async def check_writable(self) -> None:
        """Write nothing new, as a real write would. Raises `StoreUnavailable` when that fails."""
        await self.write(sqlite.probe)

    async def close(self) -> None:
        """Finish running transactions and close the file. May be called twice."""
        if self._closed:
            return
        self._closed = True
        await self._reader.close()
        await self._writer.close()

    async def _examine(self) -> int:
        with self._translated(opening=True):
            found = await self._writer.transact(_schema_version)
        if found > SCHEMA_VERSION:
            raise sqlite.too_new(found, SCHEMA_VERSION)
        return found

    @contextmanager
    def _translated(self, *, opening: bool) -> Iterator[None]:
        if self._closed:
            raise StoreUnavailable("The database is closed: the bridge is stopping.")
        try:
            yield
        except sa.exc.DBAPIError as error:
            STORE_FAILURES.labels(sqlite.code_of(error)).inc()
            raise sqlite.failure(error, url=self._url, opening=opening) from error
        except sqlite.FileMoved:
            STORE_FAILURES.labels("MOVED").inc()
            raise


def _schema_version(connection: Connection) -> int:
    sqlite.probe(connection)
    tables = sa.inspect(connection).get_table_names()
    if not tables:
        return 0
    if "alembic_version" not in tables:
        raise ConfigurationError(
            "The database belongs to another program: it holds tables that the bridge does not "
            "know; choose another database.url."
        )
    version = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return int(version or 0)


def _upgrade(connection: Connection) -> None:
    from bridge.store.migrations.upgrade import upgrade

    upgrade(connection)
