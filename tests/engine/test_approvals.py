"""Approvals from the agent's question to its answer."""

import asyncio
from dataclasses import replace

from bridge.domain import events as ev
from bridge.domain.approvals import Approval, ApprovalState
from bridge.domain.events import Verdict
from bridge.domain.ids import ApprovalId, MessageRef, MessageTs, UserId
from bridge.domain.teammates import Persona
from tests.engine.conftest import GUEST, JONAS, MAYA, World
from tests.engine.fakes import Input
from tests.support import eventually


async def _asked(world: World, *requests: str) -> tuple[Input, list[Approval]]:
    await world.say("@ada run it")
    given = await world.input(1)
    world.agent.begin(given)
    for request in requests:
        world.agent.emit(
            given.runtime, ev.ApprovalAsked(request, f"call-{request}", "Bash", {"command": "ls"})
        )
    cards = await eventually(
        lambda: world.chat.cards if len(world.chat.cards) == len(requests) else None
    )
    assert cards is not None
    return given, [await _stored(world, card) for card in cards]


async def _stored(world: World, card: Approval) -> Approval:
    async def with_card() -> Approval | None:
        approval = await world.store.approvals.get(card.approval_id)
        return approval if approval is not None and approval.card is not None else None

    approval = await eventually(with_card)
    assert approval is not None
    return approval


async def _press(
    world: World,
    approval: Approval,
    verdict: Verdict,
    user: UserId = MAYA,
    *,
    ts: str | None = None,
    approval_id: ApprovalId | None = None,
) -> str | None:
    """Press a button of the card; returns the private note that came of it, if any."""
    assert approval.card is not None
    card = MessageRef(approval.card.channel, MessageTs(ts or approval.card.ts))
    before = len(world.chat.notes)
    await world.dispatcher.click(
        approval_id or approval.approval_id, user=user, verdict=verdict, card=card
    )
    notes = world.chat.notes[before:]
    return notes[0][1] if notes else None


async def test_approve_lets_the_tool_run_and_closes_the_card(world: World) -> None:
    _, (approval,) = await _asked(world, "perm-1")
    assert await _press(world, approval, Verdict.ALLOW) is None
    await eventually(lambda: world.agent.answers == [("perm-1", Verdict.ALLOW, "")])
    closed = (await eventually(lambda: world.chat.closed_cards))[0]
    assert closed.state is ApprovalState.ALLOWED
    assert closed.decided_by == MAYA


async def test_deny_with_a_reason_tells_the_agent_who_and_why(world: World) -> None:
    _, (approval,) = await _asked(world, "perm-1")
    await world.dispatcher.reason(approval.approval_id, user=MAYA, reason="too risky")
    answers = await eventually(lambda: world.agent.answers)
    assert answers[0][1] is Verdict.DENY
    assert "too risky" in answers[0][2]


async def test_a_configured_approver_may_decide_for_somebody_else(world: World) -> None:
    _, (approval,) = await _asked(world, "perm-1")
    assert await _press(world, approval, Verdict.ALLOW, JONAS) is None


async def test_g6_nobody_else_may_decide(world: World) -> None:
    _, (approval,) = await _asked(world, "perm-1")
    said = await _press(world, approval, Verdict.ALLOW, GUEST)
    assert said is not None
    assert "Only" in said
    assert not world.agent.answers


async def test_g6_the_first_decision_wins(world: World) -> None:
    _, (approval,) = await _asked(world, "perm-1")
    assert await _press(world, approval, Verdict.DENY) is None
    said = await _press(world, approval, Verdict.ALLOW, JONAS)
    assert said == f"<@{MAYA}> has already denied this."
    await eventually(lambda: len(world.agent.answers) == 1)
    assert world.agent.answers[0][1] is Verdict.DENY


async def test_g6_a_click_on_another_card_does_not_count(world: World) -> None:
    _, (approval,) = await _asked(world, "perm-1")
    stale = await _press(world, approval, Verdict.ALLOW, ts="1.000001")
    assert "out of date" in (stale or "")
    unknown = await _press(world, approval, Verdict.ALLOW, approval_id=ApprovalId("nope"))
    assert "not known" in (unknown or "")
    assert not world.agent.answers


