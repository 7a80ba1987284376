"""Approvals: settled once, and given back exactly as they were asked."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from bridge.domain.approvals import Approval, ApprovalState, digest
from bridge.domain.errors import StoreError
from bridge.domain.events import DiffLine, FileDiff
from bridge.domain.ids import (
    ApprovalId,
    ChannelId,
    MessageRef,
    MessageTs,
    OutboxId,
    TurnId,
    UserId,
)
from bridge.domain.outbox_entry import OutboxEntry
from bridge.store import Store
from tests.store.world import DM, NOW, THREAD, World, later, url

DIFFS = (
    FileDiff("a.py", (DiffLine("add", "x = '\ud83d'"), DiffLine("remove", "é"))),
    FileDiff("b.bin", (), note="binary"),
)
ARGUMENTS = {"path": "a.py", "nested": {"n": [1, 2.5, None, True]}, "odd": "\x00\ud83d"}


def card_of(approval: Approval) -> OutboxEntry:
    return OutboxEntry(
        outbox_id=OutboxId(approval.approval_id),
        turn_id=approval.turn_id,
        kind="card",
        seq=0,
        channel=approval.thread.channel,
        thread_ts=approval.thread.thread_ts,
        planned_at=NOW,
        approval_id=approval.approval_id,
        payload="{}",
    )


def question(name: str = "A1", turn: str = "1-ada", request: str = "r1") -> Approval:
    return Approval(
        approval_id=ApprovalId(name),
        turn_id=TurnId(turn),
        thread=THREAD,
        teammate="ada",
        request_id=request,
        tool_name="Write",
        arguments=ARGUMENTS,
        diffs=DIFFS,
        digest=digest("Write", ARGUMENTS, DIFFS),
        requester=UserId("U1"),
        asked_at=NOW,
        expires_at=later(600),
    )


async def asks(world: World, approval: Approval) -> OutboxEntry:
    """Store the question with its card."""
    card = card_of(approval)
    await world.store.approvals.create(approval, card)
    return card


@pytest.fixture
async def asked(world: World) -> World:
    await world.say(1, "ada")
    await world.claimed("ada")
    await asks(world, question())
    return world


async def settle(world: World, state: ApprovalState, by: str) -> Approval | None:
    return await world.store.approvals.settle(
        ApprovalId("A1"), state=state, by=UserId(by), cause=f"says {by}", now=later(5)
    )


async def test_an_approval_comes_back_as_it_was_asked(asked: World) -> None:
    stored = await asked.store.approvals.get(ApprovalId("A1"))
    assert stored == question()
    assert digest(stored.tool_name, stored.arguments, stored.diffs) == stored.digest
    assert await asked.store.approvals.get(ApprovalId("A9")) is None


async def test_g6_an_approval_is_settled_once(file: Path, asked: World) -> None:
    other = World(await Store.open(url(file), busy_timeout_s=5))
    states = [ApprovalState.ALLOWED, ApprovalState.DENIED] * 3
    settled = await asyncio.gather(
        *(
            settle((asked, other)[number % 2], state, f"U{number}")
            for number, state in enumerate(states)
        )
    )
    (won,) = [approval for approval in settled if approval is not None]
    assert won == await asked.store.approvals.get(ApprovalId("A1"))
    assert won.state in states
    assert won.cause == f"says {won.decided_by}"
    assert won.decided_at == later(5)
    await other.store.close()


async def test_nobody_may_have_decided(asked: World) -> None:
    expired = await asked.store.approvals.settle(
        ApprovalId("A1"), state=ApprovalState.EXPIRED, by=None, cause=None, now=later(600)
    )
    assert expired == replace(question(), state=ApprovalState.EXPIRED, decided_at=later(600))


async def test_the_card_is_remembered(asked: World) -> None:
    ref = MessageRef(ChannelId("C1"), MessageTs("5.5"))
    await asked.store.outbox.sent(OutboxId("A1"), ref.ts, None)
    stored = await asked.store.approvals.get(ApprovalId("A1"))
    assert stored == replace(question(), card=ref)


async def test_open_approvals_are_listed_until_settled(asked: World) -> None:
    approvals = asked.store.approvals
    await asked.say(2, "ada", thread=DM)
    await asked.claimed("ada", DM)
    await asks(asked, replace(question("A2", "2-ada"), thread=DM))
    await asks(asked, question("A3", request="r2"))
    names = [approval.approval_id for approval in await approvals.open_all()]
    assert names == ["A1", "A2", "A3"]
    await settle(asked, ApprovalState.VOID, "U1")
    assert await approvals.open_of_turn(TurnId("1-ada")) == [question("A3", request="r2")]
    (direct,) = await approvals.open_of_turn(TurnId("2-ada"))
    assert direct.thread == DM


async def test_the_newest_of_a_request_is_found_open_or_settled(asked: World) -> None:
    approvals, turn = asked.store.approvals, TurnId("1-ada")
    await settle(asked, ApprovalState.VOID, "U1")
    await asks(asked, question("A2"))
    newest = await approvals.newest_by_request(turn, "r1")
    assert newest == question("A2")
    assert await approvals.newest_by_request(turn, "r9") is None


async def test_arguments_are_forgotten_once_settled(asked: World) -> None:
    await asks(asked, question("A2", request="r2"))
    await settle(asked, ApprovalState.ALLOWED, "U1")
    assert await asked.store.messages.forget_text(later(1)) == 1
    assert await asked.store.messages.forget_text(later(1)) == 0
    settled = await asked.store.approvals.get(ApprovalId("A1"))
    assert settled is not None
    assert (settled.arguments, settled.diffs) == ({}, ())
    assert await asked.store.approvals.get(ApprovalId("A2")) == question("A2", request="r2")


async def test_an_approval_of_no_turn_is_refused(store: Store) -> None:
    with pytest.raises(StoreError):
        await store.approvals.create(question(turn="nobody's"), card_of(question()))


async def test_a_card_is_owed_until_it_shows_what_the_approval_is(asked: World) -> None:
    outbox, card = asked.store.outbox, OutboxId("A1")
    assert [row.outbox_id for row in await outbox.owed()] == ["A1"]
    await outbox.sent(card, MessageTs("5.5"), None)
    await outbox.card_shown(card, ApprovalState.PENDING)
    assert await outbox.owed() == []
    await settle(asked, ApprovalState.ALLOWED, "U1")
    assert [row.outbox_id for row in await outbox.owed()] == ["A1"]
    await outbox.card_shown(card, ApprovalState.PENDING)  # the buttons came late
    assert [row.outbox_id for row in await outbox.owed()] == ["A1"]
    await outbox.card_shown(card, ApprovalState.ALLOWED)
    assert await outbox.owed() == []


async def test_the_card_that_slack_refused_is_not_owed_again(asked: World) -> None:
    await asked.store.outbox.failed(OutboxId("A1"), "invalid_blocks")
    await settle(asked, ApprovalState.EXPIRED, "U1")
    assert await asked.store.outbox.owed() == []
