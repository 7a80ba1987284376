"""Benchmarks of one growing answer: first text, revisions, and the last words."""

from itertools import pairwise

from bench.figures import Row, median, ms, spread
from bench.parts import Backstage
from bench.place import CHANNELS
from bench.stage import Asked, Stage, bridge_stage

SHORT = "[[say 20 tokens at 20/s]][[text {word}]]"
LONG = "[[say 200 tokens at 20/s]][[text {word}]]"
LONG_S = 10.0
SHORTS, LONGS = 18, 2


async def growing(backstage: Backstage) -> list[Row]:
    """First token → visible; the gaps between revisions; last token → final text accepted."""
    async with bridge_stage(backstage) as stage:
        shorts = [
            await stage.turn(SHORT, channel=CHANNELS[number % len(CHANNELS)])
            for number in range(SHORTS)
        ]
    async with bridge_stage(backstage) as quiet:
        longs = [await quiet.turn(LONG, channel="#general") for _ in range(LONGS)]
    ended = [(stage, asked) for asked in shorts] + [(quiet, asked) for asked in longs]
    return [
        _first_row([_first_s(stage, asked) for asked in shorts]),
        _revision_row(quiet, longs),
        _last_row([_last_s(*turn) for turn in ended], [_server_s(*turn) for turn in ended]),
    ]


def _first_s(stage: Stage, asked: Asked) -> float:
    return stage.writes(asked)[0].at - stage.tokens_of(asked)[0].at


def _last_s(stage: Stage, asked: Asked) -> float:
    """From the last token to the write that shows it and ends the reply."""
    end = stage.ended(asked)
    assert end is not None
    return end.at - stage.tokens_of(asked)[-1].at


def _server_s(stage: Stage, asked: Asked) -> float:
    """From the last token to the server's word that the turn is over."""
    finished = stage.finished(asked)
    assert finished is not None
    return finished.at - stage.tokens_of(asked)[-1].at


def _first_row(taken: list[float]) -> Row:
    return Row(
        what="first token → visible, budget free, p50",
        figure=ms(median(taken)),
        goal="≤ 50 ms",
        ok=median(taken) <= 0.050,
        note=spread(taken),
    )


def _revision_row(stage: Stage, turns: list[Asked]) -> Row:
    written = [stage.writes(asked) for asked in turns]
    gap = max(later.at - earlier.at for writes in written for earlier, later in pairwise(writes))
    most = max(len(writes) for writes in written) * 10.0 / LONG_S
    return Row(
        what="one live turn: largest gap between revisions, writes per 10 s of text",
        figure=f"{gap:.2f} s, {most:.0f}",
        goal="≤ 1.2 s, ≤ 12",
        ok=gap <= 1.2 and most <= 12,
        note=f"{len(turns)} turns of {LONG_S:.0f} s",
    )


def _last_row(taken: list[float], server: list[float]) -> Row:
    ours = [whole - theirs for whole, theirs in zip(taken, server, strict=True)]
    return Row(
        what="last token → final text accepted, p50",
        figure=ms(median(taken)),
        goal="≤ 15 ms",
        ok=median(taken) <= 0.015,
        floor=ms(median(server)),
        note=f"{spread(taken)}; the server says that the turn is over {ms(median(server))} after "
        f"the last token, the bridge takes {ms(median(ours))} from there",
    )
