"""A new process goes on with running turns: text, cards, ends, stops."""

import asyncio
from dataclasses import replace

import pytest

from bridge.domain import events as ev
from bridge.domain.approvals import ApprovalState
from bridge.domain.events import Verdict
from bridge.domain.ids import ConversationId, MessageRef, MessageTs, RunId, Runtime
from bridge.domain.ports import HistoryMessage, LinkState, ServerTraits
from bridge.domain.turn import resumed
from bridge.engine.dispatcher import Dispatcher
from bridge.store.store import Store
from tests.engine.conftest import JONAS, MAYA, World
from tests.engine.fakes import FakeReply, Input
from tests.support import eventually

ASKED = ev.ApprovalAsked("perm-1", "call-1", "Bash", {"command": "ls"})


def stores(world: World, given: Input, *messages: HistoryMessage) -> None:
    """The server's history holds the input and these."""
    asked = HistoryMessage("u1", "user", "hi", given.client_message_id)
    world.agent.stored[given.runtime] = [asked, *messages]


def answer(text: str, name: str = "m1") -> HistoryMessage:
    return HistoryMessage(name, "assistant", text, None)


def call(name: str) -> HistoryMessage:
    return HistoryMessage(f"of-{name}", "call", "", None, call_id=name)


def say(world: World, given: Input, text: str, run: str = "run-1", name: str = "m1") -> None:
    world.agent.emit(given.runtime, ev.TextArrived(RunId(run), name, text))


async def at_work(world: World, *words: str) -> Input:
    """A turn that runs and has said these words."""
    await world.say("@ada hi")
    given = await world.input(1)
    world.agent.begin(given)
    for word in words:
        say(world, given, word)
    await eventually(lambda: not words or world.chat.replies[0].segments)
    world.agent.processing.add(given.runtime)
    return given


async def again(world: World) -> None:
    """Killed and started; the new process has started the runtime again."""
    await world.crash()
    starts = len(world.agent.starts)
    await world.open()
    await eventually(lambda: len(world.agent.starts) > starts)


def newest(world: World) -> FakeReply:
    return world.chat.replies[-1]


async def test_a_stopped_answer_is_not_replaced_by_the_words_after_a_hole(world: World) -> None:
    """The server stores no aborted answer: what an earlier process showed is all there is."""
    given = await at_work(world, "one ", "two ")
    turn_id = newest(world).target.turn_id
    await world.store.turn_queue.ask_stop(turn_id, by=MAYA)
    world.agent.reading.clear()
    await world.crash()
    stores(world, given)
    await world.open()
    await eventually(lambda: world.agent.aborts)
    say(world, given, "four ")
    world.agent.reading.set()
    say(world, given, "five ")
    world.agent.finish(given, RunId("run-1"), "cancelled")
    await eventually(lambda: world.chat.leftovers)
    assert newest(world).text() == ""
    assert "Stopped" in world.chat.leftovers[0][1]


async def test_a_stop_amid_a_lost_link_leaves_no_hole_in_the_answer(world: World) -> None:
    given = await at_work(world, "one ", "two ")
    stores(world, given)
    world.agent.reading.clear()
    world.agent.link(LinkState.DOWN)
    await world.dispatcher.stop(
        newest(world).target.turn_id,
        user=MAYA,
        ref=MessageRef(world.message("").channel, MessageTs("1.0")),
    )
    world.agent.link(LinkState.UP)
    await eventually(lambda: world.agent.aborts)
    say(world, given, "four ")
    world.agent.reading.set()
    world.agent.finish(given, RunId("run-1"), "cancelled")
    reply = await world.ended(1)
    assert reply.text() == "one two "


async def test_what_comes_after_a_stop_is_shown_when_an_earlier_gap_is_filled(world: World) -> None:
    given = await at_work(world, "one ")
    stores(world, given, answer("one two "))
    await again(world)
    await eventually(lambda: newest(world).text() == "one two ")
    await world.dispatcher.stop(
        newest(world).target.turn_id,
        user=MAYA,
        ref=MessageRef(world.message("").channel, MessageTs("1.0")),
    )
    await eventually(lambda: world.agent.aborts)
    say(world, given, "three ")
    world.agent.finish(given, RunId("run-1"), "cancelled")
    reply = await world.ended(1)
    assert reply.text() == "one two three "


