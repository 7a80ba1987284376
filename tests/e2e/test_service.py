"""The service as an operator meets it: readiness, metrics, limits under load, huge answers."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from bridge.playground import PlaygroundOptions
from bridge.playground.model import MODEL, DemoModel
from bridge.playground.model_texts import huge
from tests.appserver_fixtures import RealServer
from tests.e2e.conftest import Worlds
from tests.e2e.world import World, actions, markdown, shown, teammates
from tests.render.oracles import check_blocks, open_fences
from tests.support import eventually

pytestmark = [
    pytest.mark.appserver,
    pytest.mark.timeout(150),
    pytest.mark.asyncio(loop_scope="session"),
]

LETTA = "<@U01LETTABOT>"
LIMITED = PlaygroundOptions(rate_limits=True)


async def test_it_waits_for_the_app_server_says_so_and_loses_nothing(
    worlds: Worlds, scripted_model: str, tmp_path: Path
) -> None:
    home, cwd = tmp_path / "home", tmp_path / "cwd"
    home.mkdir()
    cwd.mkdir()
    server = RealServer(home, cwd, f"{scripted_model}/v1")
    world = await worlds(BRIDGE_APPSERVER__URL=server.url)
    world.bridge.start()

    async def says_why() -> bool:
        status, parts = await world.bridge.readiness()
        return status == 503 and parts.get("slack") == "ok" and parts["appserver"] != "ok"

    await eventually(says_why, within_s=20)
    _, parts = await world.bridge.readiness()
    assert str(server.port) in parts["appserver"]
    thread = world.ask(f"{LETTA} are you there? [[text Now I am.]]")
    try:
        await asyncio.to_thread(server.start)
        await world.bridge.ready()
        await world.until(thread, "Now I am.", within_s=40)
        status, metrics = await world.bridge.get("/metrics")
        assert status == 200
        assert "bridge_turns_total" in metrics
        await asyncio.to_thread(server.kill)
        await eventually(says_why, within_s=20)
    finally:
        await asyncio.to_thread(server.stop)
    assert "Traceback" not in world.bridge.said()


async def test_three_threads_stream_at_once_in_one_channel_within_slacks_limits(
    worlds: Worlds,
) -> None:
    world = await worlds(options=LIMITED)
    await world.start()
    words = " ".join(f"w{number}" for number in range(1, 161))
    threads = [world.ask(f"{LETTA} count {n} [[say 160 tokens at 20/s]]") for n in range(3)]
    for thread in threads:
        await world.live(thread, "w1 ")
    assert all(actions(world.replies(thread)[0]) for thread in threads), "all at once"
    for thread in threads:
        await world.until(thread, "w160", "tokens", within_s=40)
        assert "".join(markdown(m) for m in world.replies(thread)).strip() == words
    assert world.place.rate_limited() == {}
    assert all(call.ok for call in world.place.calls())


@pytest_asyncio.fixture(loop_scope="session")
async def managed(worlds: Worlds) -> AsyncIterator[World]:
    """A bridge that starts its App Server itself, with the demo model behind it."""
    model = DemoModel()
    await model.start()
    world = await worlds(
        options=LIMITED,
        BRIDGE_APPSERVER__URL="",
        BRIDGE_APPSERVER__MODEL_BASE_URL=model.base_url,
    )
    world.bridge.environ["BRIDGE_TEAMMATES"] = teammates(
        world.project, f"openai-compatible/{MODEL}"
    )
    try:
        yield world
    finally:
        world.bridge.end()
        await model.stop()


async def test_sixty_thousand_characters_arrive_whole_in_order_and_within_limits(
    managed: World,
) -> None:
    world = managed
    await world.start()
    thread = world.ask(f"{LETTA} 60,000 characters, please")
    await world.wait(lambda: _ended(world, thread), thread, within_s=60)
    parts = world.replies(thread)
    for message in parts:
        check_blocks(message["blocks"])
        assert open_fences(markdown(message)) == 0
    assert _missing(huge(60_000), [markdown(message) for message in parts]) == []
    assert world.place.rate_limited() == {}
    assert all(call.ok for call in world.place.calls())

    children = psutil.Process(world.bridge.process.pid).children(recursive=True)
    assert children, "its App Server"
    assert await world.bridge.stop() == 0
    _, alive = psutil.wait_procs(children, timeout=5)
    assert not alive


def _ended(world: World, thread: str) -> bool:
    replies = world.replies(thread)
    return bool(replies) and " tokens" in shown(replies[-1]) and not any(map(actions, replies))


def _missing(source: str, parts: list[str]) -> list[str]:
    """Lines of the source that do not follow one another in what is shown.

    Between them may stand only what a cut repeats: a fence's marks and a table's header.
    """
    arrived = (line for part in parts for line in part.split("\n") if line.strip())
    for line in filter(str.strip, source.split("\n")):
        for found in arrived:
            if found == line:
                break
            if not found.startswith(("`", "| place", "| ---")):
                return [line, found]
        else:
            return [line]
    return [*arrived]
