"""`python -m tests.fuzz messages|replies --count 200000`: reads so many messages, or shows so many
answers, made at random.
"""

import argparse
import sys
from random import Random

from bridge.slack.message_reader import read_content
from tests.fuzz import replies
from tests.fuzz.messages import Maker, lost


def message(random: Random) -> object:
    """What is wrong with how a message is read; nothing if all is well."""
    maker = Maker(random)
    made = maker.message()
    missing = lost(read_content(made), maker.marks)
    return (missing, made) if missing else None


def main() -> int:
    """Exit code 1 when anything went wrong."""
    parser = argparse.ArgumentParser(prog="tests.fuzz", description=__doc__)
    parser.add_argument("what", choices=["messages", "replies"])
    parser.add_argument("--count", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    check = message if asked.what == "messages" else replies.faults
    wrong = 0
    for number in range(asked.count):
        try:
            found: object = check(Random(f"{asked.seed}:{number}"))
        except Exception as error:
            found = repr(error)
        if found:
            wrong += 1
            sys.stderr.write(f"{asked.what} {asked.seed}:{number}: {found}\n")
    sys.stdout.write(f"{asked.count} {asked.what}, {wrong} wrong\n")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
