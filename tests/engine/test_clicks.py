"""Whoever presses something of ours: the right account, in the right place, on the newest card."""

from collections.abc import Awaitable, Callable

import pytest

from bridge.domain import events as ev
from bridge.domain.approvals import Approval, ApprovalState
from bridge.domain.errors import ChatUnreachable
from bridge.domain.events import Verdict
from bridge.domain.ids import ChannelId, MessageRef, MessageTs, UserId
from bridge.domain.messages import Person
from tests.engine.conftest import GUEST, JONAS, MAYA, World
from tests.support import eventually

HOME, ELSEWHERE = "T01HOME", "T02OTHER"
MEMBER = Person(MAYA, "Maya", trusted=True, teams=frozenset({HOME}))
APPROVER = Person(JONAS, "Jonas", trusted=True, teams=frozenset({HOME}))

ACCOUNTS: dict[str, tuple[UserId, Person, str]] = {
    "deactivated asker": (
        MAYA,
        Person(MAYA, "Maya", trusted=False, active=False, teams=frozenset({HOME})),
        HOME,
    ),
    "deactivated approver": (
        JONAS,
        Person(JONAS, "Jonas", trusted=False, active=False, teams=frozenset({HOME})),
        HOME,
    ),
    "guest": (GUEST, Person(GUEST, "Gus", trusted=False, teams=frozenset({HOME})), HOME),
    "bot": (MAYA, Person(MAYA, "bot", trusted=False, is_bot=True, teams=frozenset({HOME})), HOME),
    "approver's id in another workspace": (JONAS, APPROVER, ELSEWHERE),
    "asker's id in another organisation": (MAYA, MEMBER, "E09OTHER"),
}

Press = Callable[[World, Approval, UserId, str, MessageRef], Awaitable[object]]


async def allow(world: World, asked: Approval, user: UserId, team: str, ref: MessageRef) -> object:
    return await world.dispatcher.click(
        asked.approval_id, user=user, verdict=Verdict.ALLOW, card=ref, team=team
    )


async def deny(world: World, asked: Approval, user: UserId, team: str, ref: MessageRef) -> object:
    return await world.dispatcher.click(
        asked.approval_id, user=user, verdict=Verdict.DENY, card=ref, team=team
    )


async def reason(world: World, asked: Approval, user: UserId, team: str, _: MessageRef) -> object:
    return await world.dispatcher.reason(asked.approval_id, user=user, reason="no", team=team)


async def view(world: World, asked: Approval, user: UserId, team: str, ref: MessageRef) -> object:
    return await world.dispatcher.approval(asked.approval_id, user=user, card=ref, team=team)


async def stop(world: World, asked: Approval, user: UserId, team: str, ref: MessageRef) -> object:
    return await world.dispatcher.stop(asked.turn_id, user=user, ref=ref, team=team)


PRESSES: dict[str, Press] = {
    "allow": allow,
    "deny": deny,
    "reason": reason,
    "view": view,
    "stop": stop,
}


async def asked_in(world: World) -> Approval:
    await world.say("@ada run it")
    given = await world.input(1)
    world.agent.begin(given)
    world.agent.emit(given.runtime, ev.ApprovalAsked("perm-1", "c", "Bash", {"command": "ls"}))
    shown = (await eventually(lambda: world.chat.cards))[0]

    async def with_card() -> Approval | None:
        stored = await world.store.approvals.get(shown.approval_id)
        return stored if stored is not None and stored.card is not None else None

    approval = await eventually(with_card)
    assert isinstance(approval, Approval)
    return approval


async def nothing_came_of_it(world: World, asked: Approval, result: object) -> None:
    assert result is None
    stored = await world.store.approvals.get(asked.approval_id)
    assert stored is not None
    assert stored.state is ApprovalState.PENDING
    assert not world.agent.answers
    assert not world.agent.aborts
    assert len(world.chat.notes) == 1, "and the person is told"


@pytest.mark.parametrize("press", PRESSES)
@pytest.mark.parametrize("account", ACCOUNTS)
async def test_g6_what_this_account_presses_does_not_count(
    world: World, account: str, press: str
) -> None:
    asked = await asked_in(world)
    assert asked.card is not None
    user, person, team = ACCOUNTS[account]
    world.chat.people[user] = person
    result = await PRESSES[press](world, asked, user, team, asked.card)
    await nothing_came_of_it(world, asked, result)


@pytest.mark.parametrize(
    ("place", "press"),
    [
        *(("another channel", press) for press in ("allow", "deny", "view", "stop")),
        *(("another message", press) for press in ("allow", "deny", "view")),
    ],
)
async def test_g6_what_is_pressed_somewhere_else_does_not_count(
    world: World, place: str, press: str
) -> None:
    asked = await asked_in(world)
    assert asked.card is not None
    world.chat.people[MAYA] = MEMBER
    ref = (
        MessageRef(ChannelId("C0OTHER"), asked.card.ts)
        if place == "another channel"
        else MessageRef(asked.card.channel, MessageTs("1.000001"))
    )
    result = await PRESSES[press](world, asked, MAYA, HOME, ref)
    await nothing_came_of_it(world, asked, result)


async def test_g6_while_slack_does_not_say_who_it_is_nothing_is_decided(world: World) -> None:
    asked = await asked_in(world)
    assert asked.card is not None
    world.chat.nobody_is_known = True
    with pytest.raises(ChatUnreachable):
        await allow(world, asked, MAYA, HOME, asked.card)
    assert not world.agent.answers


async def test_a_named_approver_of_a_partner_may_decide(world: World) -> None:
    asked = await asked_in(world)
    assert asked.card is not None
    world.chat.people[JONAS] = Person(JONAS, "Jo", trusted=False, teams=frozenset({ELSEWHERE}))
    await allow(world, asked, JONAS, ELSEWHERE, asked.card)
    assert await eventually(lambda: world.agent.answers)
