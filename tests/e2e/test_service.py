"""The service as an operator meets it: readiness, metrics, limits under load, huge answers,
processes that die, signals.
"""

import asyncio
import re
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from slack_playground import PlaygroundOptions
from slack_playground.demo_model import MODEL, DemoModel
from slack_playground.demo_model_texts import huge
from tests.appserver_fixtures import RealServer
from tests.e2e.conftest import Worlds
from tests.e2e.world import Bridge, World, actions, markdown, shown, teammates
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


async def test_a_worker_killed_amid_an_answer_costs_neither_the_turn_nor_the_conversation(
    worlds: Worlds,
) -> None:
    world = await worlds()
    await world.start()
    thread = world.ask(f"{LETTA} count [[say 60 tokens at 15/s]]")
    await world.live(thread, "w5 ")
    await world.bridge.kill_worker()
    text = await _over(world, thread, "w60")
    assert text.count("w1 ") == text.count("w60") == 1
    assert len(world.replies(thread)) == 1
    world.place.post("maya", "#general", "and now? [[text Not stuck.]]", thread)
    await world.until(thread, "Not stuck.")
    assert await _metric(world.bridge, "bridge_worker_restarts") == 1.0


async def test_a_hand_over_puts_a_new_worker_in_place_and_aborts_nothing(worlds: Worlds) -> None:
    world = await worlds()
    await world.start()
    thread = world.ask(f"{LETTA} count [[say 60 tokens at 15/s]]")
    await world.live(thread, "w5 ")
    before = world.bridge.worker
    assert before is not None
    world.bridge.signal(signal.SIGUSR1)
    await world.bridge.next_worker(after=before.pid)
    meanwhile = world.ask(f"{LETTA} are you there? [[text I am.]]")
    text = await _over(world, thread, "w60")
    assert text.count("w1 ") == 1
    assert len(world.replies(thread)) == 1
    await world.until(meanwhile, "I am.")
    await eventually(lambda: not before.is_running())
    assert "Traceback" not in world.bridge.said()


async def test_a_hand_over_to_a_configuration_that_is_wrong_changes_nothing(
    worlds: Worlds,
) -> None:
    world = await worlds()
    await world.start()
    (world.bridge.folder / "bridge.toml").write_text("[slack]\nmood = 1\n")
    world.bridge.signal(signal.SIGUSR1)
    await eventually(lambda: "the old one goes on" in world.bridge.said())
    assert "mood" in world.bridge.said()
    await world.bridge.ready()
    thread = world.ask(f"{LETTA} still there? [[text Still here.]]")
    await world.until(thread, "Still here.")


async def test_a_stop_lets_a_short_turn_finish_and_ends_the_others_within_ten_seconds(
    worlds: Worlds,
) -> None:
    world = await worlds()
    await world.start()
    short = world.ask(f"{LETTA} be quick [[say 30 tokens at 10/s]]")
    long = world.ask(f"{LETTA} take your time [[say 900 tokens at 10/s]]")
    await world.live(short, "w5 ")
    await world.live(long, "w5 ")
    began = asyncio.get_running_loop().time()
    assert await world.bridge.stop() == 0
    assert asyncio.get_running_loop().time() - began < 10
    assert "w30" in world.thread(short)
    assert "nterrupted" not in world.thread(short)
    for thread in (short, long):
        assert not any(actions(message) for message in world.replies(thread))
        assert world.place.status("#general", thread) == ""


async def test_a_second_signal_ends_everything_at_once(worlds: Worlds) -> None:
    world = await worlds(BRIDGE_TURNS__DRAIN_S="60")
    await world.start()
    worker = world.bridge.worker
    assert worker is not None
    thread = world.ask(f"{LETTA} take your time [[say 900 tokens at 10/s]]")
    await world.live(thread, "w5 ")
    world.bridge.signal(signal.SIGINT)
    await eventually(lambda: "stopping" in world.bridge.said())
    began = asyncio.get_running_loop().time()
    world.bridge.signal(signal.SIGINT)
    assert await world.bridge.ended() == 130
    assert asyncio.get_running_loop().time() - began < 3
    assert not worker.is_running()


async def test_a_worker_whose_guard_is_killed_leaves_soon_and_the_turn_goes_on_after_a_start(
    worlds: Worlds,
) -> None:
    world = await worlds()
    await world.start()
    thread = world.ask(f"{LETTA} go slowly [[say 40 tokens at 8/s]]")
    await world.live(thread, "w3 ")
    worker = world.bridge.worker
    assert worker is not None
    world.bridge.signal(signal.SIGKILL)
    await world.bridge.ended()
    await eventually(lambda: not worker.is_running(), within_s=5)
    await world.start()
    await _over(world, thread, "w3 ")
    assert len(world.replies(thread)) == 1


async def test_the_guard_is_small(worlds: Worlds) -> None:
    world = await worlds()
    await world.start()
    supervisor, worker = psutil.Process(world.bridge.process.pid), world.bridge.worker
    assert worker is not None
    assert supervisor.memory_info().rss < 0.65 * worker.memory_info().rss


async def _over(world: World, thread: str, *words: str) -> str:
    """Wait until the thread shows these words and nothing to press; returns what it shows."""
    await world.until(thread, *words, within_s=30)
    await world.wait(lambda: not _open(world, thread), thread, within_s=30)
    return world.thread(thread)


def _open(world: World, thread: str) -> list[str]:
    return [shown(message) for message in world.replies(thread) if actions(message)]


async def _metric(bridge: Bridge, name: str) -> float:
    _, text = await bridge.get("/metrics")
    found = re.search(rf"^{name} (\S+)$", text, re.M)
    assert found, name
    return float(found[1])


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
