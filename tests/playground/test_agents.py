"""What an app says of its threads: titles, prompts and sessions, if it is declared an agent."""

from pathlib import Path
from typing import Any

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from slack_playground import Playground
from tests.playground.conftest import App, Connect, Start, for_manifest, refusal, web_client
from tests.support import eventually

GENERAL = "C01GENERAL1"
PROMPTS = [{"title": "Summarise", "message": "Summarise this channel"}]


@pytest.fixture
async def thread(playground: Playground) -> dict[str, str]:
    return {"channel_id": GENERAL, "thread_ts": playground.post("maya", "#general", "please")}


async def shown(place: Playground, http: aiohttp.ClientSession, **query: str) -> dict[str, Any]:
    """What Maya's page reads of a channel or thread."""
    url = f"{place.page_url}playground/messages"
    async with http.get(url, params={"as": "maya", **query}) as response:
        found: dict[str, Any] = await response.json()
        return found


async def test_a_thread_has_the_title_and_prompts_that_the_app_gave_it(
    playground: Playground,
    client: AsyncWebClient,
    http: aiohttp.ClientSession,
    thread: dict[str, str],
) -> None:
    await client.assistant_threads_setTitle(**thread, title="Release notes")
    await client.assistant_threads_setSuggestedPrompts(**thread, title="Try", prompts=PROMPTS)
    page = await shown(playground, http, channel=GENERAL, thread_ts=thread["thread_ts"])
    assert page["title"] == "Release notes"
    assert page["suggested_prompts"]["prompts"] == PROMPTS
    assert page["suggested_prompts"]["title"] == "Try"
    assert (await shown(playground, http, channel=GENERAL))["suggested_prompts"] is None


async def test_prompts_without_a_thread_stand_on_top_of_a_direct_message_only(
    playground: Playground, client: AsyncWebClient, http: aiohttp.ClientSession
) -> None:
    dm = playground.dm("maya")
    await client.assistant_threads_setSuggestedPrompts(channel_id=dm, prompts=PROMPTS)
    assert (await shown(playground, http, channel=dm))["suggested_prompts"]["prompts"] == PROMPTS
    call = client.assistant_threads_setSuggestedPrompts(channel_id=GENERAL, prompts=PROMPTS)
    assert await refusal(call) == "invalid_thread_ts"


@pytest.mark.parametrize("prompts", [[], PROMPTS * 5, [{"title": "x"}], [{"message": "x"}]])
async def test_prompts_are_one_to_four_with_title_and_message(
    client: AsyncWebClient, thread: dict[str, str], prompts: list[dict[str, str]]
) -> None:
    call = client.assistant_threads_setSuggestedPrompts(**thread, prompts=prompts)
    assert await refusal(call) == "invalid_arguments"


async def test_titles_are_short_and_name_a_thread(
    client: AsyncWebClient, thread: dict[str, str]
) -> None:
    long = client.assistant_threads_setTitle(**thread, title="x" * 201)
    assert await refusal(long) == "invalid_arguments"
    nowhere = client.assistant_threads_setTitle(channel_id=GENERAL, thread_ts="1.0", title="x")
    assert await refusal(nowhere) == "invalid_thread_ts"


async def test_a_session_is_named_by_the_app_and_renamed_by_people(
    playground: Playground, client: AsyncWebClient, app: App, thread: dict[str, str]
) -> None:
    rename = client.agents_sessions_rename
    assert await refusal(rename(**thread, title="x")) == "session_not_found"
    status = client.agents_sessions_setStatus
    begun = await status(**thread, status="processing", title="One")
    assert (begun["status"], begun["title"]) == ("processing", "One")
    assert (await status(**thread, status="active", title="Two"))["title"] == "One"
    assert (await rename(**thread, title="Three"))["title"] == "Three"
    playground.rename_session("maya", "#general", thread["thread_ts"], "Four")
    (event,) = await eventually(lambda: app.events("agent_session_title_changed"))
    assert (event["title"], event["user"]) == ("Four", "U01MAYACHEN")
    assert (await status(**thread, status="closed"))["title"] == "Four"


async def test_a_session_needs_membership_and_an_initiator_who_is_there(
    playground: Playground, client: AsyncWebClient, thread: dict[str, str]
) -> None:
    root = playground.post("maya", "#random", "please")
    status = client.agents_sessions_setStatus
    outside = status(channel_id="C04RANDOM01", thread_ts=root, status="active")
    assert await refusal(outside) == "not_authorized"
    nobody = status(**thread, status="active", initiator_user_id="U04SAMRIVER")
    assert await refusal(nobody) == "user_not_found"


async def test_an_app_that_is_not_declared_an_agent_has_no_sessions(
    start: Start, tmp_path: Path
) -> None:
    place = await start(for_manifest(tmp_path))
    place.invite("#general", "helper")
    client = web_client(place)
    root = place.post("maya", "#general", "please")
    thread = {"channel_id": GENERAL, "thread_ts": root}
    call = client.agents_sessions_setStatus(**thread, status="active")
    assert await refusal(call) == "not_authorized"
    await client.assistant_threads_setStatus(**thread, status="is thinking")
    assert (place.status("#general", root), place.session("#general", root)) == (
        "is thinking",
        None,
    )
    title = client.assistant_threads_setTitle(**thread, title="x")
    assert await refusal(title) == "missing_scope"


async def test_an_agent_that_does_not_subscribe_to_stop_is_warned(
    start: Start, connect: Connect, tmp_path: Path
) -> None:
    place = await start(for_manifest(tmp_path, features={"agent_view": {}}))
    root = place.post("maya", "#general", "please")
    answer = await web_client(place).agents_sessions_setStatus(
        channel_id=GENERAL, thread_ts=root, status="processing"
    )
    assert answer["warning"] == "missing_agent_session_stopped_event_subscription"
