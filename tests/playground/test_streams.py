"""Traps 21 and 22: native streaming, sessions and statuses."""

import dataclasses
from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from slack_playground import Playground, PlaygroundOptions
from tests.playground.conftest import QUICK, App, Start, refusal, web_client
from tests.playground.test_messages import section
from tests.support import eventually

GENERAL = "C01GENERAL1"
READER = {"recipient_user_id": "U01MAYACHEN", "recipient_team_id": "T01PLAYGRND"}
MISMATCH = "streaming_mode_mismatch"
OVER = "message_not_in_streaming_state"


def text_chunk(text: str) -> dict[str, Any]:
    return {"type": "markdown_text", "text": text}


def task(**fields: Any) -> dict[str, Any]:
    return {"type": "task_update", "id": "t1", **fields}


async def started(place: Playground, client: AsyncWebClient, **more: Any) -> dict[str, str]:
    """Channel and ts of a fresh stream in a thread of Maya's."""
    root = place.post("maya", "#general", "please")
    answer = await client.chat_startStream(channel=GENERAL, thread_ts=root, **READER, **more)
    return {"channel": answer["channel"], "ts": answer["ts"]}


async def test_a_stream_grows_and_ends_as_one_message(
    playground: Playground, client: AsyncWebClient
) -> None:
    stream = await started(playground, client, markdown_text="Hello ")
    await client.chat_appendStream(**stream, markdown_text="**world**")
    done = await client.chat_stopStream(**stream, blocks=[section("the end")])
    message = done["message"]
    assert message["text"] == "Hello **world**"
    assert [block["type"] for block in message["blocks"]] == ["markdown", "section"]
    assert len(playground.messages("#general", message["thread_ts"])) == 2


async def test_in_channels_a_stream_needs_a_thread_a_recipient_and_a_team(
    playground: Playground, client: AsyncWebClient
) -> None:
    root = playground.post("maya", "#general", "please")
    for thread_ts, reader, error in (
        ("", READER, "invalid_thread_ts"),
        (root, {}, "missing_recipient_user_id"),
        (root, {"recipient_user_id": "U01MAYACHEN"}, "missing_recipient_team_id"),
    ):
        call = client.chat_startStream(channel=GENERAL, thread_ts=thread_ts, **reader)
        assert await refusal(call) == error


async def test_in_a_dm_a_stream_needs_only_the_thread(
    playground: Playground, client: AsyncWebClient
) -> None:
    channel = playground.dm("maya")
    root = playground.post("maya", channel, "please")
    answer = await client.chat_startStream(channel=channel, thread_ts=root, markdown_text="yes")
    assert answer["ok"]


async def test_after_stop_a_stream_takes_nothing_more(
    playground: Playground, client: AsyncWebClient
) -> None:
    stream = await started(playground, client)
    await client.chat_stopStream(**stream, markdown_text="x")
    assert await refusal(client.chat_appendStream(**stream, markdown_text="y")) == OVER
    assert await refusal(client.chat_stopStream(**stream)) == OVER


async def test_a_stream_dies_of_old_age_and_can_then_be_updated(start: Start) -> None:
    place = await start(dataclasses.replace(QUICK, stream_ttl_s=0.0))
    client = web_client(place)
    stream = await started(place, client, markdown_text="x")
    assert await refusal(client.chat_appendStream(**stream, markdown_text="y")) == OVER
    assert (await client.chat_update(**stream, text="by update"))["ok"]


async def test_text_and_chunks_do_not_mix(playground: Playground, client: AsyncWebClient) -> None:
    by_text = await started(playground, client, markdown_text="x")
    chunk = client.chat_appendStream(**by_text, chunks=[text_chunk("y")])
    assert await refusal(chunk) == MISMATCH
    by_chunks = await started(playground, client, chunks=[text_chunk("x")])
    plain = client.chat_appendStream(**by_chunks, markdown_text="y")
    assert await refusal(plain) == MISMATCH


async def test_an_update_keeps_away_from_a_live_stream(
    playground: Playground, client: AsyncWebClient
) -> None:
    stream = await started(playground, client, markdown_text="x")
    assert await refusal(client.chat_update(**stream, text="y")) == "streaming_state_conflict"


async def test_the_reader_may_stop_a_stream_and_the_app_hears_of_it(
    playground: Playground, client: AsyncWebClient, app: App
) -> None:
    stream = await started(playground, client, markdown_text="x")
    root = playground.messages("#general")[0]["ts"]
    playground.stop_session("maya", "#general", root)
    append = client.chat_appendStream(**stream, markdown_text="y")
    assert await refusal(append) == "stopped_by_user"
    event = (await eventually(lambda: app.events("agent_session_stopped")))[0]
    assert (event["thread_ts"], event["user"]) == (root, "U01MAYACHEN")
    assert event["streaming_message_ts"] == [stream["ts"]]


