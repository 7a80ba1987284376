"""The queue: order, one at a time, and who may change a turn."""

import asyncio
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from bridge.domain.events import Outcome
from bridge.domain.ids import BindingId, MessageId, MessageRef, TurnId, UserId
from bridge.domain.outbox_entry import OutboxEntry
from bridge.store import Amendment, Located, LocatedTurn, Placed, Removal, Store, TurnState
from tests.queue_oracle import turn_counts, waiting_before
from tests.store.test_outbox import owing
from tests.store.world import (
    CHANNEL,
    LEASE,
    NOW,
    OTHER_THREAD,
    TEAM,
    THREAD,
    World,
    message,
    ts_of,
    url,
)


async def test_g3_waiting_turns_run_in_order(world: World) -> None:
    for number in (1, 2, 3):
        await world.say(number, "ada")
    ran = []
    for _ in range(3):
        turn = await world.claimed("ada")
        ran.append(turn.turn_id)
        await world.end(turn.turn_id)
    assert ran == ["1-ada", "2-ada", "3-ada"]
    assert await world.claim("ada") is None


async def test_g3_a_binding_has_one_active_turn(world: World) -> None:
    await world.say(1, "ada")
    await world.say(2, "ada")
    first = await world.claimed("ada")
    assert await world.claim("ada") is None
    await world.end(first.turn_id)
    assert (await world.claimed("ada")).turn_id == "2-ada"


async def test_g3_bindings_do_not_block_each_other(world: World) -> None:
    await world.say(1, "ada", "bob")
    await world.say(2, "ada", thread=OTHER_THREAD)
    await world.claimed("ada")
    assert (await world.claimed("bob")).turn_id == "1-bob"
    assert (await world.claimed("ada", OTHER_THREAD)).turn_id == "2-ada"


async def test_g3_of_many_claims_at_once_exactly_one_wins(file: Path, world: World) -> None:
    await world.say(1, "ada")
    await world.say(2, "ada")
    others = [await Store.open(url(file), busy_timeout_s=10) for _ in range(3)]
    claims = await asyncio.gather(
        *(
            store.turn_queue.claim(world.binding("ada"), lease=f"process {number}", now=NOW)
            for number, store in enumerate((world.store, *others) * 3)
        )
    )
    won = [claim for claim in claims if claim is not None]
    assert [claim.turn_id for claim in won] == ["1-ada"]
    for store in others:
        await store.close()


async def test_g3_the_database_itself_refuses_a_second_active_turn(
    file: Path, world: World
) -> None:
    await world.say(1, "ada")
    await world.say(2, "ada")
    await world.claimed("ada")
    raw = sqlite3.connect(file)
    with pytest.raises(sqlite3.IntegrityError):
        raw.execute("UPDATE turns SET state = 'active' WHERE turn_id = '2-ada'")
    raw.close()


async def test_a_claim_tells_what_to_do_and_for_whom(world: World) -> None:
    await world.say(1, "ada")
    turn = await world.claimed("ada")
    assert (turn.attempt, turn.claimed_at, turn.unprompted) == (0, NOW, False)
    assert turn.requester == "U1"
    assert turn.binding == await world.store.bindings.get(world.binding("ada"))


async def test_a_turn_ends_exactly_once(world: World) -> None:
    await world.say(1, "ada")
    turn = await world.claimed("ada")
    ends = await asyncio.gather(*(world.end(turn.turn_id) for _ in range(4)))
    assert ends.count(True) == 1


async def test_a_turn_that_only_waits_cannot_end(world: World) -> None:
    await world.say(1, "ada")
    assert not await world.end("1-ada")
    assert await turn_counts(world.store) == {"waiting": 1, "active": 0}


async def test_without_the_lease_nothing_changes(world: World) -> None:
    await world.say(1, "ada")
    await world.claimed("ada")
    world.lease = "another process"
    assert not await world.send("1-ada")
    assert not await world.end("1-ada")
    assert not await world.store.turn_queue.put_back(TurnId("1-ada"), lease=world.lease, now=NOW)
    assert await turn_counts(world.store) == {"waiting": 0, "active": 1}


async def test_the_end_is_recorded_with_what_it_cost(file: Path, world: World) -> None:
    await world.say(1, "ada")
    await world.claimed("ada")
    await world.send("1-ada", attempt=2)
    await world.end("1-ada", Outcome.FAILED)
    raw = sqlite3.connect(file)
    row = raw.execute(
        "SELECT state, outcome, attempt, client_message_id, prompt_tokens, completion_tokens,"
        " duration_s FROM turns"
    ).fetchone()
    raw.close()
    assert row == ("ended", "failed", 2, "turn-1-ada-2", 10, 3, 1.5)