async def test_after_missed_events_the_turn_is_read_again_and_its_text_is_whole(
    world: World,
) -> None:
    given = await at_work(world, "one ")
    stores(world, given, answer("one two three "))
    starts = len(world.agent.starts)
    world.dispatcher.events_missed()
    await eventually(lambda: len(world.agent.starts) == starts + 1)
    await eventually(lambda: newest(world).text() == "one two three ")
    say(world, given, "four ")
    await eventually(lambda: newest(world).text() == "one two three four ")
    assert len(world.agent.inputs) == 1, "nothing is sent twice"


async def test_g4_the_text_is_whole_in_the_middle_of_the_stream(world: World) -> None:
    given = await at_work(world, "one ", "two ")
    world.agent.reading.clear()
    await world.crash()
    stores(world, given, answer("one two three four "))
    await world.open()
    await eventually(lambda: len(world.agent.starts) >= 2)
    say(world, given, "four ")  # is in the listing already
    say(world, given, "five ")  # came before the listing's answer, and is not in it
    await asyncio.sleep(0)
    assert newest(world).text() == "", "nothing is shown before it is whole"
    world.agent.reading.set()
    await eventually(lambda: newest(world).text() == "one two three four five ")
    say(world, given, "six ")
    await eventually(lambda: newest(world).text() == "one two three four five six ")
    assert len(newest(world).segments) == 1, "one message of the agent appears once"
    stores(world, given, answer("one two three four five six seven"))
    world.agent.finish(given, RunId("run-1"))
    assert (await world.ended(1)).text() == "one two three four five six seven"


async def test_g4_the_text_of_several_steps_is_whole_and_in_order(world: World) -> None:
    given = await at_work(world, "First. ")
    await world.crash()
    stores(world, given, answer("First. "), call("c"), answer("Second: a", "m2"))
    await world.open()
    await eventually(lambda: newest(world).text() == "First. \n\nSecond: a")
    say(world, given, " b", "run-2", "m2")
    say(world, given, "Third.", "run-3", "m3")
    await eventually(lambda: newest(world).text() == "First. \n\nSecond: a b\n\nThird.")


async def test_text_above_a_card_stays_above_it(world: World) -> None:
    given = await at_work(world, "Above. ")
    world.agent.emit(given.runtime, ASKED)
    await eventually(lambda: world.chat.cards)
    await eventually(lambda: _noted(world))
    stores(world, given, answer("Above. "), call("call-1"), call("other"), answer("Below.", "m2"))
    await again(world)
    await eventually(lambda: newest(world).text() == "Above. \n\nBelow.")
    assert newest(world).parts() == ["Above. ", "Below."]


async def test_a_run_that_is_retried_takes_its_stored_text_along(world: World) -> None:
    given = await at_work(world, "Half")
    stores(world, given, answer("Half"))
    await again(world)
    await eventually(lambda: newest(world).text() == "Half")
    say(world, given, " an")
    await eventually(lambda: newest(world).text() == "Half an")
    world.agent.emit(given.runtime, ev.RunDropped(RunId("run-1")))
    say(world, given, "Whole.", "run-2", "m2")
    await eventually(lambda: newest(world).text() == "Whole.")


async def test_a_server_without_lasting_ids_shows_nothing_twice(world: World) -> None:
    world.agent.traits = ServerTraits("0.32.13", True, False, keeps_ids=False)
    given = await at_work(world, "one ")
    world.agent.reading.clear()
    stores(world, given, answer("one two ", "stored-9"))
    world.agent.link(LinkState.DOWN)
    world.agent.link(LinkState.UP)
    await eventually(lambda: len(world.agent.starts) >= 2)
    say(world, given, "two ", name="chunk-2")
    world.agent.reading.set()
    await eventually(lambda: newest(world).text() == "one two ")
    say(world, given, "three", name="chunk-2")
    await eventually(lambda: newest(world).text() == "one two three")
    stores(world, given, answer("one two three", "stored-9"))
    world.agent.finish(given, RunId("run-1"))
    assert (await world.ended(1)).text() == "one two three"


