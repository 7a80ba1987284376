"""Killed and started again: cards, answers and the queue survive, or say why not."""

import sqlite3
from contextlib import closing, suppress

import pytest
import pytest_asyncio

from slack_playground.slack_types import ApiError
from tests.e2e.conftest import Worlds
from tests.e2e.pages import bash
from tests.e2e.world import World, actions, shown

pytestmark = [
    pytest.mark.appserver,
    pytest.mark.timeout(120),
    pytest.mark.asyncio(loop_scope="session"),
]

LETTA = "<@U01LETTABOT>"


async def again(world: World) -> None:
    """Kill the bridge without a word and start it again."""
    await world.bridge.kill()
    await world.start()


def left_open(world: World, thread: str) -> list[str]:
    """Messages of the thread that still offer something to press."""
    return [shown(message) for message in world.replies(thread) if actions(message)]


def noted_cards(world: World) -> list[str]:
    """The cards that the bridge knows it has posted."""
    with closing(sqlite3.connect(world.bridge.folder / "bridge.db")) as database:
        found = database.execute("SELECT ts FROM outbox WHERE kind='card' AND ts IS NOT NULL")
        return [str(ts) for (ts,) in found]


@pytest_asyncio.fixture(loop_scope="session", params=["elsewhere", "own"])
async def crashing(request: pytest.FixtureRequest, worlds: Worlds, scripted_model: str) -> World:
    """A world whose App Server outlives the bridge, or ends and starts with it."""
    if request.param == "elsewhere":
        return await worlds()
    model_url = f"{scripted_model}/v1"
    return await worlds(BRIDGE_APPSERVER__URL="", BRIDGE_APPSERVER__MODEL_BASE_URL=model_url)


async def test_after_a_kill_a_pending_card_works_again_or_says_why_not(crashing: World) -> None:
    world = crashing
    await world.start()
    thread = world.ask(f"{LETTA} make it {bash('touch later.txt')}[[then]][[text Made.]]")
    card = await world.card(thread)
    await world.wait(lambda: noted_cards(world), thread)
    await again(world)
    with suppress(ApiError):  # the buttons may be gone already
        await world.place.click("maya", "#general", card["ts"], "approval_allow")
    await world.wait(lambda: not left_open(world, thread), thread, within_s=30)
    ran = (world.project / "later.txt").exists()
    await world.until(thread, "Made." if ran else "nterrupted")
    assert ran or "✓" not in world.thread(thread), "what did not run is not called approved"


async def test_after_a_kill_amid_an_answer_it_ends_in_words_and_the_thread_goes_on(
    crashing: World,
) -> None:
    world = crashing
    await world.start()
    thread = world.ask(f"{LETTA} count [[say 40 tokens at 10/s]]")
    await world.live(thread, "w3 ")
    await again(world)

    def ended() -> bool:
        text = world.thread(thread)
        return ("before the answer was complete" in text or "w40" in text) and not left_open(
            world, thread
        )

    await world.wait(ended, thread, within_s=30)
    assert world.thread(thread).count("w1 ") == 1, "nothing is said twice"
    assert len(world.replies(thread)) == 1, "it goes on in the message that people see"
    world.place.post("maya", "#general", "go on [[text I am back.]]", thread)
    await world.until(thread, "I am back.", within_s=30)


async def test_a_stop_ends_live_turns_in_words_and_the_process_with_0(worlds: Worlds) -> None:
    world = await worlds()
    await world.start()
    thread = world.ask(f"{LETTA} count [[say 900 tokens at 20/s]]")
    await world.live(thread, "w3 ")
    assert await world.bridge.stop() == 0
    assert left_open(world, thread) == []
    assert world.place.status("#general", thread) == ""
    assert "Traceback" not in world.bridge.said()
