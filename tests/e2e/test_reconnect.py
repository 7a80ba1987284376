"""The worker alone is killed: the supervisor keeps the turn alive, the next worker continues it.

What people see afterwards is compared with a run that nothing disturbed.
"""

import json
import re
import secrets
import signal
import sqlite3
import statistics
import time
from collections.abc import Awaitable, Callable
from contextlib import closing, suppress

import aiohttp
import psutil
import pytest
import pytest_asyncio

from slack_playground.slack_types import ApiError
from tests.e2e.conftest import Worlds
from tests.e2e.pages import bash
from tests.e2e.world import JONAS, World, actions, markdown, shown
from tests.support import eventually

pytestmark = [
    pytest.mark.appserver,
    pytest.mark.timeout(120),
    pytest.mark.asyncio(loop_scope="session"),
]

LETTA = "<@U01LETTABOT>"
GROWS_WITHIN_S = 10.0
"""On a busy machine. On a quiet one it takes about 2 s, most of it the start of Python."""


@pytest_asyncio.fixture(loop_scope="session", params=["elsewhere", "own"])
async def world(request: pytest.FixtureRequest, worlds: Worlds, scripted_model: str) -> World:
    """A bridge with an App Server elsewhere, or with one that its supervisor runs."""
    elsewhere = {}
    if request.param == "own":
        elsewhere = {
            "BRIDGE_APPSERVER__URL": "",
            "BRIDGE_APPSERVER__MODEL_BASE_URL": f"{scripted_model}/v1",
        }
    made = await worlds(**elsewhere)
    await made.start()
    return made


def words(world: World, thread: str) -> int:
    """How many of the scripted words the thread shows."""
    found = re.findall(r"\bw(\d+)\b", world.thread(thread))
    return int(found[-1]) if found else 0


def texts(world: World, thread: str) -> list[str]:
    """The agent's words in each message of the thread, without what is no answer."""
    return [text for message in world.replies(thread) if (text := markdown(message))]


def left_open(world: World, thread: str) -> list[str]:
    """Messages of the thread that still offer something to press."""
    return [shown(message) for message in world.replies(thread) if actions(message)]


async def ended(world: World, thread: str, *words: str) -> None:
    """Wait until the thread shows these words and nothing to press."""
    await world.until(thread, *words, within_s=40)
    await world.wait(lambda: not left_open(world, thread), thread, within_s=40)


async def undisturbed(world: World, script: str, last: str) -> list[str]:
    """What the same script looks like when nothing happens."""
    thread = world.ask(f"{LETTA} once quietly {script}")
    await ended(world, thread, last)
    return texts(world, thread)


async def grows_again(world: World, thread: str) -> float:
    """Kill the worker; seconds until the message shows more than before."""
    before = words(world, thread)
    killed = time.monotonic()
    await world.bridge.kill_worker()
    await world.wait(lambda: words(world, thread) > before + 1, thread, within_s=30)
    return time.monotonic() - killed


async def test_g4_an_answer_goes_on_in_its_message_when_the_worker_is_killed(world: World) -> None:
    script, name = "[[say 150 tokens at 15/s]]", secrets.token_hex(4)
    thread = world.ask(f"{LETTA} count for {name} {script}")
    live = await world.live(thread, "w8 ")
    seconds = [await grows_again(world, thread) for _ in range(2)]
    await ended(world, thread, "w150")
    (reply,) = world.replies(thread)
    assert reply["ts"] == live["ts"], "it goes on in the message that people see"
    assert "nterrupted" not in shown(reply)
    assert markdown(reply) == (await undisturbed(world, script, "w150"))[0]
    assert len(await world.requests(name)) == 1, "the model was asked once"
    assert statistics.median(seconds) < GROWS_WITHIN_S


async def test_g4_text_above_and_below_a_card_stays_where_it_was(world: World) -> None:
    script = f"[[text Above.]]{bash('touch middle.txt')}[[then]][[say 60 tokens at 15/s]]"
    thread = world.ask(f"{LETTA} both {script}")
    card = await world.card(thread)
    await world.place.click("maya", "#general", card["ts"], "approval_allow")
    await world.live(thread, "w8 ")
    await grows_again(world, thread)
    await ended(world, thread, "w60")
    above, _, below = world.replies(thread)
    assert markdown(above).strip() == "Above."
    assert markdown(below).startswith("w1 w2 ")
    assert "Above." not in markdown(below)


async def test_g6_a_card_outlives_the_worker_and_its_command_runs_once(world: World) -> None:
    thread = world.ask(f"{LETTA} make it {bash('echo x >> once.txt')}[[then]][[text Made.]]")
    card = await world.card(thread)
    await noted(world, thread)
    await world.bridge.kill_worker()
    await pressed(world, thread, card["ts"])
    await ended(world, thread, "Made.")
    assert world.replies(thread)[0]["ts"] == card["ts"]
    assert "✓" in shown(world.replies(thread)[0])
    assert (world.project / "once.txt").read_text() == "x\n"


