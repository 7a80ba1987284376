"""Benchmarks of a worker that is killed: how soon there is another, and how soon people see it."""

import asyncio
import time
from functools import partial

from bench.figures import Row, median
from bench.parts import Backstage
from bench.past import multiply
from bench.place import CHANNELS, Write
from bench.stage import CALM_S, Asked, Stage, bridge_stage
from bench.talk import ECHO

FIRST, THREADS = 20, 10_000
LIVE = 100
SLOW = "[[text at 2/s one two three four {word} six seven]][[wait 60]]"

KILLS, LIVED_S = 3, 10.5
"""A worker that lived ten seconds is replaced without a pause that grows (see `supervisor`)."""
ANSWER_S, TOKENS_A_SECOND = 40, 20


async def restart(backstage: Backstage) -> list[Row]:
    """Ten thousand threads and a hundred live turns: killed → ready, and all turns taken up."""
    async with bridge_stage(backstage) as stage:
        for number in range(FIRST):
            await stage.turn(ECHO, channel=CHANNELS[number % len(CHANNELS)])
        await stage.stop_bridge()
        await asyncio.to_thread(multiply, stage.folder / "bridge.db", THREADS // FIRST)
        await stage.start_bridge()
        turns = [stage.ask(SLOW, channel=CHANNELS[n % len(CHANNELS)]) for n in range(LIVE)]
        for asked in turns:
            await stage.until(partial(_has_begun, stage, asked), within_s=90.0)
        live = {frame.conversation for asked in turns if (frame := stage.input_of(asked))}
        killed = stage.program.kill_worker()
        await stage.ready()
        ready_s = time.monotonic() - killed
        taken_up = await stage.until(partial(_taken_up, stage, live, killed), within_s=60.0)
    return [
        Row(
            what="worker killed with 10,000 open threads and 100 live turns → ready",
            figure=f"{ready_s:.2f} s",
            goal="≤ 3 s",
            ok=ready_s <= 3.0,
            note=f"from the kill; all {LIVE} turns are taken up after {taken_up - killed:.2f} s",
        )
    ]


def _has_begun(stage: Stage, asked: Asked) -> bool | None:
    return bool(stage.tokens_of(asked)) or None


def _taken_up(stage: Stage, live: set[str], since: float) -> float | None:
    """When the new worker had the state of the last of these conversations."""
    heard: dict[str, float] = {}
    for frame in stage.wire.frames:
        if frame.at > since and frame.kind == "runtime_start_response":
            heard.setdefault(frame.conversation, frame.at)
    return max(heard[each] for each in live) if live <= heard.keys() else None


async def mid_answer(backstage: Backstage) -> list[Row]:
    """Killed while an answer grows → the same message grows again."""
    script = f"[[say {ANSWER_S * TOKENS_A_SECOND} tokens at {TOKENS_A_SECOND}/s]][[text {{word}}]]"
    gaps: list[float] = []
    async with bridge_stage(backstage) as stage:
        asked = stage.ask(script, channel="#general")
        for _ in range(KILLS):
            count = len(stage.writes(asked))
            await stage.until(partial(_grown, stage, asked, count + 2))
            killed = stage.program.kill_worker()
            grown = await stage.until(partial(_grows, stage, asked, killed), within_s=30.0)
            gaps.append(grown.at - killed)
            await stage.ready()
            await asyncio.sleep(LIVED_S - gaps[-1])
        end = await stage.until(partial(stage.ended, asked), within_s=ANSWER_S + 60.0)
        await asyncio.sleep(CALM_S)
        posts = sum(write.method == "chat.postMessage" for write in stage.writes(asked))
    return [
        Row(
            what="worker killed mid-answer → the same message grows again, p50",
            figure=f"{median(gaps):.2f} s",
            goal="≤ 3 s",
            ok=median(gaps) <= 3.0 and posts == 1 and asked.word in end.content,
            note=f"{KILLS} kills in one answer of {ANSWER_S} s, longest {max(gaps):.2f} s; "
            f"{posts} message, last words {'there' if asked.word in end.content else 'lost'}",
        )
    ]


def _grown(stage: Stage, asked: Asked, count: int) -> bool | None:
    return len(stage.writes(asked)) >= count or None


def _grows(stage: Stage, asked: Asked, since: float) -> Write | None:
    """The first write after that instant that shows more than the last one before it."""
    writes = stage.writes(asked)
    before = max((len(w.content) for w in writes if w.at <= since), default=0)
    return next((w for w in writes if w.at > since and len(w.content) > before), None)
