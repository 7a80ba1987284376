"""What the demo model says and does. Pure: a reading in, a plan out.

It shows the product, not intelligence: a word in the question picks a scene, which keeps to what
was asked for in particular, and every text ends with the line that it is a script.
"""

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from slack_playground import demo_model_requests as requests
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
    if reading.files and not _OTHER_THAN_FILES.search(reading.asked):
        return [_labelled(texts.uploaded(reading.files))]
    for words, scene in _SCENES:
        if words.search(reading.asked):
            return scene(reading)
    return [_labelled(texts.UNKNOWN)]


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


def _write(reading: Reading) -> list[Part]:
    wanted = requests.document(reading.asked)
    if wanted is None:
        return _edit_notes(reading)
    if "Write" not in reading.may_use:
        return [_labelled(texts.NO_TOOLS)]
    if reading.steps == 0:
        content = texts.document(wanted)
        return [
            Say(f"I will write `{wanted.path}`. That needs your approval.\n"),
            ToolCall("Write", {"file_path": wanted.path, "content": content}),
        ]
    return [_labelled(texts.wrote(wanted))]


def _edit(reading: Reading) -> list[Part]:
    path = requests.file_named(reading.asked)
    if path is None:
        return _edit_notes(reading)
    if not {"Read", "Edit"} <= reading.may_use:
        return [_labelled(texts.NO_TOOLS)]
    if reading.steps == 0:
        return [Say(f"Let me read `{path}` first.\n"), ToolCall("Read", {"file_path": path})]
    before = texts.first_line(reading.results[0] if reading.results else "")
    if before is None:
        return [_labelled(texts.not_there(path))]
    if reading.steps == 1:
        change = {"old_string": before, "new_string": f"{before} (looked over)"}
        return [ToolCall("Edit", {"file_path": path, **change})]
    return [_labelled(texts.edited(path, before))]


def _edit_notes(reading: Reading) -> list[Part]:
    if not {"Write", "Edit"} <= reading.may_use:
        return [_labelled(texts.NO_TOOLS)]
    match reading.steps:
        case 0:
            path, content = "notes.md", texts.FIRST_NOTES
            return [
                Say("I will write a few notes into `notes.md`, then correct one of them.\n"),
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


def _delete(reading: Reading) -> list[Part]:
    path = requests.file_named(reading.asked)
    if path is None:
        return [_labelled(texts.UNKNOWN)]
    return _run(reading, f"rm -- {shlex.quote(path)}", f"Delete {path}")


def _look(reading: Reading) -> list[Part]:
    if not {"Bash", "Read"} <= reading.may_use:
        return [_labelled(texts.NO_TOOLS)]
    listing = reading.results[0] if reading.results else ""
    path = requests.file_named(reading.asked) or texts.most_interesting(listing)
    match reading.steps:
        case 0:
            return [Say("Let me look.\n"), _bash("ls -1", "List the project's files")]
        case 1 if path is not None:
            return [ToolCall("Read", {"file_path": path})]
        case _:
            return [_labelled(texts.looked(listing, path, reading.last_result))]


def _review(reading: Reading) -> list[Part]:
    if "Bash" in reading.may_use and reading.steps == 0:
        return [Say("Let me see what there is.\n"), _bash("ls -1", "List the project's files")]
    return [_labelled(texts.review(reading.last_result))]


def _investigate(reading: Reading) -> list[Part]:
    alert = next((line for line in reversed(reading.thread) if line.by_bot), None)
    _, _, forwarded = reading.asked.partition("\n")
    if forwarded.strip():
        return [_labelled(texts.investigated("The message that you sent along", forwarded))]
    if alert is None:
        return [_labelled(texts.NO_ALERT)]
    return [_labelled(texts.investigated(alert.who, alert.words))]


def _summarise_thread(reading: Reading) -> list[Part]:
    said = [(line.who, line.words) for line in reading.thread]
    return [_labelled(texts.thread_summary(said))]


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
    command = requests.command(reading.asked)
    if command is not None:
        return _run(reading, command, f"Run {command}")
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


def _run(reading: Reading, command: str, description: str) -> list[Part]:
    if "Bash" not in reading.may_use:
        return [_labelled(texts.NO_TOOLS)]
    if reading.steps == 0:
        return [Say(f"I will run `{command}`.\n"), _bash(command, description)]
    return [_labelled(texts.ran_command(command, reading.last_result))]


def _bash(command: str, description: str) -> ToolCall:
    return ToolCall("Bash", {"command": command, "description": description})


def _format(_reading: Reading) -> list[Part]:
    return [_labelled(texts.MARKDOWN)]


def _tell(text: str) -> Scene:
    return lambda _reading: [_labelled(text)]


def _greet(reading: Reading) -> list[Part]:
    return [_labelled(texts.greeting(reading.me, reading.asker))]


def _when(words: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{words})", re.I)


_OTHER_THAN_FILES = _when(r"quota|think (?:for|hard|slowly)|60[,. ]?000")
"""What is meant even if a file was uploaded with it."""

_SCENES: tuple[tuple[re.Pattern[str], Scene], ...] = (
    (re.compile(r"\s*(?:@\S+\s+)*(?:please\s+)?fail\b[^\n]{0,30}\Z|.*\bquota\b", re.I), _fail),
    (_when(r"think (?:for|hard|slowly)"), _think),
    (_when(r"60[,. ]?000|60k|huge"), _huge),
    (_when(r"investigate|alert|what (?:does|do) (?:this|you make)"), _investigate),
    (
        _when(r"(?:summari[sz]e|sum up|recap)\b.*\b(?:thread|conversation|discussion)"),
        _summarise_thread,
    ),
    (_when(r"what was said"), _summarise_thread),
    (_when(r"guests?\b"), _tell(texts.GUESTS)),
    (_when(r"(?:how|remind)\b.*\bapprovals?"), _tell(texts.APPROVALS)),
    (_when(r"remember"), _tell(texts.MEMORY)),
    (_when(r"which files|list the files|what files|look around"), _look),
    (_when(r"two commands|commands"), _two_commands),
    (_when(r"run\b"), _command),
    (_when(r"delete|remove"), _delete),
    (_when(r"(?:edit|change|correct|fix)\b"), _edit),
    (_when(r"(?:write|create|make|add)\b"), _write),
    (_when(r"review"), _review),
    (_when(r"summari[sz]e|read\b"), _look),
    (_when(r"long|story|stream"), _long),
    (_when(r"command|date\b|what time"), _command),
    (_when(r"notes?\b|files?\b"), _edit_notes),
    (_when(r"markdown|table|format|code\b"), _format),
    (_when(r"hello|hi\b|hey\b|good (?:morning|evening)|who are you|help|thanks|thank you"), _greet),
)
"""The first whose words stand in the question is played."""
