"""The outbox: every write to Slack is accounted for."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from bridge.domain.events import Outcome, Usage
from bridge.domain.ids import (
    ApprovalId,
    ChannelId,
    MessageId,
    MessageTs,
    OutboxId,
    TeamId,
    TurnId,
)
from bridge.domain.outbox_entry import LastRevision, OutboxEntry
from bridge.store import LocatedTurn, Store, TurnState
from tests.store.world import CHANNEL, NOW, TEAM, THREAD, World, ts_of, url


def entry(name: str, turn: str | None = "1-ada", *, seq: int = 0) -> OutboxEntry:
    return OutboxEntry(
        outbox_id=OutboxId(name),
        turn_id=None if turn is None else TurnId(turn),
        kind="reply",
        seq=seq,
        channel=CHANNEL,
        thread_ts=MessageTs("1.000000"),
        planned_at=NOW,
        teammate="ada",
    )


async def test_g4_a_write_stays_planned_until_it_is_known_what_became_of_it(
    file: Path, world: World
) -> None:
    await world.say(1, "ada")
    for name in ("one", "two", "three", "four"):
        await world.store.outbox.plan(entry(name))
    await world.store.outbox.sent(OutboxId("one"), ts_of(50), "hash")
    await world.store.outbox.failed(OutboxId("two"), "channel_not_found")
    await world.store.outbox.removed(OutboxId("three"))
    await world.store.close()
    reopened = await Store.open(url(file))
    states = [write.state for write in await reopened.outbox.of_turn(TurnId("1-ada"))]
    assert states == ["sent", "failed", "removed", "planned"]
    await reopened.close()


async def test_writes_of_a_turn_come_in_their_own_order(world: World) -> None:
    await world.say(1, "ada")
    await world.store.outbox.plan(entry("second", seq=1))
    await world.store.outbox.plan(entry("first", seq=0))
    await world.store.outbox.plan(entry("a notice", None))
    names = [write.outbox_id for write in await world.store.outbox.of_turn(TurnId("1-ada"))]
    assert names == ["first", "second"]


async def test_a_later_revision_replaces_the_hash(world: World) -> None:
    await world.say(1, "ada")
    await world.store.outbox.plan(entry("one"))
    await world.store.outbox.sent(OutboxId("one"), ts_of(50), "draft")
    await world.store.outbox.sent(OutboxId("one"), ts_of(50), "final")
    (write,) = await world.store.outbox.of_turn(TurnId("1-ada"))
    assert write == replace(entry("one"), state="sent", ts=ts_of(50), payload_hash="final")


async def test_posts_have_authors(world: World) -> None:
    await world.say(1, "ada")
    outbox = world.store.outbox
    await outbox.plan(entry("reply"))
    await outbox.sent(OutboxId("reply"), ts_of(50), "h")
    await outbox.plan(replace(entry("notice", None), teammate="bob"))
    await outbox.sent(OutboxId("notice"), ts_of(51), "h")
    await outbox.plan(replace(entry("nobody", None), teammate=None))
    await outbox.sent(OutboxId("nobody"), ts_of(52), "h")
    posts = [ts_of(number) for number in (50, 51, 52, 53)]
    assert await outbox.authors(TEAM, CHANNEL, posts) == {ts_of(50): "ada", ts_of(51): "bob"}
    assert await outbox.authors(TeamId("T2"), CHANNEL, posts) == {ts_of(51): "bob"}
    assert await outbox.authors(TEAM, ChannelId("C2"), posts) == {}
    assert await outbox.authors(TEAM, CHANNEL, []) == {}


async def test_a_post_leads_to_its_turn(world: World) -> None:
    await world.say(1, "ada")
    outbox = world.store.outbox
    await outbox.plan(entry("reply"))
    await outbox.sent(OutboxId("reply"), ts_of(50), "h")
    found = await outbox.turn_of(TEAM, CHANNEL, ts_of(50))
    assert found == LocatedTurn(world.binding("ada"), TurnId("1-ada"), TurnState.WAITING)
    assert await outbox.turn_of(TeamId("T2"), CHANNEL, ts_of(50)) is None
    assert await outbox.turn_of(TEAM, CHANNEL, ts_of(51)) is None


# --- what Slack is still to be shown ---------------------------------------------------------


def owing(name: str, words: str = "{}", *, seq: int = 0) -> OutboxEntry:
    return replace(entry(name, seq=seq), payload=words)


async def ended(world: World, last: LastRevision) -> bool:
    return await world.store.turn_queue.end(
        TurnId("1-ada"),
        lease=world.lease,
        outcome=Outcome.DONE,
        cause=None,
        usage=Usage(),
        seconds=1.0,
        now=NOW,
        last=last,
    )


async def at_work(world: World) -> None:
    await world.say(1, "ada")
    await world.claimed("ada")


async def said(world: World) -> list[tuple[str, str]]:
    """What the other teammates know of her: ts and words."""
    told = await world.store.messages.said_since(
        THREAD,
        after=None,
        before=MessageId(10**6),
        exclude_teammate="bob",
        exclude_turn=TurnId("none"),
    )
    return [(one.said.ts, one.said.text) for one in told if one.said.author == "ada"]


async def test_g4_the_end_of_a_turn_and_its_last_words_are_stored_together(world: World) -> None:
    await at_work(world)
    last = LastRevision((owing("one"), owing("two", seq=1)), OutboxId("one"), "All of it")
    assert await ended(world, last)
    assert [row.outbox_id for row in await world.store.outbox.owed()] == ["one", "two"]
    assert not await ended(world, LastRevision((owing("three"),)))
    assert len(await world.store.outbox.owed()) == 2


async def test_others_are_told_a_reply_once_its_ts_is_known(world: World) -> None:
    await at_work(world)
    await ended(world, LastRevision((owing("one"),), OutboxId("one"), "All of it"))
    assert await said(world) == []
    await world.store.outbox.sent(OutboxId("one"), ts_of(50), "hash")
    assert await said(world) == [(ts_of(50), "All of it")]
    await world.store.outbox.sent(OutboxId("one"), ts_of(50), "hash")
    assert len(await said(world)) == 1


async def test_others_are_told_a_reply_whose_ts_is_known_at_its_end(world: World) -> None:
    await at_work(world)
    await world.store.outbox.plan(entry("one"))
    await world.store.outbox.sent(OutboxId("one"), ts_of(50), None)
    await ended(world, LastRevision((owing("one"),), OutboxId("one"), "All of it"))
    assert await said(world) == [(ts_of(50), "All of it")]


async def test_nothing_is_owed_any_more_once_the_last_revision_is_shown(world: World) -> None:
    await world.say(1, "ada")
    outbox = world.store.outbox
    await outbox.owe([owing("posted"), owing("edited"), owing("refused"), owing("gone")])
    await outbox.sent(OutboxId("edited"), ts_of(50), None)
    assert len(await outbox.owed()) == 4
    await outbox.sent(OutboxId("posted"), ts_of(51), "hash")
    await outbox.settled([(OutboxId("edited"), "hash")])
    await outbox.failed(OutboxId("refused"), "is_archived")
    await outbox.removed(OutboxId("gone"))
    assert await outbox.owed() == []
    rows = {row.outbox_id: row for row in await outbox.of_turn(TurnId("1-ada"))}
    assert (rows[OutboxId("edited")].state, rows[OutboxId("edited")].payload_hash) == (
        "sent",
        "hash",
    )


async def test_a_hash_is_kept_only_of_what_does_not_change(world: World) -> None:
    await world.say(1, "ada")
    await world.store.outbox.plan(entry("one"))
    await world.store.outbox.sent(OutboxId("one"), ts_of(50), None)
    (row,) = await world.store.outbox.of_turn(TurnId("1-ada"))
    assert row.payload_hash is None


async def test_a_message_that_takes_anothers_place_owes_what_that_one_owed(world: World) -> None:
    await at_work(world)
    await ended(world, LastRevision((owing("old", "words"),), OutboxId("old"), "All of it"))
    await world.store.outbox.plan(entry("new"), instead_of=OutboxId("old"))
    (row,) = await world.store.outbox.owed()
    assert (row.outbox_id, row.payload) == ("new", "words")
    await world.store.outbox.sent(OutboxId("new"), ts_of(50), "hash")
    assert await said(world) == [(ts_of(50), "All of it")]


async def test_a_row_that_is_there_already_is_not_planned_again(world: World) -> None:
    await world.say(1, "ada")
    await world.store.outbox.owe([owing("one", "words")])
    await world.store.outbox.plan(entry("one"))
    (row,) = await world.store.outbox.owed()
    assert row.payload == "words"


async def test_a_card_is_found_by_its_approval(world: World) -> None:
    await world.say(1, "ada")
    outbox, asked = world.store.outbox, ApprovalId("A1")
    assert await outbox.card_of(asked) is None
    await outbox.plan(replace(entry("refused"), approval_id=asked))
    await outbox.failed(OutboxId("refused"), "invalid_blocks")
    assert await outbox.card_of(asked) is None
    await outbox.plan(replace(entry("shown"), approval_id=asked))
    found = await outbox.card_of(asked)
    assert found is not None
    assert found.outbox_id == "shown"


async def test_the_words_of_a_reply_that_is_refused_for_good_are_not_kept(
    file: Path, world: World
) -> None:
    await at_work(world)
    await world.store.outbox.plan(entry("refused"))
    await world.store.outbox.failed(OutboxId("refused"), "channel_not_found")
    assert await ended(world, LastRevision((), first=OutboxId("refused"), text="secret words"))
    with closing(sqlite3.connect(file)) as rows:
        assert rows.execute("SELECT reply_text FROM outbox").fetchall() == [(None,)]


async def test_what_was_taken_away_before_it_was_there_is_planned_when_it_is_owed_again(
    world: World,
) -> None:
    await world.say(1, "ada")
    await world.store.outbox.plan(entry("back"))
    await world.store.outbox.removed(OutboxId("back"))
    await world.store.outbox.owe([owing("back")])
    (write,) = await world.store.outbox.owed()
    assert write.state == "planned"