async def test_a_file_block_faults_a_stream(playground: Playground, client: AsyncWebClient) -> None:
    stream = await started(playground, client)
    chunk = {"type": "blocks", "blocks": [{"type": "file", "external_id": "x"}]}
    for call in (
        client.chat_appendStream(**stream, chunks=[chunk]),
        client.chat_stopStream(**stream, blocks=chunk["blocks"]),
        client.chat_stopStream(**stream, chunks=[chunk]),
    ):
        assert await refusal(call) == "internal_error"


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ({"markdown_text": "x" * 12_001}, "msg_too_long"),
        ({"chunks": [text_chunk("x" * 12_001)]}, "msg_too_long"),
        ({"chunks": [task(title="x", status="completed")]}, "invalid_chunks"),
        ({"chunks": [task(title="x" * 257)]}, "invalid_chunks"),
        ({"chunks": [{"type": "song"}]}, "invalid_chunks"),
        ({}, "no_text"),
    ],
)
async def test_streamed_content_over_a_limit_is_refused(
    playground: Playground, client: AsyncWebClient, content: dict[str, Any], error: str
) -> None:
    stream = await started(playground, client)
    assert await refusal(client.chat_appendStream(**stream, **content)) == error


async def test_a_task_is_updated_in_place_and_its_details_add_up(
    playground: Playground, client: AsyncWebClient
) -> None:
    stream = await started(playground, client, chunks=[task(title="Read", status="in_progress")])
    await client.chat_appendStream(**stream, chunks=[task(title="Read", details="one ")])
    await client.chat_appendStream(
        **stream, chunks=[task(title="Done", status="complete", details="two")]
    )
    card = playground.messages("#general", playground.messages("#general")[0]["ts"])[1]["blocks"][0]
    assert (card["title"], card["status"]) == ("Done", "complete")
    assert card["details"]["elements"][0]["elements"][0]["text"] == "one two"


async def test_streams_move_the_session_and_stop_may_choose_its_status(
    playground: Playground, client: AsyncWebClient
) -> None:
    stream = await started(playground, client, markdown_text="x")
    root = playground.messages("#general")[0]["ts"]
    assert playground.session("#general", root) == "processing"
    await client.chat_stopStream(**stream, session_status="suspended")
    assert playground.session("#general", root) == "suspended"


async def test_a_status_shows_under_its_thread_until_the_app_replies(
    playground: Playground, client: AsyncWebClient
) -> None:
    root = playground.post("maya", "#general", "please")
    place = {"channel_id": GENERAL, "thread_ts": root}
    await client.assistant_threads_setStatus(**place, status="is thinking…")
    assert playground.status("#general", root) == "is thinking…"
    assert playground.session("#general", root) == "processing"
    await client.chat_postMessage(channel=GENERAL, thread_ts=root, text="done")
    assert playground.status("#general", root) == ""
    await client.assistant_threads_setStatus(**place, status="x")
    await client.assistant_threads_setStatus(**place, status="")
    assert playground.status("#general", root) == ""
    assert playground.session("#general", root) == "active"


async def test_a_status_clears_itself_and_a_session_falls_back_to_active(start: Start) -> None:
    place = await start(dataclasses.replace(QUICK, status_ttl_s=0.02, session_ttl_s=0.02))
    root = place.post("maya", "#general", "please")
    await web_client(place).assistant_threads_setStatus(
        channel_id=GENERAL, thread_ts=root, status="is thinking"
    )
    await eventually(lambda: place.status("#general", root) == "")
    await eventually(lambda: place.session("#general", root) == "active")


async def test_a_session_has_one_of_four_statuses_and_a_thread(
    playground: Playground, client: AsyncWebClient
) -> None:
    root = playground.post("maya", "#general", "please")
    call = client.agents_sessions_setStatus(channel_id=GENERAL, thread_ts=root, status="busy")
    assert await refusal(call) == "invalid_status"
    no_thread = client.agents_sessions_setStatus(channel_id=GENERAL, status="active")
    assert await refusal(no_thread) == "thread_ts_required"
    await client.agents_sessions_setStatus(
        channel_id=GENERAL, thread_ts=root, status="suspended", title="Release"
    )
    assert playground.session("#general", root) == "suspended"


async def test_loading_messages_are_few_and_short(
    playground: Playground, client: AsyncWebClient
) -> None:
    root = playground.post("maya", "#general", "please")
    for hints in (["x"] * 11, ["x" * 51]):
        call = client.assistant_threads_setStatus(
            channel_id=GENERAL, thread_ts=root, status="x", loading_messages=hints
        )
        assert await refusal(call) == "invalid_arguments"


async def test_a_stream_needs_the_customize_scope_for_a_name_of_its_own(start: Start) -> None:
    place = await start(PlaygroundOptions(scopes=("chat:write",)))
    root = place.post("maya", "#general", "please")
    call = web_client(place).chat_startStream(
        channel=GENERAL, thread_ts=root, username="ada", **READER
    )
    assert await refusal(call) == "missing_scope"
