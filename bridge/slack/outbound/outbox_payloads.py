"""Outbox payloads: how each kind of row is stored. Pure.

A reply's message is kept as its view, not as blocks: whoever delivers it can then find another
way when Slack refuses it, as its live writer would have.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from bridge.domain.ids import UserId
from bridge.domain.teammates import Persona
from bridge.render.block_kit import Rendered
from bridge.render.stream import MessageView

REPLY: Final = "reply"
"""A message of a reply. Its payload is a `MessageView` in its last revision."""

REST: Final = "rest"
"""A further message for words that do not fit into one without blocks; never owed by itself."""

CARD: Final = "card"
"""An approval's card; never owed by its row: the approval says whether it is needed."""

NOTICE: Final = "notice"
"""A quiet line. Its payload is a `Rendered`."""

CLOSING: Final = "closing"
"""The last word under a reply that an earlier process left. Its payload is a `LastWord`."""

NOTE: Final = "note"
REACTION: Final = "reaction"
"""These leave no message of ours behind. Their payload is a `Call`."""


@dataclass(frozen=True, slots=True)
class LastWord:
    """A sentence for a reply that was left open. `allowed` are those whom it may mention."""

    sentence: str
    allowed: frozenset[UserId]


@dataclass(frozen=True, slots=True)
class Call:
    """One call of Slack's Web API."""

    method: str
    arguments: Mapping[str, Any]


def of_view(view: MessageView, persona: Persona) -> str:
    """A reply's message; an empty view says that the message is to be taken away."""
    shown = {
        "markdown": view.markdown,
        "tools_line": view.tools_line,
        "footer": view.footer,
        "sentence": view.sentence,
    }
    return _spell(
        view={name: words for name, words in shown.items() if words}, persona=asdict(persona)
    )


def view_of(payload: str, seq: int) -> MessageView:
    """The last revision of a reply's message."""
    return MessageView(seq, **{"markdown": "", **json.loads(payload)["view"]}, final=True)


def of_shown(shown: Rendered, persona: Persona | None) -> str:
    """A message as it is sent."""
    spelled = None if persona is None else asdict(persona)
    return _spell(text=shown.text, blocks=shown.blocks, persona=spelled)


def shown_of(payload: str) -> Rendered:
    """A message as it is sent."""
    spelled = json.loads(payload)
    return Rendered(tuple(spelled["blocks"]), spelled["text"])


def of_last_word(word: LastWord, persona: Persona) -> str:
    """The last word under what an earlier process left."""
    return _spell(sentence=word.sentence, allowed=_listed(word.allowed), persona=asdict(persona))


def last_word_of(payload: str) -> LastWord:
    """The last word under what an earlier process left."""
    spelled = json.loads(payload)
    return LastWord(spelled["sentence"], frozenset(UserId(user) for user in spelled["allowed"]))


def of_call(method: str, arguments: Mapping[str, Any]) -> str:
    """A call that leaves no message of ours behind."""
    return _spell(method=method, arguments=dict(arguments))


def call_of(payload: str) -> Call:
    """A call that leaves no message of ours behind."""
    spelled = json.loads(payload)
    return Call(spelled["method"], spelled["arguments"])


def persona_of(payload: str) -> Persona | None:
    """As whom it is posted; None for the app itself."""
    spelled = json.loads(payload).get("persona")
    return None if spelled is None else Persona(**spelled)


def _spell(**parts: object) -> str:
    return json.dumps(parts, separators=(",", ":"))


def _listed(users: Iterable[UserId]) -> list[UserId]:
    return sorted(users)
