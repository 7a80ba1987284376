"""Restarts and lost links: no turn, card or message is left hanging."""

import asyncio

from bridge.domain import events as ev
from bridge.domain.approvals import Approval, ApprovalState
from bridge.domain.events import Verdict
from bridge.domain.ids import MessageRef, MessageTs
from bridge.domain.ports import HistoryMessage, LinkState
from bridge.domain.routing import Team
from bridge.domain.teammates import Persona
from tests.engine.conftest import GRACE, JONAS, MAYA, World
from tests.engine.fakes import Input
from tests.queue_oracle import turn_counts
from tests.support import eventually


def _server_keeps(world: World, given: Input) -> None:
    """The server has the input in its history, and no answer to it."""
    world.agent.stored[given.runtime] = [
        HistoryMessage("u1", "user", "hi", given.client_message_id)
    ]


async def _restart(world: World) -> None:
    await world.crash()
    await world.open()


async def test_g1_an_accepted_message_survives_a_crash(world: World) -> None:
    world.agent.state = LinkState.DOWN
    await world.say("@ada hi")
    await _restart(world)
    world.agent.answer_with("late but whole")
    world.agent.link(LinkState.UP)
    reply = await world.ended(1)
    assert reply.text() == "late but whole"
    assert len(world.agent.inputs) == 1


async def test_a_turn_that_the_server_runs_again_is_adopted_not_sent_twice(world: World) -> None:
    await world.say("@ada hi")
    given = await world.input(1)
    run = world.agent.begin(given)
    world.agent.say(given, run, "half an ans")
    _server_keeps(world, given)
    await eventually(lambda: world.chat.replies[0].segments)
    await _restart(world)
    await eventually(lambda: len(world.agent.starts) >= 2)
    again = world.agent.begin(given)
    world.agent.say(given, again, "half an answer")
    world.agent.finish(given, again)
    reply = await world.ended(1)
    assert reply.text() == "half an answer"
    assert len(world.agent.inputs) == 1
    assert reply.resumed, "the reply goes on in the messages that people see"
    assert not world.chat.leftovers


async def test_g5_a_turn_that_nobody_runs_any_more_ends_in_words(world: World) -> None:
    await world.say("@ada hi")
    given = await world.input(1)
    world.agent.begin(given)
    _server_keeps(world, given)
    await _restart(world)
    leftovers = await eventually(lambda: world.chat.leftovers)
    assert "Interrupted" in leftovers[0][1]

    await eventually(lambda: not world.live_turns())
    assert (await turn_counts(world.store))["active"] == 0


async def test_an_input_that_never_arrived_is_sent_again_under_its_name(world: World) -> None:
    world.agent.lose_answers = True
    await world.say("@ada hi")
    first = await world.input(1)
    world.agent.lose_answers = False
    world.agent.answer_with("got it now")
    second = await world.input(2)
    assert second.client_message_id == first.client_message_id
    assert (await world.ended(1)).text() == "got it now"


async def test_a_lost_link_keeps_the_turn_and_fills_in_the_missed_text(world: World) -> None:
    await world.say("@ada hi")
    given = await world.input(1)
    run = world.agent.begin(given)
    world.agent.say(given, run, "one ")
    await eventually(lambda: world.chat.replies[0].segments)
    world.agent.processing.add(given.runtime)
    world.agent.link(LinkState.DOWN)
    world.agent.stored[given.runtime] = [
        HistoryMessage("u1", "user", "hi", given.client_message_id),
        HistoryMessage(f"msg-{run}", "assistant", "one two three", None),
    ]
    world.agent.link(LinkState.UP)
    await eventually(lambda: len(world.agent.starts) >= 2)
    world.agent.say(given, run, "three")
    world.agent.finish(given, run)
    reply = await world.ended(1)
    assert reply.text() == "one two three"


async def test_an_app_server_that_stays_away_ends_the_turn_in_a_sentence(world: World) -> None:
    await world.close()
    world.link_wait_s = 0.1
    await world.open()
    world.agent.state = LinkState.DOWN
    await world.say("@ada hi")
    reply = await world.ended(1)
    assert reply.ending is not None
    assert "agent server is away" in (reply.ending.sentence or "")


