"""What a message tells the scripted model to do, and what its answer must then be."""

from tests.chaos.plan import Ask, Shape

MENTION = "<@U01LETTABOT>"
RAN = "ran.txt"
"""The file in the project to which approved commands append their mark."""

_FIRST_STEP = 6
"""How many words come before a tool."""


def said(ask: Ask, key: str) -> str:
    """The message's text."""
    opening = f"{MENTION} " if ask.place != "dm" else ""
    return f"{opening}@{ask.teammate} {_directives(ask, key)}"


def answer(ask: Ask, key: str) -> tuple[str, ...]:
    """The agent's text, one piece for each step."""
    return tuple(_counted(key, first, last) for first, last in _pieces(ask))


def _pieces(ask: Ask) -> list[tuple[int, int]]:
    if ask.shape in {Shape.SHORT, Shape.LONG}:
        return [(1, ask.words)]
    return [(1, _FIRST_STEP), (_FIRST_STEP + 1, ask.words)]


def _counted(key: str, first: int, last: int) -> str:
    ends = ("\n\n" if number % 10 == 0 else " " for number in range(first, last + 1))
    return "".join(f"{key}-{first + at}{end}" for at, end in enumerate(ends)).rstrip()


def _directives(ask: Ask, key: str) -> str:
    pace = "" if ask.shape is Shape.SHORT else f" at {ask.rate}/s"
    counts = [f"[[count {key} {first}-{last}{pace}]]" for first, last in _pieces(ask)]
    if len(counts) == 1:
        return counts[0]
    command = "ls -a" if ask.shape is Shape.TOOLS else f"echo {key} >> {RAN}"
    call = f'[[tool Bash {{"command": "{command}", "description": "For the test"}}]]'
    return f"{counts[0]}{call}[[then]]{counts[1]}"
