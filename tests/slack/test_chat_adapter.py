"""The chat port's other methods against a loopback Slack."""

import asyncio
from dataclasses import replace

import pytest
from aiohttp import web

from bridge.domain.approvals import ApprovalState
from bridge.domain.errors import ChatRefused, ChatUnreachable
from bridge.domain.events import Outcome, Usage
from bridge.domain.ids import ChannelId, MessageRef, MessageTs, ThreadKey, UserId
from bridge.domain.messages import Person, SharedFile, Speaker
from bridge.domain.ports import ReplyEnding
from bridge.slack.chat_adapter import ChatAdapter, ChatAdapterOptions
from bridge.slack.event_parser import Installation
from bridge.slack.file_downloads import FileDownloads, may_fetch
from bridge.slack.rate_limit.rate_limiter import RateLimiter
from bridge.slack.users import UserDirectory, person_of
from bridge.slack.web_api import WebApi, WebApiOptions, web_session
from tests.slack.conftest import RealClock
from tests.slack.samples import approval
from tests.slack.test_live_reply import stop_buttons
from tests.support import eventually

DONE = ReplyEnding(Outcome.DONE, None, 3.0, Usage())
LATER = MessageTs("9999999999.000000")


async def next_process(desk):
    """The surface of a bridge that was killed and started again."""
    await desk.chat.aclose()
    options = ChatAdapterOptions(names={"Ada": "ada"})
    desk.chat = ChatAdapter(desk.web_api, desk.store, desk.us, RealClock(), options)
    desk.chat.start()


# --- leftovers -------------------------------------------------------------------------------


async def test_a_leftover_loses_its_stop_button_keeps_its_text_and_gets_the_sentence(desk):
    target = await desk.target()
    reply = desk.chat.open_reply(target)
    reply.append("1", "m", "Half an **answer**")
    await eventually(lambda: desk.thread(target))
    await next_process(desk)
    await desk.chat.close_leftover(target, "Interrupted by a restart.")
    (message,) = desk.thread(target)
    assert not stop_buttons(message)
    assert desk.markdown(target) == "Half an **answer**"
    assert "Interrupted by a restart." in str(message["blocks"])


async def test_g4_a_post_that_a_killed_process_could_not_record_is_found_and_closed(desk):
    target = await desk.target()
    reply = desk.chat.open_reply(target)
    reply.append("1", "m", "Half an answer")
    await eventually(lambda: desk.thread(target))
    (entry,) = await eventually(lambda: desk.store.outbox.of_turn(target.turn_id))
    await next_process(desk)
    as_before_the_answer = replace(entry, outbox_id=entry.outbox_id, ts=None, state="planned")
    await forget_ts(desk, as_before_the_answer)
    await desk.chat.close_leftover(target, "Interrupted by a restart.")
    (message,) = desk.thread(target)
    assert not stop_buttons(message)
    (entry,) = await desk.store.outbox.of_turn(target.turn_id)
    assert (entry.state, entry.ts) == ("sent", message["ts"])


async def forget_ts(desk, entry):
    """Put an outbox row back to what it was before Slack's answer was noted."""
    database = desk.store.database

    def work(connection):
        connection.exec_driver_sql(
            "UPDATE outbox SET state = 'planned', ts = NULL WHERE outbox_id = ?",
            (entry.outbox_id,),
        )

    await database.write(work)


async def test_without_a_leftover_the_sentence_is_said_anew(desk):
    target = await desk.target()
    await desk.chat.close_leftover(target, "Interrupted before the first word.")
    (message,) = desk.thread(target)
    assert message["text"] == "Interrupted before the first word."
    assert message["username"] == "Ada"


async def a_reply_cut_off(desk, target):
    """A reply whose process died: two messages, the second one live."""
    reply = desk.chat.open_reply(target)
    reply.append("1", "m", "Before the card.")
    await reply.seal()
    reply.append("1", "n", "After the")
    await eventually(lambda: len(desk.thread(target)) == 2 and stop_buttons(desk.thread(target)[1]))
    await desk.chat.aclose()
    return [message["ts"] for message in desk.thread(target)]


