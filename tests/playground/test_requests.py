"""Traps 1 to 4: how requests are read, authorised and refused."""

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from slack_playground import Playground, PlaygroundOptions
from tests.playground.conftest import Start, refusal, web_client


async def test_arguments_come_from_query_form_json_and_multipart_and_are_merged(
    playground: Playground, http: aiohttp.ClientSession
) -> None:
    url = f"{playground.api_url}chat.postMessage?channel=%23general"
    auth = {"Authorization": f"Bearer {playground.bot_token}"}
    multipart = aiohttp.FormData()
    multipart.add_field("text", "by multipart", content_type="text/plain")
    for body in ({"json": {"text": "by json"}}, {"data": {"text": "by form"}}, {"data": multipart}):
        async with http.post(url, headers=auth, **body) as response:
            assert (await response.json())["ok"]
    async with http.get(f"{url}&text=by+get&token={playground.bot_token}") as response:
        assert (await response.json())["ok"]
    said = [message["text"] for message in playground.messages("#general")]
    assert said == ["by json", "by form", "by multipart", "by get"]


async def test_reads_go_as_get_and_reactions_as_post_with_a_query(
    playground: Playground, client: AsyncWebClient
) -> None:
    ts = playground.post("maya", "#general", "hello")
    await client.reactions_add(channel="C01GENERAL1", timestamp=ts, name="eyes")
    history = await client.conversations_history(channel="C01GENERAL1")
    assert history["messages"][0]["reactions"] == [
        {"name": "eyes", "users": ["U01LETTABOT"], "count": 1}
    ]


async def test_text_that_looks_like_json_stays_text(
    playground: Playground, http: aiohttp.ClientSession
) -> None:
    auth = {"Authorization": f"Bearer {playground.bot_token}"}
    form = {
        "channel": "#general",
        "text": '{"a": [1, 2]}',
        "blocks": '[{"type": "divider"}]',
        "metadata": '{"event_type": "x", "event_payload": {"k": 1}}',
    }
    async with http.post(
        f"{playground.api_url}chat.postMessage", headers=auth, data=form
    ) as response:
        message = (await response.json())["message"]
    assert message["text"] == '{"a": [1, 2]}'
    assert message["blocks"][0]["type"] == "divider"
    assert message["metadata"]["event_payload"] == {"k": 1}


async def test_business_errors_are_status_200_and_unknown_methods_have_their_word(
    playground: Playground, http: aiohttp.ClientSession
) -> None:
    auth = {"Authorization": f"Bearer {playground.bot_token}"}
    for method, error in (("users.info", "invalid_arguments"), ("chat.fly", "unknown_method")):
        async with http.post(f"{playground.api_url}{method}", headers=auth) as response:
            assert response.status == 200
            assert await response.json() | {"ok": False, "error": error} == await response.json()


async def test_a_broken_json_body_is_invalid_json(
    playground: Playground, http: aiohttp.ClientSession
) -> None:
    headers = {"Content-Type": "application/json"}
    for body, error in (("{", "invalid_json"), ("[1]", "json_not_object")):
        async with http.post(
            f"{playground.api_url}auth.test", headers=headers, data=body
        ) as response:
            assert (await response.json())["error"] == error


async def test_a_missing_token_is_not_authed_and_a_wrong_one_invalid_auth(
    playground: Playground,
) -> None:
    without = AsyncWebClient(base_url=playground.api_url)
    assert await refusal(without.auth_test()) == "not_authed"
    assert await refusal(web_client(playground, "xoxb-wrong").auth_test()) == "invalid_auth"


async def test_only_the_app_token_opens_a_connection_and_it_opens_nothing_else(
    playground: Playground, client: AsyncWebClient
) -> None:
    app = web_client(playground, playground.app_token)
    opened = await app.apps_connections_open(app_token=playground.app_token)
    assert opened["url"].startswith("ws://127.0.0.1:")
    wrong = client.apps_connections_open(app_token=playground.bot_token)
    assert await refusal(wrong) == "not_allowed_token_type"
    assert await refusal(app.auth_test()) == "not_allowed_token_type"


async def test_granted_scopes_are_in_a_header_and_others_are_refused(start: Start) -> None:
    place = await start(PlaygroundOptions(scopes=("chat:write",)))
    client = web_client(place)
    answer = await client.auth_test()
    assert answer.headers["X-OAuth-Scopes"] == "chat:write"
    with pytest.raises(SlackApiError) as refused:
        await client.users_info(user="U01MAYACHEN")
    assert refused.value.response["error"] == "missing_scope"
    assert refused.value.response["needed"] == "users:read"
    assert refused.value.response["provided"] == "chat:write"


async def test_a_name_or_picture_of_its_own_needs_the_customize_scope(start: Start) -> None:
    place = await start(PlaygroundOptions(scopes=("chat:write",)))
    client = web_client(place)
    for override in ({"username": "ada"}, {"icon_emoji": ":owl:"}, {"icon_url": "https://x/y"}):
        call = client.chat_postMessage(channel="#general", text="hi", **override)
        assert await refusal(call) == "missing_scope"


async def test_a_customized_post_is_a_bot_message_without_user(client: AsyncWebClient) -> None:
    answer = await client.chat_postMessage(
        channel="#general", text="hi", username="ada", icon_emoji=":owl:"
    )
    message = answer["message"]
    assert message["subtype"] == "bot_message"
    assert (message["username"], message["icons"]) == ("ada", {"emoji": ":owl:"})
    assert message["bot_id"] == "B01LETTABOT"
    assert "user" not in message


async def test_a_number_that_is_none_is_an_invalid_argument(
    playground: Playground, http: aiohttp.ClientSession
) -> None:
    auth = {"Authorization": f"Bearer {playground.bot_token}"}
    for limit in ("many", [1], float("inf")):
        body = {"channel": "C01GENERAL1", "limit": limit}
        url = f"{playground.api_url}conversations.history"
        async with http.post(url, headers=auth, json=body) as response:
            assert (await response.json())["error"] == "invalid_arguments"
