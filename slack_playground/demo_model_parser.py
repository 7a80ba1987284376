"""What the demo model understands of a request: who speaks, what was said, what tools returned."""

import html
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_REMINDER = re.compile(r"<system-reminder>.*?</system-reminder>", re.S)
_CONTEXT = re.compile(r"<thread_context\b[^>]*>(.*?)</thread_context>", re.S)
_FILE = re.compile(r'<file name="([^"]*)">\n?(.*?)\n?</file>', re.S)
_LINE = re.compile(r"^(?P<who>[^\s:(][^:\n]*): (?P<words>.*(?:\n    .*)*)", re.M)
_MARK = re.compile(r" \((?:(bot), untrusted|outside the team, untrusted|teammate)\)$")
_MESSAGE = re.compile(r"<message\b([^>]*)>(.*?)</message>", re.S)
_FROM = re.compile(r'\bfrom="([^"]*)"')
_MY_NAME = re.compile(r"\bMy name is (\w+)")


@dataclass(frozen=True, slots=True)
class Line:
    """Something that was said in the thread."""

    who: str
    words: str
    by_bot: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """A request, understood.

    `asked` is what people said in this turn, without context and reminders; `asker` who said
    the last of it, `me` the name from the persona: both None when nobody is named. `thread` is
    what was said before, `files` what was uploaded with the question: name and content. `results`
    are the tools' results since then, oldest first; `steps` counts the model's own messages
    since then. `may_use` names the tools.
    """

    asked: str
    asker: str | None
    me: str | None
    thread: tuple["Line", ...]
    files: tuple[tuple[str, str], ...]
    results: tuple[str, ...]
    steps: int
    may_use: frozenset[str]

    @property
    def last_result(self) -> str:
        """The newest tool result, empty when there is none."""
        return self.results[-1] if self.results else ""

    @property
    def was_denied(self) -> bool:
        """Whether a person refused the newest tool call."""
        return "denied this action" in self.last_result

    @property
    def was_unanswered(self) -> bool:
        """Whether nobody decided about the newest tool call in time."""
        return "Nobody answered the request" in self.last_result


def read(body: Mapping[str, Any]) -> Reading:
    """Understand the body of a chat-completions request; anything odd in it is passed over."""
    messages = [message for message in _list(body.get("messages")) if isinstance(message, dict)]
    at, words = _newest_question(messages)
    asked, asker = _said(words)
    since = messages[at + 1 :]
    return Reading(
        asked=asked,
        asker=asker,
        thread=tuple(line for said in messages[: at + 1] for line in _thread(said)),
        files=tuple((html.unescape(name), body) for name, body in _FILE.findall(words)),
        me=_name(messages),
        results=tuple(_text(message) for message in since if message.get("role") == "tool"),
        steps=sum(message.get("role") == "assistant" for message in since),
        may_use=frozenset(
            str(tool["function"].get("name"))
            for tool in _list(body.get("tools"))
            if isinstance(tool, dict) and isinstance(tool.get("function"), dict)
        ),
    )


def prompt_tokens(body: Mapping[str, Any]) -> int:
    """A plausible count: about four characters a token."""
    return len(json.dumps(body.get("messages", []))) // 4


def _newest_question(messages: Sequence[Mapping[str, Any]]) -> tuple[int, str]:
    """Where it stands, and its words without context and reminders."""
    for at in range(len(messages) - 1, -1, -1):
        if messages[at].get("role") != "user":
            continue
        words = _CONTEXT.sub("", _REMINDER.sub("", _text(messages[at]))).strip()
        if words:
            return at, words
    return -1, ""


def _said(words: str) -> tuple[str, str | None]:
    found = _MESSAGE.findall(words)
    if not found:
        return _FILE.sub("", words), None
    speaker = _FROM.search(found[-1][0])
    asked = "\n".join(html.unescape(said).strip() for _, said in found)
    return asked, html.unescape(speaker[1]) if speaker else None


def _thread(message: Mapping[str, Any]) -> list[Line]:
    """What a message tells of the thread, and what it says itself, in order."""
    if message.get("role") != "user":
        return []
    words = _REMINDER.sub("", _text(message))
    lines = [
        Line(
            who=_MARK.sub("", found["who"]),
            words=found["words"].replace("\n    ", "\n"),
            by_bot=bool((mark := _MARK.search(found["who"])) and mark[1]),
        )
        for context in _CONTEXT.findall(words)
        for found in _LINE.finditer(context)
    ]
    for attributes, said in _MESSAGE.findall(_CONTEXT.sub("", words)):
        speaker = _FROM.search(attributes)
        who = html.unescape(speaker[1]) if speaker else "Somebody"
        lines.append(Line(who, html.unescape(said).strip(), by_bot=False))
    return lines


def _name(messages: Sequence[Mapping[str, Any]]) -> str | None:
    for message in messages:
        if message.get("role") in ("system", "developer"):
            found = _MY_NAME.search(_text(message))
            if found:
                return found[1]
    return None


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    parts = (part.get("text", "") for part in _list(content) if isinstance(part, dict))
    return "\n".join(part for part in parts if isinstance(part, str))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
