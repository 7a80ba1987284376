"""A database that version 0.1 wrote: its rows, as that program stored them (`version_1.sql`)."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bridge.domain.approvals import ApprovalState
from bridge.domain.ids import (
    AgentId,
    ApprovalId,
    ChannelId,
    ConversationId,
    MessageRef,
    MessageTs,
    OutboxId,
    Runtime,
)
from bridge.store import EVERYWHERE, Store
from bridge.store.database import Database
from tests.queue_oracle import turn_counts
from tests.store.world import TEAM, THREAD, url

WRITTEN = (Path(__file__).parent / "version_1.sql").read_text(encoding="utf-8")
RENAMED = {"hearing": "event_cursors", "gaps": "event_gaps", "spares": "spare_conversations"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "bridge.db"
    with closing(sqlite3.connect(path)) as raw:
        raw.executescript(WRITTEN)
    return path


def counts(file: Path) -> dict[str, int]:
    with closing(sqlite3.connect(file)) as raw:
        names = [
            name
            for (name,) in raw.execute(
                "SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE TABLE%'"
            )
        ]
        return {name: raw.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in names}


async def test_every_row_is_kept(file: Path) -> None:
    before = {RENAMED.get(name, name): count for name, count in counts(file).items()}
    assert min(before.values()) >= 1, "the old database has rows in every table"
    store = await Store.open(url(file))
    await store.close()
    assert counts(file) == before


async def test_the_new_program_goes_on_where_the_old_one_stopped(file: Path) -> None:
    store = await Store.open(url(file))
    try:
        assert await turn_counts(store) == {"waiting": 1, "active": 1}
        (left,) = await store.turn_queue.left_active(not_lease="the next process")
        assert left.turn.turn_id == "1-ada"
        approval = await store.approvals.get(ApprovalId("ap-1"))
        assert approval is not None
        assert (approval.state, approval.arguments) == (ApprovalState.PENDING, {"command": "ls"})
        card = await store.outbox.card_of(ApprovalId("ap-1"))
        assert card is not None
        assert (card.outbox_id, card.approval_id) == ("card-1", "ap-1")
        owed, owed_card = await store.outbox.owed()
        assert owed_card.outbox_id == OutboxId("card-1"), "the old program had not posted it"
        assert owed.outbox_id == OutboxId("note-1")
        payload = json.loads(owed.payload or "")
        assert payload["persona"]["name"] == "Ada"
        assert "face" not in payload
        assert await store.event_gaps.heard(TEAM) == MessageTs("3.000000")
        (gap,) = await store.event_gaps.gaps(TEAM)
        assert (gap.channel, gap.since, gap.cause) == (EVERYWHERE, "3.000000", "away")
        assert await store.teammates.agent_of("main", "ada") == "agent-1"
        spare = Runtime(AgentId("agent-1"), ConversationId("conv-9"))
        assert await store.teammates.spare("main", "ada") == spare
        (binding,) = await store.bindings.of_thread(THREAD)
        assert binding.teammate == "ada"
        assert await store.turn_queue.take_over(left.turn.turn_id, lease="the next process")
        (logged,) = await store.event_log.entries()
        assert logged.kind == "turn_finished"
    finally:
        await store.close()


@pytest.mark.parametrize(("closed_at", "owed"), [(None, ["card-1"]), ("2026-03-01", [])])
async def test_a_decided_card_that_still_has_its_buttons_is_owed(
    file: Path, closed_at: str | None, owed: list[str]
) -> None:
    with closing(sqlite3.connect(file)) as raw:
        raw.execute("UPDATE outbox SET state = 'sent', ts = '5.5' WHERE kind = 'card'")
        raw.execute(
            "UPDATE approvals SET state = 'allowed', card_channel = 'C1', card_ts = '5.5',"
            " card_closed_at = ?",
            (closed_at,),
        )
        raw.commit()
    store = await Store.open(url(file))
    try:
        cards = [row.outbox_id for row in await store.outbox.owed() if row.kind == "card"]
        approval = await store.approvals.get(ApprovalId("ap-1"))
    finally:
        await store.close()
    assert cards == owed
    assert approval is not None
    assert approval.card == MessageRef(ChannelId("C1"), MessageTs("5.5"))


async def test_a_migration_that_fails_leaves_the_old_database_whole(file: Path) -> None:
    with closing(sqlite3.connect(file)) as raw:
        raw.execute("UPDATE outbox SET payload = '{broken' WHERE payload IS NOT NULL")
        raw.commit()
        before = list(raw.iterdump())
    database = await Database.open(url(file))
    with pytest.raises(ValueError, match="Expecting"):
        await database.migrate()
    assert database.schema_version == 1
    await database.close()
    with closing(sqlite3.connect(file)) as raw:
        assert list(raw.iterdump()) == before
