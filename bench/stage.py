"""One stage: a workspace, a recorded link to the App Server, and one program between them."""

import asyncio
import itertools
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.error import URLError
from urllib.request import urlopen

from bench import floor
from bench.parts import Backstage, Program, start_bridge, start_floor
from bench.place import MENTION, WatchedPlayground, Write
from bench.wire import Frame, Wire

T = TypeVar("T")

CALM_S = 0.15
"""A pause after a turn, in which what follows it (spares, status lines) comes to rest."""

_words = itertools.count(1)


class TooLate(Exception):
    """Something that a benchmark waits for did not happen."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question: when it was asked, in which thread, and the word that marks its answer."""

    at: float
    thread: str
    word: str


class Stage:
    """What happens on both sides of one program, which keeps its files in `folder`."""

    def __init__(self, folder: Path, *, channel_burst: int | None, server_url: str) -> None:
        self.folder = folder
        self._stirred = asyncio.Event()
        self.place = WatchedPlayground(channel_burst=channel_burst, stirred=self._stirred.set)
        self.wire = Wire(server_url, stirred=self._stirred.set)
        self.server_url: str
        self.program: Program
        self.web: str

    async def start_bridge(self) -> None:
        """Start the bridge, and wait until it is ready."""
        self.program, self.web = start_bridge(
            self.folder,
            slack_url=self.place.api_url,
            tokens=(self.place.bot_token, self.place.app_token),
            server_url=self.server_url,
        )
        await self.ready()

    async def has_spare(self) -> None:
        """Wait until the bridge has a spare conversation, and for calm after it."""
        await self.until(lambda: self.runtimes_started() or None)
        await asyncio.sleep(CALM_S)

    async def ready(self, *, within_s: float = 30.0) -> None:
        """Wait until the bridge says that everything works."""
        await _until_ready(self, within_s)

    async def stop_bridge(self) -> None:
        """Stop the bridge in order."""
        await asyncio.to_thread(self.program.end)

    async def until(self, probe: Callable[[], T | None], *, within_s: float = 20.0) -> T:
        """Wait until `probe` finds something; it is asked after each call, ack and frame."""
        try:
            async with asyncio.timeout(within_s):
                while (found := probe()) is None:
                    self._stirred.clear()
                    await self._stirred.wait()
                return found
        except TimeoutError:
            raise TooLate(
                f"not within {within_s} s; the program said:\n{self.program.said()}"
            ) from None

    def ask(self, script: str, *, channel: str, thread: str | None = None) -> Asked:
        """Mention the agent; `{word}` in the script becomes a word that marks the answer."""
        word = f"w{next(_words)}x"
        ts, at = self.place.ask(
            f"{MENTION} {script.format(word=word)}", channel=channel, thread=thread
        )
        return Asked(at, thread or ts, word)

    def input_of(self, asked: Asked) -> Frame | None:
        """The `input` frame that carries the question."""
        return next(
            (
                frame
                for frame in reversed(self.wire.frames)
                if frame.to_server and frame.kind == "input" and asked.word in str(frame.body)
            ),
            None,
        )

    def shown(self, asked: Asked) -> Write | None:
        """The first write that shows the answer."""
        return next((w for w in self.writes(asked) if asked.word in w.content), None)

    def ended(self, asked: Asked) -> Write | None:
        """The write that ended the reply."""
        return next((w for w in reversed(self.writes(asked)) if w.is_last), None)

    def writes(self, asked: Asked) -> list[Write]:
        """All writes of the reply, in order."""
        return [w for w in self.place.writes if w.thread == asked.thread and w.at > asked.at]

    def frames_of(self, asked: Asked) -> list[Frame]:
        """All frames from the server to the question's conversation, since it was put."""
        put = self.input_of(asked)
        if put is None:
            return []
        return [
            frame
            for frame in self.wire.frames
            if not frame.to_server and frame.at > put.at and frame.conversation == put.conversation
        ]

    def tokens_of(self, asked: Asked) -> list[Frame]:
        """The pieces of the answer, as they came from the server."""
        return [frame for frame in self.frames_of(asked) if frame.is_text]

    def finished(self, asked: Asked) -> Frame | None:
        """The server's word that the turn is over."""
        ends = (frame for frame in self.frames_of(asked) if frame.kind == "turn_finished")
        return next(ends, None)

    def runtimes_started(self) -> int:
        """How many runtimes the server has started on this link."""
        return sum(frame.kind == "runtime_start_response" for frame in self.wire.frames)

    async def turn(self, script: str, *, channel: str, thread: str | None = None) -> Asked:
        """Ask, wait for the end of the reply, and for calm after it."""
        asked = self.ask(script, channel=channel, thread=thread)
        await self.until(lambda: self.ended(asked))
        await asyncio.sleep(CALM_S)
        return asked


@asynccontextmanager
async def bridge_stage(
    backstage: Backstage, *, channel_burst: int | None = None
) -> AsyncIterator[Stage]:
    """The bridge on a stage of its own, ready, with a spare conversation.

    `channel_burst`: Slack's limits are on, and a quiet channel takes so many posts at once; None
    for no limits at all.
    """
    async with _stage(backstage.url, channel_burst=channel_burst) as stage:
        try:
            await stage.start_bridge()
            await stage.has_spare()
            yield stage
        finally:
            await stage.stop_bridge()


@asynccontextmanager
async def lone_stage(server_url: str) -> AsyncIterator[Stage]:
    """The bridge linked directly to an App Server of the benchmark's; no frame is recorded."""
    async with _stage(server_url, channel_burst=None) as stage:
        stage.server_url = server_url
        try:
            await stage.start_bridge()
            yield stage
        finally:
            await stage.stop_bridge()


@asynccontextmanager
async def floor_stage(backstage: Backstage) -> AsyncIterator[Stage]:
    """The bare script on a stage of its own."""
    async with _stage(backstage.url, channel_burst=None) as stage:
        stage.program = start_floor(
            stage.folder,
            slack_url=stage.place.api_url,
            tokens=(stage.place.bot_token, stage.place.app_token),
            server_url=stage.server_url,
        )
        try:
            await _until(lambda: floor.READY in stage.program.said(), stage.program)
            yield stage
        finally:
            await asyncio.to_thread(stage.program.end)


@asynccontextmanager
async def _stage(server_url: str, *, channel_burst: int | None) -> AsyncIterator[Stage]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        stage = Stage(Path(folder), channel_burst=channel_burst, server_url=server_url)
        await stage.place.start()
        stage.server_url = await stage.wire.start()
        try:
            yield stage
        finally:
            await stage.wire.stop()
            await stage.place.stop()


async def _until_ready(stage: Stage, within_s: float) -> None:
    def probe() -> bool:
        try:
            with urlopen(f"{stage.web}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except (URLError, OSError):
            return False

    deadline = time.monotonic() + within_s
    while not await asyncio.to_thread(probe):
        stage.program.check()
        if time.monotonic() > deadline:
            raise TooLate(stage.program.said())
        await asyncio.sleep(0.02)


async def _until(probe: Callable[[], bool], program: Program) -> None:
    deadline = time.monotonic() + 30
    while not probe():
        program.check()
        if time.monotonic() > deadline:
            raise TooLate(program.said())
        await asyncio.sleep(0.05)