async def test_g4_a_resumed_reply_goes_on_in_the_messages_that_people_see(desk):
    target = await desk.target()
    first, _ = await a_reply_cut_off(desk, target)
    resumed = desk.chat.open_reply(target, resumed=True)
    resumed.set_text("stored", "m", "Before the card.")
    resumed.set_text("stored", "n", "After the card.")
    await desk.finish(resumed, DONE)
    (message,) = desk.thread(target)
    assert message["ts"] == first
    assert desk.markdown(target) == "Before the card.\n\nAfter the card."
    assert not stop_buttons(message)


async def test_g4_a_resumed_reply_finds_the_message_whose_post_was_not_noted(desk):
    target = await desk.target()
    first, _ = await a_reply_cut_off(desk, target)
    await forget_ts(desk, (await desk.store.outbox.of_turn(target.turn_id))[0])
    resumed = desk.chat.open_reply(target, resumed=True)
    resumed.set_text("stored", "m", "Whole again.")
    await desk.finish(resumed, DONE)
    (message,) = desk.thread(target)
    assert (message["ts"], desk.markdown(target)) == (first, "Whole again.")


# --- cards and notes -------------------------------------------------------------------------


async def test_a_card_becomes_one_line_when_it_is_decided(desk):
    target = await desk.target()
    asked = await desk.ask(approval(target.turn_id, target.thread), thread_ts=target.thread_ts)
    (card,) = desk.thread(target)
    assert card["ts"] == asked.card.ts
    assert card["username"] == "Ada"
    assert len(stop_buttons(card)) >= 3
    await desk.settle(asked, ApprovalState.ALLOWED, by=UserId("U02JONASWEB"))
    (card,) = desk.thread(target)
    assert stop_buttons(card) == []
    assert "<@U02JONASWEB> approved" in card["text"]
    assert await desk.store.outbox.owed() == []


async def test_a_card_that_slack_refuses_is_told_to_whoever_asked(desk):
    target = await desk.target(channel="#partners")
    elsewhere = replace(target.thread, channel="C04RANDOM01")
    told = []

    async def tell(approval_id):
        told.append(approval_id)

    desk.chat.when_card_fails(tell)
    asked = approval(target.turn_id, elsewhere)
    shown = await desk.ask(asked, thread_ts=None)
    assert told == [asked.approval_id]
    assert shown.card is None
    assert await desk.store.outbox.owed() == []


async def test_g4_a_card_whose_answer_is_lost_is_shown_once(desk):
    target = await desk.target()
    await desk.playground.set_fault("lost_answer", method="chat.postMessage", count=1)
    asked = await desk.ask(approval(target.turn_id, target.thread), thread_ts=target.thread_ts)
    await desk.all_shown()
    (card,) = desk.thread(target)
    asked = await desk.store.approvals.get(asked.approval_id)
    assert card["ts"] == asked.card.ts


async def test_a_private_note_is_seen_by_one_person(desk):
    target = await desk.target()
    where = target.thread.channel
    await desk.chat.private_note(
        where, UserId("U02JONASWEB"), "Only <@U01MAYACHEN> can decide this.", thread_ts=None
    )
    (note,) = desk.playground.ephemerals("jonas")
    assert "<@U01MAYACHEN>" in note["text"]
    assert desk.playground.ephemerals("maya") == []
    assert desk.thread(target) == []


async def test_g7_what_is_nice_to_have_never_raises(desk):
    target = await desk.target()
    await desk.playground.set_fault("server_error", status=500)
    ref = MessageRef(target.thread.channel, target.thread_ts)
    await desk.chat.mark_waiting(ref)
    await desk.chat.mark_taken(ref, was_waiting=True)
    await desk.chat.private_note(ref.channel, UserId("U01MAYACHEN"), "x", thread_ts=None)


async def test_nobody_is_taken_for_a_stranger_because_slack_is_down(desk):
    maya, jonas = UserId("U01MAYACHEN"), UserId("U02JONASWEB")
    assert (await desk.chat.person(maya)).trusted
    await desk.playground.set_fault("server_error", status=500)
    assert (await desk.chat.person(maya)).trusted
    with pytest.raises(ChatUnreachable):
        await desk.chat.person(jonas)
    await desk.playground.set_fault("server_error", False)
    assert (await desk.chat.person(jonas)).trusted


