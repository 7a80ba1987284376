"""Slash commands, shortcuts and the Home tab are those of the app's manifest, and no others."""

from pathlib import Path
from typing import Any

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from slack_playground import Playground
from slack_playground.app_manifest import InvalidManifest
from slack_playground.slack_types import ApiError
from tests.playground.conftest import App, Connect, Start, for_manifest, refusal, web_client
from tests.playground.test_interactivity import modal

MAYA, GENERAL, RANDOM = "U01MAYACHEN", "C01GENERAL1", "C04RANDOM01"
FEATURES: dict[str, Any] = {
    "app_home": {"home_tab_enabled": True},
    "slash_commands": [
        {"command": "/ask", "description": "Ask", "usage_hint": "[question]"},
        {"command": "/assign", "description": "Assign", "should_escape": True},
    ],
    "shortcuts": [
        {"name": "New", "type": "global", "callback_id": "new", "description": "A new thing"},
        {"name": "Keep", "type": "message", "callback_id": "keep", "description": "Keep it"},
    ],
}
SETTINGS = {
    "interactivity": {"is_enabled": True},
    "event_subscriptions": {"bot_events": ["app_home_opened", "message.channels"]},
}


@pytest.fixture
async def place(start: Start, tmp_path: Path) -> Playground:
    return await start(for_manifest(tmp_path, features=FEATURES, settings=SETTINGS))


@pytest.fixture
async def helper(place: Playground, connect: Connect) -> App:
    return await connect(place)


def commands(app: App) -> list[dict[str, Any]]:
    return [request.payload for request in app.requests if request.type == "slash_commands"]


async def test_a_command_reaches_the_app_with_who_where_and_what(
    place: Playground, helper: App
) -> None:
    await place.command("maya", "#random", "/ask  what is new ")
    (payload,) = commands(helper)
    assert (payload["command"], payload["text"]) == ("/ask", "what is new")
    assert (payload["user_id"], payload["user_name"]) == (MAYA, "maya")
    assert (payload["channel_id"], payload["channel_name"]) == (RANDOM, "random")
    assert helper.requests[0].accepts_response_payload
    dm = place.dm("maya")
    await place.command("maya", dm, "/ask")
    assert commands(helper)[1]["channel_name"] == "directmessage"


async def test_mentions_in_a_command_come_by_id_only_where_the_manifest_says_so(
    place: Playground, helper: App
) -> None:
    await place.command("maya", "#general", "/ask <@U02JONASWEB> in <#C02ENGINEER>")
    await place.command("maya", "#general", "/assign <@U02JONASWEB> <@U0NOBODY>")
    plain, escaped = commands(helper)
    assert plain["text"] == "@jonas in #engineering"
    assert escaped["text"] == "<@U02JONASWEB|jonas> <@U0NOBODY>"


async def test_the_ack_of_a_command_may_answer_privately_or_in_the_channel(
    place: Playground, helper: App
) -> None:
    helper.answer = lambda _: {"text": "only you see this"}
    await place.command("maya", "#random", "/ask")
    assert [note["text"] for note in place.ephemerals("maya")] == ["only you see this"]
    helper.answer = lambda _: {"text": "for all", "response_type": "in_channel"}
    await place.command("maya", "#random", "/ask")
    assert place.messages("#random")[-1]["text"] == "for all"


async def test_a_command_has_a_response_url_and_a_trigger(place: Playground, helper: App) -> None:
    await place.command("maya", "#random", "/ask")
    (payload,) = commands(helper)
    webhook = AsyncWebhookClient(payload["response_url"])
    await webhook.send(text="later")
    assert [note["text"] for note in place.ephemerals("maya")] == ["later"]
    refused = await webhook.send(text="x", replace_original=True)
    assert "message_not_found" in refused.body
    opened = await web_client(place).views_open(trigger_id=payload["trigger_id"], view=modal())
    assert place.views("maya")[0]["id"] == opened["view"]["id"]


async def test_a_command_that_nobody_takes_says_so(place: Playground, helper: App) -> None:
    with pytest.raises(ApiError, match="invalid_command"):
        await place.command("maya", "#general", "/dance")
    with pytest.raises(ApiError, match="external_member"):
        await place.command("sam", "#partners", "/ask")
    assert commands(helper) == []
    helper.acks = False
    with pytest.raises(ApiError, match="app_did_not_respond"):
        await place.command("maya", "#general", "/ask")
    assert len(commands(helper)) == 1


async def test_what_is_typed_with_a_slash_is_a_command_and_never_a_message(
    place: Playground, helper: App, http: aiohttp.ClientSession
) -> None:
    async def type_(text: str, **more: str) -> dict[str, Any]:
        body = {"as": "maya", "channel": GENERAL, "text": text, **more}
        async with http.post(f"{place.page_url}playground/post", json=body) as response:
            answer: dict[str, Any] = await response.json()
            return answer

    assert (await type_("/ask me"))["ok"]
    assert commands(helper)[0]["text"] == "me"
    unknown = await type_("/etc/passwd is readable")
    assert unknown["error"].startswith("/etc/passwd is not a valid command.")
    assert place.messages("#general") == []
    root = place.post("maya", "#general", "x")
    helper.acks = False
    assert (await type_("/ask me"))["error"].startswith("helper did not respond.")
    in_thread = await type_("/ask me", thread_ts=root)
    assert in_thread["error"] == "/ask is not supported in threads. Sorry!"


