"""Traps 18 to 20: triggers, block actions, response URLs, modals and the Home tab."""

import dataclasses
from typing import Any

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from slack_playground import Playground
from slack_playground.slack_types import ApiError
from tests.playground.conftest import QUICK, App, Connect, Start, refusal, web_client
from tests.playground.test_messages import actions, button, section
from tests.support import eventually

GENERAL = "C01GENERAL1"


def modal(*blocks: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "type": "modal",
        "callback_id": "form",
        "title": {"type": "plain_text", "text": "Form"},
        "submit": {"type": "plain_text", "text": "Send"},
        "blocks": list(blocks) or [section()],
        **more,
    }


def text_input(*, optional: bool = False) -> dict[str, Any]:
    return {
        "type": "input",
        "block_id": "why",
        "optional": optional,
        "label": {"type": "plain_text", "text": "Why"},
        "element": {"type": "plain_text_input", "action_id": "reason"},
    }


async def pressed(
    place: Playground, client: AsyncWebClient, app: App, **more: Any
) -> dict[str, Any]:
    """The block_actions payload of Maya pressing a fresh button."""
    card = actions({**button("ok"), "value": "request-1", **more})
    posted = await client.chat_postMessage(channel=GENERAL, text="card", blocks=[card])
    await place.click("maya", "#general", posted["ts"], "ok")
    return app.interactions("block_actions")[-1]


async def test_a_trigger_opens_one_view_within_three_seconds(
    playground: Playground, client: AsyncWebClient, app: App
) -> None:
    trigger = (await pressed(playground, client, app))["trigger_id"]
    assert (await client.views_open(trigger_id=trigger, view=modal()))["view"]["id"]
    assert len(playground.views("maya")) == 1
    again = client.views_open(trigger_id=trigger, view=modal())
    assert await refusal(again) == "exchanged_trigger_id"
    invented = client.views_open(trigger_id="1.2.3", view=modal())
    assert await refusal(invented) == "invalid_trigger_id"


async def test_a_late_trigger_is_expired(start: Start, connect: Connect) -> None:
    place = await start(dataclasses.replace(QUICK, trigger_ttl_s=0.0))
    app = await connect(place)
    client = web_client(place)
    trigger = (await pressed(place, client, app))["trigger_id"]
    late = client.views_open(trigger_id=trigger, view=modal())
    assert await refusal(late) == "expired_trigger_id"


async def test_block_actions_say_where_what_and_how_to_answer(
    playground: Playground, client: AsyncWebClient, app: App
) -> None:
    payload = await pressed(playground, client, app)
    message = payload["message"]
    assert payload["container"] == {
        "type": "message",
        "message_ts": message["ts"],
        "channel_id": GENERAL,
        "is_ephemeral": False,
    }
    assert payload["channel"] == {"id": GENERAL, "name": "general"}
    assert payload["user"]["id"] == "U01MAYACHEN"
    assert payload["user"]["team_id"] == payload["team"]["id"] == "T01PLAYGRND"
    action = payload["actions"][0]
    assert (action["action_id"], action["value"]) == ("ok", "request-1")
    assert action["block_id"] == message["blocks"][0]["block_id"]
    assert payload["response_url"].startswith(playground.page_url)


async def test_the_payload_carries_the_message_as_it_is_now(
    playground: Playground, client: AsyncWebClient, app: App
) -> None:
    posted = await client.chat_postMessage(channel=GENERAL, text="old", blocks=[actions(button())])
    await client.chat_update(
        channel=GENERAL, ts=posted["ts"], text="new", blocks=[actions(button("b"))]
    )
    with pytest.raises(ApiError, match="action_not_found"):
        await playground.click("maya", "#general", posted["ts"], "a")
    await playground.click("maya", "#general", posted["ts"], "b")
    assert app.interactions("block_actions")[0]["message"]["text"] == "new"


async def test_a_choice_from_a_menu_arrives_as_its_option(
    playground: Playground, client: AsyncWebClient, app: App
) -> None:
    options = [{"text": {"type": "plain_text", "text": v}, "value": v} for v in ("ada", "bob")]
    menu = {"type": "static_select", "action_id": "who", "options": options}
    posted = await client.chat_postMessage(channel=GENERAL, text="x", blocks=[actions(menu)])
    await playground.click("maya", "#general", posted["ts"], "who", choice={"value": "bob"})
    action = app.interactions("block_actions")[0]["actions"][0]
    assert action["selected_option"] == options[1]


