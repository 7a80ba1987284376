"""Calls to a loopback Slack: what is repeated, what is not, and what an error becomes."""

import asyncio
import itertools
import time
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiohttp import web

from bridge.domain.errors import ChatRefused, ChatUnreachable, ConfigurationError
from bridge.slack.auth_check import describe, new_socket_url
from bridge.slack.rate_limit.rate_limiter import RateLimiter
from bridge.slack.rate_limit.windows import Priority
from bridge.slack.web_api import WebApi, WebApiOptions, web_session

URGENT = {"priority": Priority.URGENT}


def post(desk, text="hello"):
    arguments = {"channel": desk.channel(), "text": text}
    return desk.web_api.call(
        "chat.postMessage", lambda: arguments, channel=arguments["channel"], **URGENT
    )


@asynccontextmanager
async def calling(serve):
    """A gateway to a Slack that answers as `serve` does."""
    app = web.Application()
    app.router.add_route("*", "/api/{method}", serve)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/api/"
    options = WebApiOptions(token="xoxb-very-secret", base_url=url)
    async with web_session() as session:
        yield WebApi(options, session=session, budget=RateLimiter(monotonic=time.monotonic))
    await runner.cleanup()


async def rate_limit(desk, *, count):
    switch = {"method": "chat.postMessage", "count": count, "retry_after": 1}
    await desk.playground.set_fault("rate_limited", **switch)


async def test_a_429_is_waited_for_and_the_call_is_made_once(desk):
    await desk.playground.set_fault(
        "rate_limited", method="chat.postMessage", count=1, retry_after=1
    )
    started = time.monotonic()
    await post(desk)
    assert time.monotonic() - started >= 0.95
    assert [m["text"] for m in desk.playground.messages("#engineering")] == ["hello"]


async def test_a_429_without_retry_after_rests_a_second_and_one_of_a_post_its_channel(desk):
    refusal = {"ok": False, "error": "rate_limited"}
    seen = []

    async def refuse(request):
        seen.append(time.monotonic())
        if len(seen) < 2:
            return web.json_response(refusal, headers={"Retry-After": "soon"})
        return web.json_response({"ok": True, "ts": "1.0"})

    async with calling(refuse) as web_api:
        for _ in range(2):
            await web_api.call("chat.postMessage", dict, channel="C1", **URGENT)
    assert [round(later - earlier) for earlier, later in itertools.pairwise(seen)] == [1, 1]


async def test_a_429_for_one_method_holds_up_no_other(desk):
    await desk.playground.set_fault(
        "rate_limited", method="chat.postMessage", count=1, retry_after=1
    )
    waiting = asyncio.get_running_loop().create_task(post(desk))
    await asyncio.sleep(0.1)
    async with asyncio.timeout(1):
        await desk.web_api.read("users.info", {"user": "U01MAYACHEN"})
    assert not waiting.done()
    await waiting


async def test_patience_with_429_has_an_end(desk_with):
    async with desk_with(web_api={"patience_s": 0.5}) as desk:
        await rate_limit(desk, count=None)
        with pytest.raises(ChatRefused, match="ratelimited"):
            await post(desk)


async def test_reads_are_repeated_after_a_server_error_and_writes_are_not(desk):
    await desk.playground.set_fault("server_error", method="users.info", count=2, status=502)
    answer = await desk.web_api.read("users.info", {"user": "U01MAYACHEN"})
    assert answer["user"]["id"] == "U01MAYACHEN"
    await desk.playground.set_fault("server_error", method="chat.postMessage", count=1)
    with pytest.raises(ChatUnreachable):
        await post(desk)
    assert desk.playground.messages("#engineering") == []


async def test_a_lost_answer_is_unclear_and_not_repeated(desk):
    await desk.playground.set_fault("lost_answer", method="chat.postMessage", count=1)
    with pytest.raises(ChatUnreachable):
        await post(desk)
    assert len(desk.playground.messages("#engineering")) == 1