async def test_a_full_member_is_no_stranger_because_slack_is_busy(desk_with):
    async with desk_with(web_api={"patience_s": 0.1}) as desk:
        maya = UserId("U01MAYACHEN")
        await desk.playground.set_fault("rate_limited", method="users.info", retry_after=1)
        with pytest.raises(ChatRefused, match="ratelimited"):
            await desk.chat.person(maya)
        await desk.playground.set_fault("rate_limited", False)
        assert (await desk.chat.person(maya)).trusted


async def test_a_waiting_message_gets_an_hourglass_and_then_eyes(desk):
    ts = desk.say("later please")
    ref = MessageRef(desk.channel(), MessageTs(ts))

    def emoji():
        message = next(m for m in desk.playground.messages("#engineering") if m["ts"] == ts)
        return {reaction["name"] for reaction in message.get("reactions", [])}

    await desk.chat.mark_waiting(ref)
    await desk.chat.mark_waiting(ref)
    assert emoji() == {"hourglass_flowing_sand"}
    await desk.chat.mark_taken(ref, was_waiting=True)
    assert emoji() == {"eyes"}


# --- people ----------------------------------------------------------------------------------


async def test_full_members_are_trusted_guests_and_bots_are_not(desk):
    people = {
        user: await desk.chat.person(UserId(user))
        for user in ("U01MAYACHEN", "U04SAMRIVER", desk.us.bot_user, "U0NOBODY")
    }
    home = frozenset({"T01PLAYGRND"})
    maya = UserId("U01MAYACHEN")
    assert people[maya] == Person(maya, "Maya Chen", trusted=True, teams=home)
    assert not people["U04SAMRIVER"].trusted
    assert people[desk.us.bot_user].is_bot
    assert people["U0NOBODY"] == Person(UserId("U0NOBODY"), "U0NOBODY", trusted=False)


async def test_public_channels_have_names_and_private_ones_have_none(desk):
    general = desk.channel("#general")
    for _ in range(2):
        assert await desk.chat.channel_name(general) == "general"
    assert len(desk.playground.calls("conversations.info")) == 1
    assert await desk.chat.channel_name(ChannelId("C0NOWHERE")) is None
    assert await desk.chat.channel_name(ChannelId(desk.playground.dm("maya"))) is None


async def test_people_are_asked_for_once(desk):
    for _ in range(3):
        await desk.chat.person(UserId("U01MAYACHEN"))
    assert len(desk.playground.calls("users.info")) == 1


async def test_several_messages_of_one_person_at_once_are_one_question(desk):
    maya = UserId("U01MAYACHEN")
    people = await asyncio.gather(*(desk.chat.person(maya) for _ in range(5)))
    assert {person.user for person in people} == {maya}
    assert len(desk.playground.calls("users.info")) == 1


@pytest.mark.parametrize(
    "more",
    [
        {"is_restricted": True},
        {"is_ultra_restricted": True},
        {"is_stranger": True},
        {"deleted": True},
        {"is_bot": True},
        {"team_id": "T0OTHER"},
        {"team_id": None},
    ],
)
def test_nobody_is_trusted_while_anything_speaks_against_it(more):
    us = Installation("T1", "U0BOT", "B0BOT")
    account = {"id": "U1", "team_id": "T1", "real_name": "Ada", "profile": {}}
    assert person_of(account, UserId("U1"), us=us).trusted
    assert not person_of({**account, **more}, UserId("U1"), us=us).trusted


GRID = Installation("T01HOME", "U0BOT", "B0BOT", enterprise="E0ORG")
COLLEAGUE = {"enterprise_id": "E0ORG", "teams": ["T02", "T03"]}


@pytest.mark.parametrize(
    ("us", "account"),
    [
        (GRID, {"enterprise_user": COLLEAGUE}),
        (GRID, {"team_id": "T02", "enterprise_user": COLLEAGUE}),
        (GRID, {"team_id": "E0ORG"}),
        (
            Installation("T01HOME", "U0BOT", "B0BOT"),
            {"team_id": "T02", "enterprise_user": {"teams": ["T01HOME", "T02"]}},
        ),
    ],
)
def test_a_member_of_our_organisation_is_one_of_us(us, account):
    person = person_of({"id": "W0MIA", "real_name": "Mia", **account}, UserId("W0MIA"), us=us)
    assert person.trusted
    assert not person_of({**account, "is_restricted": True}, UserId("W0MIA"), us=us).trusted


