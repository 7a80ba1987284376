"""A database with a past: what a real bridge wrote, many times over."""

import sqlite3
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa

from bridge.store.schema import metadata

TABLES = ("messages", "bindings", "turns", "turn_messages", "approvals", "outbox")
"""What grows with every turn; the event log is kept short by itself."""

_SHARED = frozenset({"agent_id"})


def multiply(path: Path, times: int) -> None:
    """Copy each turn of a closed database with all that belongs to it, `times` in all.

    Every copy is in channels of its own, and has conversations and ids of its own.
    """
    if times < 2:
        return
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        for pragma in ("journal_mode = MEMORY", "synchronous = OFF", "cache_size = -400000"):
            file.execute(f"PRAGMA {pragma}")
        tables = [metadata.tables[name] for name in TABLES]
        stride = max(_highest(file, table) for table in tables) + 1
        indices = file.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        ).fetchall()
        file.execute("BEGIN")
        for name, _ in indices:
            file.execute(f"DROP INDEX {name}")
        for table in tables:
            _copy(file, table, times, stride)
        for _, sql in indices:
            file.execute(sql)
        file.execute("COMMIT")
        file.execute("PRAGMA journal_mode = WAL")


def _highest(file: sqlite3.Connection, table: sa.Table) -> int:
    """The highest number that names a row of the table."""
    numbers = [column.name for column in table.primary_key if _is_number(column)]
    highest = [
        file.execute(f"SELECT COALESCE(MAX({name}), 0) FROM {table.name}").fetchone()[0]
        for name in numbers
    ]
    return max(highest, default=0)


def _copy(file: sqlite3.Connection, table: sa.Table, times: int, stride: int) -> None:
    names = ", ".join(column.name for column in table.columns)
    values = ", ".join(_of_copy(column, stride) for column in table.columns)
    order = ", ".join(column.name for column in table.primary_key)
    file.execute(f"CREATE TEMP TABLE first AS SELECT * FROM main.{table.name} ORDER BY {order}")
    file.execute(
        f"""
        WITH RECURSIVE copies (n) AS (
            SELECT 1 UNION ALL SELECT n + 1 FROM copies WHERE n < {times - 1}
        )
        INSERT INTO {table.name} ({names})
        SELECT {values} FROM copies CROSS JOIN first
        """
    )
    file.execute("DROP TABLE first")


def _of_copy(column: sa.Column[object], stride: int) -> str:
    """The column's value in the n-th copy."""
    name = column.name
    if _is_number(column) and (column.primary_key or column.foreign_keys):
        return f"{name} + n * {stride}"
    if name.endswith("channel") or (name.endswith("_id") and name not in _SHARED):
        return f"{name} || '-' || n"
    return name


def _is_number(column: sa.Column[object]) -> bool:
    return isinstance(column.type, sa.Integer)
