"""The product as an operator runs it, between a stand-in Slack and a real App Server.

`Bridge` is `python -m bridge run`, the supervisor, as a process of its own, told everything by its
environment; it starts the worker, which can be found and killed.
`World` is one bridge with its workspace and its project's directory.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import psutil

from slack_playground import Playground
from tests.appserver_fixtures import MODEL, free_port
from tests.support import eventually

MAYA = "U01MAYACHEN"
JONAS = "U02JONASWEB"
GUEST = "U04SAMRIVER"

Json = dict[str, Any]
T = TypeVar("T")


def teammates(cwd: Path, model: str = MODEL) -> str:
    """`BRIDGE_TEAMMATES`: ada and grace, at work in `cwd`."""
    personas = {"ada": ":owl:", "grace": ":ship:"}
    return json.dumps(
        [
            {"name": name, "model": model, "cwd": str(cwd), "icon_emoji": persona}
            for name, persona in personas.items()
        ]
    )


class Bridge:
    """`letta-bridge run` in a process group of its own; `log` is its standard error."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self.folder = folder
        self.port = free_port()
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "BRIDGE_WEB__PORT": str(self.port),
            **environ,
        }
        self.log = folder / "bridge.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; may be called again after it has ended."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "bridge", "run"],
                cwd=self.folder,
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    async def ready(self) -> None:
        """Wait until it says that everything works."""
        await eventually(self._is_ready, within_s=30, poll_s=0.05)

    async def _is_ready(self) -> bool:
        assert self.process.poll() is None, self.said()
        return (await self.readiness())[0] == 200

    async def readiness(self) -> tuple[int, Mapping[str, str]]:
        """The status of /readyz and what it says about each part; 0 while nothing listens."""
        try:
            status, text = await self.get("/readyz")
        except aiohttp.ClientError:
            return 0, {}
        return status, json.loads(text)["parts"]

    async def get(self, path: str) -> tuple[int, str]:
        """Status and body of a path on its web port."""
        url = f"http://127.0.0.1:{self.port}{path}"
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            return response.status, await response.text()

    def said(self) -> str:
        """Everything that it wrote."""
        return self.log.read_text(encoding="utf-8")

    @property
    def worker(self) -> psutil.Process | None:
        """The worker's process; None while there is none."""
        with contextlib.suppress(psutil.NoSuchProcess):
            for child in psutil.Process(self.process.pid).children():
                with contextlib.suppress(psutil.NoSuchProcess, IndexError):
                    if child.cmdline()[1:4] == ["-m", "bridge", "worker"]:
                        return child
        return None

    async def kill(self) -> None:
        """End supervisor and worker without a word, as a power failure would."""
        worker = self.worker
        self.signal(signal.SIGKILL)
        if worker is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                worker.kill()
                await eventually(lambda: not worker.is_running())
        await self.ended()

    async def kill_worker(self) -> int:
        """End the worker without a word and wait for the next one; returns its number."""
        worker = self.worker
        assert worker is not None, self.said()
        worker.kill()
        return await self.next_worker(after=worker.pid)

    async def next_worker(self, *, after: int) -> int:
        """Wait until another worker than `after` runs; returns its number."""

        def another() -> int:
            worker = self.worker
            return worker.pid if worker is not None and worker.pid != after else 0

        return await eventually(another)

    async def stop(self) -> int:
        """Ask it to stop, and return its exit code."""
        self.signal(signal.SIGTERM)
        return await self.ended()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    async def ended(self, *, within_s: float = 20.0) -> int:
        """Wait until it has ended by itself, and return its exit code."""
        await eventually(lambda: self.process.poll() is not None, within_s=within_s)
        return int(self.process.returncode)

    def end(self) -> None:
        """Leave nothing behind, whatever state it is in."""
        if self._process is None:
            return
        worker = self.worker if self._process.poll() is None else None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(5)
        if worker is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                worker.kill()
                worker.wait(5)


