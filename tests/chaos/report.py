"""What a campaign came to: figures for each kind of fault, as a table for people."""

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tests.chaos.checker import Verdict
from tests.chaos.plan import Ask, Twist
from tests.chaos.round import Outcome
from tests.chaos.schedule import KILLS, ONCE
from tests.chaos.steps import SLACK, STORE, WIRE

DOCUMENT = Path(__file__).parents[2] / "docs" / "reliability.md"
OPENING, CLOSING = "<!-- figures -->", "<!-- end of figures -->"

WRONG = (Verdict.WRONG_DECISION, Verdict.WRONG_TEXT)


@dataclass(slots=True)
class Row:
    """What was seen in the rounds in which one kind of fault happened.

    A round has several faults, so its messages and findings count for each of their kinds.
    """

    faults: int = 0
    messages: int = 0
    whole: int = 0
    interrupted: int = 0
    verdicts: Counter[Verdict] = field(default_factory=Counter)

    def add(self, outcome: Outcome) -> None:
        """Count one round's messages."""
        self.messages += len(outcome.judgements)
        self.whole += sum(one.whole for one in outcome.judgements)
        self.interrupted += _interrupted(outcome)
        self.verdicts.update(one.verdict for one in outcome.judgements)

    def cells(self) -> list[str]:
        """The row, without its name."""
        wrong = sum(self.verdicts[verdict] for verdict in WRONG)
        found = (self.verdicts[v] for v in (Verdict.LOST, Verdict.DOUBLED, Verdict.HANGING))
        people = self.messages - self.whole - self.interrupted
        seen = (self.messages, self.whole, people, self.interrupted)
        return [str(number) for number in (self.faults, *found, wrong, *seen)]


def _interrupted(outcome: Outcome) -> int:
    """How many answers are not whole although nobody stopped, edited or deleted there."""
    plan = outcome.plan
    meddled = {_thread(ask) for ask in plan.asks if ask.twist is not Twist.NONE}
    left_alone = {ask.key for ask in plan.asks if _thread(ask) not in meddled}
    return sum(not one.whole and one.key in left_alone for one in outcome.judgements)


def _thread(ask: Ask) -> str:
    return f"dm of {ask.who}" if ask.place == "dm" else ask.after or ask.key


def rows(outcomes: Iterable[Outcome]) -> dict[str, Row]:
    """One row for each kind, and one for all together, under `all`."""
    table = {kind: Row() for kind in (*KILLS, *ONCE)}
    total = Row()
    for outcome in outcomes:
        struck = Counter(strike.kind for strike in outcome.struck)
        for kind, times in struck.items():
            table[kind].faults += times
            table[kind].add(outcome)
        total.faults += sum(struck.values())
        total.add(outcome)
    return {**table, "all": total}


HEAD = (
    *("kind", "faults", "lost", "doubled", "hanging", "wrong"),
    *("messages", "whole", "stopped", "interrupted"),
)


def table(outcomes: Sequence[Outcome]) -> str:
    """The table in Markdown, aligned so that it reads well in a terminal too."""
    lines = [list(HEAD), *([kind, *row.cells()] for kind, row in rows(outcomes).items())]
    widths = [max(len(line[at]) for line in lines) for at in range(len(HEAD))]
    text = [_line(line, widths) for line in lines]
    rule = _line(["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])], widths)
    return "\n".join([text[0], rule, *text[1:]])


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = (cell for cell in cells)
    aligned = (cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True))
    return f"| {first.ljust(widths[0])} | {' | '.join(aligned)} |"


def steps(outcomes: Sequence[Outcome]) -> str:
    """At how many of the named steps the worker was killed."""
    met = {strike.step for outcome in outcomes for strike in outcome.struck if strike.step}
    named = (*SLACK, *WIRE, *STORE)
    missing = ", ".join(str(step) for step in named if step not in met)
    return f"{len(met)} of {len(named)} named steps{f' (not: {missing})' if missing else ''}"


def write(outcomes: Sequence[Outcome], *, seeds: range, took_s: float) -> None:
    """Put the figures into the document, between its marks."""
    total = rows(outcomes)["all"]
    rounds = f"{len(outcomes)} rounds from seed {seeds.start} on"
    calm = statistics.median(outcome.calm_after_s for outcome in outcomes)
    said = (
        f"{datetime.now(UTC):%d %B %Y}: {total.faults} faults in {rounds}, {total.messages} "
        f"messages, {took_s / 60:.0f} minutes. {total.whole} answers were whole. Between the last "
        f"fault of a round and the end of the last answer lay {calm:.1f} s (median). The worker "
        f"was killed at {steps(outcomes)}."
    )
    before, _, rest = DOCUMENT.read_text(encoding="utf-8").partition(OPENING)
    after = rest.partition(CLOSING)[2]
    text = f"{before}{OPENING}\n{said}\n\n{table(outcomes)}\n{CLOSING}{after}"
    DOCUMENT.write_text(text, encoding="utf-8")


def one_line(outcome: Outcome) -> str:
    """A round in a line."""
    whole = sum(one.whole for one in outcome.judgements)
    found = "; ".join(f"{one.verdict} {one.key}: {one.why}" for one in outcome.findings)
    managed = " (own server)" if outcome.plan.managed else ""
    return (
        f"seed {outcome.plan.seed}{managed}: {len(outcome.struck)} faults, "
        f"{len(outcome.judgements)} messages, {whole} whole, calm after "
        f"{outcome.calm_after_s:.1f} s, {outcome.took_s:.1f} s{'  ' + found if found else ''}"
    )