async def test_an_input_whose_repeat_is_swallowed_is_sent_under_another_name(
    world: World,
) -> None:
    """The server cancelled it before it was stored, and knows its name (PROTOCOL §1.4)."""
    given = await at_work(world)
    world.agent.processing.clear()
    await world.crash()

    def drop_repeats(repeat: Input) -> None:
        if repeat.client_message_id != given.client_message_id:
            run = world.agent.begin(repeat)
            world.agent.say(repeat, run, "Here I am.")
            world.agent.finish(repeat, run)

    world.agent.on_input = drop_repeats
    await world.open()
    assert (await world.ended(1)).text() == "Here I am."
    names = [each.client_message_id for each in world.agent.inputs]
    assert (names[0] == names[1], len(names), len(set(names))) == (True, 3, 2)
    assert "lost" not in (newest(world).statuses or [""])[-1]


async def test_a_turn_is_taken_over_although_its_server_speaks_first(world: World) -> None:
    """The server repeats its question to whoever connects, maybe before we know the turn (§4)."""
    given = await at_work(world, "Half")
    await world.crash()
    stores(world, given, answer("Half"), call("call-1"))
    world.agent.pending = frozenset({"perm-1"})
    starts = len(world.agent.starts)
    store = await Store.open(f"sqlite+aiosqlite:///{world.path}")
    world.tools = replace(world.tools, store=store)
    world.tools = replace(world.tools, options=replace(world.tools.options, lease="life-2"))
    world.chat.start(store)
    world.store, world.dispatcher = store, Dispatcher(world.tools)
    world.agent.listen(world.dispatcher)
    (left,) = await store.turn_queue.left_active(not_lease="life-2")
    await store.turn_queue.take_over(left.turn.turn_id, lease="life-2")
    world.agent.emit(given.runtime, ASKED)
    for _ in range(100_000):
        if any(task.get_name().startswith("worker ") for task in asyncio.all_tasks()):
            break
        await asyncio.sleep(0)
    await asyncio.sleep(0)  # started by what the server said, it now finds that the turn is taken
    world.dispatcher.inherit(left.turn, resumed(left.client_message_id, 1))
    await eventually(lambda: len(world.agent.starts) > starts)
    await eventually(lambda: world.chat.cards)


# --- how it ended ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [("end_turn", "done"), ("error", "failed"), ("cancelled", "cancelled")],
)
async def test_g5_an_end_that_only_the_guard_heard_is_the_true_one(
    world: World, reason: str, outcome: str
) -> None:
    given = await at_work(world, "half ")
    world.agent.processing.clear()
    stores(world, given, answer("half and whole"))
    world.supervisor.ended[given.client_message_id] = ev.TurnFinished(RunId("run-9"), reason)
    world.rerun_wait_s = 60.0  # nothing is waited for: the end is known
    await again(world)
    reply = await world.ended(1)
    assert reply.ending is not None
    assert (reply.ending.outcome.value, reply.text()) == (outcome, "half and whole")
    assert given.runtime not in world.supervisor.held


async def test_g5_an_end_that_the_guard_tells_late_counts_before_the_turn_is_given_up(
    world: World,
) -> None:
    given = await at_work(world, "half ")
    world.agent.processing.clear()
    stores(world, given, answer("half and whole"))
    world.agent.link(LinkState.DOWN)
    world.agent.link(LinkState.UP)
    await eventually(lambda: newest(world).text() == "half and whole")
    world.supervisor.ended[given.client_message_id] = ev.TurnFinished(RunId("run-1"), "end_turn")
    reply = await world.ended(1)
    assert reply.ending is not None
    assert reply.ending.outcome is ev.Outcome.DONE


