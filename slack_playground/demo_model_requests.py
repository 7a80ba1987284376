"""What a request asks for in particular: a file, how many of what, a command. Pure."""

import re
from dataclasses import dataclass

_NUMBERS = (
    *("one", "two", "three", "four", "five", "six"),
    *("seven", "eight", "nine", "ten", "eleven", "twelve"),
)
_FILE = re.compile(
    r"`([^`\s]+\.\w{1,8})`|(?<![\w./:-])((?:[\w-]+/)*[\w-][\w.-]*\.[A-Za-z]\w{0,7})\b"
)
_COUNTED = re.compile(rf"\b(\d{{1,2}}|{'|'.join(_NUMBERS)}|a|an)\s+([a-z]+)\b", re.I)
_TOPIC = re.compile(r"\b(?:about|for|on|of)\s+(?:our\s+|the\s+|a\s+)?([^.!?\n]+)", re.I)
_QUOTED_COMMAND = re.compile(r"\brun\s+`([^`\n]+)`", re.I)
_NO_COMMAND = r"(?!(?:a|an|the|some|any|two|it|this|that|commands?)\b)"
_COMMAND = re.compile(rf"\brun\s+{_NO_COMMAND}([a-z][\w.-]*(?:[ \t]+[^\n]*)?)$", re.I | re.M)
MOST_ITEMS = 30


@dataclass(frozen=True, slots=True)
class Document:
    """A file to be written: `count` things called `noun`, about `topic`."""

    path: str
    count: int
    noun: str
    topic: str


def file_named(asked: str) -> str | None:
    """The first file that is named, such as `notes.md`; None for none."""
    found = _FILE.search(asked)
    return (found[1] or found[2]) if found else None


def document(asked: str) -> Document | None:
    """The file that should be written; None when none is named."""
    path = file_named(asked)
    if path is None:
        return None
    rest = asked[asked.index(path) + len(path) :]
    counted = _COUNTED.search(rest)
    about = _TOPIC.search(rest[counted.end() if counted else 0 :])
    return Document(
        path=path,
        count=min(_number(counted[1]), MOST_ITEMS) if counted else 1,
        noun=counted[2].lower() if counted else "note",
        topic=about[1].strip(" `\"'") if about else "this project",
    )


def command(asked: str) -> str | None:
    """The command that should run, exactly as it was typed; None when none is named."""
    found = _QUOTED_COMMAND.search(asked) or _COMMAND.search(asked)
    return found[1].strip().rstrip(".!?") if found else None


def _number(word: str) -> int:
    if word.isdigit():
        return max(1, int(word))
    return _NUMBERS.index(word.lower()) + 1 if word.lower() in _NUMBERS else 1
