"""What people edit and delete: while it waits, while it is worked on, and after."""

import asyncio
from dataclasses import replace

from bridge.domain import events as ev
from bridge.domain.ids import MessageRef, MessageTs
from bridge.domain.messages import InboundMessage
from bridge.domain.ports import LinkState
from tests.engine.conftest import CHANNEL, JONAS, TEAM, World
from tests.queue_oracle import turn_counts
from tests.support import eventually


async def edit(world: World, message: InboundMessage, text: str, *, at: int = 1) -> None:
    edited_ts = MessageTs(f"16000001{at:02d}.000000")
    await world.dispatcher.edited(replace(message, text=text, edited_ts=edited_ts))


async def delete(world: World, message: InboundMessage) -> None:
    await world.dispatcher.deleted(TEAM, MessageRef(message.channel, message.ts))


async def delete_undelivered(world: World, message: InboundMessage) -> None:
    """The deletion is stored, and the process dies before it acts on it."""
    now = world.tools.clock.now()
    await world.store.turn_queue.remove_message(TEAM, CHANNEL, message.ts, now)


def names_of_tasks() -> set[str]:
    return {task.get_name() for task in asyncio.all_tasks()}


async def at_work(world: World, text: str = "@ada count the tests") -> InboundMessage:
    message = await world.say(text)
    world.agent.begin(await world.input(1))
    return message


async def test_an_edit_of_what_is_worked_on_is_told_to_the_agent_next(world: World) -> None:
    message = await at_work(world)
    await edit(world, message, "@ada count the files")
    world.agent.answer_with("done")
    world.agent.emit(world.agent.inputs[0].runtime, ev.TurnFinished(None, "end_turn"))
    await world.ended(2)
    told = world.agent.inputs[1].text
    assert 'from="Name of UMAYA"' in told
    assert "edited the message that you are working on; it now reads:" in told
    assert "count the files" in told


async def test_g2_an_edit_delivered_again_is_told_once(world: World) -> None:
    message = await at_work(world)
    for _ in range(3):
        await edit(world, message, "@ada count the files")
    world.agent.answer_with("done")
    world.agent.emit(world.agent.inputs[0].runtime, ev.TurnFinished(None, "end_turn"))
    await world.ended(2)
    assert world.agent.inputs[1].text.count("count the files") == 1
    assert (await turn_counts(world.store))["waiting"] == 0
    assert len(world.agent.inputs) == 2


async def test_an_edit_that_changes_no_words_is_not_told(world: World) -> None:
    message = await at_work(world)
    await edit(world, message, "@ada count the tests ")
    assert (await turn_counts(world.store))["waiting"] == 0


async def test_the_news_of_an_edit_joins_what_waits(world: World) -> None:
    message = await at_work(world)
    await world.say("and hurry", thread=message.ts, mention=False)
    await edit(world, message, "@ada count the files")
    assert (await turn_counts(world.store))["waiting"] == 1
    world.agent.answer_with("done")
    world.agent.emit(world.agent.inputs[0].runtime, ev.TurnFinished(None, "end_turn"))
    await world.ended(2)
    told = world.agent.inputs[1].text
    assert told.index("and hurry") < told.index("count the files")


async def test_a_mention_that_is_added_by_editing_is_answered_once(world: World) -> None:
    world.agent.answer_with("three")
    message = world.message("count the tests", mention=False)
    assert not await world.dispatcher.message(message)
    for _ in range(3):  # both events of the edit, and one that comes again
        await edit(world, message, "@ada count the tests")
    await world.dispatcher.message(message)  # late, as it was at first
    reply = await world.ended(1)
    assert reply.text() == "three"
    assert reply.target.thread_ts == message.ts
    assert [given.text.count("count the tests") for given in world.agent.inputs] == [1]


async def test_an_edit_of_an_unknown_message_that_calls_nobody_starts_nothing(world: World) -> None:
    message = world.message("years ago", dm=True)
    await edit(world, message, "years ago, corrected")
    assert await turn_counts(world.store) == {"waiting": 0, "active": 0}


async def test_an_edit_after_the_end_starts_nothing(world: World) -> None:
    world.agent.answer_with("three")
    message = await world.say("@ada count the tests")
    await world.ended(1)
    await edit(world, message, "@ada count the files")
    assert await turn_counts(world.store) == {"waiting": 0, "active": 0}


async def test_an_edit_before_the_turn_is_taken_up_is_what_she_reads(world: World) -> None:
    first = await at_work(world)
    second = await world.say("then the fils", thread=first.ts, mention=False)
    await edit(world, second, "then the files")
    world.agent.answer_with("done")
    world.agent.emit(world.agent.inputs[0].runtime, ev.TurnFinished(None, "end_turn"))
    await world.ended(2)
    assert "then the files" in world.agent.inputs[1].text
    assert "fils" not in world.agent.inputs[1].text