async def test_a_turn_that_the_server_runs_again_says_so_once(world: World) -> None:
    given = await at_work(world, "half ")
    world.agent.processing.clear()
    stores(world, given, answer("half "))
    await again(world)
    await eventually(lambda: newest(world).text() == "half ")
    world.agent.emit(
        given.runtime, ev.RuntimeStatus(True, cwd=None, mode=None, pending_request_ids=frozenset())
    )
    await asyncio.sleep(0.5)  # longer than a rerun is waited for: a model may think for long
    run = world.agent.begin(given)
    say(world, given, "whole", run, "m2")
    world.agent.emit(given.runtime, ev.RunStarted(run, frozenset({given.client_message_id})))
    stores(world, given, answer("whole", "m2"))
    world.agent.finish(given, run)
    assert (await world.ended(1)).text() == "whole"
    (notice,) = world.chat.notices
    assert "restarted" in notice
    assert len(world.agent.inputs) == 1


async def test_a_conversation_that_is_gone_is_replaced_and_that_is_said(world: World) -> None:
    given = await at_work(world, "half ")
    world.agent.processing.clear()
    world.agent.gone.add(given.runtime.conversation_id)
    world.agent.answer_with("anew")
    await again(world)
    assert (await world.ended(1)).text() == "anew"
    assert any("A new one continues" in notice for notice in world.chat.notices)
    assert world.agent.inputs[1].runtime != given.runtime


# --- cards -------------------------------------------------------------------------------------


async def _noted(world: World) -> bool:
    stored = await world.store.approvals.get(world.chat.cards[0].approval_id)
    return stored is not None and stored.card is not None


async def test_g6_a_question_whose_card_was_never_noted_is_shown_by_the_next_process(
    world: World,
) -> None:
    given = await at_work(world)
    world.chat.lose_cards = True
    world.agent.emit(given.runtime, ASKED)
    await eventually(lambda: world.chat.cards)
    stores(world, given)
    world.agent.pending = frozenset({"perm-1"})
    world.chat.lose_cards = False
    await again(world)
    world.agent.emit(given.runtime, ASKED)
    await eventually(lambda: _noted(world))
    assert len(world.chat.cards) == 1, "the same card: the chat looks for it first"


async def test_a_question_that_is_decided_before_its_text_is_read_parts_nothing(
    world: World,
) -> None:
    """Its card stood there already, and what came after the decision must not be cut off."""
    given = await at_work(world, "Half")
    world.agent.emit(given.runtime, ASKED)
    await eventually(lambda: world.chat.cards)
    await eventually(lambda: _noted(world))
    card = await world.store.approvals.get(world.chat.cards[0].approval_id)
    assert card is not None
    assert card.card is not None
    stores(world, given, answer("Half"))
    world.agent.pending = frozenset({"perm-1"})
    world.agent.reading.clear()
    await again(world)
    world.agent.emit(given.runtime, ASKED)

    async def decided() -> bool:
        assert card is not None
        assert card.card is not None
        await world.dispatcher.click(
            card.approval_id, user=MAYA, verdict=Verdict.ALLOW, card=card.card
        )
        return bool(world.agent.answers)

    await eventually(decided)
    world.agent.reading.set()
    await eventually(lambda: newest(world).text() == "Half")
    world.agent.finish(given, RunId("run-1"))
    await world.ended(1)
    assert newest(world).seals == 0


async def test_g6_a_decision_that_was_not_delivered_is_delivered_once(world: World) -> None:
    given = await at_work(world)
    world.agent.emit(given.runtime, ASKED)
    await eventually(lambda: world.chat.cards)
    await eventually(lambda: _noted(world))
    approval = world.chat.cards[0]
    await world.store.approvals.settle(
        approval.approval_id,
        state=ApprovalState.ALLOWED,
        by=JONAS,
        cause=None,
        now=world.tools.clock.now(),
    )
    stores(world, given)
    world.agent.pending = frozenset({"perm-1"})
    await again(world)
    world.agent.emit(given.runtime, ASKED)
    await eventually(lambda: world.agent.answers)
    world.agent.emit(given.runtime, ASKED)  # once more, as a client that joins gets it
    await eventually(lambda: world.agent.answers[1:])
    assert {verdict for _, verdict, _ in world.agent.answers} == {Verdict.ALLOW}
    assert len(world.chat.cards) == 1


