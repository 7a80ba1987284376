"""Trap 25: uploads are three calls, and private files want the token."""

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

from slack_playground import Playground, PlaygroundOptions
from tests.playground.conftest import App, Start, refusal
from tests.support import eventually

GENERAL = "C01GENERAL1"


async def test_an_upload_is_three_calls_and_its_message_comes_after_the_last_answer(
    playground: Playground, client: AsyncWebClient, app: App, http: aiohttp.ClientSession
) -> None:
    root = playground.post("maya", "#general", "please")
    slot = await client.files_getUploadURLExternal(filename="log.txt", length=5)
    assert await refusal(client.files_info(file=slot["file_id"])) == "file_not_found"
    async with http.post(slot["upload_url"], data=b"hello") as response:
        assert (response.status, await response.text()) == (200, "OK - 5")
    answer = await client.files_completeUploadExternal(
        files=[{"id": slot["file_id"], "title": "Log"}],
        channel_id=GENERAL,
        thread_ts=root,
        initial_comment="here",
    )
    assert "ts" not in answer["files"][0]
    event = (await eventually(lambda: app.events("message", "file_share")))[0]
    assert (event["text"], event["thread_ts"]) == ("here", root)
    assert event["files"][0]["title"] == "Log"
    await eventually(lambda: app.events("file_shared"))
    info = await client.files_info(file=slot["file_id"])
    assert info["file"]["shares"]["public"][GENERAL][0]["ts"] == event["ts"]


async def test_the_sdks_upload_works_and_completes_once(
    playground: Playground, client: AsyncWebClient
) -> None:
    done = await client.files_upload_v2(
        channel=GENERAL, filename="a.py", content="print(1)", snippet_type="python"
    )
    await eventually(lambda: playground.messages("#general"))
    assert playground.messages("#general")[0]["files"][0]["mode"] == "snippet"
    again = client.files_completeUploadExternal(files=[{"id": done["file"]["id"], "title": "x"}])
    assert await refusal(again) == "file_not_found"


async def test_an_upload_of_another_length_or_twice_is_refused(
    client: AsyncWebClient, http: aiohttp.ClientSession
) -> None:
    slot = await client.files_getUploadURLExternal(filename="a", length=5)
    for data, status in ((b"four", 400), (b"fives", 200), (b"fives", 404)):
        async with http.post(slot["upload_url"], data=data) as response:
            assert response.status == status


async def test_a_private_file_wants_the_token_and_else_shows_a_sign_in_page_with_200(
    playground: Playground, http: aiohttp.ClientSession
) -> None:
    playground.post("maya", "#general", "look", files=[("data.csv", b"a,b\n1,2\n")])
    file = playground.messages("#general")[0]["files"][0]
    for token, kind in ((playground.bot_token, "text/csv"), ("xoxb-wrong", "text/html")):
        headers = {"Authorization": f"Bearer {token}"}
        async with http.get(file["url_private_download"], headers=headers) as response:
            assert response.status == 200
            assert response.content_type == kind
            assert (await response.read() == b"a,b\n1,2\n") == (kind == "text/csv")


async def test_without_the_read_scope_a_file_is_a_sign_in_page(
    start: Start, http: aiohttp.ClientSession
) -> None:
    place = await start(PlaygroundOptions(scopes=("chat:write",)))
    place.post("maya", "#general", "look", files=[("a.txt", b"hello")])
    file = place.messages("#general")[0]["files"][0]
    headers = {"Authorization": f"Bearer {place.bot_token}"}
    async with http.get(file["url_private"], headers=headers) as response:
        assert response.content_type == "text/html"


async def test_in_a_shared_channel_files_arrive_as_a_reference(
    playground: Playground, client: AsyncWebClient, app: App
) -> None:
    playground.post("sam", "#partners", "look", files=[("a.txt", b"hello")])
    file = (await eventually(lambda: app.events("message", "file_share")))[0]["files"][0]
    assert file["file_access"] == "check_file_info"
    assert "url_private" not in file
    assert (await client.files_info(file=file["id"]))["file"]["url_private"]