async def test_a_pending_card_works_again_after_a_restart(world: World) -> None:
    await world.say("@ada run it")
    given = await world.input(1)
    world.agent.begin(given)
    asked = ev.ApprovalAsked("perm-1", "call-1", "Bash", {"command": "ls"})
    world.agent.emit(given.runtime, asked)
    card = (await eventually(lambda: world.chat.cards))[0]
    _server_keeps(world, given)
    world.agent.processing.add(given.runtime)
    world.agent.pending = frozenset({"perm-1"})
    await _restart(world)
    await eventually(lambda: len(world.agent.starts) >= 2)
    world.agent.emit(given.runtime, asked)
    approval = await world.store.approvals.get(card.approval_id)
    assert approval is not None
    assert approval.card is not None
    await world.dispatcher.click(
        card.approval_id, user=MAYA, verdict=Verdict.ALLOW, card=approval.card
    )
    await eventually(lambda: world.agent.answers)
    assert len(world.chat.cards) == 1


async def test_a_card_whose_question_is_gone_says_so_after_a_restart(world: World) -> None:
    await world.say("@ada run it")
    given = await world.input(1)
    world.agent.begin(given)
    world.agent.emit(given.runtime, ev.ApprovalAsked("perm-1", "c", "Bash", {"command": "ls"}))
    await eventually(lambda: world.chat.cards)
    _server_keeps(world, given)
    await _restart(world)
    closed = (await eventually(lambda: world.chat.closed_cards))[0]
    assert closed.state is ApprovalState.VOID
    assert closed.cause


async def test_g1_a_stop_that_was_stored_is_carried_out_by_the_next_process(world: World) -> None:
    """Killed after the message was stored, before anybody acted on it."""
    root = await world.say("@ada on and on")
    given = await world.input(1)
    world.agent.begin(given)
    await world.say("and this", thread=root.ts, mention=False)
    await world.say("!stop", thread=root.ts, mention=False)
    await world.crash()
    _server_keeps(world, given)
    world.agent.processing.add(given.runtime)
    await world.open()
    await eventually(lambda: world.agent.aborts)
    assert (await turn_counts(world.store))["waiting"] == 0


async def test_g1_a_stop_by_reaction_is_carried_out_by_the_next_process(world: World) -> None:
    root = await world.say("@ada on and on")
    given = await world.input(1)
    world.agent.begin(given)
    ref = MessageRef(root.channel, root.ts)
    await world.dispatcher.reaction(root.team, ref, user=JONAS, name="octagonal_sign")
    await world.crash()
    world.agent.aborts.clear()
    _server_keeps(world, given)
    world.agent.processing.add(given.runtime)
    await world.open()
    await eventually(lambda: world.agent.aborts)


async def test_an_orderly_stop_ends_live_turns_in_words(world: World) -> None:
    await world.say("@ada hi")
    given = await world.input(1)
    world.agent.begin(given)
    await world.dispatcher.shut_down()
    reply = world.chat.replies[0]
    assert reply.ending is not None
    assert reply.ending.outcome is ev.Outcome.INTERRUPTED


async def test_a_decision_that_did_not_arrive_is_given_again(world: World) -> None:
    await world.say("@ada run it")
    given = await world.input(1)
    world.agent.begin(given)
    asked = ev.ApprovalAsked("perm-1", "call-1", "Bash", {"command": "ls"})
    world.agent.emit(given.runtime, asked)
    card = (await eventually(lambda: world.chat.cards))[0]
    world.agent.processing.add(given.runtime)
    world.agent.pending = frozenset({"perm-1"})
    world.agent.refuse_answers = 1

    async def noted() -> MessageRef | None:
        approval = await world.store.approvals.get(card.approval_id)
        return approval.card if approval is not None else None

    pressed = await eventually(noted)
    assert pressed is not None
    await world.dispatcher.click(card.approval_id, user=MAYA, verdict=Verdict.ALLOW, card=pressed)
    await eventually(lambda: len(world.agent.starts) >= 2)
    world.agent.emit(given.runtime, asked)  # as the replay does
    await eventually(lambda: world.agent.answers)
    assert world.agent.answers[0][1] is Verdict.ALLOW
    assert len(world.chat.cards) == 1


async def test_after_a_restart_of_both_sides_the_old_card_is_void(world: World) -> None:
    await world.say("@ada run it")
    given = await world.input(1)
    world.agent.begin(given)
    world.agent.emit(given.runtime, ev.ApprovalAsked("perm-1", "c", "Bash", {"command": "ls"}))
    old = (await eventually(lambda: world.chat.cards))[0]
    _server_keeps(world, given)
    await _restart(world)
    await eventually(lambda: len(world.agent.starts) >= 2)
    world.agent.begin(given)  # the restarted server runs the input again and asks anew
    world.agent.emit(given.runtime, ev.ApprovalAsked("perm-2", "c2", "Bash", {"command": "ls"}))
    closed = (await eventually(lambda: world.chat.closed_cards))[0]
    assert (closed.approval_id, closed.state) == (old.approval_id, ApprovalState.VOID)
    new = (await eventually(lambda: world.chat.cards[1:]))[0]
    stored = await world.store.approvals.get(new.approval_id)
    assert stored is not None
    assert stored.state is ApprovalState.PENDING