async def test_g6_a_decision_is_not_delivered_to_another_question(world: World) -> None:
    given = await at_work(world)
    world.agent.emit(given.runtime, ASKED)
    await eventually(lambda: world.chat.cards)
    await eventually(lambda: _noted(world))
    await world.store.approvals.settle(
        world.chat.cards[0].approval_id,
        state=ApprovalState.ALLOWED,
        by=JONAS,
        cause=None,
        now=world.tools.clock.now(),
    )
    stores(world, given)
    world.agent.pending = frozenset({"perm-1"})
    await again(world)
    other = ev.ApprovalAsked("perm-1", "call-1", "Bash", {"command": "rm -rf /"})
    world.agent.emit(given.runtime, other)
    await eventually(lambda: world.chat.cards[1:])
    assert world.agent.answers == []


async def test_g5_a_server_that_took_a_decision_and_did_nothing_is_given_it_again(
    world: World,
) -> None:
    world.answer_wait_s = 0.05
    await world.crash()
    await world.open()
    given = await at_work(world)
    world.agent.emit(given.runtime, ASKED)
    await eventually(lambda: world.chat.cards)
    await eventually(lambda: _noted(world))
    stores(world, given)
    world.agent.pending = frozenset({"perm-1"})
    starts = len(world.agent.starts)
    card = await world.store.approvals.get(world.chat.cards[0].approval_id)
    assert card is not None
    await world.dispatcher.click(
        card.approval_id, user=MAYA, verdict=Verdict.ALLOW, card=card.card or _anywhere(world)
    )
    await eventually(lambda: len(world.agent.starts) > starts)
    world.agent.emit(given.runtime, ASKED)  # as the server repeats what it waits for
    await eventually(lambda: len(world.agent.answers) == 2)
    assert {verdict for _, verdict, _ in world.agent.answers} == {Verdict.ALLOW}


async def test_g5_a_server_that_takes_no_decision_is_not_asked_for_ever(world: World) -> None:
    given = await at_work(world)
    world.agent.emit(given.runtime, ASKED)
    await eventually(lambda: world.chat.cards)
    await eventually(lambda: _noted(world))
    world.agent.takes_no_answers = True
    card = await world.store.approvals.get(world.chat.cards[0].approval_id)
    assert card is not None
    await world.dispatcher.click(
        card.approval_id, user=MAYA, verdict=Verdict.ALLOW, card=card.card or _anywhere(world)
    )
    reply = await world.ended(1)
    assert reply.ending is not None
    assert reply.ending.outcome is ev.Outcome.FAILED
    await eventually(lambda: world.agent.aborts)


async def test_g6_a_press_before_the_runtime_is_started_again_decides_nothing(
    world: World,
) -> None:
    """The server repeats its question to whoever connects, but takes no answer yet (§4)."""
    given = await at_work(world)
    world.agent.emit(given.runtime, ASKED)
    await eventually(lambda: world.chat.cards)
    await eventually(lambda: _noted(world))
    world.agent.link(LinkState.DOWN)
    world.agent.emit(given.runtime, ASKED)
    card = await world.store.approvals.get(world.chat.cards[0].approval_id)
    assert card is not None
    await world.dispatcher.click(
        card.approval_id, user=MAYA, verdict=Verdict.ALLOW, card=card.card or _anywhere(world)
    )
    assert "press again" in world.chat.notes[-1][1]
    stores(world, given)
    world.agent.pending = frozenset({"perm-1"})
    world.agent.link(LinkState.UP)
    await eventually(lambda: len(world.agent.starts) >= 2)
    world.agent.emit(given.runtime, ASKED)

    async def counts() -> bool:
        await world.dispatcher.click(
            card.approval_id, user=MAYA, verdict=Verdict.ALLOW, card=card.card or _anywhere(world)
        )
        return bool(world.agent.answers)

    await eventually(counts)


