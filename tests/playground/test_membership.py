"""Trap 24: which conversations the app sees, joins and opens."""

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from slack_playground import Playground, PlaygroundOptions
from slack_playground.slack_types import ApiError
from tests.playground.conftest import Start, refusal, web_client

RANDOM = "C04RANDOM01"


async def test_a_public_channel_not_joined_is_not_in_channel_until_joined(
    playground: Playground, client: AsyncWebClient
) -> None:
    post = client.chat_postMessage(channel=RANDOM, text="x")
    assert await refusal(post) == "not_in_channel"
    replies = client.conversations_replies(channel=RANDOM, ts="1.0")
    assert await refusal(replies) == "not_in_channel"
    assert (await client.conversations_info(channel=RANDOM))["channel"]["is_member"] is False
    assert (await client.conversations_join(channel=RANDOM))["channel"]["is_member"] is True
    assert (await client.chat_postMessage(channel=RANDOM, text="x"))["ok"]


async def test_with_the_public_scope_the_app_posts_without_joining(start: Start) -> None:
    place = await start(PlaygroundOptions(scopes=("chat:write", "chat:write.public")))
    assert (await web_client(place).chat_postMessage(channel=RANDOM, text="x"))["ok"]


async def test_a_private_conversation_without_the_app_is_channel_not_found(
    playground: Playground, client: AsyncWebClient
) -> None:
    private = playground.dm("maya", "jonas")
    for call in (
        client.chat_postMessage(channel=private, text="x"),
        client.conversations_info(channel=private),
        client.conversations_history(channel=private),
    ):
        assert await refusal(call) == "channel_not_found"


async def test_a_user_id_as_channel_opens_the_dm(
    playground: Playground, client: AsyncWebClient
) -> None:
    posted = await client.chat_postMessage(channel="U01MAYACHEN", text="hello")
    opened = await client.conversations_open(users="U01MAYACHEN", return_im=True)
    assert opened["channel"]["id"] == posted["channel"]
    assert opened["channel"]["user"] == "U01MAYACHEN"
    assert playground.messages(posted["channel"])[0]["text"] == "hello"


async def test_lists_are_paged(client: AsyncWebClient) -> None:
    first = await client.conversations_list(limit=3)
    assert [channel["name"] for channel in first["channels"]] == [
        "general",
        "engineering",
        "partners",
    ]
    cursor = first["response_metadata"]["next_cursor"]
    rest = await client.conversations_list(limit=3, cursor=cursor)
    assert [channel["name"] for channel in rest["channels"]] == ["random"]
    assert rest["response_metadata"]["next_cursor"] == ""
    members = await client.conversations_members(channel="C03PARTNERS", limit=2)
    assert len(members["members"]) == 2
    users = await client.users_list()
    assert {user["name"] for user in users["members"]} == {
        "maya",
        "jonas",
        "priya",
        "sam",
        "letta",
    }


async def test_a_guest_sees_only_the_own_channels(playground: Playground) -> None:
    playground.post("sam", "#partners", "hello")
    with pytest.raises(ApiError, match="channel_not_found"):
        playground.post("sam", "#general", "hello")


async def test_who_the_app_is(client: AsyncWebClient) -> None:
    auth = await client.auth_test()
    assert (auth["user_id"], auth["bot_id"]) == ("U01LETTABOT", "B01LETTABOT")
    bot = (await client.bots_info(bot=auth["bot_id"]))["bot"]
    assert bot["user_id"] == auth["user_id"]
    assert (await client.team_info())["team"]["id"] == auth["team_id"]
    assert (await client.api_test(foo="bar"))["args"] == {"foo": "bar"}


async def test_reactions_are_added_once_and_removed_once(
    playground: Playground, client: AsyncWebClient
) -> None:
    ts = playground.post("maya", "#general", "x")
    place = {"channel": "C01GENERAL1", "timestamp": ts}
    await client.reactions_add(**place, name="eyes")
    assert await refusal(client.reactions_add(**place, name="eyes")) == "already_reacted"
    found = await client.reactions_get(**place)
    assert found["message"]["reactions"][0]["count"] == 1
    await client.reactions_remove(**place, name="eyes")
    assert await refusal(client.reactions_remove(**place, name="eyes")) == "no_reaction"


async def test_the_app_is_told_its_conversations_by_type_and_page(
    playground: Playground, client: AsyncWebClient
) -> None:
    dm = playground.dm("maya")
    playground.dm("maya", "jonas")
    first = await client.users_conversations(types="public_channel,im", limit=2)
    cursor = first["response_metadata"]["next_cursor"]
    assert cursor
    rest = await client.users_conversations(types="public_channel,im", limit=2, cursor=cursor)
    listed = [channel["id"] for page in (first, rest) for channel in page["channels"]]
    assert sorted(listed) == sorted(["C01GENERAL1", "C02ENGINEER", "C03PARTNERS", dm])
    assert rest["response_metadata"]["next_cursor"] == ""
    assert (await client.users_conversations())["channels"][0]["is_channel"]


async def test_each_type_of_conversation_needs_its_own_scope(start: Start) -> None:
    place = await start(PlaygroundOptions(scopes=("channels:read",)))
    client = web_client(place)
    assert (await client.users_conversations(types="public_channel"))["ok"]
    assert await refusal(client.users_conversations(types="public_channel,im")) == "missing_scope"
    assert await refusal(client.users_conversations(types="pigeon")) == "invalid_types"


async def test_a_root_shows_when_its_newest_reply_came_and_pages_begin_where_asked(
    playground: Playground, client: AsyncWebClient
) -> None:
    roots = [playground.post("maya", "#engineering", f"root {n}") for n in range(4)]
    reply = playground.post("jonas", "#engineering", "news", roots[1])
    page = await client.conversations_history(
        channel="C02ENGINEER", latest=roots[2], oldest=roots[1], inclusive=True, limit=1
    )
    assert [m["ts"] for m in page["messages"]] == [roots[2]]
    assert page["has_more"]
    page = await client.conversations_history(
        channel="C02ENGINEER", latest=roots[2], oldest=roots[0], limit=100
    )
    (parent,) = page["messages"]
    assert (parent["ts"], parent["latest_reply"]) == (roots[1], reply)
    assert not page["has_more"]
