"""Channels made, filled, left and private, as Slack answers and as the app hears of it."""

from dataclasses import replace
from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from slack_playground import Playground
from slack_playground.slack_types import ApiError
from tests.playground.conftest import QUICK, App, Connect, Start, refusal, web_client
from tests.support import eventually

MAYA, JONAS, PRIYA, LETTA = "U01MAYACHEN", "U02JONASWEB", "U03PRIYANAI", "U01LETTABOT"
GENERAL, RANDOM = "C01GENERAL1", "C04RANDOM01"
MANAGER = (
    *("channels:manage", "channels:read", "channels:history", "channels:join"),
    *("groups:write", "groups:read", "groups:history", "im:write", "mpim:write", "chat:write"),
)


@pytest.fixture
async def place(start: Start) -> Playground:
    return await start(replace(QUICK, scopes=MANAGER))


@pytest.fixture
def manager(place: Playground) -> AsyncWebClient:
    return web_client(place)


@pytest.fixture
async def listener(place: Playground, connect: Connect) -> App:
    return await connect(place)


async def made(client: AsyncWebClient, name: str = "incident", **more: Any) -> str:
    return str((await client.conversations_create(name=name, **more))["channel"]["id"])


async def test_the_app_makes_a_channel_and_is_its_first_member(
    manager: AsyncWebClient, listener: App
) -> None:
    channel = (await manager.conversations_create(name="incident-17"))["channel"]
    assert (channel["is_member"], channel["creator"], channel["is_private"]) == (True, LETTA, False)
    (event,) = await eventually(lambda: listener.events("channel_created"))
    assert event["channel"]["name"] == "incident-17"
    assert await refusal(manager.conversations_create(name="incident-17")) == "name_taken"


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("general", "name_taken"),
        ("x" * 81, "invalid_name_maxlength"),
        ("Loud", "invalid_name_specials"),
        ("two words", "invalid_name_specials"),
        ("--", "invalid_name_punctuation"),
    ],
)
async def test_names_of_channels_are_checked(
    manager: AsyncWebClient, name: str, error: str
) -> None:
    assert await refusal(manager.conversations_create(name=name)) == error


async def test_people_are_invited_once_and_all_or_none(
    manager: AsyncWebClient, listener: App
) -> None:
    channel = await made(manager)
    invite = manager.conversations_invite
    await invite(channel=channel, users=[MAYA])
    (event,) = await eventually(lambda: listener.events("member_joined_channel"))
    assert (event["user"], event["inviter"], event["channel_type"]) == (MAYA, LETTA, "C")
    assert await refusal(invite(channel=channel, users=MAYA)) == "already_in_channel"
    assert await refusal(invite(channel=channel, users=LETTA)) == "cant_invite_self"
    assert await refusal(invite(channel=channel, users="U0")) == "user_not_found"
    assert await refusal(invite(channel=channel, users="")) == "no_user"
    assert await refusal(invite(channel=RANDOM, users=MAYA)) == "not_in_channel"
    with pytest.raises(SlackApiError) as refused:
        await invite(channel=channel, users=[JONAS, MAYA])
    assert [error["user"] for error in refused.value.response["errors"]] == [MAYA]
    members = manager.conversations_members
    assert JONAS not in (await members(channel=channel))["members"]
    await invite(channel=channel, users=[JONAS, MAYA], force=True)
    assert JONAS in (await members(channel=channel))["members"]


async def test_somebody_is_taken_out_and_the_app_leaves(
    place: Playground, manager: AsyncWebClient, listener: App
) -> None:
    channel = await made(manager)
    await manager.conversations_invite(channel=channel, users=[MAYA, JONAS])
    kick = manager.conversations_kick
    await kick(channel=channel, user=JONAS)
    (event,) = await eventually(lambda: listener.events("member_left_channel"))
    assert (event["user"], event["channel_type"]) == (JONAS, "C")
    assert await refusal(kick(channel=channel, user=JONAS)) == "not_in_channel"
    assert await refusal(kick(channel=channel, user=LETTA)) == "cant_kick_self"
    assert await refusal(kick(channel=channel, user="")) == "no_user"
    assert await refusal(kick(channel=GENERAL, user=MAYA)) == "cant_kick_from_general"
    await manager.conversations_leave(channel=channel)
    (left,) = await eventually(lambda: listener.events("channel_left"))
    assert left["channel"] == channel
    again = await manager.conversations_leave(channel=channel)
    assert again["not_in_channel"]
    assert await refusal(manager.conversations_leave(channel=GENERAL)) == "cant_leave_general"
    place.post("maya", channel, "among us")
    assert await refusal(manager.conversations_history(channel=channel)) == "not_in_channel"


async def test_direct_messages_and_archived_channels_have_no_such_members(
    place: Playground, manager: AsyncWebClient
) -> None:
    dm = place.dm("maya")
    for call in (
        manager.conversations_invite(channel=dm, users=JONAS),
        manager.conversations_join(channel=dm),
        manager.conversations_leave(channel=dm),
        manager.conversations_kick(channel=dm, user=MAYA),
    ):
        assert await refusal(call) == "method_not_supported_for_channel_type"
    place.happen("archive", "maya", "#random")
    for call in (
        manager.conversations_join(channel=RANDOM),
        manager.conversations_invite(channel=RANDOM, users=JONAS),
        manager.conversations_leave(channel=RANDOM),
    ):
        assert await refusal(call) == "is_archived"