def _anywhere(world: World) -> MessageRef:
    return MessageRef(newest(world).target.thread.channel, MessageTs("1.0"))


async def test_what_was_said_before_a_question_stands_above_its_card(world: World) -> None:
    given = await at_work(world)
    world.agent.reading.clear()
    await world.crash()
    stores(world, given, answer("Above."))
    world.agent.pending = frozenset({"perm-1"})
    await world.open()
    await eventually(lambda: len(world.agent.starts) >= 2)
    world.agent.emit(given.runtime, ASKED)
    world.agent.reading.set()
    await eventually(lambda: world.chat.cards)
    assert newest(world).parts() == ["Above.", ""]


# --- stops and the supervisor ---------------------------------------------------------------------


async def test_an_abort_without_an_answer_is_repeated(world: World) -> None:
    given = await at_work(world, "on and on")
    stores(world, given, answer("on and on"))
    world.agent.lose_aborts = 1
    await world.dispatcher.stop(
        newest(world).target.turn_id,
        user=MAYA,
        ref=MessageRef(world.message("").channel, MessageTs("1.0")),
    )
    await eventually(lambda: len(world.agent.aborts) == 2)
    world.agent.finish(given, RunId("run-1"), "cancelled")
    reply = await world.ended(1)
    assert reply.ending is not None
    assert reply.ending.outcome is ev.Outcome.CANCELLED


async def test_the_guard_holds_the_runtime_before_the_input_is_sent_and_until_the_end(
    world: World,
) -> None:
    held: list[bool] = []

    def reply(given: Input) -> None:
        held.append(given.runtime in world.supervisor.held)
        run = world.agent.begin(given)
        world.agent.finish(given, run)

    world.agent.on_input = reply
    await world.say("@ada hi")
    await world.ended(1)
    assert held == [True]
    await eventually(lambda: world.agent.inputs[0].runtime not in world.supervisor.held)


async def test_a_turn_that_another_process_has_taken_over_is_let_be(world: World) -> None:
    """Stopped in its tracks and woken when its successor is at work, a process ends nothing."""
    given = await at_work(world, "half")
    world.agent.emit(given.runtime, ASKED)
    await eventually(lambda: world.chat.cards)
    (left,) = await world.store.turn_queue.left_active(not_lease="life-2")
    await world.store.turn_queue.take_over(left.turn.turn_id, lease="life-2")
    world.agent.finish(given, RunId("run-1"))
    await eventually(lambda: not world.live_turns())
    assert newest(world).ending is None
    assert newest(world).let_gone
    assert given.runtime in world.supervisor.held
    assert await world.store.approvals.open_of_turn(left.turn.turn_id)


async def test_an_input_of_a_turn_that_another_process_has_taken_over_is_not_sent(
    world: World,
) -> None:
    world.agent.state = LinkState.DOWN
    await world.say("@ada hi")
    (left,) = await eventually(lambda: world.store.turn_queue.left_active(not_lease="life-2"))
    await world.store.turn_queue.take_over(left.turn.turn_id, lease="life-2")
    world.agent.link(LinkState.UP)
    await eventually(lambda: not world.live_turns())
    assert world.agent.inputs == []


async def test_the_guard_holds_the_copy_of_a_stuck_conversation(world: World) -> None:
    stuck = "Conversation c already has an active run (local-run-1)"

    def reply(given: Input) -> None:
        if given.runtime.conversation_id.startswith("fork-of-"):
            world.agent.finish(given, world.agent.begin(given))
        else:
            failed = ev.ModelFailed(stuck, frozenset({given.client_message_id}))
            world.agent.emit(given.runtime, failed, ev.TurnFinished(None, "error", stuck))

    world.agent.on_input = reply
    await world.say("@ada hi")
    await world.ended(1)
    first = world.agent.inputs[0].runtime
    copy = Runtime(first.agent_id, ConversationId(f"fork-of-{first.conversation_id}"))
    held = [runtime for what, runtime in world.supervisor.log if what == "hold"]
    assert held.index(first) < held.index(copy)
    await eventually(lambda: not {first, copy} & set(world.supervisor.held))


