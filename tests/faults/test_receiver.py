"""People write while the database cannot be written: no ack, a reason, and nothing lost after."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from bridge.settings import Settings, load
from bridge.telemetry import REGISTRY
from slack_playground import Playground, PlaygroundOptions
from slack_playground.seed_data import BOT_USER_ID
from tests.appserver_fixtures import free_port
from tests.support import eventually
from tests.test_app import readiness, running

WORDS = "please look at the gate of the harbour"


@pytest.fixture
async def place() -> AsyncIterator[Playground]:
    """A Slack that gives an event half a second, and sends again after another half."""
    options = PlaygroundOptions(
        rate_limits=False, ack_timeout_s=0.5, redelivery_delays_s=(0.5, 0.5, 10.0)
    )
    slack = Playground(options)
    await slack.start()
    yield slack
    await slack.stop()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "bridge.db"


@pytest.fixture
def settings(place: Playground, file: Path) -> Settings:
    environ = {
        "SLACK_BOT_TOKEN": place.bot_token,
        "SLACK_APP_TOKEN": place.app_token,
        "BRIDGE_SLACK__BASE_URL": place.api_url,
        "BRIDGE_APPSERVER__URL": f"ws://127.0.0.1:{free_port()}",
        "BRIDGE_DATABASE__URL": f"sqlite+aiosqlite:///{file}",
        "BRIDGE_WEB__PORT": str(free_port()),
        "BRIDGE_TEAMMATES": '[{"name": "ada", "model": "m"}]',
    }
    return load(None, environ=environ, with_secrets=True)


def stored(file: Path) -> tuple[int, int]:
    """How often the words are among the messages, and how many turns there are."""
    with closing(sqlite3.connect(file)) as reader:
        (messages,) = reader.execute(
            "SELECT count(*) FROM messages WHERE body LIKE ?", (f"%{WORDS}%",)
        ).fetchone()
        (turns,) = reader.execute("SELECT count(*) FROM turns").fetchone()
    return messages, turns


def failures() -> float:
    sample = REGISTRY.get_sample_value("bridge_store_failures_total", {"code": "SQLITE_BUSY"})
    return sample or 0.0


async def test_g1_what_cannot_be_stored_is_not_acked_and_comes_again(
    place: Playground, settings: Settings, file: Path
) -> None:
    async def database_says() -> str:
        return (await readiness(settings)).get("database", "")

    async with running(settings):
        await eventually(lambda: place.connections == 2)
        before = failures()
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            place.post("maya", "#engineering", f"<@{BOT_USER_ID}> {WORDS}")

            async def is_locked() -> bool:
                return "locked by another program" in await database_says()

            await eventually(is_locked)
            await eventually(lambda: failures() > before + 1)
            assert stored(file) == (0, 0)

        async def is_well() -> bool:
            return await database_says() == "ok"

        await eventually(is_well)
        await eventually(lambda: stored(file) == (1, 1), within_s=15.0)
        await asyncio.sleep(0.6)  # whatever Slack still sends again
        assert stored(file) == (1, 1)
