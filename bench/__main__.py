"""Runs benchmarks and prints their table: `python -m bench [--write] [NAME …]`."""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from bench.cost import cost, crowd_cost
from bench.crowd import fifty, ten_long, ten_short
from bench.day import day
from bench.figures import Row
from bench.frames import frames
from bench.live import growing
from bench.parts import Backstage
from bench.queue import queue
from bench.report import DOCUMENT, rewrite, table
from bench.restart import mid_answer, restart
from bench.talk import ack, answer

Benchmark = Callable[[Backstage], Awaitable[list[Row]]]

BENCHMARKS: dict[str, Benchmark] = {
    "ack": ack,
    "answer": answer,
    "live": growing,
    "ten-short": ten_short,
    "ten-long": ten_long,
    "cost": cost,
    "crowd-cost": crowd_cost,
    "frames": frames,
    "queue": queue,
    "restart": restart,
    "mid-answer": mid_answer,
    "fifty": fifty,
    "day": day,
}

PATIENT = frozenset({"fifty", "day"})
"""They mostly wait and their figures are no milliseconds: they share the time."""


async def run(names: Sequence[str]) -> list[Row]:
    """Run benchmarks one after another, but the patient ones together."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        backstage = Backstage(Path(folder))
        try:
            for group in _groups(names):
                began = time.monotonic()
                found = await asyncio.gather(*(BENCHMARKS[name](backstage) for name in group))
                print(f"{', '.join(group)} ({time.monotonic() - began:.0f} s)", file=sys.stderr)
                rows += [row for each in found for row in each]
        finally:
            backstage.end()
    return rows


def _groups(names: Sequence[str]) -> list[list[str]]:
    quick = [[name] for name in names if name not in PATIENT]
    patient = [name for name in names if name in PATIENT]
    return [*quick, patient] if patient else quick


def main() -> None:
    """Parse the command line, run, print; the exit code is 0 whatever the figures are."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"{', '.join(BENCHMARKS)}; without any: all"
    )
    parser.add_argument(
        "--write", action="store_true", help=f"also write the table into {DOCUMENT.name}"
    )
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"no benchmark is called {unknown[0]!r}; there are {', '.join(BENCHMARKS)}")
    if options.write and options.names:
        parser.error("--write needs the whole table: name no benchmarks")
    rows = asyncio.run(run(options.names or list(BENCHMARKS)))
    print(table(rows))
    if options.write:
        rewrite(rows)


if __name__ == "__main__":
    main()