async def test_a_private_channel_is_known_to_its_members_alone(
    place: Playground, manager: AsyncWebClient, listener: App
) -> None:
    channel = place.happen("new_channel", "maya", "#general", name="hiring", users=[])["channel"]
    where = channel["id"]
    for call in (
        manager.chat_postMessage(channel=where, text="x"),
        manager.conversations_info(channel=where),
        manager.conversations_join(channel=where),
        manager.conversations_invite(channel=where, users=JONAS),
    ):
        assert await refusal(call) == "channel_not_found"
    with pytest.raises(ApiError, match="channel_not_found"):
        place.post("jonas", where, "let me in")
    place.happen("archive", "maya", where)
    place.happen("unarchive", "maya", where)
    place.invite(where, "letta", as_="maya")
    (event,) = await eventually(lambda: listener.events("member_joined_channel"))
    assert (event["user"], event["channel_type"]) == (LETTA, "G")
    assert listener.events("group_archive") == []
    info = (await manager.conversations_info(channel=where))["channel"]
    assert (info["is_group"], info["is_private"], info["is_channel"]) == (True, True, False)
    place.post("maya", where, "hello")
    said = await eventually(lambda: [e for e in listener.events("message") if "text" in e])
    assert said[-1]["channel_type"] == "group"
    listed = await manager.conversations_list(types="private_channel")
    assert [item["id"] for item in listed["channels"]] == [where]


async def test_the_app_hears_of_its_private_channels_by_their_own_events(
    place: Playground, manager: AsyncWebClient, listener: App
) -> None:
    where = await made(manager, is_private=True)
    assert await refusal(manager.conversations_leave(channel=where)) == "last_member"
    await manager.conversations_invite(channel=where, users=MAYA)
    place.happen("archive", "maya", where)
    await eventually(lambda: listener.events("group_archive"))
    place.happen("unarchive", "maya", where)
    await eventually(lambda: listener.events("group_unarchive"))
    place.happen("remove_app", "maya", where)
    (event,) = await eventually(lambda: listener.events("group_left"))
    assert (event["channel"], event["actor_id"]) == (where, MAYA)
    assert listener.events("channel_created") == []


async def test_people_make_leave_and_empty_channels(place: Playground, listener: App) -> None:
    made = {"name": "launch", "private": False, "users": [LETTA, JONAS]}
    where = place.happen("new_channel", "maya", "#general", **made)["channel"]["id"]
    place.happen("leave", "jonas", where)
    (event,) = await eventually(lambda: listener.events("member_left_channel"))
    assert event["user"] == JONAS
    with pytest.raises(ApiError, match="not_in_channel"):
        place.happen("leave", "jonas", where)
    with pytest.raises(ApiError, match="name_taken"):
        place.happen("new_channel", "maya", "#general", name="launch")


async def test_a_group_message_is_opened_by_the_app_and_seen_by_its_members(
    place: Playground, manager: AsyncWebClient, listener: App
) -> None:
    opened = await manager.conversations_open(users=[MAYA, JONAS], return_im=True)
    group = opened["channel"]
    assert (group["is_mpim"], group["is_private"]) == (True, True)
    again = await manager.conversations_open(users=[JONAS, MAYA])
    assert again["channel"]["id"] == group["id"]
    place.post("jonas", group["id"], "hello both")
    (event,) = await eventually(lambda: listener.events("message"))
    assert event["channel_type"] == "mpim"
    with pytest.raises(ApiError, match="channel_not_found"):
        place.post("priya", group["id"], "and me")
    assert await refusal(manager.conversations_open(users=[LETTA])) == "not_enough_users"
    assert await refusal(manager.conversations_open(users="U0")) == "user_not_found"


async def test_each_kind_of_channel_is_changed_under_its_own_scope(start: Start) -> None:
    place = await start(replace(QUICK, scopes=("channels:manage", "channels:read", "im:write")))
    client = web_client(place)
    assert (await client.conversations_create(name="open"))["ok"]
    for call in (
        client.conversations_create(name="closed", is_private=True),
        client.conversations_open(users=[MAYA, JONAS]),
        client.conversations_list(types="public_channel,private_channel"),
        client.conversations_join(channel=RANDOM),
    ):
        assert await refusal(call) == "missing_scope"
    reader = web_client(await start(replace(QUICK, scopes=("channels:read",))))
    assert await refusal(reader.conversations_create(name="x")) == "missing_scope"


async def test_a_channel_keeps_its_maker_and_privacy_over_a_restart(
    start: Start, tmp_path: Any
) -> None:
    options = replace(QUICK, scopes=MANAGER, state_file=tmp_path / "state.json")
    first = await start(options)
    where = await made(web_client(first), is_private=True)
    await first.stop()
    channel = (await web_client(await start(options)).conversations_info(channel=where))["channel"]
    assert (channel["creator"], channel["is_private"]) == (LETTA, True)
