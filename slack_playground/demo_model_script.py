"""What the demo model says and does. Pure: a reading in, a plan out.

It shows the product, not intelligence: a word in the question picks a scene, and every text it
says ends with the line that it is a script.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from slack_playground import demo_model_texts as texts
from slack_playground.demo_model_parser import Reading


@dataclass(frozen=True, slots=True)
class Say:
    """Words, at so many tokens a second; None as fast as possible."""

    text: str
    tokens_per_s: float | None = 60.0


@dataclass(frozen=True, slots=True)
class Think:
    """Reasoning for some seconds, before anything is said."""

    seconds: float


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call of a tool."""

    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fail:
    """An HTTP error instead of an answer, with the provider's kind of words."""

    status: int
    message: str


Part = Say | Think | ToolCall | Fail
Scene = Callable[[Reading], list[Part]]


def plan(reading: Reading) -> list[Part]:
    """What to do for this request. At least one part; texts carry the label."""
    if not reading.may_use and not reading.asker:
        # The agent's own errands, such as a title for the conversation, have no tools.
        return [Say("Demo conversation", None)]
    if reading.was_denied:
        return [_labelled(texts.denied(reading.last_result))]
    if reading.was_unanswered:
        return [_labelled(texts.UNANSWERED)]
    for words, scene in _SCENES:
        if words.search(reading.asked):
            return scene(reading)
    return _greet(reading)


def _labelled(text: str, tokens_per_s: float | None = 60.0) -> Say:
    return Say(f"{text}\n\n{texts.LABEL}", tokens_per_s)


def _fail(reading: Reading) -> list[Part]:
    if re.search(r"\bquota\b", reading.asked, re.I):
        return [Fail(429, "You exceeded your current quota (the demo model was asked to fail).")]
    return [Fail(400, "The demo model was asked to fail, so it did.")]


def _think(reading: Reading) -> list[Part]:
    found = re.search(r"(\d+)\s*(?:s\b|sec)", reading.asked, re.I)
    seconds = min(float(found[1]), 120.0) if found else 10.0
    return [Think(seconds), _labelled(texts.thought(seconds))]


def _huge(_reading: Reading) -> list[Part]:
    return [Say(texts.huge(60_000), None)]


def _long(_reading: Reading) -> list[Part]:
    return [_labelled(texts.long_answer(), 40.0)]


def _edit(reading: Reading) -> list[Part]:
    if not {"Write", "Edit"} <= reading.may_use:
        return [_labelled(texts.NO_TOOLS)]
    match reading.steps:
        case 0:
            path, content = "notes.md", texts.FIRST_NOTES
            return [
                Say("I will write down what we know in `notes.md`, then correct it.\n"),
                ToolCall("Write", {"file_path": path, "content": content}),
            ]
        case 1:
            before, after = texts.CORRECTION
            return [
                ToolCall(
                    "Edit", {"file_path": "notes.md", "old_string": before, "new_string": after}
                )
            ]
        case _:
            return [_labelled(texts.EDITED)]


def _look(reading: Reading) -> list[Part]:
    if not {"Bash", "Read"} <= reading.may_use:
        return [_labelled(texts.NO_TOOLS)]
    match reading.steps:
        case 0:
            return [Say("Let me look.\n"), _bash("ls -1", "List the project's files")]
        case 1:
            return [ToolCall("Read", {"file_path": "README.md"})]
        case _:
            return [_labelled(texts.looked(reading.results[0] if reading.results else ""))]


def _two_commands(reading: Reading) -> list[Part]:
    if "Bash" not in reading.may_use:
        return [_labelled(texts.NO_TOOLS)]
    if reading.steps == 0:
        return [
            Say("Two small commands, one after the other:\n"),
            _bash("uname -sr > demo-system.txt", "Write down the system's name"),
            _bash("date > demo-note.txt", "Write down the time"),
        ]
    return [_labelled(texts.TWO_RAN)]


def _command(reading: Reading) -> list[Part]:
    if "Bash" not in reading.may_use:
        return [_labelled(texts.NO_TOOLS)]
    match reading.steps:
        case 0:
            return [
                Say("I will write the time into `demo-note.txt`. That needs your approval.\n"),
                _bash("date > demo-note.txt", "Write the time into demo-note.txt"),
            ]
        case 1:
            return [_bash("cat demo-note.txt", "Read the note back")]
        case _:
            return [_labelled(texts.ran(reading.last_result))]


def _bash(command: str, description: str) -> ToolCall:
    return ToolCall("Bash", {"command": command, "description": description})


def _format(_reading: Reading) -> list[Part]:
    return [_labelled(texts.MARKDOWN)]


def _review(_reading: Reading) -> list[Part]:
    return [_labelled(texts.REVIEW)]


def _greet(reading: Reading) -> list[Part]:
    return [_labelled(texts.greeting(reading.me, reading.asker))]


def _when(words: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{words})", re.I)


_SCENES: tuple[tuple[re.Pattern[str], Scene], ...] = (
    (_when(r"fail|quota"), _fail),
    (_when(r"think (?:for|hard|slowly)"), _think),
    (_when(r"60[,. ]?000|60k|huge"), _huge),
    (_when(r"long|story|stream"), _long),
    (_when(r"which files|list the files|summari[sz]e"), _look),
    (_when(r"two commands|commands"), _two_commands),
    (_when(r"edit|write|notes?\b|files?\b"), _edit),
    (_when(r"run|command|date\b|time\b"), _command),
    (_when(r"review"), _review),
    (_when(r"markdown|table|format|code\b"), _format),
)
