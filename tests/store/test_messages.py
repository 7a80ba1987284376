"""The inbox: what a teammate has not heard yet, and forgetting."""

import sqlite3
from pathlib import Path

from bridge.domain.events import Outcome
from bridge.domain.ids import MessageId, MessageTs, OutboxId, TurnId
from bridge.domain.messages import SharedFile, Speaker
from bridge.domain.outbox_entry import LastRevision, OutboxEntry
from bridge.store.messages import TOLD_AT_MOST
from tests.store.world import (
    CHANNEL,
    DM,
    LEASE,
    NOW,
    OTHER_THREAD,
    TEAM,
    THREAD,
    World,
    later,
    message,
    ts_of,
)

FILE = SharedFile("F1", "plan.pdf", "application/pdf", 10, "https://files.example/F1")


async def told(world: World, teammate: str, turn_id: str, *, after: int | None = None) -> list[str]:
    turn = await world.store.turn_queue.find(TurnId(turn_id))
    assert turn is not None
    located = await world.store.messages.find(TEAM, CHANNEL, ts_of(int(turn_id.split("-")[0])))
    assert located is not None
    said = await world.store.messages.said_since(
        THREAD,
        after=None if after is None else MessageId(after),
        before=located.message_id,
        exclude_teammate=teammate,
        exclude_turn=TurnId(turn_id),
    )
    return [stored.said.text for stored in said]


async def reply(world: World, turn: str, number: int, text: str) -> None:
    """End the claimed turn with these words, which Slack has under a number."""
    row = OutboxEntry(
        outbox_id=OutboxId(f"reply-{number}"),
        turn_id=TurnId(turn),
        kind="reply",
        seq=0,
        channel=CHANNEL,
        thread_ts=THREAD.thread_ts,
        planned_at=NOW,
        payload="{}",
    )
    assert await world.end(turn, last=LastRevision((row,), row.outbox_id, text))
    for _ in range(2):  # Slack's answer may be noted twice
        await world.store.outbox.sent(row.outbox_id, ts_of(number), None)


async def test_a_teammate_is_told_what_others_said_before_her_message(world: World) -> None:
    await world.say(1, text="people talk")
    await world.say(2, "bob", text="bob, look")
    await world.claimed("bob")
    await reply(world, "2-bob", 3, "bob answers")
    await world.say(4, "ada", text="ada?")
    await world.say(5, text="too late")
    await world.say(6, text="elsewhere", thread=OTHER_THREAD)
    assert await told(world, "ada", "4-ada") == ["people talk", "bob, look", "bob answers"]


async def test_only_what_came_after_she_was_last_told(world: World) -> None:
    first = await world.say(1, text="known")
    await world.say(2, text="new")
    await world.say(3, "ada")
    assert await told(world, "ada", "3-ada", after=first.message_id) == ["new"]


async def test_her_own_replies_and_inputs_are_not_told_again(world: World) -> None:
    await world.say(1, "ada", text="first question")
    await world.claimed("ada")
    await world.send("1-ada")
    await reply(world, "1-ada", 2, "first answer")
    await world.say(3, "ada", text="second question")
    await world.say(4, text="by the way")
    await world.say(5, "ada", text="and a third", join=True)
    await world.say(6, "ada", text="another turn")
    said = await world.store.messages.said_since(
        THREAD,
        after=None,
        before=MessageId(99),
        exclude_teammate="ada",
        exclude_turn=TurnId("3-ada"),
    )
    assert [stored.said.text for stored in said] == ["by the way"]


async def test_what_a_dropped_turn_never_told_her_is_told_as_context(world: World) -> None:
    await world.say(1, "ada", text="never mind this")
    await world.store.turn_queue.drop_waiting(TurnId("1-ada"), outcome=Outcome.CANCELLED, now=NOW)
    await world.say(2, "ada", text="do that")
    assert await told(world, "ada", "2-ada") == ["never mind this"]


async def test_deleted_messages_are_not_told(world: World) -> None:
    await world.say(1, text="oops")
    await world.say(2, "ada")
    await world.store.turn_queue.remove_message(TEAM, CHANNEL, ts_of(1), NOW)
    assert await told(world, "ada", "2-ada") == []


async def test_a_file_without_words_is_told(world: World) -> None:
    await world.accept(message(1, "", files=(FILE,)), [])
    await world.say(2, "ada")
    assert await told(world, "ada", "2-ada") == [""]


async def test_of_a_long_talk_the_newest_is_told(world: World) -> None:
    for number in range(1, TOLD_AT_MOST + 3):
        await world.say(number, text=f"line {number}")
    await world.say(999, "ada")
    lines = await told(world, "ada", "999-ada")
    assert len(lines) == TOLD_AT_MOST
    assert (lines[0], lines[-1]) == ("line 3", f"line {TOLD_AT_MOST + 2}")


async def test_a_reply_is_stored_once_as_the_teammates_words(world: World) -> None:
    await world.say(1, "bob", text="do it")
    await world.claimed("bob")
    await reply(world, "1-bob", 3, "done")
    await world.say(2, "ada")
    said = await world.store.messages.said_since(
        THREAD,
        after=None,
        before=MessageId(99),
        exclude_teammate="ada",
        exclude_turn=TurnId("2-ada"),
    )
    told_by = [(one.said.speaker, one.said.author, one.said.text) for one in said]
    assert [line for line in told_by if line[0] is not Speaker.PERSON] == [
        (Speaker.TEAMMATE, "bob", "done")
    ]


async def test_newest_is_the_threads_own(world: World) -> None:
    assert await world.store.messages.newest(THREAD) is None
    first = await world.say(1)
    await world.say(2, thread=DM)
    assert await world.store.messages.newest(THREAD) == first.message_id


async def test_an_unknown_message_is_not_located(world: World) -> None:
    assert await world.store.messages.find(TEAM, CHANNEL, MessageTs("7.7")) is None


async def test_old_text_is_forgotten_but_the_message_stays_known(file: Path, world: World) -> None:
    await world.accept(message(1, "a secret plan", files=(FILE,)), ["ada"])
    await reply(world, (await world.claimed("ada")).turn_id, 2, "a secret answer")
    assert await world.store.messages.forget_text(NOW) == 0
    assert await world.store.messages.forget_text(later(1)) == 2
    assert await world.store.messages.forget_text(later(1)) == 0
    raw = sqlite3.connect(file)
    assert raw.execute("SELECT body, files FROM messages").fetchall() == [("", ""), ("", "")]
    raw.close()
    assert (await world.say(1, "ada")).duplicate


async def test_what_unfinished_turns_need_is_not_forgotten(world: World) -> None:
    await world.say(1, "ada", text="runs")
    await world.say(2, "ada", text="waits")
    await world.claimed("ada")
    assert await world.store.messages.forget_text(later(1)) == 0
    (left,) = await world.store.turn_queue.left_active(not_lease="next process")
    assert left.turn.messages[0].said.text == "runs"
    assert left.lease == LEASE


async def test_more_text_than_one_batch_is_forgotten(world: World) -> None:
    for number in range(1, 602):
        await world.say(number)
    assert await world.store.messages.forget_text(later(1)) == 601
