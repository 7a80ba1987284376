"""Benchmarks of many growing answers at once, with Slack's limits on."""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

from bench.figures import Row
from bench.parts import Backstage
from bench.place import BURST, CHANNELS
from bench.stage import Asked, Stage, bridge_stage

TURNS = 10
TOKENS_A_SECOND = 20
CHANNEL = "#general"

MANY, MANY_S, MANY_TOKENS_A_SECOND = 50, 20, 10
EDITS_A_MINUTE = 48
"""Slack takes 50 (PLATFORM §1.2), of which two are kept back. Every reply needs one to end."""


async def ten_short(backstage: Backstage) -> list[Row]:
    """Ten answers of 10 s, where Slack takes bursts of posts and where it does not."""
    return [
        await _ten_short(backstage, "limits on", channel_burst=BURST, refusals=0),
        await _ten_short(backstage, "limits on, no bursts", channel_burst=1, refusals=1),
    ]


async def _ten_short(backstage: Backstage, where: str, *, channel_burst: int, refusals: int) -> Row:
    stage, turns = await _crowd(backstage, seconds=10, channel_burst=channel_burst)
    late, gap = max(_late_s(stage, asked) for asked in turns), _largest_gap_s(stage, turns)
    # Without bursts the first posts take a second each, which no pacing can change.
    late_goal = 1.0 if channel_burst == BURST else 3.0
    return Row(
        what=f"ten 10 s turns at once in one channel, {where}",
        figure=f"{_complete(stage, turns)}, end {late:.2f} s after the last token, "
        f"largest gap {gap:.1f} s",
        goal=f"10 of 10, {'no' if not refusals else f'at most {refusals}'} 429, "
        f"≤ {late_goal:.0f} s, ≤ 4 s",
        ok=_all_whole(stage, turns)
        and _refused(stage) <= refusals
        and late <= late_goal
        and gap <= 4.0,
        note=f"first text of the last one after {_last_first_s(stage, turns):.1f} s",
    )


async def ten_long(backstage: Backstage) -> list[Row]:
    """Ten answers of 30 s."""
    stage, turns = await _crowd(backstage, seconds=30)
    began = min(asked.at for asked in turns)
    end = max(_end_at(stage, asked) for asked in turns) - began
    gap = _largest_gap_s(stage, turns)
    return [
        Row(
            what="ten 30 s turns at once in one channel, limits on",
            figure=f"{_complete(stage, turns)}, end {end:.1f} s, largest gap {gap:.1f} s",
            goal="10 of 10, no 429, ≤ 35 s, ≤ 8 s",
            ok=_all_well(stage, turns) and end <= 35.0 and gap <= 8.0,
            note=f"first text of the last one after {_last_first_s(stage, turns):.1f} s",
        )
    ]


async def fifty(backstage: Backstage) -> list[Row]:
    """Fifty answers of 20 s in several channels: more last edits than Slack takes at once."""
    stage, turns = await _crowd(
        backstage,
        seconds=MANY_S,
        turns=MANY,
        tokens_a_second=MANY_TOKENS_A_SECOND,
        channels=CHANNELS,
    )
    late = max(_late_s(stage, asked) for asked in turns)
    gap = _largest_gap_s(stage, turns)
    return [
        Row(
            what=f"fifty {MANY_S} s turns at once in six channels, limits on",
            figure=f"{_complete(stage, turns)}, end {late:.1f} s after the last token, "
            f"largest gap {gap:.1f} s",
            goal=f"{MANY} of {MANY}, no 429, ≤ 65 s (each needs a last edit, {EDITS_A_MINUTE} a "
            "minute are used: the last two wait for a minute after the first)",
            ok=_all_well(stage, turns) and late <= 65.0,
            note=f"first text of the last one after {_last_first_s(stage, turns):.1f} s",
        )
    ]


def _largest_gap_s(stage: Stage, turns: list[Asked]) -> float:
    return max(
        later.at - earlier.at for asked in turns for earlier, later in pairwise(stage.writes(asked))
    )


async def _crowd(
    backstage: Backstage,
    *,
    seconds: int,
    turns: int = TURNS,
    tokens_a_second: int = TOKENS_A_SECOND,
    channels: Sequence[str] = (CHANNEL,),
    channel_burst: int = BURST,
) -> tuple[Stage, list[Asked]]:
    script = f"[[say {seconds * tokens_a_second} tokens at {tokens_a_second}/s]][[text {{word}}]]"
    async with bridge_stage(backstage, channel_burst=channel_burst) as stage:
        asked = [
            stage.ask(script, channel=channels[number % len(channels)]) for number in range(turns)
        ]
        for each in asked:
            await stage.until(partial(stage.ended, each), within_s=seconds + 90.0)
        return stage, asked


def _refused(stage: Stage) -> int:
    return sum(stage.place.rate_limited().values())


def _whole(stage: Stage, asked: Asked) -> bool:
    """Whether the reply's last write shows the last word."""
    end = stage.ended(asked)
    return end is not None and asked.word in end.content


def _all_whole(stage: Stage, turns: list[Asked]) -> bool:
    return all(_whole(stage, asked) for asked in turns)


def _all_well(stage: Stage, turns: list[Asked]) -> bool:
    return _all_whole(stage, turns) and not _refused(stage)


def _complete(stage: Stage, turns: list[Asked]) -> str:
    whole = sum(_whole(stage, asked) for asked in turns)
    return f"{whole} of {len(turns)}, {_refused(stage) or 'no'} 429"


def _end_at(stage: Stage, asked: Asked) -> float:
    end = stage.ended(asked)
    assert end is not None
    return end.at


def _late_s(stage: Stage, asked: Asked) -> float:
    return _end_at(stage, asked) - stage.tokens_of(asked)[-1].at


def _last_first_s(stage: Stage, turns: list[Asked]) -> float:
    return max(stage.writes(asked)[0].at - asked.at for asked in turns)
