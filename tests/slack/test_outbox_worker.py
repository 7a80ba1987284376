"""What must be shown in Slack is shown once and in its last revision, whatever happens (G4).

A loopback Slack over real sockets, a database file, and processes that are killed: what a killed
process had under way is cut off, and the next one knows only what is in the file.
"""

import asyncio
import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.domain.approvals import ApprovalState
from bridge.domain.events import Outcome, ToolLine, Usage
from bridge.domain.ids import ChannelId, MessageRef, MessageTs, UserId
from bridge.domain.outbox_entry import OutboxEntry
from bridge.domain.ports import ReplyEnding
from bridge.render.blocks import notice_blocks
from bridge.retry import RetryPolicy
from bridge.slack.chat_adapter import ChatAdapterOptions
from bridge.slack.outbound.kinds.notice import notice_payload
from bridge.slack.outbound.live_reply import DeliveryOptions
from bridge.slack.outbound.outbox_worker import OutboxWorkerOptions
from bridge.slack.rate_limit.windows import Priority
from bridge.telemetry import OUTBOX_GIVEN_UP, OUTBOX_PENDING, STORE_FAILURES, Tasks
from tests.slack.conftest import ADA, RealClock
from tests.slack.samples import approval
from tests.slack.test_live_reply import stop_buttons
from tests.support import eventually

DONE = ReplyEnding(Outcome.DONE, None, 3.0, Usage(10, 20))
CALL_TIMEOUT_S = 0.4
QUICK = ChatAdapterOptions(
    names={"Ada": "ada"},
    delivery=DeliveryOptions(finish_s=1.0, seal_s=0.5),
    outbox_worker=OutboxWorkerOptions(first_try_s=2.0, retry=RetryPolicy(0.02, 0.1)),
)


@pytest.fixture
async def desk(desk_with):
    async with desk_with(surface=QUICK, web_api={"call_timeout_s": CALL_TIMEOUT_S}) as desk:
        yield desk


async def concluded(desk, reply, ending=DONE):
    """The last thing that a turn does before its end is shown: it is stored."""
    last = await reply.conclude(ending)
    await desk.store.outbox.owe(last.owed)
    return last


def failures_of_the_store():
    return sum(sample.value for sample in next(iter(STORE_FAILURES.collect())).samples)


async def one_whole_reply(desk, target, text):
    await desk.all_shown()
    (message,) = desk.thread(target)
    assert desk.markdown(target) == text
    assert not stop_buttons(message)
    (row,) = await desk.store.outbox.of_turn(target.turn_id)
    assert (row.state, row.ts, row.payload) == ("sent", message["ts"], None)
    assert row.payload_hash
    return message


def live_reply(desk, target, text):
    reply = desk.chat.open_reply(target)
    reply.append("1", "m", text)
    return reply


# --- a process that is killed ----------------------------------------------------------------


async def test_g4_a_reply_whose_end_was_stored_is_shown_by_the_next_process(desk):
    target = await desk.target()
    reply = live_reply(desk, target, "Half of it")
    await eventually(lambda: desk.thread(target))
    reply.append("1", "m", ", and the rest.")
    await concluded(desk, reply)
    await desk.restart(QUICK)
    await one_whole_reply(desk, target, "Half of it, and the rest.")


async def test_g4_a_reply_of_which_nothing_was_shown_is_posted_by_the_next_process(desk):
    target = await desk.target()
    reply = live_reply(desk, target, "Not a word was shown")
    await concluded(desk, reply)
    await desk.restart(QUICK)
    message = await one_whole_reply(desk, target, "Not a word was shown")
    assert message["username"] == "Ada"


