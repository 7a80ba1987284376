"""What a benchmark hands back: rows of the table, and the little statistics behind them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `floor` is None where the goal is absolute; `note` says what else
    was seen, such as the number of samples.
    """

    what: str
    figure: str
    goal: str
    ok: bool
    floor: str | None = None
    note: str = ""


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of all values do not exceed (nearest rank)."""
    ranked = sorted(values)
    return ranked[max(0, math.ceil(share * len(ranked)) - 1)]


def median(values: Sequence[float]) -> float:
    """The middle value, the lower one of two."""
    return percentile(values, 0.5)


def ms(seconds: float) -> str:
    """Seconds as milliseconds for the table: `7.4 ms`, `34 ms`."""
    value = seconds * 1000
    return f"{value:.1f} ms" if value < 10 else f"{value:.0f} ms"


def us(seconds: float) -> str:
    """Seconds as microseconds for the table: `84 µs`."""
    return f"{seconds * 1_000_000:.0f} µs"


def spread(values: Sequence[float]) -> str:
    """How many samples there are and how far they reach: `45 samples, 5.1 ms to 17 ms`."""
    return f"{len(values)} samples, {ms(min(values))} to {ms(max(values))}"
