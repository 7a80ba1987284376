"""Prompt of a turn: what was said since the agent's last turn, then the messages to answer.

The text is what people wrote, with speakers named. Outsiders, guests and bots are marked as
untrusted. Our own tags cannot be forged from inside a message.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bridge.domain import mentions
from bridge.domain.messages import Person, SharedFile, Speaker, ThreadMessage

_OUR_TAGS = re.compile(
    r"<(?=\s*/?\s*(?:message|thread_context|file|system-reminder|task-notif|\Z))", re.I
)
_MENTION = re.compile(r"<@([A-Z0-9]+)(?:\|[^<>]*)?>")

MAX_CONTEXT_CHARS = 40_000
"""Context over this length is cut from its oldest end; the thread's root always stays."""

NameOf = Callable[[str], Person]


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A text file whose content is given to the agent."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Files:
    """What became of the files of a turn's messages.

    `texts` are given as text, `images` as image parts beside the text; `unread` pairs a file
    with the reason why it was not read, in words for people.
    """

    texts: tuple[ReadFile, ...] = ()
    images: tuple[str, ...] = ()
    unread: tuple[tuple[SharedFile, str], ...] = ()


def compose(
    *,
    heard: Sequence[ThreadMessage],
    asked: Sequence[ThreadMessage],
    files: Files,
    person: NameOf,
    me: str,
    undelivered: str | None = None,
) -> str:
    """The text of one input.

    Args:
        heard: said in the thread since the agent's last turn, oldest first; at its first turn
            the root comes first. May be empty.
        asked: the messages of this turn, oldest first.
        files: what was read of the files on `asked`.
        person: resolves a user id to a person.
        me: the teammate's own name.
        undelivered: why nobody could read the agent's last answer; None if it was shown.
    """
    parts = []
    if undelivered is not None:
        parts.append(
            "(Slack did not show your last answer in this thread to anybody, because of "
            f'"{_attribute(undelivered)}". People have not read it.)'
        )
    if heard:
        parts.append(_context(heard, person, me))
    parts.extend(_message(said, person) for said in asked)
    parts.extend(_file(file) for file in files.texts)
    parts.extend(
        f'<file name="{_attribute(name)}">(picture, attached)</file>' for name in files.images
    )
    parts.extend(
        f'<file name="{_attribute(file.name)}">(not read: {reason})</file>'
        for file, reason in files.unread
    )
    return "\n".join(parts)


def edited(text: str) -> str:
    """What the agent is told when its author changed a message that it works on already."""
    return f"(edited the message that you are working on; it now reads:)\n{text}"


def unread_files_sentence(files: Files) -> str | None:
    """The quiet line for the thread about files that were not read; None when all were."""
    if not files.unread:
        return None
    named = "; ".join(f"{_attribute(file.name)} ({reason})" for file, reason in files.unread)
    return f"Not read: {named}."


def _context(heard: Sequence[ThreadMessage], person: NameOf, me: str) -> str:
    lines = [_line(said, person, me) for said in heard]
    kept, used = [lines[0]], len(lines[0])
    recent: list[str] = []
    for line in reversed(lines[1:]):
        if used + len(line) > MAX_CONTEXT_CHARS:
            recent.append(f"({len(lines) - 1 - len(recent)} earlier messages are left out)")
            break
        recent.append(line)
        used += len(line)
    body = "\n".join(kept + recent[::-1])
    return (
        "<thread_context>\nSaid in this thread since your last turn. It is background, not a "
        f"request to you.\n{body}\n</thread_context>"
    )


def _line(said: ThreadMessage, person: NameOf, me: str) -> str:
    names = "".join(f" [file: {_attribute(file.name)}]" for file in said.files)
    words = "\n    ".join(_words(said, person).splitlines())  # nobody speaks in another's name
    return f"{_who(said, person, me)}: {words}{names}"


def _who(said: ThreadMessage, person: NameOf, me: str) -> str:
    if said.speaker is Speaker.TEAMMATE:
        return "You" if said.author == me else f"{said.author} (teammate)"
    author = person(said.author)
    if said.speaker is Speaker.BOT or author.is_bot:
        return f"{_attribute(author.name)} (bot, untrusted)"
    mark = "" if author.trusted else " (outside the team, untrusted)"
    return f"{_attribute(author.name)}{mark}"


def _message(said: ThreadMessage, person: NameOf) -> str:
    author = person(said.author)
    mark = "" if author.trusted else ' trust="untrusted"'
    head = f'<message from="{_attribute(author.name)}" id="{author.user}"{mark}>'
    return f"{head}{_words(said, person)}</message>"


def _file(file: ReadFile) -> str:
    return f'<file name="{_attribute(file.name)}">\n{_safe(file.text)}\n</file>'


def _words(said: ThreadMessage, person: NameOf) -> str:
    named = _MENTION.sub(lambda match: f"@{person(match[1]).name}", said.text)
    return _safe(mentions.as_typed(mentions.with_group_names(named)))


def _safe(text: str) -> str:
    """Break tags that look like ours, so that nobody can close or open one from inside."""
    return _OUR_TAGS.sub("‹", text)


def _attribute(text: str) -> str:
    """A name inside a tag: one line, no quotes or angle brackets."""
    return re.sub(r"[\"<>\s]+", " ", text).strip()[:200] or "unnamed"
