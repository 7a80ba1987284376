"""Benchmarks of what the bridge costs: processor time and memory."""

import asyncio
from functools import partial

from bench.figures import Row, ms
from bench.parts import Backstage
from bench.place import BURST, CHANNELS
from bench.stage import CALM_S, Asked, Stage, bridge_stage
from bench.talk import ECHO

SHORT_TURNS = 30
LIVE_TURNS = 100
ANSWERS, WORDS, WORDS_A_SECOND = 10, 400, 40
SLOW = "[[text at 1/s one two three four {word} six seven]][[wait 60]]"


async def cost(backstage: Backstage) -> list[Row]:
    """Processor time of a short turn; resident memory idle and with a hundred live turns."""
    async with bridge_stage(backstage) as stage:
        threads = [(await stage.turn(ECHO, channel=channel)).thread for channel in CHANNELS]
        idle_mb, worker_mb = stage.program.resident_mb(), stage.program.worker_mb()
        per_turn = await _cpu_per_turn(stage, threads)
        busy_mb = await _with_live_turns(stage)
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
            note=f"supervisor and worker; idle, {worker_mb:.0f} MB of it the worker",
        ),
    ]


async def crowd_cost(backstage: Backstage) -> list[Row]:
    """Processor time of an answer while ten of them stream at once, Slack's limits on."""
    script = f"[[text at {WORDS_A_SECOND}/s {' '.join(['{word}'] * WORDS)}]]"
    async with bridge_stage(backstage, channel_burst=BURST) as stage:
        await stage.turn(ECHO, channel=CHANNELS[0])
        before = stage.program.cpu_s()
        worker_before = stage.program.worker_cpu_s()
        asked = [
            stage.ask(script, channel=CHANNELS[number % len(CHANNELS)]) for number in range(ANSWERS)
        ]
        for each in asked:
            await stage.until(partial(stage.ended, each), within_s=60.0)
        used = (stage.program.cpu_s() - before) / ANSWERS
        worker = (stage.program.worker_cpu_s() - worker_before) / ANSWERS
    return [
        Row(
            what=f"CPU per answer of {WORDS} words, ten at once at {WORDS_A_SECOND} words a second",
            figure=ms(used),
            goal="≤ 95 ms",
            ok=used <= 0.095,
            note=f"supervisor and worker; {ms(worker)} of it the worker",
        )
    ]


async def _cpu_per_turn(stage: Stage, threads: list[str]) -> float:
    before = stage.program.cpu_s()
    for number in range(SHORT_TURNS):
        index = number % len(CHANNELS)
        await stage.turn(ECHO, channel=CHANNELS[index], thread=threads[index])
    return (stage.program.cpu_s() - before) / SHORT_TURNS


async def _with_live_turns(stage: Stage) -> float:
    turns = [
        stage.ask(SLOW, channel=CHANNELS[number % len(CHANNELS)]) for number in range(LIVE_TURNS)
    ]
    for asked in turns:
        await stage.until(partial(_has_begun, stage, asked), within_s=90.0)
    await asyncio.sleep(CALM_S)
    return stage.program.resident_mb()


def _has_begun(stage: Stage, asked: Asked) -> bool | None:
    return bool(stage.tokens_of(asked)) or None