@pytest.mark.parametrize(
    "fault", ["slow", "server_error", "late_error", "rate_limited", "lost_answer", "lost_call"]
)
@pytest.mark.parametrize("method", ["chat.postMessage", "chat.update"])
async def test_g4_killed_at_any_step_of_a_write_the_reply_is_shown_once(desk, fault, method):
    """Planned, sent without an answer, taken without being recorded, refused for a moment."""
    target = await desk.target()
    reply = desk.chat.open_reply(target)
    if method == "chat.update":
        reply.append("1", "m", "First. ")
        await eventually(lambda: desk.thread(target))
    await desk.playground.set_fault(fault, method=method)
    reply.append("1", "m", "And last.")
    await concluded(desk, reply)
    before = len(desk.playground.calls(method))
    async with asyncio.timeout(5):
        delivering = Tasks().spawn(reply.deliver(stored=True), name="deliver")
        await eventually(lambda: len(desk.playground.calls(method)) > before or fault == "slow")
        if fault == "slow":
            await asyncio.sleep(0.1)  # the request has reached Slack, which keeps its answer
        delivering.cancel()
        await asyncio.wait([delivering])
        await desk.restart(QUICK)
    await desk.playground.set_fault(fault, False)
    wanted = "First. And last." if method == "chat.update" else "And last."
    await one_whole_reply(desk, target, wanted)


async def test_g4_killed_before_the_first_words_were_noted_the_reply_is_found(desk):
    target = await desk.target()
    await desk.playground.set_fault("slow", method="chat.postMessage", delay_s=0.3)
    reply = live_reply(desk, target, "Seen, not noted")
    await eventually(lambda: desk.thread(target))
    await concluded(desk, reply)
    await desk.restart(QUICK)
    await one_whole_reply(desk, target, "Seen, not noted")
    assert len(desk.playground.calls("chat.postMessage")) == 1


async def test_messages_that_the_last_revision_does_not_have_are_taken_away(desk):
    target = await desk.target()
    reply = live_reply(desk, target, "Before the card.")
    await reply.seal()
    reply.append("2", "n", "After the card.")
    await eventually(lambda: len(desk.thread(target)) == 2)
    reply.drop_runs(frozenset({"1"}))
    await concluded(desk, reply)
    await desk.restart(QUICK)
    await desk.all_shown()
    assert desk.markdown(target) == "After the card."
    assert len(desk.thread(target)) == 1


async def test_the_status_of_a_killed_process_is_cleared(desk):
    target = await desk.target()
    where = ("#engineering", target.thread_ts)
    reply = live_reply(desk, target, "Hello")
    reply.show_status("is thinking…")
    await eventually(lambda: desk.playground.status(*where) == "is thinking…")
    await concluded(desk, reply)
    await desk.restart(QUICK)
    await eventually(lambda: desk.playground.status(*where) == "")


async def test_g4_what_is_shown_and_settled_is_not_written_again(desk):
    target = await desk.target()
    await desk.finish(live_reply(desk, target, "Done and noted"), DONE)
    calls = len(desk.playground.calls())
    await desk.restart(QUICK)
    await desk.chat.notice(target.thread, "only this")
    assert [call.name for call in desk.playground.calls()[calls:]] == ["chat.postMessage"]


async def test_what_an_earlier_process_showed_gets_the_last_word_even_after_another_kill(desk):
    target = await desk.target()
    live_reply(desk, target, "Half an **answer**")
    await eventually(lambda: desk.thread(target))
    await desk.restart(QUICK)
    resumed = desk.chat.open_reply(target, resumed=True)
    interrupted = ReplyEnding(Outcome.INTERRUPTED, "Interrupted by a restart.", 3.0, Usage())
    last = await resumed.conclude(interrupted, nothing_new=True)
    for _ in range(2):  # the second time it was shown, but that was not noted
        await desk.store.outbox.owe(last.owed)
        await desk.restart(QUICK)
        await desk.all_shown()
        (message,) = desk.thread(target)
        assert desk.markdown(target) == "Half an **answer**"
        assert "Interrupted by a restart." in str(message["blocks"])
        assert not stop_buttons(message)


async def test_an_end_that_cannot_be_stored_yet_is_shown_all_the_same(desk):
    target = await desk.target()
    reply = live_reply(desk, target, "Half of it")
    await eventually(lambda: desk.thread(target))
    reply.append("1", "m", ", and the rest.")
    await reply.conclude(DONE)
    await reply.deliver(stored=False)
    assert desk.markdown(target) == "Half of it, and the rest."
    last = await concluded(desk, reply)
    assert last.owed == ()
    await reply.deliver(stored=True)
    await one_whole_reply(desk, target, "Half of it, and the rest.")