async def _pending_then_restarted(world: World) -> Approval:
    """A card is shown, the bridge dies and starts again; the server says nothing yet."""
    await world.say("@ada run it")
    given = await world.input(1)
    world.agent.begin(given)
    world.agent.emit(given.runtime, ev.ApprovalAsked("perm-1", "c", "Bash", {"command": "ls"}))
    card = (await eventually(lambda: world.chat.cards))[0]

    async def noted() -> Approval | None:
        approval = await world.store.approvals.get(card.approval_id)
        return approval if approval is not None and approval.card is not None else None

    approval = await eventually(noted)
    assert approval is not None
    _server_keeps(world, given)
    world.agent.state = LinkState.DOWN
    await _restart(world)
    return approval


async def test_g6_nothing_is_called_approved_before_it_is_known_that_the_agent_waits(
    world: World,
) -> None:
    approval = await _pending_then_restarted(world)
    assert approval.card is not None
    await world.dispatcher.click(
        approval.approval_id, user=MAYA, verdict=Verdict.ALLOW, card=approval.card
    )
    assert "press again" in world.chat.notes[-1][1]
    stored = await world.store.approvals.get(approval.approval_id)
    assert stored is not None
    assert stored.state is ApprovalState.PENDING
    world.agent.link(LinkState.UP)  # the server does not wait for it any more
    closed = (await eventually(lambda: world.chat.closed_cards))[0]
    assert closed.state is ApprovalState.VOID
    assert not world.agent.answers


async def test_a_card_that_was_posted_but_not_noted_is_closed_when_it_is_pressed(
    world: World,
) -> None:
    await world.say("@ada run it")
    given = await world.input(1)
    world.agent.begin(given)
    world.chat.lose_cards = True
    world.agent.emit(given.runtime, ev.ApprovalAsked("perm-1", "c", "Bash", {"command": "ls"}))
    approval = (await eventually(lambda: world.chat.cards))[0]
    await world.crash()
    world.chat.slack_is_there.clear()  # the outbox does not know where it is either
    world.agent.gone.add(given.runtime.agent_id)
    await world.open()
    seen = MessageRef(approval.thread.channel, MessageTs("17.000001"))

    async def void() -> bool:
        stored = await world.store.approvals.get(approval.approval_id)
        return stored is not None and stored.state is ApprovalState.VOID

    await eventually(void)
    await world.dispatcher.click(approval.approval_id, user=MAYA, verdict=Verdict.ALLOW, card=seen)
    stored = await world.store.approvals.get(approval.approval_id)
    assert stored is not None
    assert stored.card == seen
    world.chat.slack_is_there.set()
    await eventually(lambda: world.chat.closed_cards)


async def test_g6_after_a_restart_the_old_card_does_not_approve_new_content(world: World) -> None:
    await world.say("@ada run it")
    given = await world.input(1)
    world.agent.begin(given)
    world.agent.emit(given.runtime, ev.ApprovalAsked("perm-1", "c", "Bash", {"command": "ls"}))
    old = (await eventually(lambda: world.chat.cards))[0]
    _server_keeps(world, given)
    world.agent.processing.add(given.runtime)
    world.agent.pending = frozenset({"perm-1"})
    await _restart(world)
    await eventually(lambda: len(world.agent.starts) >= 2)
    changed = ev.ApprovalAsked("perm-1", "c", "Bash", {"command": "rm -rf /"})
    world.agent.emit(given.runtime, changed)
    await eventually(lambda: world.chat.cards[1:])
    stored = await world.store.approvals.get(old.approval_id)
    assert stored is not None
    assert stored.card is not None
    await world.dispatcher.click(
        old.approval_id, user=MAYA, verdict=Verdict.ALLOW, card=stored.card
    )
    assert "newer" in world.chat.notes[-1][1]
    assert not world.agent.answers


