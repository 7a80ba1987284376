"""`python -m tests.fuzz messages --count 200000`: reads that many messages made at random."""

import argparse
import sys
from random import Random

from bridge.slack.message_reader import read_content
from tests.fuzz.messages import Maker, lost


def main() -> int:
    """Exit code 1 when any message was read with an error or with a loss."""
    parser = argparse.ArgumentParser(prog="tests.fuzz", description=__doc__)
    parser.add_argument("what", choices=["messages"])
    parser.add_argument("--count", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    wrong = marks = 0
    for number in range(asked.count):
        maker = Maker(Random(f"{asked.seed}:{number}"))
        message = maker.message()
        marks += len(maker.marks)
        try:
            missing: object = lost(read_content(message), maker.marks)
        except Exception as error:
            missing = error
        if missing:
            wrong += 1
            sys.stderr.write(f"seed {asked.seed}:{number}: {missing!r} in {message!r}\n")
    sys.stdout.write(f"{asked.count} messages with {marks} texts, {wrong} read wrongly\n")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