def test_a_member_of_another_organisation_is_not():
    account = {"team_id": "T9", "enterprise_user": {"enterprise_id": "E9", "teams": ["T9"]}}
    assert not person_of(account, UserId("W1"), us=GRID).trusted


async def test_g6_who_decides_is_looked_at_anew_or_not_taken_for_anybody(desk):
    now, maya = [0.0], UserId("U01MAYACHEN")
    directory = UserDirectory(desk.web_api, desk.us, monotonic=lambda: now[0])
    for fresh in (False, True):
        assert (await directory.person(maya, fresh=fresh)).active
    assert len(desk.playground.calls("users.info")) == 1, "one look is good for some seconds"
    now[0] = 10.0
    await desk.playground.set_fault("server_error", method="users.info")
    assert (await directory.person(maya)).trusted
    with pytest.raises(ChatUnreachable):
        await directory.person(maya, fresh=True)
    await desk.playground.set_fault("server_error", False)
    assert (await directory.person(maya, fresh=True)).active
    assert len(desk.playground.calls("users.info")) > 2


# --- history ---------------------------------------------------------------------------------


async def test_history_has_the_root_the_newest_and_who_spoke_but_no_notices(desk):
    root = desk.say("the root")
    target = await desk.target(root)
    for number in range(5):
        desk.say(f"reply {number}", thread_ts=root, as_="jonas")
    await desk.chat.notice(target.thread, "a notice")
    reply = desk.chat.open_reply(target)
    reply.append("1", "m", "An *answer* & more")
    await desk.finish(reply, DONE)
    told = await desk.chat.history(target.thread, before=LATER, limit=3)
    assert [(said.speaker, said.author, said.text) for said in told] == [
        (Speaker.PERSON, "U01MAYACHEN", "the root"),
        (Speaker.PERSON, "U02JONASWEB", "reply 3"),
        (Speaker.PERSON, "U02JONASWEB", "reply 4"),
        (Speaker.TEAMMATE, "ada", "An *answer* & more"),
    ]
    earlier = await desk.chat.history(target.thread, before=told[2].ts, limit=9)
    assert [said.text for said in earlier] == [
        "the root", "reply 0", "reply 1", "reply 2", "reply 3"
    ]  # fmt: skip


async def test_history_reads_over_many_pages(desk):
    root = desk.say("the root")
    target = await desk.target(root)
    for number in range(450):
        desk.say(f"reply {number}", thread_ts=root)
    told = await desk.chat.history(target.thread, before=LATER, limit=2)
    assert [said.text for said in told] == ["the root", "reply 448", "reply 449"]


async def test_history_of_a_direct_message_is_the_whole_conversation(desk):
    dm = desk.playground.dm("maya")
    for number in range(3):
        desk.playground.post("maya", dm, f"line {number}")
    thread = ThreadKey(desk.us.team, dm, None)
    told = await desk.chat.history(thread, before=LATER, limit=2)
    assert [said.text for said in told] == ["line 1", "line 2"]


# --- files -----------------------------------------------------------------------------------


async def shared(desk, content=b"all fine"):
    ts = desk.playground.post("maya", "#engineering", "see", files=[("log.txt", content)])
    message = next(m for m in desk.playground.messages("#engineering") if m["ts"] == ts)
    found = message["files"][0]
    return SharedFile(found["id"], "log.txt", "text/plain", None, found["url_private_download"])


async def test_a_shared_file_is_read_up_to_its_limit(desk):
    file = await shared(desk, b"x" * 200_000)
    assert len(await desk.chat.fetch(file, limit_bytes=200_000)) == 200_000
    with pytest.raises(ChatRefused, match="file_too_large"):
        await desk.chat.fetch(file, limit_bytes=199_999)
    with pytest.raises(ChatRefused, match="file_too_large"):
        await desk.chat.fetch(replace(file, size=300_000), limit_bytes=250_000)


async def test_a_file_without_an_address_is_asked_for_first(desk):
    file = replace(await shared(desk), url="")
    assert await desk.chat.fetch(file, limit_bytes=100) == b"all fine"


async def test_a_sign_in_page_is_not_taken_for_a_file(desk):
    file = await shared(desk)
    desk.web_api.options = replace(desk.web_api.options, token="xoxb-wrong")
    with pytest.raises(ChatRefused):
        await desk.chat.fetch(file, limit_bytes=10_000)