async def test_a_press_without_ack_fails_for_the_person_and_is_not_repeated(
    playground: Playground, client: AsyncWebClient, app: App
) -> None:
    app.acks = False
    with pytest.raises(ApiError, match="app_did_not_respond"):
        await pressed(playground, client, app)
    assert len(app.interactions("block_actions")) == 1


async def test_a_response_url_works_five_times(
    playground: Playground, client: AsyncWebClient, app: App
) -> None:
    url = (await pressed(playground, client, app))["response_url"]
    webhook = AsyncWebhookClient(url)
    for number in range(5):
        assert (await webhook.send(text=str(number))).status_code == 200
    assert (await webhook.send(text="six")).status_code == 404
    assert [note["text"] for note in playground.ephemerals("maya")] == ["0", "1", "2", "3", "4"]


async def test_a_response_url_ends_after_its_time(start: Start, connect: Connect) -> None:
    place = await start(dataclasses.replace(QUICK, response_url_ttl_s=0.0))
    payload = await pressed(place, web_client(place), await connect(place))
    answer = await AsyncWebhookClient(payload["response_url"]).send(text="late")
    assert (answer.status_code, "expired_url" in answer.body) == (404, True)


async def test_a_response_url_replaces_deletes_or_posts_in_channel(
    playground: Playground, client: AsyncWebClient, app: App
) -> None:
    payload = await pressed(playground, client, app)
    ts = payload["message"]["ts"]
    webhook = AsyncWebhookClient(payload["response_url"])
    await webhook.send(text="replaced", replace_original=True)
    assert playground.messages("#general")[0]["text"] == "replaced"
    assert "blocks" not in playground.messages("#general")[0]
    await webhook.send_dict({"text": "aside", "response_type": "in_channel", "thread_ts": ts})
    assert [m["text"] for m in playground.messages("#general", ts)] == ["replaced", "aside"]
    await webhook.send(delete_original=True)
    assert playground.messages("#general")[0]["subtype"] == "tombstone"


async def test_only_a_response_url_changes_an_ephemeral_message(
    playground: Playground, client: AsyncWebClient, app: App
) -> None:
    shown = await client.chat_postEphemeral(
        channel=GENERAL, user="U01MAYACHEN", text="secret", blocks=[actions(button())]
    )
    await playground.click("maya", "#general", shown["message_ts"], "a", ephemeral=True)
    payload = app.interactions("block_actions")[0]
    assert payload["container"]["is_ephemeral"] is True
    assert "message" not in payload
    webhook = AsyncWebhookClient(payload["response_url"])
    await webhook.send(text="new", replace_original=True)
    assert [note["text"] for note in playground.ephemerals("maya")] == ["new"]
    await webhook.send(delete_original=True)
    assert playground.ephemerals("maya") == []


async def opened(place: Playground, client: AsyncWebClient, app: App, view: dict[str, Any]) -> str:
    """The id of a modal that is open before Maya."""
    trigger = (await pressed(place, client, app))["trigger_id"]
    return str((await client.views_open(trigger_id=trigger, view=view))["view"]["id"])


def answering(app: App, payload: dict[str, Any] | None) -> None:
    app.answer = lambda request: (
        payload if request.payload.get("type") == "view_submission" else None
    )


VALUES = {"why": {"reason": {"type": "plain_text_input", "value": "because"}}}


async def test_a_submission_waits_for_the_ack_and_closes(
    playground: Playground, client: AsyncWebClient, app: App
) -> None:
    view_id = await opened(playground, client, app, modal(text_input()))
    result = await playground.submit_view("maya", view_id, VALUES)
    assert result["ok"]
    assert playground.views("maya") == []
    view = app.interactions("view_submission")[0]["view"]
    assert view["state"]["values"] == VALUES
    assert view["callback_id"] == "form"


async def test_an_ack_with_errors_keeps_the_modal_open(
    playground: Playground, client: AsyncWebClient, app: App
) -> None:
    answering(app, {"response_action": "errors", "errors": {"why": "Say more."}})
    view_id = await opened(playground, client, app, modal(text_input()))
    result = await playground.submit_view("maya", view_id, VALUES)
    assert result["errors"] == {"why": "Say more."}
    assert len(playground.views("maya")) == 1


