"""The system's clock is set while we run: forward, back, or the machine slept."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bridge.clock import Drift, watch_clock
from bridge.domain import events as ev
from bridge.domain.approvals import Approval, ApprovalState
from bridge.domain.events import Outcome, Verdict
from bridge.domain.ids import ApprovalId, MessageRef, MessageTs
from bridge.telemetry import REGISTRY, Tasks
from tests.engine.conftest import MAYA, World
from tests.engine.fakes import SystemClock
from tests.support import eventually

HOURS = timedelta(hours=2)
JUMPS = pytest.mark.parametrize("jump", [HOURS, -HOURS], ids=["forward", "back"])


class SetClock(SystemClock):
    """A clock that somebody may set; `monotonic` is not touched by that."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
async def world(tmp_path: Path, clock: SetClock) -> AsyncIterator[World]:
    world = World(tmp_path / "bridge.db", clock=clock)
    await world.open()
    yield world
    await world.close()


async def asked(world: World, request: str, text: str = "@ada run it") -> Approval:
    """A question that waits for people, with its card."""
    number = len(world.agent.inputs) + 1
    await world.say(text)
    given = await world.input(number)
    world.agent.begin(given)
    world.agent.emit(
        given.runtime, ev.ApprovalAsked(request, f"call-{request}", "Bash", {"command": "ls"})
    )
    shown = await eventually(lambda: world.chat.cards[number - 1 : number])
    return await stored(world, shown[0].approval_id)


async def stored(world: World, approval_id: ApprovalId) -> Approval:
    async def with_card() -> Approval | None:
        approval = await world.store.approvals.get(approval_id)
        return approval if approval is not None and approval.card is not None else None

    approval = await eventually(with_card)
    assert approval is not None
    return approval


async def press(world: World, approval: Approval) -> None:
    assert approval.card is not None
    card = MessageRef(approval.card.channel, MessageTs(approval.card.ts))
    await world.dispatcher.click(approval.approval_id, user=MAYA, verdict=Verdict.ALLOW, card=card)


async def state_of(world: World, approval: Approval) -> ApprovalState:
    found = await world.store.approvals.get(approval.approval_id)
    assert found is not None
    return found.state


@JUMPS
async def test_g6_a_question_can_be_answered_after_the_clock_was_set(
    world: World, clock: SetClock, jump: timedelta
) -> None:
    approval = await asked(world, "perm-1")
    clock.ahead += jump
    await asked(world, "perm-2", "@grace run it")  # wakes who lets them expire
    assert await state_of(world, approval) is ApprovalState.PENDING
    await press(world, approval)
    assert not world.chat.notes
    await eventually(lambda: ("perm-1", Verdict.ALLOW, "") in world.agent.answers)


@JUMPS
async def test_g6_a_question_expires_in_its_time_however_the_clock_was_set(
    world: World, clock: SetClock, jump: timedelta
) -> None:
    await world.close()
    world.expiry_s = 0.6
    await world.open()
    first = await asked(world, "perm-1")
    clock.ahead += jump
    second = await asked(world, "perm-2", "@grace run it")
    await eventually(lambda: len(world.agent.answers) == 2, within_s=3.0)
    assert [request for request, *_ in world.agent.answers] == ["perm-1", "perm-2"]
    assert {verdict for _, verdict, _ in world.agent.answers} == {Verdict.EXPIRED}
    for approval in (first, second):
        assert await state_of(world, approval) is ApprovalState.EXPIRED


async def test_g6_no_question_lives_longer_than_it_was_given_after_a_restart_in_the_past(
    world: World, clock: SetClock
) -> None:
    await world.close()
    world.expiry_s = 0.5
    await world.open()
    approval = await asked(world, "perm-1")
    clock.ahead -= HOURS
    left = world.dispatcher.approvals._timeouts
    left._due.clear()  # as a process knows it that has not seen the question before
    assert approval.expires_at - left.moment_of(approval) <= timedelta(seconds=0.5)


@JUMPS
async def test_g3_messages_are_answered_in_order_however_the_clock_is_set(
    world: World, clock: SetClock, jump: timedelta
) -> None:
    root = await world.say("@ada one")
    first = await world.input(1)
    clock.ahead += jump
    await world.say("@ada two", thread=root.ts, user=MAYA)
    world.agent.answer_with("again")
    run = world.agent.begin(first)
    world.agent.say(first, run, "done")
    world.agent.finish(first, run)
    await world.ended(2)
    assert ["two" in given.text for given in world.agent.inputs] == [False, True]


async def test_g5_a_turn_is_not_out_of_time_because_the_clock_was_set(
    world: World, clock: SetClock
) -> None:
    await world.say("@ada one")
    given = await world.input(1)
    run = world.agent.begin(given)
    clock.ahead += HOURS
    world.agent.say(given, run, "still here")
    world.agent.finish(given, run)
    reply = await world.ended(1)
    assert reply.ending is not None
    assert reply.ending.outcome is Outcome.DONE
    assert reply.ending.seconds < 60.0


def test_a_drift_is_a_jump_only_when_no_slewing_explains_it() -> None:
    start = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
    drift = Drift(start, 100.0)
    assert drift.look(start + timedelta(seconds=10.5), 110.0) == 0.0
    assert drift.look(start + timedelta(hours=2, seconds=20), 120.0) == pytest.approx(7199.5)
    assert drift.look(start + timedelta(hours=2, seconds=30), 130.0) == 0.0
    assert drift.look(start + timedelta(seconds=40), 140.0) == pytest.approx(-7200)


async def test_a_jump_is_counted_once(clock: SetClock) -> None:
    def counted(direction: str) -> float:
        sample = REGISTRY.get_sample_value("bridge_clock_jumps_total", {"direction": direction})
        return sample or 0.0

    forward, back = counted("forward"), counted("back")
    tasks = Tasks()
    tasks.spawn(watch_clock(clock, every_s=0.01), name="clock")
    await asyncio.sleep(0)
    clock.ahead += HOURS
    await eventually(lambda: counted("forward") == forward + 1)
    clock.ahead -= HOURS
    await eventually(lambda: counted("back") == back + 1)
    await tasks.aclose()
    assert counted("forward") == forward + 1
