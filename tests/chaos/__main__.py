"""`make chaos`: break things for a while, and print what people saw of it.

SEED, ROUNDS, FAULTS, MINUTES and WRITE in the environment, or the options of the same name.
"""

import argparse
import asyncio
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.chaos.campaign import run
from tests.chaos.report import one_line, steps, table, write
from tests.chaos.round import Outcome

STRIKES = 12


def main() -> int:
    """Run the campaign; 1 when anything was found."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # leave no process behind
    options = _options()
    seeds = range(options.seed, options.seed + options.rounds)
    begun = time.monotonic()

    def enough(outcomes: Sequence[Outcome]) -> bool:
        late = time.monotonic() > begun + options.minutes * 60
        return late or sum(len(one.struck) for one in outcomes) >= options.faults

    outcomes = asyncio.run(
        run(seeds, strikes=STRIKES, enough=enough, keep=options.keep, tell=_tell)
    )
    took = time.monotonic() - begun
    if options.write:
        write(outcomes, seeds=seeds, took_s=took)
    found = [one for one in outcomes if one.findings]
    _say(f"\n{table(outcomes)}\n\n{len(outcomes)} rounds in {took / 60:.1f} minutes.")
    _say(f"The worker was killed at {steps(outcomes)}.")
    for one in found:
        _say(f"{one_line(one)}\n  evidence: {options.keep / f'seed-{one.plan.seed}'}")
        _say(f"  again: SEED={one.plan.seed} ROUNDS=1 make chaos")
    return 1 if found else 0


def _options() -> argparse.Namespace:
    given = os.environ.get
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seed", type=int, default=int(given("SEED") or 8000))
    parser.add_argument("--rounds", type=int, default=int(given("ROUNDS") or 400))
    parser.add_argument("--faults", type=int, default=int(given("FAULTS") or 500))
    parser.add_argument("--minutes", type=float, default=float(given("MINUTES") or 60))
    parser.add_argument("--keep", type=Path, default=Path(given("KEEP") or ".chaos"))
    parser.add_argument("--write", action="store_true", default=bool(given("WRITE")))
    return parser.parse_args()


def _tell(outcome: Outcome) -> None:
    _say(one_line(outcome))


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