async def test_a_slow_call_is_unclear_after_its_time_out(desk_with):
    async with desk_with(web_api={"call_timeout_s": 0.3}) as desk:
        await desk.playground.set_fault("slow", method="chat.postMessage", count=1, delay_s=1.0)
        with pytest.raises(ChatUnreachable):
            await post(desk)


async def test_a_refusal_carries_slacks_word(desk):
    with pytest.raises(ChatRefused) as refusal:
        await desk.web_api.read("users.info", {"user": "U0NOBODY"})
    assert (refusal.value.method, refusal.value.code) == ("users.info", "user_not_found")


@pytest.mark.parametrize(
    "answer",
    [
        web.json_response({"ok": False, "error": "internal_error"}),
        web.Response(text="<html>busy</html>", content_type="text/html"),
        web.Response(text="{broken", content_type="application/json"),
        web.json_response([1, 2]),
        web.Response(status=500, text="", content_type="text/plain"),
    ],
    ids=["internal_error", "html", "broken json", "no object", "plain 500"],
)
async def test_g9_odd_answers_are_unclear_and_tell_no_secret(answer):
    async def serve(request):
        return web.Response(
            status=answer.status, body=answer.body, content_type=answer.content_type
        )

    async with calling(serve) as web_api:
        with pytest.raises(ChatUnreachable) as failure:
            await web_api.call("chat.postMessage", dict, **URGENT)
    told = f"{failure.value!r} {failure.value.__cause__!r} {web_api.options!r}"
    assert "xoxb-very-secret" not in told


async def test_the_newest_arguments_are_sent_when_the_call_may_start(desk):
    desk.web_api.budget.refused("chat.postMessage", retry_after_s=0.2)
    texts = ["old"]
    waiting = asyncio.get_running_loop().create_task(
        desk.web_api.call(
            "chat.postMessage",
            lambda: {"channel": desk.channel(), "text": texts[-1]},
            **URGENT,
        )
    )
    await asyncio.sleep(0)
    texts.append("new")
    await waiting
    assert [m["text"] for m in desk.playground.messages("#engineering")] == ["new"]


# --- before the start ------------------------------------------------------------------------


async def test_the_workspace_describes_itself(desk):
    workspace = await describe(desk.web_api)
    assert workspace.us == desk.us
    assert (workspace.us.team, workspace.name) == ("T01PLAYGRND", "Playground")
    assert workspace.drawbacks == ()


async def test_missing_scopes_are_named_before_anything_starts(desk_with):
    with pytest.raises(ConfigurationError, match="channels:history, groups:history"):
        async with desk_with(
            scopes=("app_mentions:read", "chat:write", "im:history", "users:read")
        ):
            pass


async def test_helpful_scopes_that_are_missing_say_what_people_miss(desk_with):
    scopes = (
        "app_mentions:read,channels:history,chat:write,groups:history,im:history,users:read,"
        "reactions:read,reactions:write,files:read"
    )
    async with desk_with(scopes=tuple(scopes.split(","))) as desk:
        assert any("chat:write.customize" in drawback for drawback in desk.workspace.drawbacks)


@pytest.mark.parametrize(
    ("token", "sentence"),
    [("xoxb-wrong", "does not know the bot token"), ("", "bot token"), ("xapp-x", "bot token")],
)
async def test_a_wrong_bot_token_is_told_in_plain_words(desk, token, sentence):
    options = replace(desk.web_api.options, token=token)
    wrong = WebApi(options, session=desk.web_api.session, budget=desk.web_api.budget)
    with pytest.raises(ConfigurationError, match=sentence):
        await describe(wrong)


@pytest.mark.parametrize("token", ["xapp-wrong", "", "xoxb-playground-bot"])
async def test_a_wrong_app_token_is_told_in_plain_words(desk, token):
    with pytest.raises(ConfigurationError, match="app-level"):
        await new_socket_url(desk.web_api, token)


async def test_a_slack_that_cannot_be_reached_is_no_wrong_token(desk):
    await desk.playground.set_fault("server_error", status=503)
    with pytest.raises(ChatUnreachable):
        await describe(desk.web_api)