async def test_g6_an_expired_question_tells_the_agent_that_nobody_answered(world: World) -> None:
    await world.close()
    world.expiry_s = 0.1
    await world.open()
    _, (approval,) = await _asked(world, "perm-1")
    answers = await eventually(lambda: world.agent.answers)
    assert answers[0][1] is Verdict.EXPIRED
    assert "Nobody answered" in answers[0][2]
    said = await _press(world, approval, Verdict.ALLOW)
    assert "expired" in (said or "")


async def test_an_open_question_stops_the_turns_clock(world: World) -> None:
    await world.close()
    world.time_limit_s = 0.3
    await world.open()
    _, (approval,) = await _asked(world, "perm-1")
    asked_at = world.tools.clock.monotonic()
    await eventually(lambda: world.tools.clock.monotonic() - asked_at > 0.5)
    assert not world.agent.aborts, "the time limit does not run while people decide"
    await _press(world, approval, Verdict.ALLOW)
    await eventually(lambda: world.agent.aborts)  # from here on it runs again


async def test_a_repeated_question_gets_no_second_card(world: World) -> None:
    given, (approval,) = await _asked(world, "perm-1")
    world.agent.emit(
        given.runtime, ev.ApprovalAsked("perm-1", "call-perm-1", "Bash", {"command": "ls"})
    )
    await _press(world, approval, Verdict.ALLOW)
    await eventually(lambda: world.agent.answers)
    assert len(world.chat.cards) == 1


async def test_stopping_the_turn_voids_its_card(world: World) -> None:
    given, (approval,) = await _asked(world, "perm-1")
    assert approval.card is not None
    await world.dispatcher.stop(approval.turn_id, user=MAYA, ref=approval.card)
    assert not world.chat.notes
    closed = (await eventually(lambda: world.chat.closed_cards))[0]
    assert closed.state is ApprovalState.VOID
    world.agent.emit(given.runtime, ev.TurnFinished(None, "cancelled"))
    await world.ended(1)


async def test_an_answer_from_elsewhere_closes_the_card(world: World) -> None:
    given, _ = await _asked(world, "perm-1")
    world.agent.emit(given.runtime, ev.ToolStarted("call-perm-1", "Bash", "{}"))
    closed = (await eventually(lambda: world.chat.closed_cards))[0]
    assert closed.state is ApprovalState.VOID


async def test_g6_the_card_of_a_replaced_request_allows_nothing(world: World) -> None:
    given, (old,) = await _asked(world, "perm-1")
    changed = ev.ApprovalAsked("perm-1", "call-perm-1", "Bash", {"command": "rm -rf /"})
    world.agent.emit(given.runtime, changed)
    new = await _stored(world, (await eventually(lambda: world.chat.cards[1:]))[0])
    said = await _press(world, old, Verdict.ALLOW)
    assert "newer" in (said or "")
    assert not world.agent.answers
    closed = (await eventually(lambda: world.chat.closed_cards))[0]
    assert (closed.approval_id, closed.state) == (old.approval_id, ApprovalState.VOID)
    assert await _press(world, new, Verdict.ALLOW) is None
    await eventually(lambda: world.agent.answers == [("perm-1", Verdict.ALLOW, "")])


async def test_g6_a_click_counts_for_the_newest_question_of_a_request_only(world: World) -> None:
    _, (old,) = await _asked(world, "perm-1")
    newer = replace(old, approval_id=ApprovalId("newer"), digest="other", card=None)
    card = world.chat.card(newer, persona=Persona("Ada"), thread_ts=None)
    await world.store.approvals.create(newer, card)  # as after a crash between the two
    said = await _press(world, old, Verdict.ALLOW)
    assert "newer" in (said or "")
    assert not world.agent.answers


async def test_g6_a_question_that_slack_does_not_show_is_told_as_such_to_agent_and_people(
    world: World,
) -> None:
    world.chat.refuse_cards = True
    await world.say("@ada run it")
    given = await world.input(1)
    world.agent.begin(given)
    world.agent.emit(given.runtime, ev.ApprovalAsked("perm-1", "c", "Bash", {"command": "ls"}))
    ((request, verdict, told),) = await eventually(lambda: world.agent.answers)
    assert (request, verdict) == ("perm-1", Verdict.EXPIRED)
    assert "Slack would not show" in told
    assert "not a refusal" in told
    assert await eventually(lambda: world.chat.notices)
    approval = await world.store.approvals.get(world.chat.cards[0].approval_id)
    assert approval is not None
    assert approval.state is ApprovalState.EXPIRED