async def test_what_was_complete_before_the_end_is_not_owed_and_not_written_again(desk):
    target = await desk.target()
    reply = live_reply(desk, target, "Before the card.")
    await reply.seal()
    reply.append("2", "n", "After the card.")
    await eventually(lambda: len(desk.thread(target)) == 2)
    edits = len(desk.playground.calls("chat.update"))
    last = await concluded(desk, reply)
    assert [entry.seq for entry in last.owed] == [1]
    await reply.deliver(stored=True)
    assert len(desk.playground.calls("chat.update")) == edits + 1
    assert await desk.store.outbox.owed() == []
    assert all(row.payload_hash for row in await desk.store.outbox.of_turn(target.turn_id))


async def test_g4_the_next_process_edits_what_is_owed_and_leaves_what_was_complete(desk):
    target = await desk.target()
    reply = live_reply(desk, target, "Before the card.")
    await reply.seal()
    reply.append("2", "n", "After the card.")
    await eventually(lambda: len(desk.thread(target)) == 2)
    reply.append("2", "n", " And more.")
    last = await concluded(desk, reply)
    assert [entry.seq for entry in last.owed] == [1]
    await desk.restart(QUICK)
    await desk.all_shown()
    assert desk.markdown(target) == "Before the card.\nAfter the card. And more."
    assert len(desk.thread(target)) == 2


async def test_g4_a_resumed_reply_goes_on_in_its_message_after_an_earlier_one_was_taken_back(desk):
    target = await desk.target()
    reply = live_reply(desk, target, "Taken back.")
    await reply.seal()
    reply.append("2", "n", "After the card.")
    await eventually(lambda: len(desk.thread(target)) == 2)
    reply.drop_runs(frozenset({"1"}))
    await reply.seal()
    (kept,) = desk.thread(target)
    await desk.restart(QUICK)
    resumed = desk.chat.open_reply(target, resumed=True)
    resumed.append("2", "n", "After the card. And more.")
    await desk.finish(resumed, DONE)
    await desk.all_shown()
    (message,) = desk.thread(target)
    assert message["ts"] == kept["ts"]
    assert desk.markdown(target) == "After the card. And more."


# --- a Slack that is away --------------------------------------------------------------------


async def test_g4_a_slack_that_is_down_still_gets_the_answer_afterwards(desk):
    target = await desk.target()
    await desk.playground.set_fault("server_error", status=503)
    reply = live_reply(desk, target, "The answer")
    await desk.finish(reply, DONE)
    assert desk.thread(target) == []
    assert await desk.store.outbox.owed()
    await desk.playground.set_fault("server_error", False)
    await one_whole_reply(desk, target, "The answer")


async def test_g4_an_edit_that_lands_after_the_last_one_is_written_over(desk_with):
    """An edit had no answer; as it may have come last after all, the last one is repeated."""
    patient = replace(QUICK, delivery=DeliveryOptions())
    async with desk_with(surface=patient, web_api={"call_timeout_s": 1.5}) as desk:
        target = await desk.target()
        reply = live_reply(desk, target, "One")
        message = (await eventually(lambda: desk.thread(target)))[0]
        await desk.playground.set_fault("slow", method="chat.update", delay_s=2.0, count=1)
        reply.append("1", "m", " two")
        await eventually(lambda: desk.markdown(target) == "One two")
        await desk.finish(reply, DONE)
        assert not stop_buttons(desk.thread(target)[0])
        late = {
            "channel": target.thread.channel,
            "ts": message["ts"],
            "text": "One",
            "blocks": [{"type": "markdown", "text": "One tw"}],
        }
        await desk.web_api.call("chat.update", lambda: late, priority=Priority.URGENT)
        await one_whole_reply(desk, target, "One two")


async def test_what_is_owed_is_counted_and_given_up_in_the_end(desk):
    target = await desk.target()
    owed, given_up = OUTBOX_PENDING._value.get(), OUTBOX_GIVEN_UP._value.get()
    await desk.playground.set_fault("server_error", status=503)
    reply = live_reply(desk, target, "Never seen")
    await desk.finish(reply, DONE)
    await eventually(lambda: OUTBOX_PENDING._value.get() == owed + 1)
    brief = OutboxWorkerOptions(keep_trying=timedelta(0), retry=RetryPolicy(0.02, 60.0))
    await desk.restart(ChatAdapterOptions(outbox_worker=brief))
    await desk.all_shown()
    (row,) = await desk.store.outbox.of_turn(target.turn_id)
    assert row.state == "failed"
    assert OUTBOX_GIVEN_UP._value.get() == given_up + 1


