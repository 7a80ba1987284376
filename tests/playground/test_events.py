"""Traps 12 to 17: what the app hears over Socket Mode, and how often."""

import asyncio
import dataclasses
import json
from typing import Any

import aiohttp
import pytest
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from slack_playground import Playground
from tests.playground.conftest import QUICK, App, Connect, Start, refusal, web_client
from tests.support import eventually

ENGINEERING = "C02ENGINEER"
HELLO = "<@U01LETTABOT> hello"


async def test_a_mention_gives_message_and_app_mention_with_different_event_ids(
    playground: Playground, app: App
) -> None:
    ts = playground.post("maya", "#engineering", HELLO)
    await eventually(lambda: len(app.requests) == 2)
    kinds = {request.payload["event"]["type"] for request in app.requests}
    assert kinds == {"message", "app_mention"}
    assert {request.payload["event"]["ts"] for request in app.requests} == {ts}
    assert len({request.payload["event_id"] for request in app.requests}) == 2


async def test_the_two_events_of_a_mention_come_in_no_fixed_order(
    playground: Playground, app: App
) -> None:
    for _ in range(40):
        playground.post("maya", "#engineering", HELLO)
    await eventually(lambda: len(app.requests) == 80)
    first = [app.requests[i].payload["event"]["type"] for i in range(0, 80, 2)]
    assert set(first) == {"message", "app_mention"}


async def test_a_direct_message_is_no_app_mention(playground: Playground, app: App) -> None:
    playground.post("maya", "U01LETTABOT", HELLO)
    event = (await eventually(lambda: app.events("message")))[0]
    assert event["channel_type"] == "im"
    playground.post("maya", "#engineering", "done")
    await eventually(lambda: len(app.events("message")) == 2)
    assert app.events("app_mention") == []


async def test_an_edited_mention_fires_app_mention_again(playground: Playground, app: App) -> None:
    ts = playground.post("maya", "#engineering", HELLO)
    playground.edit("maya", "#engineering", ts, f"{HELLO} again")
    await eventually(lambda: len(app.events("app_mention")) == 2)
    assert app.events("app_mention")[1]["edited"]["user"] == "U01MAYACHEN"
    changed = app.events("message", "message_changed")[0]
    assert changed["message"]["text"] == f"{HELLO} again"
    assert changed["previous_message"]["text"] == HELLO


async def test_an_unfurled_link_changes_the_message_without_an_edit(
    start: Start, connect: Connect
) -> None:
    place = await start(dataclasses.replace(QUICK, unfurls=True))
    app = await connect(place)
    place.post("maya", "#engineering", f"{HELLO} https://example.org")
    changed = (await eventually(lambda: app.events("message", "message_changed")))[0]
    assert changed["message"]["attachments"][0]["from_url"] == "https://example.org"
    assert "edited" not in changed["message"]
    await eventually(lambda: place.undelivered == 0)
    assert len(app.events("app_mention")) == 1


async def test_own_posts_updates_and_deletes_come_back_as_events(
    client: AsyncWebClient, app: App
) -> None:
    posted = await client.chat_postMessage(channel="#engineering", text="one")
    place = {"channel": posted["channel"], "ts": posted["ts"]}
    await client.chat_update(**place, text="two")
    await client.chat_delete(**place)
    deleted = await eventually(lambda: app.events("message", "message_deleted"))
    assert app.events("message")[0]["bot_id"] == "B01LETTABOT"
    assert app.events("message", "message_changed")[0]["message"]["text"] == "two"
    assert deleted[0]["deleted_ts"] == posted["ts"]


async def test_the_app_does_not_mention_itself(
    playground: Playground, client: AsyncWebClient, app: App
) -> None:
    await client.chat_postMessage(channel="#engineering", text=HELLO)
    playground.post("maya", "#engineering", "done")
    await eventually(lambda: len(app.events("message")) == 2)
    assert app.events("app_mention") == []


async def test_an_envelope_goes_to_one_of_the_connections(
    playground: Playground, connect: Connect
) -> None:
    first, second = await connect(playground), await connect(playground)
    for number in range(30):
        playground.post("maya", "#engineering", str(number))
    await eventually(lambda: len(first.requests) + len(second.requests) == 30)
    assert first.requests
    assert second.requests
    ids = [r.payload["event_id"] for app in (first, second) for r in app.requests]
    assert len(set(ids)) == 30