async def test_g9_the_token_goes_to_no_other_host(desk):
    elsewhere = SharedFile("F1", "x", "text/plain", None, "https://files.example.com/x")
    with pytest.raises(ChatRefused, match="foreign_address"):
        await desk.chat.fetch(elsewhere, limit_bytes=100)


@pytest.mark.parametrize(("redirects", "result"), [(1, b"ok"), (3, b"ok"), (4, None)])
async def test_a_file_is_followed_to_another_of_slacks_hosts_with_the_token(
    aiohttp_server, redirects, result
):
    tokens = []

    async def handle(request):
        tokens.append(request.headers["Authorization"])
        left = int(request.match_info["left"])
        if left:
            return web.Response(status=302, headers={"Location": f"/files/{left - 1}"})
        return web.Response(body=b"ok", content_type="text/plain")

    app = web.Application()
    app.router.add_get("/files/{left}", handle)
    server = await aiohttp_server(app)
    base_url = str(server.make_url("/api/"))
    async with web_session() as session:
        calls = WebApi(
            WebApiOptions(token="xoxb-1", base_url=base_url),
            session=session,
            budget=RateLimiter(monotonic=lambda: 0.0),
        )
        url = str(server.make_url(f"/files/{redirects}"))
        fetched = FileDownloads(calls).fetch(
            SharedFile("F1", "x", "text/plain", None, url), limit_bytes=10
        )
        if result is None:
            with pytest.raises(ChatRefused, match="redirected_too_often"):
                await fetched
        else:
            assert await fetched == result
    assert set(tokens) == {"Bearer xoxb-1"}


async def test_g9_a_redirect_takes_the_token_to_nobody_else(aiohttp_server):
    async def away(_request):
        return web.Response(status=302, headers={"Location": "https://files.example.com/x"})

    app = web.Application()
    app.router.add_get("/files/1", away)
    server = await aiohttp_server(app)
    async with web_session() as session:
        calls = WebApi(
            WebApiOptions(token="xoxb-1", base_url=str(server.make_url("/api/"))),
            session=session,
            budget=RateLimiter(monotonic=lambda: 0.0),
        )
        file = SharedFile("F1", "x", "text/plain", None, str(server.make_url("/files/1")))
        with pytest.raises(ChatRefused, match="foreign_address"):
            await FileDownloads(calls).fetch(file, limit_bytes=10)


SLACK, LOCAL = "https://slack.com/api/", "http://127.0.0.1:8000/api/"


@pytest.mark.parametrize(
    ("url", "base_url", "allowed"),
    [
        ("https://files.slack.com/files-pri/T1-F1/x.txt", SLACK, True),
        ("https://files.slack.com:443/x", SLACK, True),
        ("https://slack.com/files/x", SLACK, True),
        ("https://files-origin.slack.com/x", SLACK, True),
        ("https://evilslack.com/x", SLACK, False),
        ("https://files.slack.com.:443/x", SLACK, False),
        ("http://files.slack.com/x", SLACK, False),
        ("https://files.slack.com.evil.io/x", SLACK, False),
        ("https://files.slack.com@evil.io/x", SLACK, False),
        ("https://me:pw@files.slack.com/x", SLACK, False),
        ("https://files.slack.com:8443/x", SLACK, False),
        ("https://evil.io/files.slack.com", SLACK, False),
        ("file:///etc/passwd", SLACK, False),
        ("", SLACK, False),
        ("https://[bad", SLACK, False),
        ("http://127.0.0.1:8000/files/F1/x", LOCAL, True),
        ("http://127.0.0.1:9000/files/F1/x", LOCAL, False),
        ("https://files.slack.com/x", LOCAL, False),
    ],
)
def test_which_addresses_may_be_read(url, base_url, allowed):
    assert may_fetch(url, base_url=base_url) is allowed


# --- the status line -------------------------------------------------------------------------


async def test_two_teammates_in_one_thread_share_its_status_line(desk):
    target = await desk.target()
    first, second = (
        desk.chat.open_reply(target),
        desk.chat.open_reply(replace(target, turn_id="other")),
    )
    where = ("#engineering", target.thread_ts)
    first.show_status("is thinking…")
    second.show_status("is using Bash…")
    await eventually(lambda: desk.playground.status(*where) == "is using Bash…")
    second.show_status("")
    await eventually(lambda: desk.playground.status(*where) == "is thinking…")
    first.show_status("")
    await eventually(lambda: desk.playground.status(*where) == "")


