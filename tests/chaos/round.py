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
    stage.place.forget_rates()  # as after a quiet minute
    people = People(stage.place, plan)
    tasks = Tasks()
    deciding = tasks.spawn(people.decide(), name="people decide")
    try:
        async with asyncio.TaskGroup() as group:
            struck = [group.create_task(_strike(stage, strike)) for strike in plan.strikes]
            group.create_task(people.talk())
        stage.wires.disarm()
        broken = time.monotonic()
        evidence, judgements = await _calm(stage, people)
    finally:
        deciding.cancel()
        await tasks.aclose()
    return Outcome(
        plan=plan,
        struck=tuple(s for s, task in zip(plan.strikes, struck, strict=True) if task.result()),
        judgements=tuple(judgements),
        evidence=evidence,
        calm_after_s=time.monotonic() - broken,
        took_s=time.monotonic() - begun,
    )


async def _strike(stage: Stage, strike: Strike) -> bool:
    await asyncio.sleep(strike.at_s)
    return await inflict(stage, strike)


async def _calm(stage: Stage, people: People) -> tuple[Evidence, Sequence[Judgement]]:
    """Wait until nothing is left that time could heal, and judge."""
    with contextlib.suppress(AssertionError):  # then the judgement says what hangs
        await stage.ready()
    deadline = time.monotonic() + CALM_S
    while True:
        evidence, judgements = await look(stage, people)
        waiting = any(one.verdict in _PASSING for one in judgements) or stage.place.undelivered
        if not waiting:
            await asyncio.sleep(SETTLED_S)
            evidence, judgements = await look(stage, people)
            if not any(one.verdict in _PASSING for one in judgements):
                return evidence, judgements
        if time.monotonic() > deadline:
            return evidence, judgements
        await asyncio.sleep(0.1)


async def look(stage: Stage, people: People) -> tuple[Evidence, Sequence[Judgement]]:
    """Gather and judge what there is now."""
    evidence = await gather(stage, people, acked=frozenset(stage.place.acked))
    return evidence, judge(evidence)