async def test_a_turn_put_back_keeps_its_place(world: World) -> None:
    await world.say(1, "ada")
    await world.say(2, "ada")
    await world.claimed("ada")
    assert await world.store.turn_queue.put_back(TurnId("1-ada"), lease=LEASE, now=NOW)
    assert (await world.claimed("ada")).turn_id == "1-ada"


async def test_a_dropped_turn_is_passed_over(world: World) -> None:
    await world.say(1, "ada")
    await world.say(2, "ada")
    turns = world.store.turn_queue
    drop = partial(turns.drop_waiting, outcome=Outcome.CANCELLED, now=NOW)
    assert await drop(TurnId("1-ada")) is not None
    assert await drop(TurnId("1-ada")) is None
    assert (await world.claimed("ada")).turn_id == "2-ada"
    assert await drop(TurnId("2-ada")) is None


async def test_all_waiting_turns_of_a_binding_are_dropped_but_not_the_active_one(
    world: World,
) -> None:
    for number in (1, 2, 3):
        await world.say(number, "ada", "bob")
    await world.claimed("ada")
    said: list[MessageRef] = []

    def on_dropped(refs: Sequence[MessageRef]) -> Sequence[OutboxEntry]:
        said.extend(refs)
        return (owing("said", "dropped"),)

    ada = world.binding("ada")
    owed = await world.store.turn_queue.drop_waiting_of(ada, now=NOW, on_dropped=on_dropped)
    assert [ref.ts for ref in said] == [ts_of(2), ts_of(3)]
    assert [row.outbox_id for row in owed] == ["said"]
    assert [row.outbox_id for row in await world.store.outbox.owed()] == ["said"]
    assert await turn_counts(world.store) == {"waiting": 3, "active": 1}


async def test_a_turn_the_server_began_takes_the_binding(world: World) -> None:
    await world.say(1, "ada")
    turns, ada = world.store.turn_queue, world.binding("ada")
    begun = await turns.claim_unprompted(ada, turn_id=TurnId("own"), lease=LEASE, now=NOW)
    assert begun is not None
    assert (begun.unprompted, begun.messages, begun.requester) == (True, (), None)
    assert await world.claim("ada") is None
    again = await turns.claim_unprompted(ada, turn_id=TurnId("more"), lease=LEASE, now=NOW)
    assert again is None
    await world.end("own")
    assert (await world.claimed("ada")).turn_id == "1-ada"


async def test_nothing_joins_a_turn_that_the_server_began(world: World) -> None:
    await world.say(1, "ada")
    await world.end((await world.claimed("ada")).turn_id)
    turns, ada = world.store.turn_queue, world.binding("ada")
    await turns.claim_unprompted(ada, turn_id=TurnId("own"), lease=LEASE, now=NOW)
    await turns.put_back(TurnId("own"), lease=LEASE, now=NOW)
    assert not (await world.say(2, "ada", join=True)).placed[0].joined


async def test_a_turn_the_server_began_comes_before_all_that_wait(world: World) -> None:
    await world.say(1, "ada")
    turns, ada = world.store.turn_queue, world.binding("ada")
    await turns.claim_unprompted(ada, turn_id=TurnId("own"), lease=LEASE, now=NOW)
    assert await waiting_before(world.store, TurnId("1-ada")) == 1
    joined = await world.say(2, "ada", join=True)
    assert joined.placed == (Placed(ada, "ada", TurnId("1-ada"), joined=True, must_wait=True),)


async def test_waiting_before_counts_the_unfinished_of_the_same_binding(world: World) -> None:
    for number in (1, 2, 3):
        await world.say(number, "ada", "bob")
    await world.claimed("ada")
    assert await waiting_before(world.store, TurnId("1-ada")) == 0
    assert await waiting_before(world.store, TurnId("3-ada")) == 2
    await world.end("1-ada")
    assert await waiting_before(world.store, TurnId("3-ada")) == 1


async def test_bindings_that_wait_are_told_in_the_order_of_waiting(world: World) -> None:
    await world.say(1, "ada")
    await world.say(2, "bob")
    await world.say(3, "ada")
    ada, bob = world.binding("ada"), world.binding("bob")
    assert await world.store.turn_queue.bindings_waiting() == [ada, bob]
    await world.end((await world.claimed("ada")).turn_id)
    assert await world.store.turn_queue.bindings_waiting() == [bob, ada]