async def test_a_status_that_is_over_at_once_needs_no_call(desk):
    quick, slow = await desk.target(), await desk.target()
    replies = [desk.chat.open_reply(target) for target in (quick, slow)]
    for reply in replies:
        reply.show_status("is thinking…")
    await desk.chat.person(UserId("U01MAYACHEN"))  # a moment passes
    replies[0].show_status("")
    where = slow.thread.channel, slow.thread_ts
    await eventually(lambda: desk.playground.status(*where) == "is thinking…")
    assert len(desk.playground.calls("assistant.threads.setStatus")) == 1


async def test_g7_a_status_line_that_slack_refuses_is_done_without(desk):
    target = await desk.target()
    reply = desk.chat.open_reply(replace(target, thread_ts=MessageTs("1.000001")))
    reply.show_status("is thinking…")
    method = "assistant.threads.setStatus"
    await eventually(lambda: desk.playground.calls(method))
    tried = len(desk.playground.calls(method))
    await eventually(lambda: not desk.chat._status._lines)
    desk.chat.open_reply(target).show_status("is thinking…")
    await asyncio.sleep(0.05)
    assert len(desk.playground.calls(method)) == tried


# --- places that go away ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gone", "sentence"),
    [
        ("deleted", "The message that it belongs to was deleted."),
        ("archive", "The channel is archived."),
        ("remove_app", "The app is not in that channel any more."),
    ],
)
async def test_an_answer_whose_place_is_gone_leaves_nothing_there_and_who_waits_is_told(
    desk, gone, sentence
):
    told = []

    async def tell(turn_id, why):
        told.append((turn_id, why))

    desk.chat.when_reply_fails(tell)
    target = await desk.target()
    other = await desk.target(channel="#partners")
    before = [m["ts"] for m in desk.playground.messages("#engineering")]
    reply = desk.chat.open_reply(target)
    reply.show_status("is thinking…")
    if gone == "deleted":
        desk.playground.delete("maya", "#engineering", target.thread_ts)
        before.remove(target.thread_ts)
    else:
        desk.playground.happen(gone, "maya", "#engineering")
    reply.append("1", "m", "The answer.")
    await desk.finish(reply, ReplyEnding(Outcome.DONE, None, 1.0, Usage()))
    await eventually(lambda: told)
    await desk.all_shown()
    assert set(told) == {(target.turn_id, sentence)}
    assert [m["ts"] for m in desk.playground.messages("#engineering")] == before
    there = desk.chat.open_reply(other)
    there.show_status("is thinking…")
    where = ("#partners", other.thread_ts)
    await eventually(lambda: desk.playground.status(*where) == "is thinking…")


@pytest.mark.parametrize(
    "code", ["team_added_to_org", "org_login_required", "external_channel_migrating"]
)
async def test_while_slack_moves_a_workspace_the_answer_waits_and_then_arrives(desk, code):
    target = await desk.target()
    await desk.playground.set_fault("error", method="chat.postMessage", code=code, count=2)
    reply = desk.chat.open_reply(target)
    reply.append("1", "m", "The answer.")
    await desk.finish(reply, ReplyEnding(Outcome.DONE, None, 1.0, Usage()))
    await desk.all_shown()
    assert desk.markdown(target) == "The answer."


async def test_a_forwarded_message_and_an_alert_are_read_in_the_history(desk):
    where = "#engineering"
    root = desk.playground.happen("alert", "maya", where)["ts"]
    ts = desk.say("checkout is down", as_="jonas")
    source = desk.channel(where)
    details = {"from": source, "ts": ts, "thread_ts": root}
    desk.playground.happen("forward", "maya", where, **details)
    thread = ThreadKey(desk.us.team, source, MessageTs(root))
    alert, forwarded = await desk.chat.history(thread, before=MessageTs("9" * 10), limit=10)
    assert (alert.speaker, alert.author) == (Speaker.BOT, "Alertmanager")
    assert "job batch-17 failed" in alert.text.lower()
    assert "> Jonas Weber in #engineering" in forwarded.text
    assert "> checkout is down" in forwarded.text
