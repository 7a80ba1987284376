"""A short campaign: most kinds of fault, and nobody notices more than a pause."""

from pathlib import Path

import pytest

from tests.chaos.campaign import run
from tests.chaos.report import one_line
from tests.chaos.schedule import plan

pytestmark = [pytest.mark.appserver, pytest.mark.timeout(240)]

SEEDS = (8000, 8001, 8002, 8032)
"""Three rounds with a server elsewhere, one with the bridge's own."""

STRIKES = 9


async def test_whatever_breaks_each_message_gets_one_whole_answer_or_an_honest_end(
    tmp_path: Path,
) -> None:
    outcomes = await run(
        SEEDS,
        strikes=STRIKES,
        enough=lambda outcomes: False,
        keep=tmp_path / "evidence",
        tell=lambda outcome: None,
    )
    assert [one_line(outcome) for outcome in outcomes if outcome.findings] == []
    assert sum(len(outcome.struck) for outcome in outcomes) >= 2 * STRIKES, "things did break"
    assert any(outcome.plan.managed for outcome in outcomes)
    whole = sum(one.whole for outcome in outcomes for one in outcome.judgements)
    assert whole > sum(len(plan(seed).asks) for seed in SEEDS) / 2, "most answers are whole"