async def test_g4_what_was_owed_over_a_long_pause_is_not_given_up_at_the_first_failure(desk):
    """The machine was off for a week, and Slack is not to be reached in its first second."""
    target = await desk.target()
    owed = OutboxEntry(
        outbox_id="of-last-week",
        turn_id=None,
        kind="notice",
        seq=0,
        channel=target.thread.channel,
        thread_ts=target.thread_ts,
        planned_at=RealClock().now() - timedelta(days=7),
        payload=notice_payload(notice_blocks("A week ago"), None),
    )
    await desk.store.outbox.owe([owed])
    await desk.playground.set_fault("server_error", status=503, count=4)
    await desk.restart(QUICK)
    await desk.all_shown()
    assert [message["text"] for message in desk.thread(target)] == ["A week ago"]


async def test_a_refusal_for_good_ends_it_once_and_holds_up_nobody(desk):
    target = await desk.target()
    nowhere = replace(target.thread, channel=ChannelId("C04RANDOM01"))
    reply = live_reply(desk, replace(target, thread=nowhere), "To where we are not")
    await concluded(desk, reply)
    await desk.restart(QUICK)
    await desk.all_shown()
    (row,) = await desk.store.outbox.of_turn(target.turn_id)
    assert row.state == "failed"
    assert len(desk.playground.calls("conversations.replies")) == 1
    elsewhere = await desk.target(channel="#partners")
    await desk.chat.notice(elsewhere.thread, "here all is well")
    assert desk.thread(elsewhere)


async def test_what_nobody_foresaw_holds_up_nothing_behind_it(desk):
    target = await desk.target()
    await desk.restart(QUICK, started=False)
    unreadable = OutboxEntry(
        outbox_id="from-elsewhere",
        turn_id=None,
        kind="notice",
        seq=0,
        channel=target.thread.channel,
        thread_ts=target.thread_ts,
        planned_at=RealClock().now(),
        payload="not what we write",
    )
    await desk.store.outbox.owe([unreadable])
    desk.chat.start()
    await desk.chat.notice(target.thread, "and after it")
    await desk.all_shown()
    assert [message["text"] for message in desk.thread(target)] == ["and after it"]


# --- quiet lines, notes, reactions, cards ----------------------------------------------------


@pytest.mark.parametrize(
    "fault", ["lost_answer", "lost_call", "slow", "server_error", "late_error"]
)
async def test_g4_a_notice_without_an_answer_is_shown_once(desk, fault):
    target = await desk.target()
    await desk.playground.set_fault(fault, method="chat.postMessage", count=2)
    await desk.chat.notice(target.thread, "Only once")
    await desk.restart(QUICK)
    await desk.all_shown()
    assert [message["text"] for message in desk.thread(target)] == ["Only once"]


async def test_g4_a_notice_that_was_found_but_not_settled_is_not_posted_again(desk):
    target = await desk.target()
    await desk.chat.notice(target.thread, "Only once")
    ts = MessageTs(desk.thread(target)[0]["ts"])
    owed = OutboxEntry(
        outbox_id="found",
        turn_id=None,
        kind="notice",
        seq=0,
        channel=target.thread.channel,
        thread_ts=target.thread_ts,
        planned_at=RealClock().now(),
        payload=notice_payload(notice_blocks("Only once"), None),
    )
    await desk.store.outbox.owe([owed])
    await desk.store.outbox.sent(owed.outbox_id, ts, None)
    await desk.restart(QUICK)
    await desk.all_shown()
    assert len(desk.thread(target)) == 1


async def test_notices_of_a_thread_keep_their_order_over_a_restart(desk):
    target = await desk.target()
    await desk.playground.set_fault("server_error", status=503)
    for number in range(4):
        await desk.chat.notice(target.thread, f"notice {number}")
    await desk.restart(QUICK, started=False)
    await desk.playground.set_fault("server_error", False)
    desk.chat.start()
    await desk.chat.notice(target.thread, "notice 4")
    await desk.all_shown()
    shown = [message["text"] for message in desk.thread(target)]
    assert shown == [f"notice {number}" for number in range(5)]