async def test_a_turn_is_found_by_its_id(world: World) -> None:
    await world.say(1, "ada")
    found = await world.store.turn_queue.find(TurnId("1-ada"))
    assert found == LocatedTurn(world.binding("ada"), TurnId("1-ada"), TurnState.WAITING)
    assert await world.store.turn_queue.find(TurnId("nobody's")) is None


async def test_a_restart_finds_the_turns_that_were_left(file: Path, world: World) -> None:
    await world.say(1, "ada", "bob")
    await world.say(2, "ada")
    await world.say(3, "bob", thread=OTHER_THREAD, join=True)
    await world.say(4, "bob", thread=OTHER_THREAD, join=True)
    ada = await world.claimed("ada")
    await world.send("1-ada")
    bob = await world.claimed("bob", OTHER_THREAD)
    await world.store.close()

    reopened = await Store.open(url(file))
    left = await reopened.turn_queue.left_active(not_lease="next process")
    assert [turn.client_message_id for turn in left] == ["turn-1-ada-1", None]
    assert [turn.lease for turn in left] == [LEASE, LEASE]
    assert [turn.turn.turn_id for turn in left] == ["1-ada", "3-bob"]
    assert left[0].turn.attempt == 1
    assert [turn.turn.messages for turn in left] == [ada.messages, bob.messages]
    assert [turn.turn.binding for turn in left] == [ada.binding, bob.binding]
    await reopened.close()


async def test_a_turn_left_is_taken_over_once_and_then_not_left_any_more(world: World) -> None:
    await world.say(1, "ada")
    await world.claimed("ada")
    turns = world.store.turn_queue
    assert await turns.left_active(not_lease=LEASE) == []
    assert await turns.take_over(TurnId("1-ada"), lease="next process")
    assert not await turns.take_over(TurnId("1-ada"), lease="next process")
    assert await turns.left_active(not_lease="next process") == []
    assert not await world.end("1-ada")
    world.lease = "next process"
    assert await world.end("1-ada")
    assert not await turns.take_over(TurnId("1-ada"), lease="third process")


async def test_an_edit_reaches_a_message_that_waits(world: World) -> None:
    await world.say(1, "ada", text="befor")
    assert (await world.edit(1, "before")).waits
    assert (await world.claimed("ada")).messages[0].said.text == "before"


async def test_an_edit_of_what_is_worked_on_is_news_for_those_at_work_only(world: World) -> None:
    await world.say(1, "ada", "bob", text="before")
    await world.claimed("ada")
    amended = await world.edit(1, "after")
    assert amended.waits
    assert [(p.teammate, p.turn_id, p.must_wait) for p in amended.placed] == [
        ("ada", "news-1", True)
    ]
    assert (await world.claimed("bob")).messages[0].said.text == "after"
    await world.end("1-ada")
    (news,) = (await world.claimed("ada")).messages
    assert (news.said.text, news.said.author) == ("it now reads: after", "U1")
    assert news.thread == THREAD


async def test_g2_an_edit_is_told_once_however_often_and_late_it_is_delivered(
    world: World,
) -> None:
    await world.say(1, "ada", text="first")
    await world.claimed("ada")
    assert (await world.edit(1, "second", at=101)).placed
    assert not (await world.edit(1, "second", at=101)).placed
    assert (await world.edit(1, "first", at=102, join=True)).placed, "back to what it was"
    assert not (await world.edit(1, "second", at=101)).placed, "delivered late"
    await world.end("1-ada")
    news = (await world.claimed("ada")).messages
    assert [one.said.text for one in news] == ["it now reads: second", "it now reads: first"]


async def test_an_edit_after_the_end_is_nothing(world: World) -> None:
    await world.say(1, "ada", text="before")
    await world.claimed("ada")
    await world.end("1-ada")
    assert await world.edit(1, "after") == Amendment()
    assert await world.claim("ada") is None


async def test_two_messages_edited_in_the_same_second_are_both_told(world: World) -> None:
    await world.say(1, "ada")
    await world.say(2, "ada", join=True)
    await world.claimed("ada")
    await world.edit(1, "one", at=100)
    await world.edit(2, "two", at=100, join=True)
    await world.end("1-ada")
    news = (await world.claimed("ada")).messages
    assert [one.said.text for one in news] == ["it now reads: one", "it now reads: two"]
    assert len({one.said.ts for one in news}) == 2