async def test_without_an_ack_the_same_event_comes_three_times_more(
    playground: Playground, app: App
) -> None:
    app.acks = False
    playground.post("maya", "#engineering", "hello")
    await eventually(lambda: len(app.requests) == 4)
    assert len({request.payload["event_id"] for request in app.requests}) == 1
    assert [request.retry_attempt for request in app.requests] == [0, 1, 2, 3]
    assert [request.retry_reason for request in app.requests[1:]] == ["timeout"] * 3
    await eventually(lambda: playground.undelivered == 0)
    assert len(app.requests) == 4


async def test_a_late_ack_ends_the_redeliveries(playground: Playground, app: App) -> None:
    app.acks = False
    playground.post("maya", "#engineering", "hello")
    await eventually(lambda: len(app.requests) == 2)
    await app.ack(app.requests[0])
    await eventually(lambda: playground.undelivered == 0)
    assert len(app.requests) == 2


async def test_events_wait_for_a_connection_and_arrive_as_retries(
    playground: Playground, connect: Connect
) -> None:
    playground.post("maya", "#engineering", "while nobody listens")
    app = await connect(playground)
    request = (await eventually(lambda: app.requests))[0]
    assert request.payload["event"]["text"] == "while nobody listens"
    assert (request.retry_attempt, request.retry_reason) == (1, "timeout")


async def test_waiting_events_are_bounded_and_may_be_dropped_altogether(
    start: Start, connect: Connect
) -> None:
    bounded = await start(dataclasses.replace(QUICK, offline_queue=2))
    dropping = await start(dataclasses.replace(QUICK, offline_events="drop"))
    for place in (bounded, dropping):
        for number in range(5):
            place.post("maya", "#engineering", str(number))
    await eventually(lambda: dropping.undelivered == 0)
    app = await connect(bounded)
    await eventually(lambda: bounded.undelivered == 0)
    assert [event["text"] for event in app.events("message")] == ["3", "4"]


async def read(socket: aiohttp.ClientWebSocketResponse) -> dict[str, Any]:
    frame: dict[str, Any] = json.loads(await socket.receive_str(timeout=2))
    return frame


async def test_hello_comes_first_and_an_address_is_good_for_one_connection(
    playground: Playground, http: aiohttp.ClientSession
) -> None:
    app = web_client(playground, playground.app_token)
    url = (await app.apps_connections_open(app_token=playground.app_token))["url"]
    async with http.ws_connect(url) as socket:
        hello = await read(socket)
        assert hello["type"] == "hello"
        assert hello["num_connections"] == 1
        assert hello["connection_info"]["app_id"] == "A01LETTAAPP"
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await http.ws_connect(url)


async def test_the_server_pings(start: Start, http: aiohttp.ClientSession) -> None:
    place = await start(dataclasses.replace(QUICK, ping_interval_s=0.05))
    app = web_client(place, place.app_token)
    url = (await app.apps_connections_open(app_token=place.app_token))["url"]
    async with http.ws_connect(url, autoping=False) as socket:
        await read(socket)
        ping = await socket.receive(timeout=2)
    assert ping.type is aiohttp.WSMsgType.PING


async def test_a_disconnect_frame_makes_the_client_take_a_new_address(
    playground: Playground, app: App
) -> None:
    session = app.socket.current_session
    await playground.disconnect("refresh_requested")
    await eventually(lambda: app.socket.current_session is not session)
    await eventually(lambda: playground.connections == 1)
    playground.post("maya", "#engineering", "after")
    await eventually(lambda: app.events("message"))
    assert len(playground.calls("apps.connections.open")) == 2


async def test_one_connection_too_many_is_told_so(
    start: Start, http: aiohttp.ClientSession
) -> None:
    place = await start(dataclasses.replace(QUICK, max_connections=1))
    app = web_client(place, place.app_token)
    urls = [(await app.apps_connections_open(app_token=place.app_token))["url"] for _ in range(2)]
    async with http.ws_connect(urls[0]) as first, http.ws_connect(urls[1]) as second:
        assert (await read(first))["type"] == "hello"
        refused = await read(second)
    assert (refused["type"], refused["reason"]) == ("disconnect", "too_many_websockets")