@dataclass
class World:
    """A workspace, a bridge, and the directory in which its agents work."""

    place: Playground
    bridge: Bridge
    project: Path
    model_url: str

    async def start(self) -> None:
        """Start the bridge and wait until it is ready."""
        self.bridge.start()
        await self.bridge.ready()

    def ask(self, text: str, *, channel: str = "#general", as_: str = "maya") -> str:
        """Say something at the channel's root; returns the thread's timestamp."""
        return self.place.post(as_, channel, text)

    def replies(self, thread: str, *, channel: str = "#general") -> list[Json]:
        """What teammates and the bridge said in a thread."""
        found = self.place.messages(channel, thread)
        return [message for message in found if message.get("bot_id")]

    def thread(self, thread: str, *, channel: str = "#general") -> str:
        """All that the app shows in a thread, as text."""
        return "\n".join(shown(message) for message in self.replies(thread, channel=channel))

    async def until(
        self, thread: str, *wanted: str, channel: str = "#general", within_s: float = 20.0
    ) -> str:
        """Wait until the thread shows all these words; returns what it shows then."""

        def found() -> str | None:
            text = self.thread(thread, channel=channel)
            return text if all(words in text for words in wanted) else None

        return await self.wait(found, thread, channel=channel, within_s=within_s)

    async def card(self, thread: str, *, channel: str = "#general") -> Json:
        """The thread's open approval card, once there is one."""
        return await self.wait(
            lambda: self._with_button("approval_allow", thread, channel), thread, channel=channel
        )

    async def live(self, thread: str, *words: str, channel: str = "#general") -> Json:
        """The reply with the stop button, once it shows these words."""

        def growing() -> Json | None:
            message = self._with_button("turn_stop", thread, channel)
            shows = message and all(word in shown(message) for word in words)
            return message if shows else None

        return await self.wait(growing, thread, channel=channel)

    def _with_button(self, action: str, thread: str, channel: str) -> Json | None:
        found = self.replies(thread, channel=channel)
        return next((message for message in found if action in actions(message)), None)

    async def wait(
        self,
        probe: Callable[[], T],
        thread: str,
        *,
        channel: str = "#general",
        within_s: float = 20.0,
    ) -> T:
        """Wait for the first truthy result; fails with the thread and the bridge's log."""
        try:
            return await eventually(probe, within_s=within_s)
        except AssertionError:
            text = self.thread(thread, channel=channel)
            raise AssertionError(f"The thread shows:\n{text}\n\n{self.bridge.said()}") from None

    async def requests(self, *words: str) -> list[str]:
        """Every request to the model that holds all these words, as JSON text."""
        url = f"{self.model_url}/__requests"
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            seen = await response.json()
        texts = (json.dumps(request["body"], ensure_ascii=False) for request in seen)
        return [text for text in texts if all(word in text for word in words)]


def shown(message: Json) -> str:
    """What people read in a message, blocks first."""
    lines = [words for block in message.get("blocks", []) for words in _words(block)]
    return "\n".join(lines) or str(message.get("text", ""))


def markdown(message: Json) -> str:
    """The agent's text in a message."""
    return "".join(b["text"] for b in message.get("blocks", []) if b["type"] == "markdown")


def actions(message: Json) -> dict[str, str]:
    """The buttons of a message: action ids and labels."""
    return {
        element["action_id"]: element["text"]["text"]
        for block in message.get("blocks", [])
        if block["type"] == "actions"
        for element in block["elements"]
    }


def reactions(message: Json) -> set[str]:
    """Names of the reactions on a message."""
    return {reaction["name"] for reaction in message.get("reactions", [])}


def _words(block: Json) -> list[str]:
    match block["type"]:
        case "markdown":
            return [str(block["text"])]
        case "section":
            return [_rich(block["text"])]
        case "context":
            return [_rich(element) for element in block["elements"]]
        case "rich_text":
            return [_rich(block)]
        case _:
            return []


def _rich(node: Json) -> str:
    text = node.get("text")
    inner = "".join(_rich(element) for element in node.get("elements", []))
    return inner + (text if isinstance(text, str) else _rich(text) if text else "")
