"""The composition root in this process, with a stand-in Slack and no App Server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import pytest

from bridge import worker_main
from bridge.settings import Settings, load
from slack_playground import Playground, PlaygroundOptions
from tests.appserver_fixtures import free_port
from tests.support import eventually


@pytest.fixture
async def place() -> AsyncIterator[Playground]:
    running = Playground(PlaygroundOptions(rate_limits=False))
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
def settings(place: Playground, tmp_path: Path) -> Settings:
    environ = {
        "SLACK_BOT_TOKEN": place.bot_token,
        "SLACK_APP_TOKEN": place.app_token,
        "BRIDGE_SLACK__BASE_URL": place.api_url,
        "BRIDGE_APPSERVER__URL": f"ws://127.0.0.1:{free_port()}",
        "BRIDGE_DATABASE__URL": f"sqlite+aiosqlite:///{tmp_path}/bridge.db",
        "BRIDGE_WEB__PORT": str(free_port()),
        "BRIDGE_TEAMMATES": '[{"name": "ada", "model": "m"}]',
    }
    return load(None, environ=environ, with_secrets=True)


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[None]:
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(worker_main.run(settings, stop=stop))
        yield
        assert not task.done()
        stop.set()


async def readiness(settings: Settings) -> dict[str, str]:
    """What /readyz says of each part; empty while nothing listens."""
    url = f"http://127.0.0.1:{settings.web.port}/readyz"
    with suppress(aiohttp.ClientError):
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            parts: dict[str, str] = (await response.json())["parts"]
            return parts
    return {}


async def test_a_start_opens_no_more_socket_addresses_than_it_uses(
    place: Playground, settings: Settings
) -> None:
    async with running(settings):
        await eventually(lambda: place.connections == 2)
        assert len(place.calls("apps.connections.open")) == 2


async def test_a_workspace_that_is_being_moved_is_named_until_it_answers_again(
    place: Playground, settings: Settings
) -> None:
    async def said() -> str:
        return (await readiness(settings)).get("slack", "")

    async with running(settings):
        await eventually(lambda: place.connections == 2)
        await place.set_fault("error", code="org_login_required")
        place.post("maya", "#general", "<@U01LETTABOT> hello")

        async def named() -> bool:
            return "The workspace is being moved by Slack" in await said()

        await eventually(named)
        await place.set_fault("error", False)

        async def well() -> bool:
            return await said() == "ok"

        await eventually(well, within_s=30.0)


@pytest.mark.parametrize("method", ["apps.connections.open", "auth.test"])
async def test_a_start_waits_for_a_busy_slack_and_says_so(
    place: Playground, settings: Settings, method: str
) -> None:
    fault = {"method": method, "count": 1, "retry_after_s": 1}
    await place.set_fault("rate_limited", **fault)

    async def waits() -> bool:
        return "bridge" in await readiness(settings)

    async with running(settings):
        await eventually(waits)
        await eventually(lambda: place.connections == 2)
        needed = {"auth.test": 1, "apps.connections.open": 2}
        assert len(place.calls(method)) == 1 + needed[method]
