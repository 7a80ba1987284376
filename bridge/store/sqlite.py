"""SQLite: engines, pragmas, and what its failures mean."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.pool import NullPool

from bridge.domain.errors import (
    BridgeError,
    ConfigurationError,
    SchemaTooNew,
    StoreError,
    StoreUnavailable,
)

OLDEST_SQLITE = (3, 35)
"""The first with RETURNING."""

_DRIVERS = {"sqlite", "sqlite+aiosqlite", "sqlite+pysqlite"}

_PRAGMAS = (
    # WAL with NORMAL: a commit survives the death of the process, at no fsync per commit. After
    # a power cut the file is whole, but commits of the last moments may be gone: those that may
    # not be are made `durable`.
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",
    "PRAGMA foreign_keys = ON",
    # A checkpoint costs some milliseconds: rarer than SQLite's own 1,000 pages, so that fewer
    # than one event in a hundred pays for it.
    "PRAGMA wal_autocheckpoint = 4000",
    "PRAGMA journal_size_limit = 67108864",
)

_UNAVAILABLE = {
    "SQLITE_BUSY": "The database is locked by another program. Close it, or try again.",
    "SQLITE_LOCKED": "The database is locked by another program. Close it, or try again.",
    "SQLITE_FULL": "The disk that holds the database is full. Free some space, then try again.",
    "SQLITE_IOERR": "The disk that holds the database reports errors. Check the disk.",
    "SQLITE_READONLY": "The database cannot be written. Check the file's permissions.",
    "SQLITE_CANTOPEN": "The database file cannot be opened. Check that it is still there.",
    "SQLITE_NOTADB": "The database file is not a database any more. Restore it from a backup.",
    "SQLITE_CORRUPT": "The database file is damaged. Restore it from a backup.",
}

_SPOILING = frozenset(
    {
        "SQLITE_IOERR",
        "SQLITE_READONLY",
        "SQLITE_CANTOPEN",
        "SQLITE_NOTADB",
        "SQLITE_CORRUPT",
        "SQLITE_PROTOCOL",
    }
)
"""Failures after which a connection is opened anew: the disk or the file may have changed."""

_MISCONFIGURED = {
    "SQLITE_READONLY": "cannot be written: check the permissions of the file and its directory",
    "SQLITE_CANTOPEN": "cannot be opened: check that it is a file and that it may be written",
    "SQLITE_NOTADB": "is not a database: choose another path, or restore it from a backup",
    "SQLITE_CORRUPT": "is damaged: restore it from a backup",
    "SQLITE_PERM": "may not be opened: check the permissions of the file and its directory",
}


FileMark = tuple[int, int]
"""What tells one file from another: its device and inode."""


class FileMoved(StoreUnavailable):
    """The file that was opened is not in its place any more."""


def parse(url: str) -> URL:
    """The address of a database file. Raises `ConfigurationError` for anything else."""
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise ConfigurationError(
            f"database.url {url!r} is not a database address; use sqlite+aiosqlite:///bridge.db"
        ) from error
    if parsed.drivername not in _DRIVERS:
        raise ConfigurationError(
            f"database.url asks for {parsed.drivername!r}, but this version keeps its data in "
            "SQLite; use sqlite+aiosqlite:///bridge.db"
        )
    if parsed.database in (None, "", ":memory:"):
        raise ConfigurationError(
            "database.url names no file, and the bridge must keep what it accepted; "
            "use sqlite+aiosqlite:///bridge.db"
        )
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise ConfigurationError(
            f"Python's SQLite is {sqlite3.sqlite_version}; the bridge needs 3.35 or newer"
        )
    return parsed.set(drivername="sqlite+pysqlite")


def prepare_file(url: URL) -> None:
    """Create the file, readable by its owner only: it will hold what people wrote.

    Raises `ConfigurationError` when that is impossible. A `file:` URI is left to SQLite.
    """
    path = url.database or ""
    if path.startswith("file:"):
        return
    try:
        Path(path).touch(mode=0o600)
    except OSError as error:
        raise ConfigurationError(
            f"The database file {path} cannot be created or written ({error.strerror}); "
            "check database.url"
        ) from error


def mark_of(url: URL) -> FileMark | None:
    """Which file is at the address; None when there is none, or for a `file:` URI."""
    path = url.database or ""
    if path.startswith("file:"):
        return None
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def moved() -> FileMoved:
    """The refusal to go on without the file."""
    return FileMoved(
        "The database file was deleted, moved or replaced while the bridge runs. Put it back, or "
        "restart the bridge to go on with the file that is there now."
    )


def engine(url: URL, *, writes: bool, busy_timeout_s: float) -> Engine:
    """An engine whose transactions are immediate (`writes`) or cannot write at all."""
    made = sa.create_engine(url, poolclass=NullPool, connect_args={"timeout": busy_timeout_s})
    begin = "BEGIN IMMEDIATE" if writes else "BEGIN"

    @sa.event.listens_for(made, "connect")
    def configure(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # the driver must not begin transactions by itself
        for pragma in _PRAGMAS if writes else (*_PRAGMAS[1:], "PRAGMA query_only = ON"):
            connection.execute(pragma)

    @sa.event.listens_for(made, "begin")
    def open_transaction(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return made


def probe(connection: Connection) -> None:
    """Write nothing new, so that a file that cannot be written says so now, not at work."""
    connection.exec_driver_sql("PRAGMA user_version = 0")


@contextmanager
def durable(connection: Connection) -> Iterator[None]:
    """Transactions inside reach the disk itself: they survive a power cut as well.

    The WAL is synced as a whole, so all that was committed before them is safe with them.
    """
    # Past SQLAlchemy, which would open a transaction, inside which this cannot be changed.
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    driver.execute("PRAGMA synchronous = FULL")
    try:
        yield
    finally:
        driver.execute("PRAGMA synchronous = NORMAL")


def set_busy_timeout(connection: Connection, seconds: float) -> None:
    """How long statements from now on wait for another program's lock."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    driver.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")


def spoils_connection(error: sa.exc.DBAPIError) -> bool:
    """Whether the connection should be opened anew after this."""
    return code_of(error) in _SPOILING


def failure(error: sa.exc.DBAPIError, *, url: URL, opening: bool) -> BridgeError:
    """What a driver's error means for people: the operator's to fix, or worth a retry."""
    code = code_of(error)
    if opening and code in _MISCONFIGURED:
        return ConfigurationError(f"The database {url.database} {_MISCONFIGURED[code]}.")
    if code in _UNAVAILABLE:
        return StoreUnavailable(_UNAVAILABLE[code])
    return StoreError("The database refused a statement of the bridge; see the log.")


def too_new(found: int, known: int) -> SchemaTooNew:
    """The refusal of a database that a newer program wrote."""
    return SchemaTooNew(
        f"The database has schema {found}, but this version knows only up to {known}. "
        "Install the newer version that wrote it, or restore an older backup."
    )


def code_of(error: sa.exc.DBAPIError) -> str:
    """SQLite's primary result code, such as `SQLITE_BUSY`; `OTHER` when there is none."""
    name = getattr(error.orig, "sqlite_errorname", "")
    return "_".join(name.split("_")[:2]) or "OTHER"
