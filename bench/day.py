"""A day in a minute: the bridge's worker in quick time, with all that a day brings.

Turns over hundreds of threads, Slack's refreshes of the socket, a link to the App Server that
comes and goes, the hourly and the minutely house-keeping. What must not grow is counted inside.
"""

import asyncio
import json
import random
import signal
import sqlite3
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import inside
from bench.figures import Row
from bench.parts import Backstage, Program, bridge_environ
from bench.place import CHANNELS, MENTION, WatchedPlayground
from bench.quick_time import QuickLoop, SharedTime
from bench.standin import StandIn

STEP_S = 5.0
CALM_S = 0.5
"""What is said and what breaks is given so much real time, in which it is brought to its end."""

HOUR_S = 3600.0
TURNS_AN_HOUR = 50
NEW_THREADS = 0.3
"""Of so many turns begins a thread; the others go on in one that is known."""

WARM_UP_H, DAY_H = 6, 24
REFRESH_EVERY_H, LINK_LOST_EVERY_H = 2, 3


@dataclass(frozen=True, slots=True)
class Count:
    """What was counted inside, at one hour."""

    hour: int
    rss_mb: float
    files: int
    threads: int
    tasks: list[str]
    objects: int
    ours: dict[str, int]


@dataclass(frozen=True, slots=True)
class Day:
    """What became of it. `asked` messages were accepted, `done` of them answered."""

    counts: list[Count]
    asked: int
    done: int
    said: str
    """What the worker wrote."""


async def day(backstage: Backstage) -> list[Row]:
    """Twenty-four hours."""
    del backstage  # the server is a stand-in
    lived = await asyncio.to_thread(live, hours=DAY_H)
    first, warm, end = lived.counts[:WARM_UP_H], lived.counts[WARM_UP_H], lived.counts[-1]
    growth = end.rss_mb / warm.rss_mb - 1
    tasks = len(end.tasks) - max(len(count.tasks) for count in first)
    files = end.files - max(count.files for count in first)
    return [
        Row(
            what="a day, sped up: what memory, tasks and open files grow after the first six hours",
            figure=f"{growth:+.1%}, {tasks:+d}, {files:+d}",
            goal="≤ 5 %, 0, 0",
            ok=growth <= 0.05 and tasks <= 0 and files <= 0 and lived.done == lived.asked,
            note=f"{lived.done} of {lived.asked} messages answered; {warm.rss_mb:.0f} MB, then "
            f"{end.rss_mb:.0f} MB; {end.objects - warm.objects:+,} objects of {warm.objects:,}",
        )
    ]


def live(*, hours: int, turns_an_hour: int = TURNS_AN_HOUR) -> Day:
    """Live through an hour and so many more, on a loop of its own; counts at the end of each."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        shared = SharedTime(Path(name) / "time")
        with asyncio.Runner(loop_factory=lambda: QuickLoop(shared)) as runner:
            return runner.run(_live(Path(name), shared, hours, turns_an_hour))


async def _live(folder: Path, shared: SharedTime, hours: int, turns_an_hour: int) -> Day:
    stirred = asyncio.Event()
    place = WatchedPlayground(channel_burst=None, stirred=stirred.set)
    await place.start()
    try:
        async with StandIn(at_once=True).running() as server:
            async with _worker(folder, place, server) as worker:
                life = _Life(folder, shared, place, server, worker)
                await life.ready()
                counts = [await life.hour(number, turns_an_hour) for number in range(hours + 1)]
                done = life.done()
            return Day(counts, life.asked, done, worker.said())
    finally:
        await place.stop()


@asynccontextmanager
async def _worker(
    folder: Path, place: WatchedPlayground, server: StandIn
) -> AsyncIterator[Program]:
    environ, _ = bridge_environ(
        folder,
        slack_url=place.api_url,
        tokens=(place.bot_token, place.app_token),
        server_url=server.url,
    )
    environ |= {"QUICK_TIME": str(folder / "time"), "BRIDGE_DATABASE__EVENT_LOG_MB": "1"}
    program = Program(["-m", "bench.inside"], folder, environ)
    try:
        yield program
    finally:
        await asyncio.to_thread(program.end)


class _Life:
    """People, Slack and the App Server around one worker."""

    def __init__(
        self,
        folder: Path,
        shared: SharedTime,
        place: WatchedPlayground,
        server: StandIn,
        worker: Program,
    ) -> None:
        self._folder = folder
        self._shared = shared
        self._place = place
        self._server = server
        self._worker = worker
        self._chance = random.Random(24)
        self._threads: list[tuple[str, str]] = []
        self.asked = 0

    async def ready(self) -> None:
        """Wait until Slack's events are taken in."""
        async with asyncio.timeout(60):
            while not self._place.connections():
                self._worker.check()
                await asyncio.sleep(0.02)

    async def hour(self, number: int, turns: int) -> Count:
        """Let an hour pass with all that belongs to it, and count."""
        for turn in range(turns):
            self._ask()
            await self._answered(within_s=CALM_S)
            await self._pass(HOUR_S / turns)
            if turn == turns // 2 and number % REFRESH_EVERY_H == 0:
                await self._place.disconnect("refresh_requested")
                await asyncio.sleep(CALM_S)
        for _ in range(100):
            if not await self._answered(within_s=0.2):
                await self._pass(STEP_S)
        if number % LINK_LOST_EVERY_H == 0:
            await self._server.drop()
            await asyncio.sleep(CALM_S)
        await self._pass(120.0)
        return await self._count(number)

    def _ask(self) -> None:
        if not self._threads or self._chance.random() < NEW_THREADS:
            channel = self._chance.choice(CHANNELS)
            thread, _ = self._place.ask(f"{MENTION} hello", channel=channel)
            self._threads.append((channel, thread))
        else:
            channel, thread = self._chance.choice(self._threads)
            self._place.ask("and then?", channel=channel, thread=thread)
        self.asked += 1

    async def _pass(self, seconds: float) -> None:
        """Skip time in steps that the worker takes part in."""
        until = self._shared.skipped_s + seconds
        while self._shared.skipped_s < until:
            self._shared.skip(STEP_S)
            await asyncio.sleep(0)
            while self._shared.seen_s < self._shared.skipped_s:
                self._worker.check()
                await asyncio.sleep(0.0005)

    async def _answered(self, *, within_s: float) -> bool:
        """Wait, without skipping, until everything is answered; False when it takes longer."""
        until = time.monotonic() + within_s
        while self.done() < self.asked:
            if time.monotonic() > until:
                return False
            await asyncio.sleep(0.01)
        return True

    def done(self) -> int:
        """How many messages belong to a turn that ended well."""
        with closing(sqlite3.connect(self._folder / "bridge.db", timeout=10)) as file:
            found = file.execute(
                "SELECT COUNT(*) FROM turn_messages JOIN turns USING (turn_id) "
                "WHERE outcome = 'done'"
            )
            return int(found.fetchone()[0])

    async def _count(self, hour: int) -> Count:
        seen = self._worker.said().count(inside.REPORT)
        self._worker.process.send_signal(signal.SIGUSR1)
        async with asyncio.timeout(20):
            while self._worker.said().count(inside.REPORT) == seen:
                self._worker.check()
                await asyncio.sleep(0.02)
        lines = [line for line in self._worker.said().splitlines() if inside.REPORT in line]
        found: dict[str, Any] = json.loads(lines[-1].partition(inside.REPORT)[2])
        return Count(hour=hour, **found)
