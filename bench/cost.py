"""Benchmarks of what the bridge costs: processor time and memory."""

import asyncio
from functools import partial

from bench.figures import Row, ms
from bench.parts import Backstage
from bench.stage import CALM_S, Asked, Stage, bridge_stage
from bench.talk import CHANNELS, ECHO

SHORT_TURNS = 30
LIVE_TURNS = 100
SLOW = "[[text at 1/s one two three four {word} six seven]][[wait 60]]"


async def cost(backstage: Backstage) -> list[Row]:
    """Processor time of a short turn; resident memory idle and with a hundred live turns."""
    async with bridge_stage(backstage) as stage:
        channels = stage.place.open_channels(CHANNELS)
        for channel in channels:
            await stage.turn(ECHO, channel=channel)
        idle_mb = stage.program.resident_mb()
        per_turn = await _cpu_per_turn(stage, channels)
        busy_mb = await _with_live_turns(stage, channels)
    return [
        Row(
            what="CPU per short turn",
            figure=ms(per_turn),
            goal="≤ 15 ms",
            ok=per_turn <= 0.015,
            note=f"mean of {SHORT_TURNS}",
        ),
        Row(
            what="resident memory idle, with 100 live turns",
            figure=f"{idle_mb:.0f} MB, {busy_mb:.0f} MB",
            goal="≤ 120 MB, ≤ 130 MB",
            ok=idle_mb <= 120 and busy_mb <= 130,
        ),
    ]


async def _cpu_per_turn(stage: Stage, channels: list[str]) -> float:
    threads = {w.thread for w in stage.place.writes}
    of = dict(zip(channels, sorted(threads), strict=True))
    before = stage.program.cpu_s()
    for number in range(SHORT_TURNS):
        channel = channels[number % CHANNELS]
        await stage.turn(ECHO, channel=channel, thread=of[channel])
    return (stage.program.cpu_s() - before) / SHORT_TURNS


async def _with_live_turns(stage: Stage, channels: list[str]) -> float:
    turns = [stage.ask(SLOW, channel=channels[n % CHANNELS]) for n in range(LIVE_TURNS)]
    for asked in turns:
        await stage.until(partial(_has_begun, stage, asked), within_s=90.0)
    await asyncio.sleep(CALM_S)
    return stage.program.resident_mb()


def _has_begun(stage: Stage, asked: Asked) -> bool | None:
    return bool(stage.tokens_of(asked)) or None
