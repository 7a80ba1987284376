"""The demo as a person starts it: a real App Server, a real bridge, nothing left behind."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest

from slack_playground.demo_model_texts import LABEL
from tests.appserver_fixtures import free_port
from tests.support import eventually

pytestmark = [pytest.mark.appserver, pytest.mark.timeout(150)]


class Demo:
    """A running `letta-bridge demo`."""

    def __init__(self, directory: Path, **environ: str) -> None:
        self.port = free_port()
        self.said: list[str] = []
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "bridge", "demo"),
                *("--dir", str(directory), "--port", str(self.port)),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={"PATH": os.environ["PATH"], "HOME": str(directory), **environ},
            start_new_session=True,
        )

    def until_open(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line)
            if f"Open http://127.0.0.1:{self.port}/" in line:
                return
        raise AssertionError("".join(self.said))

    def descendants(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def stop(self, number: signal.Signals = signal.SIGINT) -> str:
        """Signal it once and return what it said since; it must end by itself."""
        self.process.send_signal(number)
        rest, _ = self.process.communicate(timeout=40)
        return rest

    def end(self) -> None:
        if self.process.poll() is None:
            self.stop(signal.SIGTERM)
        assert self.process.stdout is not None
        self.process.stdout.close()

    async def call(self, path: str, **body: Any) -> dict[str, Any]:
        url = f"http://127.0.0.1:{self.port}/playground/{path}"
        async with aiohttp.ClientSession() as session:
            if path == "messages":
                async with session.get(url, params=body) as response:
                    found: dict[str, Any] = await response.json()
            else:
                async with session.post(url, json=body) as response:
                    found = await response.json()
        return found

    async def thread(self, channel: str, ts: str) -> str:
        """All that the thread shows, as text."""
        given = {"as": "maya", "channel": channel, "thread_ts": ts}
        return json.dumps((await self.call("messages", **given))["messages"], ensure_ascii=False)


@pytest.fixture
def demos(tmp_path: Path) -> Iterator[list[Demo]]:
    running: list[Demo] = []
    yield running
    for demo in running:
        demo.end()


async def test_answers_then_stops_without_remains_then_resumes_the_workspace(
    tmp_path: Path, demos: list[Demo]
) -> None:
    demo = Demo(tmp_path / "demo")
    demos.append(demo)
    demo.until_open()
    posted = await demo.call("post", **{"as": "maya", "channel": "#general"}, text="@ada hello")
    root = str(posted["ts"])
    text = await eventually(
        lambda: _with(demo, "#general", root, "scripted demo model"), within_s=40
    )
    assert "Hello Maya! I am Ada." in text
    assert LABEL.strip("_") in text

    remains = demo.descendants()
    assert len(remains) >= 2
    assert "Stopped." in demo.stop()
    assert demo.process.returncode == 0
    _, alive = psutil.wait_procs(remains, timeout=5)
    assert not alive

    again = Demo(tmp_path / "demo")
    demos.append(again)
    again.until_open()
    assert "I am Ada" in await again.thread("#general", root)


async def _with(demo: Demo, channel: str, root: str, wanted: str) -> str | None:
    text = await demo.thread(channel, root)
    return text if wanted in text else None


def test_a_second_demo_in_the_same_directory_is_refused(tmp_path: Path, demos: list[Demo]) -> None:
    first = Demo(tmp_path / "demo")
    demos.append(first)
    first.until_open()
    second = Demo(tmp_path / "demo")
    demos.append(second)
    said, _ = second.process.communicate(timeout=30)
    assert second.process.returncode == 2
    assert "A demo already runs in" in said


def test_a_bridge_that_dies_is_named_with_its_last_words_and_nothing_stays(
    tmp_path: Path, demos: list[Demo]
) -> None:
    demo = Demo(tmp_path / "demo")
    demos.append(demo)
    demo.until_open()
    everything = demo.descendants()
    [bridge] = psutil.Process(demo.process.pid).children()
    bridge.kill()
    said, _ = demo.process.communicate(timeout=40)
    assert demo.process.returncode == 1
    assert re.search(r"The bridge ended by itself \(code -9\)", said)
    assert "bridge.log" in said
    _, alive = psutil.wait_procs(everything, timeout=10)
    assert not alive
