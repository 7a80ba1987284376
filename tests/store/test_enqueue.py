"""From a Slack event to a queued turn, all or nothing."""

import asyncio
import signal
import sqlite3
import sys
from pathlib import Path

import pytest

from bridge.domain.errors import StoreUnavailable
from bridge.domain.ids import TurnId, UserId
from bridge.domain.messages import InboundMessage, SharedFile, Speaker, WaitingTurn
from bridge.store import Placed, Store, TurnState
from bridge.telemetry import Tasks
from tests.queue_oracle import turn_counts
from tests.store.world import (
    CHANNEL,
    DM,
    NOW,
    OTHER_THREAD,
    TEAM,
    THREAD,
    World,
    message,
    ts_of,
    url,
)

DIES_AFTER_ACCEPTING = """
import asyncio, os, signal, sys
from bridge.store import Store
from tests.store.world import World

async def main():
    world = World(await Store.open(sys.argv[1]))
    await world.say(1, "ada")
    world.store.event_log.append("in", None, "hello", "{}")
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


async def test_g1_accepted_is_kept_when_the_process_is_killed(file: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", DIES_AFTER_ACCEPTING, url(file)
    )
    assert await process.wait() == -signal.SIGKILL
    store = await Store.open(url(file))
    located = await store.messages.find(TEAM, CHANNEL, ts_of(1))
    assert located is not None
    assert [turn.state for turn in located.turns] == [TurnState.WAITING]
    await store.close()


async def test_g1_what_cannot_be_stored_is_refused_and_leaves_nothing(file: Path) -> None:
    store = await Store.open(url(file), busy_timeout_s=0.05)
    world = World(store)
    blocker = sqlite3.connect(file, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="locked"):
        await world.say(1, "ada")
    blocker.execute("ROLLBACK")
    blocker.close()
    assert await store.messages.find(TEAM, CHANNEL, ts_of(1)) is None
    assert not (await world.say(1, "ada")).duplicate
    await store.close()


async def test_g1_a_failure_half_way_leaves_neither_message_nor_turn(world: World) -> None:
    def fails(_waiting: WaitingTurn, _message: InboundMessage) -> bool:
        raise RuntimeError("half-way")

    await world.say(1, "ada")
    with pytest.raises(RuntimeError):
        await world.store.turn_queue.accept(
            message(2),
            thread=THREAD,
            teammates=["bob", "ada"],
            server="main",
            new_turn_ids=[TurnId("x"), TurnId("y")],
            now=NOW,
            joins=fails,
            trusted=True,
        )
    assert await world.store.messages.find(TEAM, CHANNEL, ts_of(2)) is None
    assert await turn_counts(world.store) == {"waiting": 1, "active": 0}
    assert await world.store.bindings.count() == 1


async def test_g1_a_cancelled_caller_does_not_undo_the_storing(world: World) -> None:
    tasks = Tasks()
    tasks.spawn(world.say(1, "ada"), name="saying")
    await asyncio.sleep(0)
    await tasks.aclose()
    assert (await world.say(1, "ada")).duplicate


async def test_g2_a_redelivery_changes_nothing(world: World) -> None:
    first = await world.say(1, "ada")
    again = await world.say(1, "ada", text="hello again")
    assert again.duplicate
    assert again.message_id == first.message_id
    assert again.placed == ()
    assert await turn_counts(world.store) == {"waiting": 1, "active": 0}
    assert (await world.claimed("ada")).messages[0].said.text == "hello"


async def test_g2_a_twin_event_of_the_same_message_changes_nothing(world: World) -> None:
    first = await world.accept(message(1, event_id="EvMention"), ["ada"])
    twin = await world.accept(message(1, event_id="EvMessage"), ["ada"])
    assert (twin.duplicate, twin.message_id) == (True, first.message_id)
    assert await turn_counts(world.store) == {"waiting": 1, "active": 0}


async def test_g2_an_event_id_is_known_whatever_it_says(world: World) -> None:
    first = await world.accept(message(1, event_id="Ev"), ["ada"])
    again = await world.accept(message(2, event_id="Ev"), ["ada"])
    assert (again.duplicate, again.message_id) == (True, first.message_id)


async def test_g2_a_message_is_known_after_its_turn_ended_and_after_a_restart(
    file: Path, world: World
) -> None:
    await world.say(1, "ada")
    await world.end((await world.claimed("ada")).turn_id)
    await world.store.close()
    reopened = World(await Store.open(url(file)))
    assert (await reopened.say(1, "ada")).duplicate
    assert await turn_counts(reopened.store) == {"waiting": 0, "active": 0}
    await reopened.store.close()


async def test_g2_twins_that_arrive_at_once_make_one_turn(file: Path, world: World) -> None:
    other = World(await Store.open(url(file), busy_timeout_s=5))
    results = await asyncio.gather(
        *(place.say(1, "ada") for place in (world, other, world, other, world))
    )
    assert [result.duplicate for result in results].count(False) == 1
    assert await turn_counts(world.store) == {"waiting": 1, "active": 0}
    await other.store.close()


async def test_each_teammate_addressed_gets_her_own_turn(world: World) -> None:
    accepted = await world.say(1, "ada", "bob")
    assert [place.teammate for place in accepted.placed] == ["ada", "bob"]
    assert [place.turn_id for place in accepted.placed] == ["1-ada", "1-bob"]
    assert not any(place.must_wait or place.joined for place in accepted.placed)
    assert (await world.claimed("ada")).turn_id == "1-ada"
    assert (await world.claimed("bob")).turn_id == "1-bob"


async def test_a_message_to_nobody_is_stored_as_context(world: World) -> None:
    accepted = await world.say(1)
    assert accepted.placed == ()
    assert await world.store.messages.newest(THREAD) == accepted.message_id
    assert await world.store.bindings.of_thread(THREAD) == []


async def test_a_message_joins_the_waiting_turn_when_told_to(world: World) -> None:
    await world.say(1, "ada")
    joined = await world.say(2, "ada", join=True)
    assert joined.placed == (Placed(world.binding("ada"), "ada", TurnId("1-ada"), True, False),)
    turn = await world.claimed("ada")
    assert [stored.said.ts for stored in turn.messages] == [ts_of(1), ts_of(2)]


async def test_only_the_newest_waiting_turn_can_be_joined(world: World) -> None:
    await world.say(1, "ada")
    await world.say(2, "ada")
    joined = await world.say(3, "ada", join=True)
    assert (joined.placed[0].turn_id, joined.placed[0].must_wait) == ("2-ada", True)


async def test_a_turn_that_runs_is_never_joined(world: World) -> None:
    await world.say(1, "ada")
    await world.claimed("ada")
    after = await world.say(2, "ada", join=True)
    assert (after.placed[0].joined, after.placed[0].must_wait) == (False, True)


async def test_who_joins_is_asked_about_the_waiting_turn(world: World) -> None:
    asked: list[tuple[WaitingTurn, str]] = []

    def joins(waiting: WaitingTurn, new: InboundMessage) -> bool:
        asked.append((waiting, new.text))
        return True

    await world.say(1, "ada", text="four", trusted=False)
    for number in (2, 3):
        await world.store.turn_queue.accept(
            message(number, "sixsix"),
            thread=THREAD,
            teammates=["ada"],
            server="main",
            new_turn_ids=[TurnId(f"{number}-ada")],
            now=NOW,
            joins=joins,
            trusted=True,
        )
    assert asked == [
        (WaitingTurn(TurnId("1-ada"), UserId("U1"), 1, 4, False), "sixsix"),
        (WaitingTurn(TurnId("1-ada"), UserId("U1"), 2, 10, False), "sixsix"),
    ]


async def test_threads_and_direct_messages_have_bindings_of_their_own(world: World) -> None:
    await world.say(1, "ada")
    await world.say(2, "ada", thread=OTHER_THREAD)
    await world.say(3, "ada", thread=DM)
    await world.say(4, "ada", thread=DM)
    assert await world.store.bindings.count() == 3
    (direct,) = await world.store.bindings.of_thread(DM)
    assert direct.thread == DM


async def test_all_that_was_said_comes_back(world: World) -> None:
    file = SharedFile("F1", "plan.pdf", "application/pdf", None, "https://files.example/F1")
    said = message(1, "naïve 🛑 <@U2>", files=(file,))
    await world.accept(said, ["ada"])
    (stored,) = (await world.claimed("ada")).messages
    assert stored.thread == THREAD
    assert stored.received_at == NOW
    assert stored.said.speaker is Speaker.PERSON
    assert stored.said.author == "U1"
    assert stored.said.text == "naïve 🛑 <@U2>"
    assert stored.said.files == (file,)


async def test_text_that_is_not_unicode_is_stored_as_well_as_it_can_be(world: World) -> None:
    await world.say(1, "ada", text="half \ud83d and \x00 nothing")
    (stored,) = (await world.claimed("ada")).messages
    assert stored.said.text == "half ? and \ufffd nothing"