async def test_a_private_note_is_repeated_after_a_refusal_but_not_when_it_may_be_there(desk):
    where = desk.channel()
    maya = UserId("U01MAYACHEN")
    await desk.playground.set_fault("lost_answer", method="chat.postEphemeral", count=1)
    await desk.chat.private_note(where, maya, "unclear", thread_ts=None)
    await desk.playground.set_fault(
        "rate_limited", method="chat.postEphemeral", count=1, retry_after_s=1
    )
    await desk.chat.private_note(where, maya, "refused", thread_ts=None)
    await desk.restart(QUICK)
    await desk.all_shown()
    notes = [note["text"] for note in desk.playground.ephemerals("maya")]
    assert notes == ["unclear", "refused"]


async def test_a_private_note_that_was_shown_is_not_repeated_when_that_cannot_be_noted(desk):
    where, maya = desk.channel(), UserId("U01MAYACHEN")
    before = failures_of_the_store()
    await desk.playground.set_fault("slow", method="chat.postEphemeral", delay_s=0.2, count=1)
    with closing(sqlite3.connect(desk.store_path, isolation_level=None)) as other:
        note = desk.chat.private_note(where, maya, "Only once.", thread_ts=None)
        telling = Tasks().spawn(note, name="note")
        await eventually(lambda: desk.playground.ephemerals("maya"))
        other.execute("BEGIN IMMEDIATE")
        await eventually(lambda: failures_of_the_store() > before)
    await telling
    await desk.chat.private_note(where, maya, "After it.", thread_ts=None)
    await desk.restart(QUICK)
    await desk.all_shown()
    assert [note["text"] for note in desk.playground.ephemerals("maya")] == [
        "Only once.",
        "After it.",
    ]


async def test_who_cannot_be_answered_in_the_channel_is_answered_directly(desk):
    nowhere, maya = ChannelId("C04RANDOM01"), UserId("U01MAYACHEN")
    await desk.chat.private_note(nowhere, maya, "You may not.", thread_ts=None)
    await desk.all_shown()
    (call,) = desk.playground.calls("chat.postMessage")
    sent = json.loads(call.request)
    assert (sent["channel"], sent["text"]) == (maya, "You may not.")


