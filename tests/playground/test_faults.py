"""The switches that break the platform on purpose."""

import time

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.web.async_client import AsyncWebClient

from slack_playground import Playground
from slack_playground.hooks import HookPoint
from tests.playground.conftest import App, web_client
from tests.support import eventually


async def second_socket(playground: Playground) -> SocketModeClient:
    client = web_client(playground)
    socket = SocketModeClient(app_token=playground.app_token, web_client=client)
    await socket.connect()
    return socket


async def test_too_many_requests_as_often_and_where_asked(
    playground: Playground, client: AsyncWebClient
) -> None:
    await playground.set_fault("rate_limited", method="chat.update", count=1, retry_after_s=7)
    posted = await client.chat_postMessage(channel="#general", text="x")
    place = {"channel": posted["channel"], "ts": posted["ts"]}
    with pytest.raises(SlackApiError) as refused:
        await client.chat_update(**place, text="y")
    assert refused.value.response.headers["Retry-After"] == "7"
    assert (await client.chat_update(**place, text="y"))["ok"]
    assert playground.rate_limited() == {}
    assert playground.calls("chat.update")[0].fault == "rate_limited"


async def test_server_errors_write_nothing(playground: Playground, client: AsyncWebClient) -> None:
    await playground.set_fault("server_error", status=502)
    with pytest.raises(SlackApiError) as refused:
        await client.chat_postMessage(channel="#general", text="x")
    assert refused.value.response.status_code == 502
    assert playground.messages("#general") == []
    await playground.set_fault("server_error", on=False)
    assert (await client.chat_postMessage(channel="#general", text="x"))["ok"]


async def test_a_lost_answer_has_been_written(playground: Playground) -> None:
    await playground.set_fault("lost_answer", count=1)
    client = web_client(playground)
    with pytest.raises(aiohttp.ClientError):
        await client.chat_postMessage(channel="#general", text="once")
    assert len(playground.messages("#general")) == 1


async def test_an_error_after_the_write_has_been_written(
    playground: Playground, client: AsyncWebClient
) -> None:
    await playground.set_fault("late_error", method="chat.postMessage", count=1, status=502)
    with pytest.raises(SlackApiError) as failed:
        await client.chat_postMessage(channel="#general", text="once")
    assert failed.value.response.status_code == 502
    assert len(playground.messages("#general")) == 1
    assert playground.calls("chat.postMessage")[0].fault == "late_error"


async def test_a_lost_call_writes_nothing(playground: Playground) -> None:
    await playground.set_fault("lost_call", count=1)
    client = web_client(playground)
    with pytest.raises(aiohttp.ClientError):
        await client.chat_postMessage(channel="#general", text="never")
    assert playground.messages("#general") == []
    assert playground.calls("chat.postMessage")[0].fault == "lost_call"


async def test_the_sdks_own_retry_after_a_lost_answer_posts_twice(playground: Playground) -> None:
    await playground.set_fault("lost_answer", count=1)
    client = AsyncWebClient(token=playground.bot_token, base_url=playground.api_url)
    await client.chat_postMessage(channel="#general", text="twice")
    assert len(playground.messages("#general")) == 2


async def test_slow_answers_wait(playground: Playground, client: AsyncWebClient) -> None:
    await playground.set_fault("slow", method="auth.test", delay_s=0.1)
    started = time.monotonic()
    await client.auth_test()
    assert time.monotonic() - started >= 0.1
    assert playground.calls("auth.test")[0].fault == "slow"


@pytest.mark.parametrize("how", ["close", "abort"])
async def test_dropped_sockets_come_back(playground: Playground, app: App, how: str) -> None:
    session = app.socket.current_session
    await playground.set_fault("drop_socket", how=how)
    await eventually(lambda: app.socket.current_session is not session)
    playground.post("maya", "#general", "after")
    await eventually(lambda: app.events("message"))
    assert playground.entries("socket")[-1]["name"] == "connected"


async def test_one_of_two_sockets_is_dropped(playground: Playground, app: App) -> None:
    second = await second_socket(playground)
    try:
        await eventually(lambda: playground.connections == 2)
        session = second.current_session
        await playground.set_fault("drop_socket", how="abort", which="one")
        await eventually(lambda: playground.connections == 2)
        assert second.current_session is session, "the younger one stays"
    finally:
        await second.close()


async def test_on_deaf_sockets_nothing_passes_until_they_break(
    playground: Playground, app: App
) -> None:
    session = app.socket.current_session
    await playground.set_fault("deaf_socket", for_s=0.4)
    playground.post("maya", "#general", "into the void")
    assert playground.connections == 1, "nobody notices at first"
    await eventually(lambda: app.socket.current_session is not session)
    playground.post("maya", "#general", "after")
    await eventually(lambda: "after" in [event.get("text") for event in app.events("message")])


async def test_late_events_may_be_overtaken(playground: Playground, app: App) -> None:
    await playground.set_fault("late_delivery", count=1, delay_s=0.2)
    playground.post("maya", "#general", "first")
    playground.post("maya", "#general", "second")
    await eventually(lambda: len(app.events("message")) == 2)
    assert [event["text"] for event in app.events("message")] == ["second", "first"]


async def test_double_delivery_repeats_the_event_id(playground: Playground, app: App) -> None:
    await playground.set_fault("double_delivery", count=1)
    playground.post("maya", "#general", "hello")
    await eventually(lambda: len(app.requests) == 2)
    first, second = app.requests
    assert first.payload["event_id"] == second.payload["event_id"]
    assert (first.retry_attempt, second.retry_attempt) == (0, 1)
    playground.post("maya", "#general", "hello again")
    await eventually(lambda: len(app.requests) == 3)


async def test_held_acks_make_redeliveries(playground: Playground, app: App) -> None:
    await playground.set_fault("hold_acks", count=1)
    playground.post("maya", "#general", "hello")
    await eventually(lambda: playground.undelivered == 0)
    assert [request.retry_attempt for request in app.requests] == [0, 1]


async def test_faults_never_touch_the_page(
    playground: Playground, http: aiohttp.ClientSession
) -> None:
    await playground.set_fault("server_error")
    await playground.set_fault("rate_limited")
    async with http.get(f"{playground.page_url}playground/state") as response:
        assert response.status == 200


async def test_a_watcher_is_told_each_instant_in_order(playground: Playground, app: App) -> None:
    seen: list[tuple[HookPoint, str]] = []
    playground.watch(lambda moment, name: seen.append((moment, name)))
    await web_client(playground).chat_postMessage(channel="#general", text="x")
    await eventually(lambda: (HookPoint.ACKED, "message") in seen)
    calls = [moment for moment, name in seen if name == "chat.postMessage"]
    assert calls == [HookPoint.ASKED, HookPoint.WRITTEN, HookPoint.ANSWERED]
    assert [moment for moment, name in seen if name == "message"] == [
        HookPoint.SENT,
        HookPoint.ACKED,
    ]


async def test_an_unknown_switch_is_refused(
    playground: Playground, http: aiohttp.ClientSession
) -> None:
    async with http.post(
        f"{playground.page_url}playground/faults", json={"name": "gravity", "on": True}
    ) as response:
        assert (await response.json())["code"] == "unknown_fault"
