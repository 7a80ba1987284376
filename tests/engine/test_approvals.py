"""Approvals from the agent's question to its answer."""

from dataclasses import replace

from bridge.domain import events as ev
from bridge.domain.approvals import Approval, ApprovalState, Click
from bridge.domain.events import Verdict
from bridge.domain.ids import ApprovalId, UserId
from bridge.domain.people import Person
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


def _click(approval: Approval, verdict: Verdict, user: UserId = MAYA, **more: object) -> Click:
    person = Person(user, f"Name of {user}", trusted=True)
    assert approval.card is not None
    click = Click(approval.approval_id, person, verdict, approval.card.ts)
    return replace(click, **more)  # type: ignore[arg-type]


async def test_approve_lets_the_tool_run_and_closes_the_card(world: World) -> None:
    _, (approval,) = await _asked(world, "perm-1")
    assert await world.dispatcher.click(_click(approval, Verdict.ALLOW)) is None
    await eventually(lambda: world.agent.answers == [("perm-1", Verdict.ALLOW, "")])
    closed = (await eventually(lambda: world.chat.closed_cards))[0]
    assert closed.state is ApprovalState.ALLOWED
    assert closed.decided_by == MAYA


async def test_deny_with_a_reason_tells_the_agent_who_and_why(world: World) -> None:
    _, (approval,) = await _asked(world, "perm-1")
    await world.dispatcher.click(_click(approval, Verdict.DENY, reason="too risky"))
    answers = await eventually(lambda: world.agent.answers)
    assert answers[0][1] is Verdict.DENY
    assert "too risky" in answers[0][2]


async def test_a_configured_approver_may_decide_for_somebody_else(world: World) -> None:
    _, (approval,) = await _asked(world, "perm-1")
    assert await world.dispatcher.click(_click(approval, Verdict.ALLOW, JONAS)) is None


async def test_g6_nobody_else_may_decide(world: World) -> None:
    _, (approval,) = await _asked(world, "perm-1")
    said = await world.dispatcher.click(_click(approval, Verdict.ALLOW, GUEST))
    assert said is not None
    assert "Only" in said
    assert not world.agent.answers


async def test_g6_the_first_decision_wins(world: World) -> None:
    _, (approval,) = await _asked(world, "perm-1")
    assert await world.dispatcher.click(_click(approval, Verdict.DENY)) is None
    said = await world.dispatcher.click(_click(approval, Verdict.ALLOW, JONAS))
    assert said == f"<@{MAYA}> has already denied this."
    await eventually(lambda: len(world.agent.answers) == 1)
    assert world.agent.answers[0][1] is Verdict.DENY


async def test_g6_a_click_on_another_card_does_not_count(world: World) -> None:
    _, (approval,) = await _asked(world, "perm-1")
    click = _click(approval, Verdict.ALLOW, message_ts="1.000001")
    assert "out of date" in (await world.dispatcher.click(click) or "")
    unknown = _click(approval, Verdict.ALLOW, approval_id=ApprovalId("nope"))
    assert "not known" in (await world.dispatcher.click(unknown) or "")
    assert not world.agent.answers


async def test_g6_an_expired_question_tells_the_agent_that_nobody_answered(world: World) -> None:
    await world.close()
    world.expiry_s = 0.1
    await world.open()
    _, (approval,) = await _asked(world, "perm-1")
    answers = await eventually(lambda: world.agent.answers)
    assert answers[0][1] is Verdict.EXPIRED
    assert "Nobody answered" in answers[0][2]
    said = await world.dispatcher.click(_click(approval, Verdict.ALLOW))
    assert "expired" in (said or "")


async def test_an_open_question_stops_the_turns_clock(world: World) -> None:
    await world.close()
    world.time_limit_s = 0.3
    await world.open()
    given, (approval,) = await _asked(world, "perm-1")
    run = next(iter(world.agent.inputs))
    assert run is given
    await eventually(lambda: world.tools.clock.monotonic() - world_started(world) > 0.5)
    await world.dispatcher.click(_click(approval, Verdict.ALLOW))
    await eventually(lambda: world.agent.answers)
    assert all(reply.ending is None for reply in world.chat.replies)


def world_started(world: World) -> float:
    if not hasattr(world, "_started"):
        world._started = world.tools.clock.monotonic()  # type: ignore[attr-defined]
    return world._started  # type: ignore[attr-defined, no-any-return]


async def test_a_repeated_question_gets_no_second_card(world: World) -> None:
    given, (approval,) = await _asked(world, "perm-1")
    world.agent.emit(
        given.runtime, ev.ApprovalAsked("perm-1", "call-perm-1", "Bash", {"command": "ls"})
    )
    await world.dispatcher.click(_click(approval, Verdict.ALLOW))
    await eventually(lambda: world.agent.answers)
    assert len(world.chat.cards) == 1


async def test_stopping_the_turn_voids_its_card(world: World) -> None:
    given, (approval,) = await _asked(world, "perm-1")
    assert await world.dispatcher.stop_turn(approval.turn_id, MAYA) is None
    closed = (await eventually(lambda: world.chat.closed_cards))[0]
    assert closed.state is ApprovalState.VOID
    world.agent.emit(given.runtime, ev.TurnFinished(None, "cancelled"))
    await world.ended(1)


async def test_an_answer_from_elsewhere_closes_the_card(world: World) -> None:
    given, _ = await _asked(world, "perm-1")
    world.agent.emit(given.runtime, ev.ToolStarted("call-perm-1", "Bash", "{}"))
    closed = (await eventually(lambda: world.chat.closed_cards))[0]
    assert closed.state is ApprovalState.VOID