async def test_work_that_the_server_began_by_itself_is_taken_over_as_well(world: World) -> None:
    await world.say("@ada hi")
    given = await world.input(1)
    world.agent.finish(given, world.agent.begin(given))
    await world.ended(1)
    say(world, given, "The build ", "run-7", "m7")
    await eventually(lambda: len(world.chat.replies) == 2 and newest(world).segments)
    world.agent.processing.add(given.runtime)
    stores(world, given, answer("Hello."))
    note = HistoryMessage("u7", "user", "a task is done", None)
    world.agent.stored[given.runtime].extend([note, answer("The build is green", "m7")])
    await again(world)
    await eventually(lambda: newest(world).text() == "The build is green")
    assert given.runtime in world.supervisor.held
    say(world, given, " now.", "run-7", "m7")
    world.agent.stored[given.runtime][-1] = answer("The build is green now.", "m7")
    world.agent.finish(given, RunId("run-7"))
    assert (await world.ended(2)).text() == "The build is green now."


async def test_g5_the_end_of_work_that_nobody_asked_for_is_learnt_as_well(world: World) -> None:
    await world.say("@ada hi")
    given = await world.input(1)
    world.agent.finish(given, world.agent.begin(given))
    await world.ended(1)
    say(world, given, "The build ", "run-7", "m7")
    await eventually(lambda: len(world.chat.replies) == 2 and newest(world).segments)
    note = HistoryMessage("u7", "user", "a task is done", None)
    stores(world, given, answer("Hello."), note, answer("The build is green.", "m7"))
    world.supervisor.ended_unasked[given.runtime] = ev.TurnFinished(RunId("run-7"), "end_turn")
    await again(world)
    reply = await world.ended(2)
    assert reply.ending is not None
    assert (reply.ending.outcome, reply.text()) == (ev.Outcome.DONE, "The build is green.")


async def test_the_time_worked_before_a_takeover_counts(world: World) -> None:
    given = await at_work(world, "half")
    world.clock.later_s = 90.0
    stores(world, given, answer("half"))
    await again(world)
    world.agent.finish(given, RunId("run-1"))
    reply = await world.ended(1)
    assert reply.ending is not None
    assert 90.0 <= reply.ending.seconds < 150.0


async def test_g4_text_from_before_an_injected_message_is_not_lost(world: World) -> None:
    given = await at_work(world, "First. ")
    injected = HistoryMessage("u2", "user", "a task is done", "of-the-server")
    await world.crash()
    stores(world, given, answer("First. "), injected, answer("Second.", "m2"))
    await world.open()
    await eventually(lambda: newest(world).text() == "First. \n\nSecond.")


async def test_g4_what_the_server_begins_again_before_we_look_replaces_what_was_said(
    world: World,
) -> None:
    """The supervisor is back first, and with it the server begins the input again (§16)."""
    given = await at_work(world, "Half a")
    world.agent.link(LinkState.DOWN)
    world.agent.reading.clear()
    stores(world, given, answer("Half a"), *world.agent.stored.get(given.runtime, []))
    asked = HistoryMessage("u2", "user", "hi", given.client_message_id)
    world.agent.stored[given.runtime] += [asked, answer("Whole", "m9")]
    world.agent.link(LinkState.UP)
    await eventually(lambda: len(world.agent.starts) >= 2)
    say(world, given, " and", "run-1", "m9")
    world.agent.reading.set()
    await eventually(lambda: newest(world).text() == "Whole and")
    (notice,) = await eventually(lambda: world.chat.notices)
    assert "restarted" in notice
