"""Transactions: one writer, one reader, each on a thread of its own; migrations at start.

A transaction is a plain function of a connection, run as a whole on its lane's thread: one
switch of threads per transaction instead of several per statement, and nothing can cancel it
half-way. A caller that is cancelled meanwhile does not learn the result, but what it asked for
is still done.
"""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine

from bridge.domain.errors import ConfigurationError, StoreUnavailable
from bridge.store import dialect
from bridge.store.schema import SCHEMA_VERSION

T = TypeVar("T")


class _Lane:
    """One thread with one connection; transactions on it run one after another."""

    def __init__(self, engine: Engine, *, name: str) -> None:
        self._engine = engine
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._connection: Connection | None = None

    async def run(self, work: Callable[[Connection], T], *, durable: bool = False) -> T:
        """Run `work` in one transaction: committed when it returns, rolled back if it raises."""
        loop = asyncio.get_running_loop()
        transact = partial(self._transact, work, durable=durable)
        return await asyncio.shield(loop.run_in_executor(self._thread, transact))

    def _transact(self, work: Callable[[Connection], T], *, durable: bool) -> T:
        if self._connection is None:
            self._connection = self._engine.connect()
        safety = dialect.durable(self._connection) if durable else nullcontext()
        with safety, self._connection.begin():
            return work(self._connection)

    async def close(self) -> None:
        """Finish what was asked for, then close the connection and end the thread."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._disconnect)
        self._thread.shutdown()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._engine.dispose()


class Database:
    """An open database file. Made by `open`; `close` it once."""

    def __init__(self, url: URL, *, busy_timeout_s: float) -> None:
        self._url = url
        writer = dialect.engine(url, writes=True, busy_timeout_s=busy_timeout_s)
        reader = dialect.engine(url, writes=False, busy_timeout_s=busy_timeout_s)
        self._writer = _Lane(writer, name="store-writer")
        self._reader = _Lane(reader, name="store-reader")
        self._closed = False
        self._schema_version = 0

    @classmethod
    async def open(cls, url: str, *, busy_timeout_s: float = 2.0) -> "Database":
        """Open or create the file; changes nothing in it (see `migrate`).

        Args:
            url: `sqlite+aiosqlite:///path`.
            busy_timeout_s: how long a transaction waits for another program's lock; below the
                three seconds after which Slack counts an event as lost (PLATFORM §11.1).

        Raises:
            ConfigurationError: the address is wrong, or the file cannot be used.
            SchemaTooNew: a newer program wrote it.
            StoreUnavailable: it is locked, or the disk is full.
        """
        parsed = dialect.parse(url)
        await asyncio.to_thread(dialect.prepare_file, parsed)
        database = cls(parsed, busy_timeout_s=busy_timeout_s)
        try:
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
        # Alembic is large and rarely needed: imported here, on the writer's thread.
        await self.write(_upgrade)
        self._schema_version = SCHEMA_VERSION
        return True

    async def write(self, work: Callable[[Connection], T], *, durable: bool = False) -> T:
        """Run `work` in one write transaction. Raises `StoreUnavailable`.

        What is committed survives the death of this process; `durable` also a power cut.
        """
        with self._translated(opening=False):
            return await self._writer.run(work, durable=durable)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on one consistent snapshot that cannot write. Raises `StoreUnavailable`."""
        with self._translated(opening=False):
            return await self._reader.run(work)

    async def check_writable(self) -> None:
        """Take the write lock for a moment. Raises `StoreUnavailable` when that is refused."""
        await self.write(lambda connection: None)

    async def close(self) -> None:
        """Finish running transactions and close the file. May be called twice."""
        if self._closed:
            return
        self._closed = True
        await self._reader.close()
        await self._writer.close()

    async def _examine(self) -> int:
        with self._translated(opening=True):
            found = await self._writer.run(_schema_version)
        if found > SCHEMA_VERSION:
            raise dialect.too_new(found, SCHEMA_VERSION)
        return found

    @contextmanager
    def _translated(self, *, opening: bool) -> Iterator[None]:
        if self._closed:
            raise StoreUnavailable("The database is closed: the bridge is stopping.")
        try:
            yield
        except sa.exc.DBAPIError as error:
            raise dialect.failure(error, url=self._url, opening=opening) from error


def _schema_version(connection: Connection) -> int:
    dialect.probe(connection)
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
