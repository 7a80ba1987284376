"""Replies against a loopback Slack, over real sockets."""

import asyncio
import json
import re
import time

import pytest

from bridge.domain.events import Outcome, Usage
from bridge.domain.ports import ReplyEnding
from bridge.slack.chat_adapter import ChatAdapterOptions
from bridge.slack.outbound.live_reply import DeliveryOptions
from bridge.slack.rate_limit.windows import Priority
from bridge.telemetry import DISPLAY_FAILURES
from slack_playground.options import GRANTED_SCOPES
from tests.support import eventually

DONE = ReplyEnding(Outcome.DONE, None, 3.0, Usage(10, 20))


def stop_buttons(message):
    return [
        element
        for block in message.get("blocks", [])
        if block["type"] == "actions"
        for element in block["elements"]
    ]


async def test_a_reply_appears_grows_and_ends_without_its_stop_button(desk):
    target = await desk.target()
    reply = desk.chat.open_reply(target)
    reply.append("1", "m", "Hello")
    first = await eventually(lambda: desk.thread(target))
    assert stop_buttons(first[0])
    reply.append("1", "m", " world")
    await eventually(lambda: "Hello world" in desk.markdown(target))
    ts = await desk.finish(reply, DONE)
    (message,) = desk.thread(target)
    assert message["ts"] == ts
    assert not stop_buttons(message)
    assert desk.markdown(target) == "Hello world"


async def test_a_reply_that_was_let_go_writes_no_more(desk):
    target = await desk.target()
    reply = desk.chat.open_reply(target)
    reply.append("1", "m", "Hello")
    await eventually(lambda: desk.thread(target))
    reply.let_go()
    reply.append("1", "m", " world")
    there = await desk.target()
    other = desk.chat.open_reply(there)
    other.append("1", "m", "Some")
    await eventually(lambda: desk.thread(there))
    other.append("1", "m", " more")  # its turn to be edited comes after the first one's
    await eventually(lambda: desk.markdown(there) == "Some more")
    assert desk.markdown(target) == "Hello"


async def test_a_short_answer_is_one_call(desk):
    target = await desk.target()
    reply = desk.chat.open_reply(target)
    reply.append("1", "m", "42")
    await asyncio.sleep(0)
    await desk.finish(reply, DONE)
    assert len(desk.playground.calls("chat.postMessage")) == 1
    assert desk.playground.calls("chat.update") == []


def long_text(size=60_000):
    """Markdown with tables, nested fences and numbered lines, so that an order can be checked."""
    parts, number = [], 0
    while sum(map(len, parts)) < size:
        number += 1
        parts.append(
            f"## Part {number}\n\nline-{number}-a says something about **part {number}**.\n"
        )
        if number % 3 == 0:
            rows = "".join(f"| line-{number}-r{row} | {'x' * 30} |\n" for row in range(12))
            parts.append("\n| name | value |\n| --- | --- |\n" + rows)
        if number % 4 == 0:
            code = "".join(f"print('line-{number}-c{row}')\n" for row in range(15))
            parts.append(f"\n````markdown\nouter\n```python\n{code}```\n````\n")
        parts.append("\n")
    return "".join(parts)


def marks(text):
    return re.findall(r"line-\d+-\w+", text)


