"""What was heard, and the gaps: durable, and never smaller than what may have been missed."""

from pathlib import Path

from bridge.domain.ids import ChannelId, MessageTs, TeamId
from bridge.store import EVERYWHERE, EventGap, Store
from tests.store.world import CHANNEL, DM, OTHER_THREAD, TEAM, THREAD, World, ts_of, url

OTHER = ChannelId("C2")


async def test_what_was_heard_only_grows_and_outlives_the_process(tmp_path: Path) -> None:
    store = await Store.open(url(tmp_path / "b.db"))
    assert await store.event_gaps.heard(TEAM) is None
    for number in (5, 7, 6):
        await store.event_gaps.advance(TEAM, ts_of(number))
    await store.close()
    store = await Store.open(url(tmp_path / "b.db"))
    assert await store.event_gaps.heard(TEAM) == ts_of(7)
    assert await store.event_gaps.heard(TeamId("T2")) is None
    await store.close()


async def test_the_older_of_two_gaps_wins(world: World) -> None:
    hearing = world.store.event_gaps
    for number, cause in ((5, "deaf"), (3, "shared"), (8, "deaf")):
        await hearing.open_gap(TEAM, ts_of(number), cause=cause)
    (gap,) = await hearing.gaps(TEAM)
    assert (gap.channel, gap.since, gap.cause) == (EVERYWHERE, ts_of(3), "deaf")


async def test_no_gap_reaches_back_to_before_anything_was_heard(world: World) -> None:
    hearing = world.store.event_gaps
    await hearing.advance(TEAM, ts_of(5))
    await hearing.advance(TEAM, ts_of(9))
    await hearing.open_gap(TEAM, ts_of(2), cause="away")
    assert [gap.since for gap in await hearing.gaps(TEAM)] == [ts_of(5)]


async def test_a_gap_is_spread_over_channels_and_closed_one_by_one(world: World) -> None:
    hearing = world.store.event_gaps
    await hearing.open_gap(TEAM, ts_of(5), cause="deaf")
    (everywhere,) = await hearing.gaps(TEAM)
    await hearing.spread(TEAM, everywhere, [CHANNEL, OTHER])
    first, second = await hearing.gaps(TEAM)
    assert [first.channel, second.channel] == [CHANNEL, OTHER]
    assert await hearing.close(TEAM, first)
    assert await hearing.gaps(TEAM) == [second]


async def test_g1_a_gap_found_again_while_it_is_looked_through_stays_open(world: World) -> None:
    hearing = world.store.event_gaps
    await hearing.open_gap(TEAM, ts_of(5), cause="deaf")
    (everywhere,) = await hearing.gaps(TEAM)
    await hearing.open_gap(TEAM, ts_of(9), cause="deaf")
    await hearing.spread(TEAM, everywhere, [CHANNEL])
    again, channel = await hearing.gaps(TEAM)
    assert (again.channel, again.since) == (EVERYWHERE, ts_of(5))
    await hearing.spread(TEAM, again, [CHANNEL])
    assert not await hearing.close(TEAM, channel), "what came after its last page is not read"
    (left,) = await hearing.gaps(TEAM)
    assert left == EventGap(CHANNEL, ts_of(5), "deaf", 2)


async def test_known_places_and_what_is_unfinished_there(world: World) -> None:
    hearing = world.store.event_gaps
    await world.say(1, "ada")
    await world.say(2, "ada", thread=OTHER_THREAD)
    await world.say(3, "ada", thread=DM)
    await world.claimed("ada")
    await world.edit(1, "after")
    await world.claimed("ada", OTHER_THREAD)
    await world.end("2-ada")
    assert await hearing.channels(TEAM) == [CHANNEL, DM.channel], "news of an edit counts"
    assert await hearing.roots(TEAM, CHANNEL) == [OTHER_THREAD.thread_ts, THREAD.thread_ts]
    assert await hearing.roots(TEAM, DM.channel) == []
    (unfinished,) = await hearing.open_messages(TEAM, CHANNEL)
    assert (unfinished.ts, unfinished.thread_ts) == (ts_of(1), THREAD.thread_ts)
    (private,) = await hearing.open_messages(TEAM, DM.channel)
    assert (private.ts, private.thread_ts) == (ts_of(3), None)
    assert ts_of(2) in await hearing.known(TEAM, CHANNEL, since=MessageTs("1.000000"))


async def test_before_its_first_message_nobody_takes_part_in_a_thread(world: World) -> None:
    await world.say(5, "ada")
    bindings = world.store.bindings
    assert [b.teammate for b in await bindings.of_thread(THREAD, as_of=ts_of(6))] == ["ada"]
    assert await bindings.of_thread(THREAD, as_of=ts_of(4)) == []
    assert len(await bindings.of_thread(THREAD)) == 1
