"""Benchmarks of one question at a time: ack, input on the wire, answer visible."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from bench.figures import Row, median, ms, percentile, spread
from bench.parts import Backstage
from bench.place import CHANNELS
from bench.stage import CALM_S, Asked, Stage, bridge_stage, floor_stage

ECHO = "[[text {word}]]"
"""A model that answers at once, with one word."""

BUSY = "[[text {word}]][[wait 60]]"
"""A model that keeps its agent busy."""

NEW, KNOWN, ROUNDS = 24, 36, 2
"""Slack allows 50 edits a minute and every reply needs one, so a stage sees fewer turns."""

EVENTS_A_SECOND, EVENTS = 50, 500

T = TypeVar("T")
Pair = tuple[T, T]
"""The bridge's and the floor's."""


async def ack(backstage: Backstage) -> list[Row]:
    """Event → ack while 50 a second arrive; each is stored and queued before its ack."""
    async with bridge_stage(backstage) as stage:
        busy = [(channel, stage.ask(BUSY, channel=channel)) for channel in CHANNELS]
        for _, asked in busy:
            await stage.until(partial(stage.shown, asked))
        acks = stage.place.acks
        acks.clear()
        clock = asyncio.get_running_loop().time
        began = clock()
        for number in range(EVENTS):
            await asyncio.sleep(max(0.0, began + number / EVENTS_A_SECOND - clock()))
            channel, asked = busy[number % len(busy)]
            stage.place.ask(f"and {number}", channel=channel, thread=asked.thread)
        await stage.until(lambda: len(acks) >= EVENTS or None)
        missed = f", {stage.place.unacked} late" if stage.place.unacked else ""
    p99 = percentile(acks, 0.99)
    return [
        Row(
            what="Slack event → ack, p99, 50 events/s",
            figure=ms(p99),
            goal="≤ 25 ms",
            ok=p99 <= 0.025 and not missed,
            note=f"{spread(acks)}, p50 {ms(median(acks))}{missed}",
        )
    ]


@dataclass(slots=True)
class Times:
    """What was measured, in seconds since the question was asked."""

    input: list[float] = field(default_factory=list)
    visible: list[float] = field(default_factory=list)

    async def take(self, stage: Stage, asked: Asked) -> None:
        """Wait for a question's answer and for calm, and note both instants."""
        shown = await stage.until(lambda: stage.shown(asked))
        put = await stage.until(lambda: stage.input_of(asked))
        self.input.append(put.at - asked.at)
        self.visible.append(shown.at - asked.at)


Ask = Callable[[Stage, int], Asked]
"""Asks the question of that number."""


async def answer(backstage: Backstage) -> list[Row]:
    """Event → `input`, and mention → answer visible, in new and known threads."""
    new, known = (Times(), Times()), (Times(), Times())
    async with bridge_stage(backstage) as bridge, floor_stage(backstage) as floor:
        await _by_turns((bridge, floor), new, _ask_anew, NEW)
    for _ in range(ROUNDS):
        async with bridge_stage(backstage) as bridge, floor_stage(backstage) as floor:
            threads = await _known_threads((bridge, floor))
            await _by_turns((bridge, floor), known, partial(_ask_again, threads), KNOWN)
    floor_s = median(known[1].visible)
    return [
        _input_row(*known),
        _visible_row("known thread", known[0], floor_s, 0.010, floor_s),
        _visible_row("new thread", new[0], floor_s, 0.030, median(new[1].visible)),
    ]


async def _by_turns(stages: Pair[Stage], times: Pair[Times], ask: Ask, count: int) -> None:
    """The bridge and the floor take turns, so that both meet the same machine."""
    for number in range(count):
        for stage, taken in zip(stages, times, strict=True):
            asked = ask(stage, number)
            await taken.take(stage, asked)
            await _calm(stage, asked)


async def _known_threads(stages: Pair[Stage]) -> dict[Stage, list[Asked]]:
    threads: dict[Stage, list[Asked]] = {}
    for stage in stages:
        threads[stage] = [_ask_anew(stage, number) for number in range(len(CHANNELS))]
        for asked in threads[stage]:
            await stage.until(partial(stage.shown, asked))
            await _calm(stage, asked)
    return threads


def _ask_anew(stage: Stage, number: int) -> Asked:
    return stage.ask(ECHO, channel=CHANNELS[number % len(CHANNELS)])


def _ask_again(threads: dict[Stage, list[Asked]], stage: Stage, number: int) -> Asked:
    index = number % len(CHANNELS)
    return stage.ask(ECHO, channel=CHANNELS[index], thread=threads[stage][index].thread)


async def _calm(stage: Stage, asked: Asked) -> None:
    """Wait until the server has ended the turn and nothing follows."""
    await stage.until(lambda: stage.finished(asked))
    await asyncio.sleep(CALM_S)


def _input_row(ours: Times, bare: Times) -> Row:
    p50, p99 = median(ours.input), percentile(ours.input, 0.99)
    return Row(
        what="Slack event → `input` frame on the wire, idle known thread, p50 / p99",
        figure=f"{ms(p50)} / {ms(p99)}",
        goal="≤ 8 ms / ≤ 40 ms",
        ok=p50 <= 0.008 and p99 <= 0.040,
        floor=f"{ms(median(bare.input))} / {ms(percentile(bare.input, 0.99))}",
        note=spread(ours.input),
    )


def _visible_row(where: str, ours: Times, known_s: float, more_s: float, floor_s: float) -> Row:
    taken = median(ours.visible)
    goal = known_s + more_s
    return Row(
        what=f"mention → answer visible, instant model, {where}, p50",
        figure=ms(taken),
        goal=f"≤ {ms(goal)} (floor, known thread, + {ms(more_s)})",
        ok=taken <= goal,
        floor=ms(floor_s),
        note=spread(ours.visible),
    )
