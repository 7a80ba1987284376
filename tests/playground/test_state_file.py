"""A second start resumes the same workspace."""

import dataclasses
import json
from pathlib import Path

import aiohttp
import pytest

from slack_playground import Playground
from tests.playground.conftest import QUICK, web_client
from tests.support import eventually


async def test_messages_channels_and_files_survive_a_restart(
    tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    options = dataclasses.replace(QUICK, state_file=tmp_path / "deep" / "workspace.json")
    first = Playground(options)
    await first.start()
    root = first.post("maya", "#general", "hello", files=[("a.txt", b"content")])
    await web_client(first).chat_postMessage(
        channel="C01GENERAL1",
        text="hi",
        thread_ts=root,
        metadata={"event_type": "row", "event_payload": {"id": 1}},
    )
    first.post("maya", first.dm("maya"), "private")
    first.invite("#random", "letta")
    before = first.messages("#general", root)
    await first.stop()

    second = Playground(options)
    await second.start()
    after = second.messages("#general", root)
    assert [m["text"] for m in after] == [m["text"] for m in before]
    assert after[1]["metadata"] == before[1]["metadata"]
    assert second.messages(second.dm("maya"))[0]["text"] == "private"
    assert "U01LETTABOT" in second.channel("#random")["members"]
    headers = {"Authorization": f"Bearer {second.bot_token}"}
    async with http.get(after[0]["files"][0]["url_private"], headers=headers) as response:
        assert await response.read() == b"content"
    later = second.post("maya", "#general", "again", root)
    assert later > after[-1]["ts"]
    await second.stop()


async def test_new_messages_come_after_the_restored_ones(tmp_path: Path) -> None:
    path = tmp_path / "workspace.json"
    options = dataclasses.replace(QUICK, state_file=path)
    place = Playground(options)
    await place.start()
    ts = place.post("maya", "#general", "from the future")
    await place.stop()
    path.write_text(path.read_text().replace(ts, "9999999999.000000"))
    place = Playground(options)
    await place.start()
    assert place.post("maya", "#general", "now") > "9999999999.000000"
    await place.stop()


async def test_changes_are_on_disk_shortly_after_they_happen(tmp_path: Path) -> None:
    path = tmp_path / "workspace.json"
    place = Playground(dataclasses.replace(QUICK, state_file=path))
    await place.start()
    place.post("maya", "#general", "unforgettable")
    await eventually(lambda: path.exists() and "unforgettable" in path.read_text())
    await place.stop()
    assert json.loads(path.read_text())["format"] == 1


async def test_a_start_on_a_taken_port_leaves_the_state_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "workspace.json"
    first = Playground(dataclasses.replace(QUICK, state_file=path))
    url = await first.start()
    second = Playground(dataclasses.replace(QUICK, state_file=path))
    with pytest.raises(OSError, match="in use"):
        await second.start(port=int(url.rpartition(":")[2]))
    await second.stop()
    assert not path.exists()
    await first.stop()
    assert path.exists()


async def test_a_file_of_another_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "workspace.json"
    path.write_text('{"format": 99}')
    with pytest.raises(ValueError, match="another version"):
        await Playground(dataclasses.replace(QUICK, state_file=path)).start()