async def test_an_ack_may_update_push_or_clear(
    playground: Playground, client: AsyncWebClient, app: App
) -> None:
    view_id = await opened(playground, client, app, modal())
    answering(app, {"response_action": "update", "view": modal(callback_id="second")})
    assert (await playground.submit_view("maya", view_id, {}))["view"]["id"] == view_id
    assert playground.views("maya")[0]["callback_id"] == "second"
    answering(app, {"response_action": "push", "view": modal(callback_id="third")})
    await playground.submit_view("maya", view_id, {})
    assert [view["callback_id"] for view in playground.views("maya")] == ["second", "third"]
    answering(app, {"response_action": "clear"})
    await playground.submit_view("maya", playground.views("maya")[1]["id"], {})
    assert playground.views("maya") == []


async def test_a_required_field_left_empty_does_not_reach_the_app(
    playground: Playground, client: AsyncWebClient, app: App
) -> None:
    view_id = await opened(playground, client, app, modal(text_input()))
    result = await playground.submit_view("maya", view_id, {})
    assert list(result["errors"]) == ["why"]
    assert app.interactions("view_submission") == []


async def test_a_submission_without_ack_fails_and_the_modal_stays(
    playground: Playground, client: AsyncWebClient, app: App
) -> None:
    view_id = await opened(playground, client, app, modal())
    app.acks = False
    with pytest.raises(ApiError, match="app_did_not_respond"):
        await playground.submit_view("maya", view_id, {})
    assert len(playground.views("maya")) == 1


async def test_closing_is_told_only_to_those_who_asked(
    playground: Playground, client: AsyncWebClient, app: App
) -> None:
    quiet = await opened(playground, client, app, modal())
    await playground.close_view("maya", quiet)
    assert app.interactions("view_closed") == []
    loud = await opened(playground, client, app, modal(notify_on_close=True))
    await playground.close_view("maya", loud)
    assert app.interactions("view_closed")[0]["view"]["id"] == loud


async def test_views_are_updated_by_hash_and_stacked_three_high(
    playground: Playground, client: AsyncWebClient, app: App
) -> None:
    view_id = await opened(playground, client, app, modal(actions(button("more"))))
    stale = client.views_update(view_id=view_id, hash="0.0", view=modal())
    assert await refusal(stale) == "hash_conflict"
    for expected in ("ok", "ok", "push_limit_reached"):
        await playground.click_in_view("maya", view_id, "more")
        trigger = app.interactions("block_actions")[-1]["trigger_id"]
        call = client.views_push(trigger_id=trigger, view=modal())
        if expected == "ok":
            assert (await call)["view"]["root_view_id"] == view_id
        else:
            assert await refusal(call) == expected


@pytest.mark.parametrize(
    "broken",
    [
        modal(title={"type": "plain_text", "text": "x" * 25}),
        modal(private_metadata="x" * 3001),
        modal(*([{"type": "divider"}] * 101)),
        modal(text_input(), submit=None),
        modal({"type": "markdown", "text": "x"}),
        {"type": "modal", "blocks": []},
    ],
)
async def test_views_over_a_limit_are_invalid_arguments(
    playground: Playground, client: AsyncWebClient, app: App, broken: dict[str, Any]
) -> None:
    trigger = (await pressed(playground, client, app))["trigger_id"]
    call = client.views_open(trigger_id=trigger, view=broken)
    assert await refusal(call) == "invalid_arguments"


async def test_the_home_tab_is_published_and_opened(
    playground: Playground, client: AsyncWebClient, app: App
) -> None:
    playground.open_home("maya")
    event = (await eventually(lambda: app.events("app_home_opened")))[0]
    assert (event["tab"], event["user"]) == ("home", "U01MAYACHEN")
    home = {"type": "home", "blocks": [actions(button("refresh"))]}
    view = (await client.views_publish(user_id="U01MAYACHEN", view=home))["view"]
    assert playground.home("maya") == view
    await playground.click_in_view("maya", view["id"], "refresh")
    payload = app.interactions("block_actions")[0]
    assert payload["container"] == {"type": "view", "view_id": view["id"]}
    assert "response_url" not in payload


async def test_the_response_url_takes_no_more_than_slack_does(
    playground: Playground, client: AsyncWebClient, app: App, http: aiohttp.ClientSession
) -> None:
    url = (await pressed(playground, client, app))["response_url"]
    async with http.post(url, json={"text": "x", "blocks": [{"type": "hologram"}]}) as response:
        assert (await response.json())["error"] == "invalid_blocks"
    async with http.post(url, data="no json") as response:
        assert (await response.json())["error"] == "invalid_payload"
