"""Opening, refusing, migrating; and what a failing database says."""

import logging
import re
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from bridge.domain.approvals import ApprovalState
from bridge.domain.errors import (
    ConfigurationError,
    SchemaTooNew,
    StoreError,
    StoreUnavailable,
)
from bridge.domain.events import Outcome
from bridge.domain.ids import AgentId, ApprovalId, ConversationId, OutboxId, Runtime, TurnId
from bridge.store import Store
from bridge.store.database import Database
from bridge.store.migrations.upgrade import config
from bridge.store.schema import SCHEMA_VERSION, metadata
from tests.queue_oracle import turn_counts, waiting_before
from tests.store.test_approvals import card_of, question
from tests.store.test_outbox import entry
from tests.store.world import CHANNEL, NOW, TEAM, THREAD, World, later, ts_of, url


def definitions(path: Path) -> dict[str, str]:
    """Every table and index of a file by name, with spaces and quotes evened out."""
    with closing(sqlite3.connect(path)) as raw:
        rows = raw.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    return {name: " ".join(sql.replace('"', "").split()) for name, sql in rows}


def words(sql: str) -> list[str]:
    """A definition's parts in any order: the two ways write constraints differently."""
    return sorted(part.strip() for part in re.split("[(),]", sql))


async def test_an_empty_file_gets_the_newest_schema(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    database = await Database.open(url(path))
    assert database.schema_version == 0
    assert await database.migrate()
    assert database.schema_version == SCHEMA_VERSION
    assert not await database.migrate()
    await database.close()
    reopened = await Database.open(url(path))
    assert reopened.schema_version == SCHEMA_VERSION
    await reopened.close()


async def test_the_migrations_make_exactly_the_tables_that_the_code_uses(
    file: Path, tmp_path: Path
) -> None:
    path = tmp_path / "direct.db"
    engine = sa.create_engine(f"sqlite:///{path}")
    metadata.create_all(engine)
    engine.dispose()
    migrated = definitions(file)
    assert migrated.pop("alembic_version")
    direct = definitions(path)
    assert migrated.keys() == direct.keys()
    for name in direct:
        assert words(migrated[name]) == words(direct[name]), name
    engine = sa.create_engine(f"sqlite:///{file}")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_every_migration_is_numbered_and_described() -> None:
    script = ScriptDirectory.from_config(config())
    revisions = list(script.walk_revisions())
    numbers = [f"{number:04}" for number in range(SCHEMA_VERSION, 0, -1)]
    assert [revision.revision for revision in revisions] == numbers
    assert all(revision.doc for revision in revisions)


async def test_a_newer_schema_is_refused_and_left_alone(file: Path) -> None:
    with closing(sqlite3.connect(file)) as raw:
        raw.execute("UPDATE alembic_version SET version_num = '0999'")
        raw.commit()
    with pytest.raises(SchemaTooNew, match="schema 999"):
        await Store.open(url(file))
    with closing(sqlite3.connect(file)) as raw:
        assert raw.execute("SELECT version_num FROM alembic_version").fetchone() == ("0999",)


async def test_migrating_leaves_the_logging_as_it_was(tmp_path: Path) -> None:
    root, alembic = logging.getLogger(), logging.getLogger("alembic")
    before = (root.level, list(root.handlers), alembic.level, list(alembic.handlers))
    disabled = disabled_loggers()
    store = await Store.open(url(tmp_path / "new.db"))
    await store.close()
    assert before == (root.level, list(root.handlers), alembic.level, list(alembic.handlers))
    assert disabled_loggers() == disabled


def disabled_loggers() -> set[str]:
    found = logging.Logger.manager.loggerDict.items()
    return {name for name, each in found if isinstance(each, logging.Logger) and each.disabled}


async def test_a_file_of_another_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("CREATE TABLE recipes (name TEXT)")
    with pytest.raises(ConfigurationError, match="another program"):
        await Store.open(url(path))


async def test_a_file_that_is_no_database_is_refused_with_its_cause(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("Dear diary, " * 100)
    with pytest.raises(ConfigurationError, match="not a database") as refusal:
        await Store.open(url(path))
    assert refusal.value.__cause__ is not None
    assert path.read_text().startswith("Dear diary")


@pytest.mark.parametrize(
    "address",
    [
        "nonsense",
        "postgresql+asyncpg://localhost/bridge",
        "sqlite+aiosqlite://",
        "sqlite+aiosqlite:///:memory:",
        "sqlite+aiosqlite:////no/such/directory/bridge.db",
        "sqlite+aiosqlite:////",
    ],
)
async def test_an_address_that_cannot_be_used_is_refused(address: str) -> None:
    with pytest.raises(ConfigurationError):
        await Store.open(address)


async def test_a_read_only_file_is_refused(file: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be written"):
        await Store.open(f"sqlite+aiosqlite:///file:{file}?mode=ro&uri=true")


async def test_only_the_owner_may_read_a_new_file(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    store = await Store.open(url(path))
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("new.db", "new.db-wal")]
    await store.close()
    assert modes == [0o600, 0o600]


async def test_a_locked_database_is_unavailable_at_start(file: Path) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as blocker:
        blocker.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreUnavailable, match="locked"):
            await Store.open(url(file), busy_timeout_s=0.05)


async def test_reading_goes_on_while_another_program_writes(file: Path, world: World) -> None:
    await world.say(1, "ada")
    with closing(sqlite3.connect(file, isolation_level=None)) as blocker:
        blocker.execute("BEGIN IMMEDIATE")
        assert await turn_counts(world.store) == {"waiting": 1, "active": 0}


async def test_a_full_disk_is_unavailable_and_then_recovers(world: World) -> None:
    def limit(pages: int) -> Any:
        return lambda connection: connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

    await world.store.database.write(limit(1))  # SQLite makes it the present size
    with pytest.raises(StoreUnavailable, match="full"):
        await world.say(1, "ada", text="x" * 200_000)
    before = await turn_counts(world.store)
    await world.store.database.write(limit(1_000_000))
    await world.say(200, "ada")
    assert await turn_counts(world.store) == {**before, "waiting": before["waiting"] + 1}


async def test_a_closed_store_says_so_and_may_be_closed_again(file: Path) -> None:
    store = await Store.open(url(file))
    await store.close()
    await store.close()
    with pytest.raises(StoreUnavailable, match="stopping"):
        await turn_counts(store)


async def test_a_broken_rule_of_the_schema_is_a_store_error(world: World) -> None:
    await world.say(1, "ada")
    with pytest.raises(StoreError) as failure:
        await world.store.outbox.plan(entry("one", "no such turn"))
    assert isinstance(failure.value.__cause__, sa.exc.IntegrityError)


async def test_a_naive_instant_is_refused(world: World) -> None:
    await world.say(1, "ada")
    with pytest.raises(sa.exc.StatementError, match="aware"):
        await world.store.turn_queue.claim(
            world.binding("ada"), lease="l", now=NOW.replace(tzinfo=None)
        )


@contextmanager
def statements() -> Iterator[list[tuple[str, Any]]]:
    """Every statement that is run meanwhile, with its parameters."""
    seen: list[tuple[str, Any]] = []

    def see(_c: Any, _cursor: Any, sql: str, parameters: Any, _ctx: Any, many: bool) -> None:
        seen.append((sql, parameters[0] if many else parameters))

    sa.event.listen(sa.Engine, "before_cursor_execute", see)
    try:
        yield seen
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", see)


async def live(world: World) -> None:
    """Everything that happens for each message, and everything a restart looks at."""
    store = world.store
    await world.say(1, "ada", "bob")
    await world.say(2, "ada", join=True)
    ada = await world.claimed("ada")
    await store.bindings.of_thread(THREAD)
    await store.bindings.set_runtime(
        ada.binding.binding_id,
        Runtime(AgentId("a"), ConversationId("c")),
        None,
        NOW,
        server="local",
    )
    await store.bindings.by_runtime(Runtime(AgentId("a"), ConversationId("c")))
    await store.messages.newest(THREAD)
    await store.teammates.spare("local", "ada")
    await store.messages.said_since(
        THREAD,
        after=None,
        before=ada.messages[0].message_id,
        exclude_teammate="ada",
        exclude_turn=ada.turn_id,
    )
    await world.send("1-ada")
    await waiting_before(store, TurnId("1-ada"))
    await store.outbox.plan(entry("one"))
    await store.outbox.sent(OutboxId("one"), ts_of(9), "h")
    await store.outbox.authors(TEAM, CHANNEL, [ts_of(9)])
    await store.outbox.turn_of(TEAM, CHANNEL, ts_of(9))
    await store.outbox.owe([replace(entry("two", seq=1), payload="{}")])
    await store.outbox.plan(entry("three"), instead_of=OutboxId("two"))
    await store.outbox.card_of(ApprovalId("A1"))
    await store.outbox.owed()
    await store.outbox.settled([(OutboxId("three"), "h")])
    await store.outbox.trying(OutboxId("three"), now=True)
    await store.outbox.failed(OutboxId("two"), "why")
    await store.outbox.removed(OutboxId("two"))
    await store.outbox.done(OutboxId("three"))
    await store.outbox.of_turn(TurnId("1-ada"))
    await store.approvals.create(question(), card_of(question()))
    await store.approvals.open_of_turn(TurnId("1-ada"))
    await store.approvals.newest_by_request(TurnId("1-ada"), "r1")
    await store.approvals.get(ApprovalId("A1"))
    await store.messages.find(TEAM, CHANNEL, ts_of(1))
    await world.edit(1, "x")
    await store.turn_queue.remove_message(TEAM, CHANNEL, ts_of(1), NOW)
    await world.end("1-ada")
    await store.turn_queue.drop_waiting_of(world.binding("bob"), now=NOW)
    await store.turn_queue.drop_waiting(TurnId("x"), outcome=Outcome.CANCELLED, now=NOW)
    await store.turn_queue.left_active(not_lease="l")
    await store.turn_queue.bindings_waiting()
    await turn_counts(store)
    await store.approvals.open_all()
    await store.approvals.settle(
        ApprovalId("A1"), state=ApprovalState.VOID, by=None, cause=None, now=NOW
    )
    await store.outbox.card_shown(OutboxId("A1"), ApprovalState.VOID)
    await store.approvals.shown_calls(TurnId("1-ada"))
    await store.turn_queue.last_requester(ada.binding.binding_id)
    await store.messages.forget_text(later(-9))


async def test_no_statement_reads_a_whole_table(file: Path, world: World) -> None:
    """So that the millionth turn costs what the first one did."""
    with statements() as seen:
        await live(world)
    small = (
        "turns_unfinished",
        "turns_one_active",
        "approvals_open",
        "outbox_owed",
    )
    assert len(seen) > 40
    with closing(sqlite3.connect(file)) as raw:
        for sql, parameters in seen:
            if sql.startswith(("BEGIN", "PRAGMA")):
                continue
            plan = [row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)]
            scans = [
                step
                for step in plan
                if step.startswith("SCAN") and not any(name in step for name in small)
            ]
            assert not scans, (sql, plan)


async def test_g1_a_durable_transaction_reaches_the_disk_itself(tmp_path: Path) -> None:
    database = await Database.open(url(tmp_path / "new.db"))

    def safety(connection: sa.Connection) -> object:
        return connection.exec_driver_sql("PRAGMA synchronous").scalar()

    normal, full = 1, 2
    assert await database.write(safety, durable=True) == full
    assert await database.write(safety) == normal
    await database.close()