async def test_a_global_shortcut_is_about_no_channel(place: Playground, helper: App) -> None:
    await place.shortcut("maya", "new")
    (payload,) = helper.interactions("shortcut")
    assert (payload["callback_id"], payload["user"]["id"]) == ("new", MAYA)
    assert not {"channel", "message", "response_url"} & set(payload)
    assert (await web_client(place).views_open(trigger_id=payload["trigger_id"], view=modal()))[
        "ok"
    ]


async def test_a_message_shortcut_brings_the_message_and_answers_beside_it(
    place: Playground, helper: App
) -> None:
    ts = place.post("jonas", "#random", "keep this")
    await place.shortcut("maya", "keep", "#random", ts)
    (payload,) = helper.interactions("message_action")
    assert (payload["message_ts"], payload["message"]["text"]) == (ts, "keep this")
    assert payload["channel"] == {"id": RANDOM, "name": "random"}
    webhook = AsyncWebhookClient(payload["response_url"])
    await webhook.send(text="kept")
    assert [note["text"] for note in place.ephemerals("maya")] == ["kept"]
    await webhook.send(delete_original=True)
    assert place.messages("#random")[0]["text"] == "keep this"


async def test_a_shortcut_is_offered_where_its_type_says(place: Playground, helper: App) -> None:
    ts = place.post("jonas", "#random", "x")
    for wrong in (
        place.shortcut("maya", "keep"),
        place.shortcut("maya", "new", "#random", ts),
        place.shortcut("maya", "other"),
    ):
        with pytest.raises(ApiError, match="unknown_shortcut"):
            await wrong
    shared = place.post("maya", "#partners", "x")
    with pytest.raises(ApiError, match="external_member"):
        await place.shortcut("sam", "keep", "#partners", shared)
    assert helper.interactions("shortcut") == helper.interactions("message_action") == []


async def test_the_control_api_invokes_them_as_a_person(
    place: Playground, helper: App, http: aiohttp.ClientSession
) -> None:
    ts = place.post("jonas", "#random", "x")
    for route, body in (
        ("command", {"channel": RANDOM, "text": "/ask"}),
        ("shortcut", {"callback_id": "new"}),
        ("shortcut", {"callback_id": "keep", "channel": RANDOM, "message_ts": ts}),
    ):
        url = f"{place.page_url}playground/{route}"
        async with http.post(url, json={"as": "maya", **body}) as response:
            assert (await response.json())["ok"]
    async with http.get(f"{place.page_url}playground/state?as=maya") as response:
        state = await response.json()
    assert [command["command"] for command in state["commands"]] == ["/ask", "/assign"]
    assert [shortcut["callback_id"] for shortcut in state["shortcuts"]] == ["new", "keep"]


async def test_an_app_without_a_home_tab_has_none(start: Start, tmp_path: Path) -> None:
    place = await start(for_manifest(tmp_path, settings=SETTINGS))
    home = {"type": "home", "blocks": []}
    call = web_client(place).views_publish(user_id=MAYA, view=home)
    assert await refusal(call) == "not_enabled"
    with pytest.raises(ApiError, match="not_enabled"):
        place.open_home("maya")
    assert place.dm("maya")


async def test_an_app_without_a_messages_tab_neither_gets_nor_sends_direct_messages(
    start: Start, tmp_path: Path
) -> None:
    for tabs, sends in (({}, False), ({"messages_tab_enabled": True}, True)):
        read_only = {**tabs, "messages_tab_read_only_enabled": True}
        place = await start(for_manifest(tmp_path, features={"app_home": read_only}))
        dm = place.dm("maya")
        with pytest.raises(ApiError, match="messages_tab_disabled"):
            place.post("maya", dm, "hello")
        call = web_client(place).chat_postMessage(channel=dm, text="hello")
        if sends:
            assert (await call)["ok"]
        else:
            assert await refusal(call) == "messages_tab_disabled"
        place.post("maya", place.dm("maya", "jonas"), "hello")
    place = await start(for_manifest(tmp_path, features={"app_home": tabs}))
    assert place.post("maya", place.dm("maya"), "hello")


async def test_an_app_without_interactivity_hears_of_no_click(
    start: Start, connect: Connect, tmp_path: Path
) -> None:
    place = await start(for_manifest(tmp_path, features=FEATURES))
    app = await connect(place)
    client: AsyncWebClient = web_client(place)
    place.invite("#general", "helper")
    button = {"type": "button", "action_id": "a", "text": {"type": "plain_text", "text": "Go"}}
    blocks = [{"type": "actions", "elements": [button]}]
    ts = (await client.chat_postMessage(channel=GENERAL, text="x", blocks=blocks))["ts"]
    for refused in (place.click("maya", "#general", ts, "a"), place.shortcut("maya", "new")):
        with pytest.raises(ApiError, match="interactivity_disabled"):
            await refused
    assert app.interactions("block_actions") == app.interactions("shortcut") == []


@pytest.mark.parametrize(
    "features",
    [
        {"slash_commands": [{"description": "no command"}]},
        {"slash_commands": "ask"},
        {"shortcuts": [{"name": "x", "type": "global"}]},
    ],
)
def test_a_manifest_with_unreadable_entries_is_refused(
    tmp_path: Path, features: dict[str, Any]
) -> None:
    with pytest.raises(InvalidManifest, match="has no list features"):
        for_manifest(tmp_path, features=features)