async def test_the_envelope_is_complete(playground: Playground, app: App) -> None:
    playground.post("maya", "#engineering", "hello")
    payload = (await eventually(lambda: app.requests))[0].payload
    assert payload["type"] == "event_callback"
    assert (payload["team_id"], payload["api_app_id"]) == ("T01PLAYGRND", "A01LETTAAPP")
    assert payload["event_id"].startswith("Ev")
    assert isinstance(payload["event_time"], int)
    assert payload["authorizations"][0]["user_id"] == "U01LETTABOT"
    assert payload["is_ext_shared_channel"] is False
    event = payload["event"]
    assert event["channel"] == ENGINEERING
    assert event["channel_type"] == "channel"
    assert event["event_ts"] == event["ts"]
    assert event["client_msg_id"]


async def test_a_guest_from_another_organisation_is_recognisable(
    playground: Playground, client: AsyncWebClient, app: App
) -> None:
    playground.post("sam", "#partners", HELLO)
    payload = (await eventually(lambda: app.requests))[0].payload
    assert payload["is_ext_shared_channel"] is True
    assert payload["event"]["user_team"] == payload["event"]["source_team"] == "T09NORTHWND"
    user = (await client.users_info(user=payload["event"]["user"]))["user"]
    assert (user["team_id"], user["is_stranger"]) == ("T09NORTHWND", True)
    info = await client.conversations_info(channel=payload["event"]["channel"])
    assert info["channel"]["is_ext_shared"] is True


async def test_reactions_and_joins_are_events(playground: Playground, app: App) -> None:
    ts = playground.post("maya", "#engineering", "hello")
    playground.react("jonas", "#engineering", ts, "eyes")
    playground.react("jonas", "#engineering", ts, "eyes", remove=True)
    playground.invite("#engineering", "sam")
    joined = await eventually(lambda: app.events("member_joined_channel"))
    added = app.events("reaction_added")[0]
    assert (added["reaction"], added["item"]["ts"]) == ("eyes", ts)
    assert added["item_user"] == "U01MAYACHEN"
    assert app.events("reaction_removed")
    assert (joined[0]["user"], joined[0]["inviter"]) == ("U04SAMRIVER", "U01MAYACHEN")


async def test_a_channel_without_the_app_is_silent_until_it_is_invited(
    playground: Playground, client: AsyncWebClient, app: App
) -> None:
    playground.post("maya", "#random", HELLO)
    assert await refusal(client.conversations_history(channel="C04RANDOM01")) == "not_in_channel"
    playground.invite("#random", "letta")
    joined = await eventually(lambda: app.events("member_joined_channel"))
    assert joined[0]["user"] == "U01LETTABOT"
    playground.post("maya", "#random", HELLO)
    await eventually(lambda: app.events("app_mention"))
    assert len(app.events("app_mention")) == 1


async def test_a_bolt_app_answers_a_mention_in_its_thread(playground: Playground) -> None:
    client = web_client(playground)
    bolt = AsyncApp(client=client, process_before_response=True)

    @bolt.event("app_mention")
    async def answer(event: dict[str, Any]) -> None:
        thread = event.get("thread_ts", event["ts"])
        await client.chat_postMessage(channel=event["channel"], text="hi", thread_ts=thread)

    @bolt.event("message")
    async def pass_over() -> None:
        return None

    handler = AsyncSocketModeHandler(bolt, playground.app_token, ping_interval=1)
    await handler.connect_async()
    try:
        ts = playground.post("maya", "#engineering", HELLO)
        await eventually(lambda: len(playground.messages("#engineering", ts)) == 2)
        await eventually(lambda: playground.undelivered == 0)
    finally:
        await handler.close_async()
        await asyncio.gather(
            *filter(None, [handler.client.message_receiver, handler.client.message_processor]),
            return_exceptions=True,
        )
    retries = [entry for entry in playground.entries("event") if entry["retry"]]
    assert retries == []