async def stream(reply, text, *, pieces, pause_s=0.0):
    step = max(1, len(text) // pieces)
    for start in range(0, len(text), step):
        reply.append("1", "m", text[start : start + step])
        await asyncio.sleep(pause_s)


async def test_g10_sixty_thousand_characters_arrive_whole_in_order_and_within_the_limits(desk):
    target, text = await desk.target(), long_text()
    reply = desk.chat.open_reply(target)
    await stream(reply, text, pieces=300, pause_s=0.003)
    await desk.finish(reply, DONE)
    assert marks(desk.markdown(target)) == marks(text)
    assert reply.text() == text
    posted = desk.thread(target)
    assert len(posted) > 5
    for message in posted:
        blocks = message["blocks"]
        assert len(blocks) <= 50
        assert sum(len(b["text"]) for b in blocks if b["type"] == "markdown") <= 12_000
        assert all(b["text"].count("````") % 2 == 0 for b in blocks if b["type"] == "markdown")
        assert len(message["text"]) <= 4_000
        assert not stop_buttons(message)
    assert all(call.ok for call in desk.playground.calls())


async def test_g10_replies_side_by_side_provoke_no_429_and_lose_nothing(desk_with):
    async with desk_with(rate_limits=True) as desk:
        targets = [await desk.target() for _ in range(5)]
        replies = [desk.chat.open_reply(target) for target in targets]
        texts = [long_text(4_000) for _ in targets]
        await asyncio.gather(
            *(
                stream(reply, text, pieces=40, pause_s=0.05)
                for reply, text in zip(replies, texts, strict=True)
            )
        )
        started = time.monotonic()
        await asyncio.gather(*(desk.finish(reply, DONE) for reply in replies))
        assert time.monotonic() - started < 3.0  # the last first post waits for its channel
        for target, text in zip(targets, texts, strict=True):
            assert marks(desk.markdown(target)) == marks(text)
        assert desk.playground.rate_limited() == {}
        assert all(call.ok for call in desk.playground.calls())


async def test_one_live_turn_is_edited_about_once_a_second(desk):
    target = await desk.target()
    reply = desk.chat.open_reply(target)
    await stream(reply, "word " * 300, pieces=60, pause_s=0.06)
    await desk.finish(reply, DONE)
    assert 3 <= len(desk.playground.calls("chat.update")) <= 6


async def test_g10_the_end_of_a_reply_goes_before_edits_that_wait(desk):
    target = await desk.target()
    reply = desk.chat.open_reply(target)
    reply.append("1", "m", "The first half ")
    await eventually(lambda: desk.thread(target))
    for _ in range(47):  # what edits may use of the window while one reply is in progress
        async with desk.web_api.budget.permit("chat.update", priority=Priority.URGENT):
            pass
    reply.append("1", "m", "and the second.")
    await eventually(lambda: desk.web_api.budget.waiting("chat.update"))
    async with asyncio.timeout(3):
        await desk.finish(reply, DONE)
    assert desk.markdown(target) == "The first half and the second."


@pytest.mark.parametrize(
    ("fault", "params"),
    [
        ("rate_limited", {"count": 1, "retry_after": 1}),
        ("server_error", {"count": 2, "status": 503}),
        ("slow", {"count": 2, "delay_s": 0.6}),
        ("lost_answer", {"count": 1}),
    ],
)
@pytest.mark.parametrize("method", ["chat.postMessage", "chat.update"])
async def test_g4_g7_a_fault_on_the_way_leaves_one_whole_reply(desk, fault, params, method):
    target = await desk.target()
    await desk.playground.set_fault(fault, method=method, **params)
    reply = desk.chat.open_reply(target)
    reply.append("1", "m", "The first half ")
    if method == "chat.update":
        await eventually(lambda: desk.thread(target))
    reply.append("1", "m", "and the second.")
    assert await desk.finish(reply, DONE)
    (message,) = desk.thread(target)
    assert desk.markdown(target) == "The first half and the second."
    assert not stop_buttons(message)


async def test_g4_a_post_whose_answer_is_lost_is_found_and_not_sent_again(desk):
    target = await desk.target()
    await desk.playground.set_fault("lost_answer", method="chat.postMessage", count=1)
    reply = desk.chat.open_reply(target)
    reply.append("1", "m", "Only once")
    await desk.finish(reply, DONE)
    assert len(desk.playground.calls("chat.postMessage")) == 1
    assert len(desk.thread(target)) == 1
    (entry,) = await desk.store.outbox.of_turn(target.turn_id)
    assert (entry.state, entry.ts) == ("sent", desk.thread(target)[0]["ts"])


async def test_g7_a_slack_that_is_down_costs_the_turn_nothing_but_time(desk_with):
    options = ChatAdapterOptions(delivery=DeliveryOptions(finish_s=1.0, seal_s=0.5))
    async with desk_with(surface=options) as desk:
        target = await desk.target()
        before = DISPLAY_FAILURES._value.get()
        await desk.playground.set_fault("server_error", status=500)
        reply = desk.chat.open_reply(target)
        reply.append("1", "m", "undelivered")
        reply.show_status("is thinking…")
        await reply.seal()
        reply.append("1", "m", " words")
        assert await desk.finish(reply, DONE) is None
        assert reply.text().split() == ["undelivered", "words"]
        assert DISPLAY_FAILURES._value.get() > before
        entries = await desk.store.outbox.of_turn(target.turn_id)
        assert {entry.state for entry in entries} <= {"failed", "planned"}


async def test_what_follows_a_seal_goes_below_the_card(desk):
    target = await desk.target()
    reply = desk.chat.open_reply(target)
    reply.append("1", "m", "I need to ask.")
    await reply.seal()
    assert not stop_buttons(desk.thread(target)[0])
    await desk.chat.notice(target.thread, "the card")
    reply.append("2", "n", "Thank you.")
    await desk.finish(reply, DONE)
    shown = [message["text"] for message in desk.thread(target)]
    assert [text.split("\n")[0] for text in shown] == ["I need to ask.", "the card", "Thank you."]


async def test_text_that_is_taken_back_disappears_from_slack(desk):
    target = await desk.target()
    reply = desk.chat.open_reply(target)
    await stream(reply, long_text(30_000), pieces=10)
    await eventually(lambda: len(desk.thread(target)) > 1)
    reply.drop_runs(frozenset({"1"}))
    reply.append("2", "m", "A better answer.")
    await desk.finish(reply, DONE)
    assert desk.markdown(target) == "A better answer."
    assert len(desk.thread(target)) == 1


async def test_a_reply_without_text_still_ends_in_words(desk):
    target = await desk.target()
    reply = desk.chat.open_reply(target)
    await desk.finish(reply, ReplyEnding(Outcome.FAILED, "The model did not answer.", 1.0, Usage()))
    (message,) = desk.thread(target)
    assert "The model did not answer." in message["text"]


async def test_a_message_that_somebody_deleted_is_posted_anew_at_the_end(desk):
    target = await desk.target()
    reply = desk.chat.open_reply(target)
    reply.append("1", "m", "First words")
    (message,) = await eventually(lambda: desk.thread(target))
    gone = {"channel": target.thread.channel, "ts": message["ts"]}
    await desk.web_api.call("chat.delete", lambda: gone, priority=Priority.URGENT)
    reply.append("1", "m", " and more")
    await eventually(lambda: desk.playground.calls("chat.update"))
    assert desk.thread(target) == []
    reply.append("1", "m", " and the end")
    await desk.finish(reply, DONE)
    assert desk.markdown(target) == "First words and more and the end"


async def test_a_teammate_posts_under_her_own_face(desk):
    target = await desk.target()
    reply = desk.chat.open_reply(target)
    reply.append("1", "m", "Hi")
    await desk.finish(reply, DONE)
    (message,) = desk.thread(target)
    assert message["username"] == "Ada"
    assert message["metadata"]["event_type"] == "bridge_post"


async def test_without_the_scope_her_name_stands_in_the_message(desk_with):
    scopes = tuple(scope for scope in GRANTED_SCOPES if scope != "chat:write.customize")
    async with desk_with(scopes=scopes) as desk:
        target = await desk.target()
        reply = desk.chat.open_reply(target)
        reply.append("1", "m", "Hi")
        await desk.finish(reply, DONE)
        (message,) = desk.thread(target)
        assert "*Ada*" in message["blocks"][0]["elements"][0]["text"]
        assert message["text"].startswith("*Ada*")
        assert message.get("username") in (None, "letta")


async def test_g9_an_agents_text_pings_nobody_but_the_people_of_the_thread(desk):
    target = await desk.target(mentions=["U01MAYACHEN"])
    reply = desk.chat.open_reply(target)
    reply.append("1", "m", "<!channel> @here <@U02JONASWEB> but <@U01MAYACHEN> yes")
    await desk.finish(reply, DONE)
    sent = str(desk.thread(target)[0]["blocks"]) + desk.thread(target)[0]["text"]
    assert "<!channel>" not in sent
    assert "<@U02JONASWEB>" not in sent
    assert "<@U01MAYACHEN>" in sent


async def test_posts_ask_for_no_unfurling_and_edits_for_no_parsing(desk):
    target = await desk.target()
    reply = desk.chat.open_reply(target)
    reply.append("1", "m", "see https://example.com")
    await eventually(lambda: desk.thread(target))
    await desk.finish(reply, DONE)
    post = json.loads(desk.playground.calls("chat.postMessage")[-1].request)
    edit = json.loads(desk.playground.calls("chat.update")[-1].request)
    assert (post["unfurl_links"], post["unfurl_media"]) == (False, False)
    assert (edit["parse"], edit["link_names"]) == ("none", False)


async def test_the_status_line_shows_and_is_cleared_at_the_end(desk):
    target = await desk.target()
    reply = desk.chat.open_reply(target)
    reply.show_status("is thinking…")
    where = ("#engineering", target.thread_ts)
    await eventually(lambda: desk.playground.status(*where) == "is thinking…")
    reply.append("1", "m", "Hi")
    await desk.finish(reply, DONE)
    await eventually(lambda: desk.playground.status(*where) == "")
    reply.show_status("is thinking…")
    await asyncio.sleep(0)
    assert desk.playground.status(*where) == ""