async def test_g6_a_decision_is_delivered_by_the_next_worker(world: World) -> None:
    """Killed between the two: decided and stored, but the agent was not told."""
    thread = world.ask(f"{LETTA} make it {bash('echo x >> told.txt')}[[then]][[text Told.]]")
    await world.card(thread)
    await noted(world, thread)
    await replaced(world, lambda: decided(world))
    await ended(world, thread, "Told.")
    assert (world.project / "told.txt").read_text() == "x\n"
    assert len([m for m in world.replies(thread) if "✓" in shown(m)]) == 1


async def test_g6_a_question_left_without_its_card_gets_one(world: World) -> None:
    """Killed after the card was posted and before that was noted: no second card comes."""
    thread = world.ask(f"{LETTA} make it {bash('echo x >> card.txt')}[[then]][[text Carded.]]")
    card = await world.card(thread)
    await noted(world, thread)
    await replaced(world, lambda: forgot(world))
    await noted(world, thread)
    await pressed(world, thread, card["ts"])
    await ended(world, thread, "Carded.")
    assert (world.project / "card.txt").read_text() == "x\n"
    assert len(world.replies(thread)) == 2, "one card, one answer"


async def test_g5_an_end_that_no_worker_heard_is_the_true_one(world: World) -> None:
    script = "[[say 40 tokens at 20/s]]"
    thread = world.ask(f"{LETTA} be brief {script}")
    await world.live(thread, "w3 ")

    async def over() -> None:
        await eventually(lambda: model_has_said(world, "be brief", "w40"), within_s=20)

    await replaced(world, over)
    await ended(world, thread, "w40")
    (reply,) = world.replies(thread)
    assert "nterrupted" not in shown(reply)
    assert markdown(reply) == (await undisturbed(world, script, "w40"))[0]


async def model_has_said(world: World, asked: str, last: str) -> bool:
    """Whether the model has given all of its answer to this."""
    url = f"{world.model_url}/__requests"
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        seen = await response.json()
    return any(
        last in request["said"]["text"] for request in seen if asked in json.dumps(request["body"])
    )


async def test_g5_when_the_agent_server_is_killed_the_answer_comes_whole_and_that_is_said(
    worlds: Worlds, scripted_model: str
) -> None:
    """The restarted server runs the input again by itself, or has lost the conversation (§16)."""
    world = await worlds(
        BRIDGE_APPSERVER__URL="", BRIDGE_APPSERVER__MODEL_BASE_URL=f"{scripted_model}/v1"
    )
    await world.start()
    script = "[[say 60 tokens at 15/s]]"
    thread = world.ask(f"{LETTA} go on {script}")
    live = await world.live(thread, "w8 ")
    kill_the_agent_server(world)
    await ended(world, thread, "w60")
    said = world.thread(thread)
    assert "restarted amid this" in said or "A new one continues" in said
    (text,) = texts(world, thread)
    assert [text] == await undisturbed(world, script, "w60")
    assert world.replies(thread)[0]["ts"] == live["ts"]


def kill_the_agent_server(world: World) -> None:
    """End the App Server that the supervisor runs, with all that it has started."""
    supervisor = psutil.Process(world.bridge.process.pid)
    servers = [child for child in supervisor.children() if "--listen" in child.cmdline()]
    for process in [*servers[0].children(recursive=True), *servers]:
        process.kill()


# --- the moments -----------------------------------------------------------------------------


async def replaced(world: World, meanwhile: Callable[[], Awaitable[None]]) -> None:
    """Halt the worker, let something happen, then kill it; the next one finds it so."""
    worker = world.bridge.worker
    assert worker is not None
    worker.send_signal(signal.SIGSTOP)
    await meanwhile()
    worker.kill()
    await world.bridge.next_worker(after=worker.pid)
    await world.bridge.ready()


def _change(world: World, statement: str, *values: str) -> None:
    with closing(sqlite3.connect(world.bridge.folder / "bridge.db", timeout=5)) as database:
        changed = database.execute(statement, values).rowcount
        database.commit()
    assert changed == 1


async def decided(world: World) -> None:
    """A decision was stored."""
    _change(
        world,
        "UPDATE approvals SET state='allowed', decided_by=?, decided_at=asked_at "
        "WHERE state='pending'",
        JONAS,
    )
    _change(world, "UPDATE outbox SET payload='{}' WHERE kind='card'")


async def forgot(world: World) -> None:
    """Where the card is was not stored."""
    _change(world, "UPDATE outbox SET state='planned', ts=NULL, payload='{}' WHERE kind='card'")


async def noted(world: World, thread: str) -> None:
    """Wait until the bridge knows where its card is."""

    def known() -> bool:
        with closing(sqlite3.connect(world.bridge.folder / "bridge.db", timeout=5)) as database:
            found = database.execute("SELECT 1 FROM outbox WHERE kind='card' AND payload IS NULL")
            return found.fetchone() is not None

    await world.wait(known, thread)


async def pressed(world: World, thread: str, card: str) -> None:
    """Press allow until it counts: a bridge that reconnects asks to press again in a moment."""

    async def settled() -> bool:
        message = next(m for m in world.replies(thread) if m["ts"] == card)
        if "approval_allow" in actions(message):
            with suppress(ApiError):  # pressed while nobody listens
                await world.place.click("maya", "#general", card, "approval_allow")
        return "approval_allow" not in actions(message)

    await eventually(settled, within_s=20, poll_s=0.3)
