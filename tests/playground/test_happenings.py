"""What happens in real workspaces happens here in Slack's shapes, and the app hears of it."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bridge.commands import app_manifest
from slack_playground import Playground, PlaygroundOptions
from slack_playground.app_manifest import read_manifest
from slack_playground.slack_types import ApiError
from tests.playground.conftest import QUICK, App, refusal, web_client
from tests.support import eventually

ENGINEERING = "C02ENGINEER"


async def test_a_forwarded_message_comes_as_an_attachment_with_its_author(
    playground: Playground, app: App
) -> None:
    ts = playground.post("jonas", "#general", "checkout is *down*", files=[("log.txt", b"x")])
    playground.happen("forward", "maya", "#engineering", **{"from": "C01GENERAL1", "ts": ts})
    (event,) = await eventually(lambda: [e for e in app.events("message") if e.get("attachments")])
    (shared,) = event["attachments"]
    assert (event["text"], shared["author_name"]) == ("", "Jonas Weber")
    assert shared["is_share"]
    assert shared["files"][0]["name"] == "log.txt"


@pytest.mark.parametrize("form", ["attachments", "blocks", "both"])
async def test_an_alert_of_another_app_stands_in_the_history(
    playground: Playground, client: AsyncWebClient, form: str
) -> None:
    ts = playground.happen("alert", "maya", "#engineering", form=form)["ts"]
    answer = await client.conversations_history(channel=ENGINEERING, latest=ts, inclusive=True)
    alert = answer["messages"][0]
    assert alert["subtype"] == "bot_message"
    assert ("attachments" in alert) == (form == "attachments")
    assert ("blocks" in alert) == (form != "attachments")


async def test_a_workflow_and_another_app_speak_as_such(playground: Playground, app: App) -> None:
    playground.happen("workflow", "maya", "#engineering")
    (mention,) = await eventually(lambda: app.events("app_mention"))
    assert mention["bot_profile"]["is_workflow_bot"]
    playground.happen("other_app", "maya", "#engineering", text="in my name")
    (said,) = await eventually(
        lambda: [e for e in app.events("message") if e.get("app_id") == "A0OTHERAPP"]
    )
    assert (said["user"], said["bot_id"]) == ("U01MAYACHEN", "B0OTHERAPP")


async def test_a_group_message_has_no_app_mention(playground: Playground, app: App) -> None:
    group = playground.happen("group_message", "maya", "#engineering")["channel"]
    playground.post("maya", group["id"], "<@U01LETTABOT> hello")
    (event,) = await eventually(lambda: app.events("message"))
    assert event["channel_type"] == "mpim"
    assert app.events("app_mention") == []


async def test_a_channel_gets_another_id_and_keeps_what_it_holds(
    playground: Playground, client: AsyncWebClient, app: App
) -> None:
    playground.post("maya", "#engineering", "before")
    changed = playground.happen("channel_id", "maya", "#engineering")
    (event,) = await eventually(lambda: app.events("channel_id_changed"))
    assert (event["old_channel_id"], event["new_channel_id"]) == (
        ENGINEERING,
        changed["channel"]["id"],
    )
    assert await refusal(client.chat_postMessage(channel=ENGINEERING, text="x")) == (
        "channel_not_found"
    )
    answer = await client.conversations_history(channel=event["new_channel_id"])
    assert answer["messages"][0]["text"] == "before"


async def test_nothing_is_posted_in_an_archived_channel_or_where_the_app_was_removed(
    playground: Playground, client: AsyncWebClient
) -> None:
    async def posted() -> str | None:
        return await refusal(client.chat_postMessage(channel=ENGINEERING, text="x"))

    playground.happen("archive", "maya", "#engineering")
    assert await posted() == "is_archived"
    playground.happen("unarchive", "maya", "#engineering")
    playground.happen("remove_app", "maya", "#engineering")
    assert await posted() == "not_in_channel"
    playground.happen("invite_app", "maya", "#engineering")
    assert (await client.chat_postMessage(channel=ENGINEERING, text="x"))["ok"]


async def test_members_of_a_partner_and_of_the_organisation_are_told_apart(
    playground: Playground, client: AsyncWebClient
) -> None:
    partner = playground.happen("partner", "maya", "#partners")["user"]
    member = playground.happen("grid_member", "maya", "#engineering")["user"]
    assert (await client.users_info(user=partner))["user"]["is_stranger"]
    grid = (await client.users_info(user=member))["user"]
    assert "is_stranger" not in grid
    assert "T01PLAYGRND" in grid["enterprise_user"]["teams"]


async def test_an_account_is_deactivated(playground: Playground, client: AsyncWebClient) -> None:
    playground.happen("deactivate", "maya", "#general", user="U02JONASWEB")
    assert (await client.users_info(user="U02JONASWEB"))["user"]["deleted"]


async def test_a_reply_to_a_deleted_message_comes_out_of_its_thread(
    playground: Playground, client: AsyncWebClient
) -> None:
    root = playground.post("maya", "#engineering", "a question")
    playground.delete("maya", "#engineering", root)
    answer = await client.chat_postMessage(channel=ENGINEERING, text="late", thread_ts=root)
    assert "thread_ts" not in answer["message"]
    status = client.assistant_threads_setStatus(
        channel_id=ENGINEERING, thread_ts=root, status="is thinking…"
    )
    assert await refusal(status) == "invalid_thread_ts"


async def test_what_does_not_exist_does_not_happen(playground: Playground) -> None:
    with pytest.raises(ApiError, match="unknown_happening"):
        playground.happen("earthquake", "maya", "#general")


async def test_the_app_hears_and_may_what_its_manifest_asks_for_and_nothing_else(
    start: Callable[[PlaygroundOptions], Awaitable[Playground]],
    connect: Callable[[Playground], Awaitable[App]],
) -> None:
    manifest = read_manifest(app_manifest.path())
    place = await start(replace(QUICK).for_app(manifest))
    app = await connect(place)
    ts = place.post("maya", "#engineering", "<@U01LETTABOT> hi")
    place.react("maya", "#engineering", ts, "eyes")
    await eventually(lambda: app.events("reaction_added"))
    kinds = {request.payload["event"]["type"] for request in app.requests}
    assert kinds == {"message", "app_mention", "reaction_added"}
    assert await refusal(web_client(place).usergroups_list()) == "missing_scope"