async def test_a_denial_that_is_given_again_names_the_person(world: World) -> None:
    approval = await _pending_then_restarted(world)
    await world.store.approvals.settle(
        approval.approval_id,
        state=ApprovalState.DENIED,
        by=JONAS,
        cause="no",
        now=world.tools.clock.now(),
    )
    given = world.agent.inputs[0]
    world.agent.processing.add(given.runtime)
    world.agent.pending = frozenset({"perm-1"})
    world.agent.link(LinkState.UP)
    await eventually(lambda: len(world.agent.starts) >= 2)
    world.agent.emit(given.runtime, ev.ApprovalAsked("perm-1", "c", "Bash", {"command": "ls"}))
    answers = await eventually(lambda: world.agent.answers)
    assert answers[0][2] == f"Name of {JONAS} denied this action and said: no"


async def test_g5_a_card_that_could_not_be_closed_is_closed_at_the_next_start(
    world: World,
) -> None:
    approval = await _pending_then_restarted(world)
    world.chat.refuse_closing = True
    world.agent.link(LinkState.UP)  # the server does not wait for it any more

    async def void() -> bool:
        stored = await world.store.approvals.get(approval.approval_id)
        return stored is not None and stored.state is ApprovalState.VOID

    await eventually(void)
    await eventually(lambda: not world.live_turns())
    assert not world.chat.closed_cards
    world.chat.refuse_closing = False
    await _restart(world)
    closed = (await eventually(lambda: world.chat.closed_cards))[0]
    assert (closed.approval_id, closed.state) == (approval.approval_id, ApprovalState.VOID)

    async def noted() -> bool:
        return "card" not in {row.kind for row in await world.store.outbox.owed()}

    await eventually(noted)
    await _restart(world)
    assert len(world.chat.closed_cards) == 1, "what is closed is left alone"


async def test_the_start_does_not_wait_for_cards(world: World) -> None:
    await world.say("@ada run it")
    given = await world.input(1)
    world.agent.begin(given)
    world.agent.emit(given.runtime, ev.ApprovalAsked("perm-1", "c", "Bash", {"command": "ls"}))
    card = (await eventually(lambda: world.chat.cards))[0]

    async def noted() -> bool:
        stored = await world.store.approvals.get(card.approval_id)
        return stored is not None and stored.card is not None

    await eventually(noted)
    await world.crash()
    world.team = Team((GRACE,))
    world.chat.slack_is_there.clear()
    async with asyncio.timeout(5):
        await world.open()
    assert not world.chat.closed_cards
    world.chat.slack_is_there.set()
    closed = (await eventually(lambda: world.chat.closed_cards))[0]
    assert (closed.approval_id, closed.state) == (card.approval_id, ApprovalState.VOID)


async def test_g5_turns_of_a_teammate_who_has_left_end_in_words(world: World) -> None:
    root = await world.say("@ada run it")
    given = await world.input(1)
    world.agent.begin(given)
    await world.say("@ada and then this", thread=root.ts)
    assert await turn_counts(world.store) == {"waiting": 1, "active": 1}
    await world.crash()
    world.team = Team((GRACE,))
    await world.open()

    async def all_ended() -> bool:
        return await turn_counts(world.store) == {"waiting": 0, "active": 0}

    await eventually(all_ended)
    ((target, sentence),) = world.chat.leftovers
    assert target.persona == Persona("Ada")
    assert "no longer set up" in sentence
    assert world.chat.notices == [sentence]
    assert not world.live_turns()
    assert not world.agent.aborts


async def test_g5_a_turn_not_yet_begun_of_a_teammate_who_has_left_ends_in_words(
    world: World,
) -> None:
    world.agent.state = LinkState.DOWN
    await world.say("@ada hi")
    await eventually(lambda: world.live_turns())
    await world.crash()
    world.team = Team((GRACE,))
    await world.open()
    notice = (await eventually(lambda: world.chat.notices))[0]
    assert "no longer set up" in notice

    async def all_ended() -> bool:
        return await turn_counts(world.store) == {"waiting": 0, "active": 0}

    await eventually(all_ended)
    assert not world.chat.leftovers


async def test_g5_no_status_line_of_an_earlier_process_is_left(world: World) -> None:
    """It may have died between a turn's last words and the end of its status line."""
    world.agent.on_input = lambda given: world.agent.finish(given, world.agent.begin(given))
    await world.say("@ada hi")
    reply = await world.ended(1)
    await world.crash()
    await world.open()
    assert reply.target.thread in world.chat.cleared


async def test_threads_in_which_nothing_ended_lately_are_left_alone(world: World) -> None:
    await world.crash()
    await world.open()
    assert world.chat.cleared == []