async def test_an_edit_of_an_unknown_message_is_nothing(world: World) -> None:
    assert not (await world.edit(9, "after")).waits


async def test_an_edit_of_mere_context_is_what_others_will_be_told(world: World) -> None:
    await world.say(1, text="befor")
    accepted = await world.say(2, "ada")
    assert not (await world.edit(1, "before")).waits
    (told,) = await world.store.messages.said_since(
        (await world.claimed("ada")).binding.thread,
        after=None,
        before=accepted.message_id,
        exclude_teammate="ada",
        exclude_turn=TurnId("2-ada"),
    )
    assert told.said.text == "before"


async def test_a_deleted_message_cancels_the_turn_that_has_no_other(world: World) -> None:
    accepted = await world.say(1, "ada", "bob")
    await world.say(2, "bob")
    removal = await world.store.turn_queue.remove_message(TEAM, CHANNEL, ts_of(1), NOW)
    assert removal == Removal(accepted.message_id, dropped=(TurnId("1-ada"), TurnId("1-bob")))
    assert await world.claim("ada") is None
    assert (await world.claimed("bob")).turn_id == "2-bob"
    assert (await world.say(1, "ada")).duplicate


async def test_a_deleted_message_leaves_the_rest_of_its_turn(world: World) -> None:
    await world.say(1, "ada")
    accepted = await world.say(2, "ada", join=True)
    removal = await world.store.turn_queue.remove_message(TEAM, CHANNEL, ts_of(2), NOW)
    assert removal == Removal(accepted.message_id, shortened=(TurnId("1-ada"),))
    assert [stored.said.ts for stored in (await world.claimed("ada")).messages] == [ts_of(1)]


async def test_deleting_all_that_a_turn_works_on_empties_it(world: World) -> None:
    first = await world.say(1, "ada", text="kept")
    await world.say(2, "ada", join=True)
    claimed = await world.claimed("ada")
    turns = world.store.turn_queue
    assert await turns.remove_message(TEAM, CHANNEL, ts_of(1), NOW) == Removal(first.message_id)
    removal = await turns.remove_message(TEAM, CHANNEL, ts_of(2), NOW)
    assert [turn.turn_id for turn in removal.emptied] == [claimed.turn_id]
    (left,) = await turns.left_active(not_lease="next process")
    assert left.turn.taken_back
    assert left.turn.messages[0].said.text == "kept", "it may have to be sent again"


async def test_with_a_message_goes_the_news_of_its_edits(world: World) -> None:
    await world.say(1, "ada")
    await world.claimed("ada")
    await world.edit(1, "after")
    removal = await world.store.turn_queue.remove_message(TEAM, CHANNEL, ts_of(1), NOW)
    assert removal.dropped == ("news-1",)
    assert [turn.turn_id for turn in removal.emptied] == ["1-ada"]


async def test_deleting_an_unknown_message_is_nothing(world: World) -> None:
    removal = await world.store.turn_queue.remove_message(TEAM, CHANNEL, ts_of(9), NOW)
    assert removal == Removal(None)


async def test_a_message_is_located_with_its_turns(world: World) -> None:
    accepted = await world.say(1, "ada", "bob")
    await world.claimed("bob")
    assert await world.store.messages.find(TEAM, CHANNEL, ts_of(1)) == Located(
        MessageId(accepted.message_id),
        (
            LocatedTurn(BindingId(1), TurnId("1-ada"), TurnState.WAITING),
            LocatedTurn(BindingId(2), TurnId("1-bob"), TurnState.ACTIVE),
        ),
    )


async def test_unprompted_work_belongs_to_whom_the_newest_turn_taken_up_belongs(
    world: World,
) -> None:
    await world.say(1, "ada")
    binding = world.binding("ada")
    assert await world.store.turn_queue.last_requester(binding) is None, "nothing was taken up yet"
    await world.claimed("ada")
    await world.end("1-ada")
    other = replace(message(2), user=UserId("U2"))
    await world.accept(other, ["ada"])
    assert await world.store.turn_queue.last_requester(binding) == UserId("U1")
    await world.claimed("ada")
    await world.end("2-ada")
    await world.store.turn_queue.claim_unprompted(
        binding, turn_id=TurnId("own"), lease=world.lease, now=NOW
    )
    await world.say(3, "ada")
    assert await world.store.turn_queue.last_requester(binding) == UserId("U2")