async def test_a_person_is_answered_privately_although_nothing_can_be_stored(desk):
    maya = UserId("U01MAYACHEN")
    with closing(sqlite3.connect(desk.store_path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        await desk.chat.private_note(desk.channel(), maya, "Please try again.", thread_ts=None)
    (note,) = desk.playground.ephemerals("maya")
    assert note["text"] == "Please try again."


async def test_signs_on_a_message_end_up_as_they_were_last_meant(desk):
    ts = desk.say("later please")
    ref = MessageRef(desk.channel(), MessageTs(ts))

    def emoji():
        message = next(m for m in desk.playground.messages("#engineering") if m["ts"] == ts)
        return {reaction["name"] for reaction in message.get("reactions", [])}

    await desk.playground.set_fault("server_error", status=500)
    await desk.chat.mark_waiting(ref)
    await desk.chat.mark_taken(ref, was_waiting=True)
    await desk.restart(QUICK)
    await desk.playground.set_fault("server_error", False)
    await desk.all_shown()
    assert emoji() == {"eyes"}


async def test_g4_a_card_that_a_killed_process_had_posted_is_found_again(desk):
    target = await desk.target()
    await desk.playground.set_fault("slow", method="chat.postMessage", delay_s=0.3, count=1)
    asked = approval(target.turn_id, target.thread)
    asking = Tasks().spawn(desk.ask(asked, thread_ts=target.thread_ts), name="card")
    (card,) = await eventually(lambda: desk.thread(target))
    asking.cancel()
    await asyncio.wait([asking])
    await desk.restart(QUICK)
    await desk.all_shown()
    asked = await desk.store.approvals.get(asked.approval_id)
    assert asked.card.ts == card["ts"]
    await desk.chat.show_card(asked)
    assert len(desk.thread(target)) == 1


async def test_g4_a_question_that_was_only_stored_is_asked_by_the_next_process(desk):
    target = await desk.target()
    asked = approval(target.turn_id, target.thread)
    card = desk.chat.card(asked, persona=ADA, thread_ts=target.thread_ts)
    await desk.store.approvals.create(asked, card)
    await desk.restart(QUICK)
    await desk.all_shown()
    (card,) = desk.thread(target)
    assert stop_buttons(card)


async def test_g5_a_card_that_nobody_knew_to_be_there_loses_its_buttons(desk):
    """Slack took it without saying so, and could not be asked until the question was void."""
    target = await desk.target()
    await desk.playground.set_fault("lost_answer", method="chat.postMessage", count=1)
    await desk.playground.set_fault("server_error", method="conversations.replies")
    asked = await desk.ask(approval(target.turn_id, target.thread), thread_ts=target.thread_ts)
    assert asked.card is None
    assert stop_buttons(desk.thread(target)[0])
    await desk.settle(asked, ApprovalState.VOID, cause="The turn has ended.")
    await desk.playground.set_fault("server_error", False)
    await desk.all_shown()
    (card,) = desk.thread(target)
    assert stop_buttons(card) == []


async def test_a_question_that_is_settled_before_its_card_came_gets_none(desk):
    target = await desk.target()
    await desk.playground.set_fault("server_error", method="chat.postMessage")
    asked = await desk.ask(approval(target.turn_id, target.thread), thread_ts=target.thread_ts)
    await desk.settle(asked, ApprovalState.VOID, cause="The turn has ended.")
    await desk.playground.set_fault("server_error", False)
    await desk.all_shown()
    assert desk.thread(target) == []


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_decision_is_shown_on_its_card_however_long_slack_is_away(desk, restarted):
    target = await desk.target()
    asked = await desk.ask(approval(target.turn_id, target.thread), thread_ts=target.thread_ts)
    await desk.playground.set_fault("server_error", method="chat.update")
    await desk.settle(asked, ApprovalState.ALLOWED, by=UserId("U02JONASWEB"))
    assert stop_buttons(desk.thread(target)[0])
    if restarted:
        await desk.restart(QUICK)
    await desk.playground.set_fault("server_error", False)
    await desk.all_shown()
    assert stop_buttons(desk.thread(target)[0]) == []


# --- looking ---------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [0, 1_500])
async def test_g4_a_post_is_found_in_a_busy_thread(desk, after):
    target = await desk.target()
    for number in range(1_200):
        desk.say(f"before {number}", thread_ts=target.thread_ts)
    await desk.playground.set_fault("lost_answer", method="chat.postMessage", count=1)
    await desk.playground.set_fault("server_error", method="conversations.replies")
    await desk.chat.notice(target.thread, "Only once")
    for number in range(after):
        desk.say(f"after {number}", thread_ts=target.thread_ts)
    await desk.playground.set_fault("server_error", False)
    await desk.all_shown()
    ours = [message for message in desk.thread(target) if message.get("bot_id")]
    assert len(ours) == 1
    assert len(desk.playground.calls("chat.postMessage")) == 1


async def test_the_sdk_sends_nothing_twice_by_itself(desk):
    """Its default handler repeats a post whose connection broke, which would be there twice."""
    target = await desk.target()
    await desk.playground.set_fault("lost_answer", method="chat.postMessage", count=1)
    await desk.playground.set_fault("server_error", method="conversations.replies")
    await desk.chat.notice(target.thread, "Only once")
    assert len(desk.playground.calls("chat.postMessage")) == 1
    assert desk.web_api.client.retry_handlers == []


# --- what nobody foresaw ---------------------------------------------------------------------


async def test_g5_a_reply_without_a_last_word_is_let_go_and_ended_by_another_hand(desk_with):
    """A bug kept its writer from concluding: nothing may be written over the closing sentence."""
    ticking = replace(QUICK, delivery=DeliveryOptions(finish_s=1.0, seal_s=0.5, tick_s=0.05))
    async with desk_with(surface=ticking) as desk:
        target = await desk.target()
        reply = live_reply(desk, target, "Half of it")
        reply.show_tools((ToolLine("call-1", "Bash", "ls"),))
        await eventually(lambda: desk.thread(target))
        await reply.deliver(stored=True)
        await desk.chat.close_leftover(target, "This could not be shown.")
        await desk.all_shown()
        (message,) = desk.thread(target)
        assert desk.markdown(target) == "Half of it"
        assert stop_buttons(message) == []
        assert reply._writer.done()