async def test_a_card_that_comes_after_the_end_of_its_turn_is_closed(world: World) -> None:
    await world.say("@ada run it")
    given = await world.input(1)
    world.agent.begin(given)
    world.chat.slack_answers.clear()
    world.agent.emit(given.runtime, ev.ApprovalAsked("perm-1", "c", "Bash", {"command": "ls"}))
    card = (await eventually(lambda: world.chat.cards))[0]  # Slack has it, we do not know yet
    button = MessageRef(card.thread.channel, MessageTs("1.0"))
    await world.dispatcher.stop(card.turn_id, user=MAYA, ref=button)
    world.agent.emit(given.runtime, ev.TurnFinished(None, "cancelled"))
    await world.ended(1)
    await eventually(lambda: not world.live_turns())
    world.chat.slack_answers.set()
    closed = (await eventually(lambda: world.chat.closed_cards))[0]
    assert (closed.approval_id, closed.state) == (card.approval_id, ApprovalState.VOID)
    assert closed.card is not None


async def test_a_question_whose_turn_has_ended_before_it_was_stored_gets_no_card(
    world: World,
) -> None:
    _, (approval,) = await _asked(world, "perm-1")
    await _press(world, approval, Verdict.DENY)
    claimed = (await world.store.turn_queue.left_active(not_lease="nobody"))[0].turn
    late = ev.ApprovalAsked("perm-2", "c2", "Bash", {"command": "ls"})
    await world.dispatcher.approvals.ask(claimed, late, Persona("Ada"), None)
    stored = await world.store.approvals.newest_by_request(claimed.turn_id, "perm-2")
    assert stored is not None
    assert stored.state is ApprovalState.VOID
    assert len(world.chat.cards) == 1


async def test_many_questions_are_watched_by_one_task(world: World) -> None:
    names = [f"perm-{number}" for number in range(5)]
    given, approvals = await _asked(world, *names)
    for request in names:
        world.agent.emit(
            given.runtime, ev.ApprovalAsked(request, f"call-{request}", "Bash", {"command": "ls"})
        )
    for approval in approvals[:4]:
        assert await _press(world, approval, Verdict.ALLOW) is None
    watching = [task for task in asyncio.all_tasks() if "expir" in task.get_name()]
    assert len(watching) == 1


async def test_what_nobody_asked_for_is_decided_by_whom_the_thread_belongs_to(
    world: World,
) -> None:
    world.agent.answer_with("done")
    await world.say("@ada hi")
    given = await world.input(1)
    await world.ended(1)
    await eventually(lambda: not world.live_turns())
    world.agent.emit(given.runtime, ev.ApprovalAsked("perm-1", "c", "Bash", {"command": "ls"}))
    approval = await _stored(world, (await eventually(lambda: world.chat.cards))[0])
    assert approval.requester == MAYA
    assert "Only" in (await _press(world, approval, Verdict.ALLOW, GUEST) or "")
    assert await _press(world, approval, Verdict.ALLOW, MAYA) is None
    await eventually(lambda: world.agent.answers)


async def test_an_orderly_stop_waits_for_the_cards_that_are_being_closed(world: World) -> None:
    _, (approval,) = await _asked(world, "perm-1")
    world.chat.slack_is_there.clear()
    await _press(world, approval, Verdict.ALLOW)
    asyncio.get_running_loop().call_later(0.05, world.chat.slack_is_there.set)
    await world.dispatcher.approvals.aclose(within_s=5)
    assert [card.approval_id for card in world.chat.closed_cards] == [approval.approval_id]
    assert await world.store.outbox.owed() == []


async def test_a_stop_does_not_wait_for_ever_for_cards(world: World) -> None:
    _, (approval,) = await _asked(world, "perm-1")
    world.chat.slack_is_there.clear()
    await _press(world, approval, Verdict.ALLOW)
    await world.dispatcher.approvals.aclose(within_s=0.05)
    assert not world.chat.closed_cards
    world.chat.slack_is_there.set()
