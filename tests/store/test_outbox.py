"""The outbox: every write to Slack is accounted for."""

from dataclasses import replace
from pathlib import Path

from bridge.domain.ids import ChannelId, MessageTs, OutboxId, TeamId, TurnId
from bridge.domain.posts import OutboxEntry
from bridge.store import LocatedTurn, Store, TurnState
from tests.store.world import CHANNEL, NOW, TEAM, World, ts_of, url


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