async def test_deleting_what_is_worked_on_aborts_it_and_says_why(world: World) -> None:
    message = await at_work(world)
    await delete(world, message)
    await eventually(lambda: world.agent.aborts)
    world.agent.emit(world.agent.inputs[0].runtime, ev.TurnFinished(None, "cancelled"))
    reply = await world.ended(1)
    assert reply.ending is not None
    assert reply.ending.outcome is ev.Outcome.CANCELLED
    assert reply.ending.sentence is not None
    assert "was deleted" in reply.ending.sentence


async def test_deleting_one_of_several_lets_the_others_go_on(world: World) -> None:
    first = await at_work(world)
    asked = [await world.say(text, thread=first.ts, mention=False) for text in ("two", "three")]
    world.agent.emit(world.agent.inputs[0].runtime, ev.TurnFinished(None, "end_turn"))
    given = await world.input(2)
    world.agent.begin(given)
    await delete(world, asked[0])
    assert not world.agent.aborts
    await delete(world, asked[1])
    await eventually(lambda: world.agent.aborts)


async def test_deleting_what_waits_ends_its_turn_and_nothing_else(world: World) -> None:
    first = await at_work(world)
    second = await world.say("never mind", thread=first.ts, mention=False)
    await delete(world, second)
    assert (await turn_counts(world.store))["waiting"] == 0
    assert not world.agent.aborts


async def test_g5_a_deletion_that_the_process_did_not_live_to_carry_out_is_carried_out(
    world: World,
) -> None:
    message = await at_work(world)
    await delete_undelivered(world, message)
    await world.crash()
    world.agent.processing = {world.agent.inputs[0].runtime}
    await world.open()
    await eventually(lambda: world.agent.aborts)
    world.agent.emit(world.agent.inputs[0].runtime, ev.TurnFinished(None, "cancelled"))

    async def over() -> bool:
        return (await turn_counts(world.store))["active"] == 0

    await eventually(over)


async def test_g5_a_turn_put_back_by_a_crash_is_not_begun_for_deleted_words(world: World) -> None:
    world.agent.state = LinkState.DOWN
    message = await world.say("@ada count the tests")

    async def taken() -> bool:
        return (await turn_counts(world.store))["active"] == 1

    await eventually(taken)
    await delete_undelivered(world, message)
    await world.crash()
    world.agent.state = LinkState.UP
    world.agent.answer_with("one")
    await world.open()

    async def over() -> bool:
        return await turn_counts(world.store) == {"waiting": 0, "active": 0}

    await eventually(over)
    assert world.agent.inputs == []


async def test_g2_an_edit_of_words_that_were_never_given_is_not_told_as_well(world: World) -> None:
    """The process dies before the input is sent: the next one sends the new words, once."""
    world.agent.state = LinkState.DOWN
    message = await world.say("@ada count the tests")

    async def taken() -> bool:
        return (await turn_counts(world.store))["active"] == 1

    await eventually(taken)
    await edit(world, message, "@ada count the files")
    await world.crash()
    world.agent.state = LinkState.UP
    world.agent.answer_with("one")
    await world.open()
    await world.ended(1)
    assert await turn_counts(world.store) == {"waiting": 0, "active": 0}
    (given,) = world.agent.inputs
    assert given.text.count("count the files") == 1


async def test_a_stop_that_comes_late_leaves_what_was_said_after_it(world: World) -> None:
    first = await at_work(world)
    stop = world.message("!stop", thread=first.ts, mention=False, user=JONAS)
    later = await world.say("go on with this", thread=first.ts, mention=False)
    world.agent.emit(world.agent.inputs[0].runtime, ev.TurnFinished(None, "end_turn"))
    given = await world.input(2)
    world.agent.begin(given)
    await world.say("and with this", thread=first.ts, mention=False)
    await world.dispatcher.message(stop)
    await eventually(lambda: f"stop {stop.ts}" not in names_of_tasks())
    assert not world.agent.aborts
    assert (await turn_counts(world.store))["waiting"] == 1
    assert later.text in given.text


async def test_a_stop_drops_what_was_said_before_it(world: World) -> None:
    first = await at_work(world)
    await world.say("waits", thread=first.ts, mention=False)
    await world.say("!stop", thread=first.ts, mention=False)
    await eventually(lambda: world.agent.aborts)
    assert (await turn_counts(world.store))["waiting"] == 0
