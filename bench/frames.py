"""Benchmark of the frame path: what the bridge does with a frame, beside bare reading."""

import asyncio
import re
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.request import urlopen

from bench import bare
from bench.figures import Row, us
from bench.parts import Backstage, Program
from bench.place import CHANNELS, MENTION
from bench.stage import Stage, lone_stage
from bench.standin import StandIn

LIVE = {1: 10_000, 1_000: 10_000}
"""As many words are said in so many turns: one answer cannot be endless."""

AT_ONCE = 50
IDLE_S = 2.0
_FRAMES_A_BEGINNING = 3
COUNTED = re.compile(r'^bridge_frames_total\{direction="in",kind="understood"\} (\S+)', re.M)


async def frames(backstage: Backstage) -> list[Row]:
    """Processor time per frame of the bridge and of the bare reader, with few and many turns."""
    del backstage  # the server is a stand-in
    bare_s, full_s = {}, {}
    async with StandIn().running() as server, lone_stage(server.url) as stage:
        for live in LIVE:
            while len(server.live) < live:
                begin = min(AT_ONCE, live - len(server.live))
                await _begin(stage, server, begin)
            full_s[live] = await _full(stage, server, LIVE[live])
    for live in LIVE:
        async with StandIn().running() as server:
            bare_s[live] = await _bare(server, live, LIVE[live])
    ratios = [bare_s[live] / full_s[live] for live in LIVE]
    few, many = LIVE
    return [
        Row(
            what="bare receive + `json.loads` ÷ full frame path, 1 and 1,000 live turns",
            figure=" and ".join(f"{ratio:.2f}" for ratio in ratios),
            goal="≥ 0.40, flat",
            ok=min(ratios) >= 0.40 and full_s[many] <= full_s[few] * 1.25,
            floor=f"{us(bare_s[few])} a frame",
            note=f"processor time; one word a frame; {us(full_s[few])} and "
            f"{us(full_s[many])} a frame",
        )
    ]


async def _begin(stage: Stage, server: StandIn, count: int) -> None:
    wanted = len(server.live) + count
    for number in range(count):
        stage.place.ask(f"{MENTION} go on", channel=CHANNELS[number % len(CHANNELS)])
    await stage.until(lambda: len(server.live) >= wanted or None, within_s=120.0)


async def _full(stage: Stage, server: StandIn, frames: int) -> float:
    """The worker's processor time for a frame, less what its turns cost without any."""
    await asyncio.sleep(1.0)
    probe, used_s = partial(_counted, stage), stage.program.worker_cpu_s
    wanted = await asyncio.to_thread(probe) + frames
    before, began = used_s(), time.monotonic()
    await asyncio.sleep(IDLE_S)
    idle = (used_s() - before) / (time.monotonic() - began)
    before, began = used_s(), time.monotonic()
    await server.pump(frames)
    await _heard(probe, wanted)
    await asyncio.sleep(0.5)  # the log's last batch
    return (used_s() - before - idle * (time.monotonic() - began)) / frames


async def _heard(probe: Callable[[], int], wanted: int) -> None:
    async with asyncio.timeout(60.0):
        while await asyncio.to_thread(probe) < wanted:  # noqa: ASYNC110 - another process tells
            await asyncio.sleep(0.1)


def _counted(stage: Stage) -> int:
    with urlopen(f"{stage.web}/metrics", timeout=20) as answer:
        found = COUNTED.search(answer.read().decode())
    return int(float(found[1])) if found else 0


async def _bare(server: StandIn, turns: int, frames: int) -> float:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        heard = frames + turns * _FRAMES_A_BEGINNING
        environ = {
            "BARE_SERVER_URL": server.url,
            "BARE_TURNS": str(turns),
            "BARE_FRAMES": str(heard),
        }
        program = Program(["-m", "bench.bare"], Path(folder), environ)
        try:
            await _heard(lambda: len(server.live), turns)
            await asyncio.sleep(0.5)
            before = program.cpu_s()
            await server.pump(frames)
            await _heard(lambda: int(bare.DONE in program.said()), 1)
            return (program.cpu_s() - before) / frames
        finally:
            await asyncio.to_thread(program.end)
