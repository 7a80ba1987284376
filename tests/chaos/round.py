"""One round: people talk while things break; then calm, then the judgement."""

import asyncio
import contextlib
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass

from bridge.telemetry import Tasks
from tests.chaos.checker import Evidence, Judgement, Verdict, judge
from tests.chaos.evidence import gather
from tests.chaos.kinds import inflict
from tests.chaos.people import People
from tests.chaos.plan import Plan, Strike
from tests.chaos.stage import Stage

CALM_S = float(os.environ.get("CALM_S", "75"))
"""How long after the last fault everything may take to come to its end."""

SETTLED_S = 0.7
"""A pause after the end, in which something could be said once too often."""

LOOK_S = 0.15

_PASSING = frozenset({Verdict.LOST, Verdict.HANGING, Verdict.WRONG_TEXT})
"""What may yet turn out well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a round. `struck` are the faults that happened; times in seconds."""

    plan: Plan
    struck: tuple[Strike, ...]
    judgements: tuple[Judgement, ...]
    evidence: Evidence
    calm_after_s: float
    took_s: float

    @property
    def findings(self) -> list[Judgement]:
        """What went wrong."""
        return [one for one in self.judgements if one.verdict is not Verdict.OK]


async def play(stage: Stage, plan: Plan) -> Outcome:
    """Play one round on a stage that is ready; leaves it ready for the next."""
    begun = time.monotonic()
    stage.server_kills = 0
    stage.calm.clear()
    stage.place.forget_rates()  # as after a quiet minute
    people = People(stage.place, plan)
    tasks = Tasks()
    tasks.spawn(people.decide(), name="people decide")
    faults = [tasks.spawn(_strike(stage, strike), name=strike.kind) for strike in plan.strikes]
    try:
        await people.talk()
        due = begun + max((strike.at_s for strike in plan.strikes), default=0.0)
        broken, evidence, judgements = await _calm(stage, people, faults, all_due_at=due)
        struck = await asyncio.gather(*faults)
        calm = time.monotonic()
        with contextlib.suppress(AssertionError):  # then the next round tells
            await stage.ready()
    finally:
        stage.wires.disarm()
        await tasks.aclose()
    return Outcome(
        plan=plan,
        struck=tuple(s for s, happened in zip(plan.strikes, struck, strict=True) if happened),
        judgements=tuple(judgements),
        evidence=evidence,
        calm_after_s=calm - broken,
        took_s=time.monotonic() - begun,
    )


async def _strike(stage: Stage, strike: Strike) -> bool:
    await asyncio.sleep(strike.at_s)
    return await inflict(stage, strike)


async def _calm(
    stage: Stage, people: People, faults: Sequence[asyncio.Task[bool]], *, all_due_at: float
) -> tuple[float, Evidence, Sequence[Judgement]]:
    """Wait until nothing is left that time could heal, and judge.

    Faults that have found no occasion by then (and were due) are told that none will come.
    Returns when the last fault was over, on the monotonic clock, and what is seen then.
    """
    last, left, quiet = time.monotonic(), len(faults), 0
    while True:
        evidence, judgements = await look(stage, people)
        now, running = time.monotonic(), sum(not fault.done() for fault in faults)
        if running != left:
            last, left = now, running
        restless = stage.place.undelivered or any(one.verdict in _PASSING for one in judgements)
        quiet = 0 if restless or left else quiet + 1
        if quiet == 2 or now > last + CALM_S:
            stage.calm.set()
            return last, evidence, judgements
        if left and not restless and now > all_due_at:
            stage.calm.set()
        await asyncio.sleep(SETTLED_S if quiet else LOOK_S)


async def look(stage: Stage, people: People) -> tuple[Evidence, Sequence[Judgement]]:
    """Gather and judge what there is now."""
    evidence = await gather(stage, people, acked=frozenset(stage.place.acked))
    return evidence, judge(evidence)
