"""Routing: who answers a message (DESIGN §10)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bridge.domain import mentions
from bridge.domain.ids import ChannelId
from bridge.domain.messages import InboundMessage
from bridge.domain.teammates import Teammate

_LATIN = r"0-9A-Za-z\u00aa\u00b5\u00ba\u00c0-\u024f\u0300-\u036f\u1e00-\u1eff"
_SPACED = rf"{_LATIN}\u0370-\u052f"
_NAME_BEGINS = rf"(?<![{_SPACED}@./-])(?<![{_SPACED}]_)"
"""No e-mail address and no path. Scripts without spaces may stand right before a name."""

_NAME_ENDS = rf"(?![_-]*[{_LATIN}]|[./][{_LATIN}])"
"""The name, not the beginning of a longer one. Names are ASCII, so other scripts end them."""

_EMPHASIS = r"[\s*_~]*"
_STOP = re.compile(rf"{_EMPHASIS}!stop{_NAME_ENDS}", re.I)
_WHO = re.compile(rf"{_EMPHASIS}!who{_NAME_ENDS}[\s.!?*_~]*", re.I)
_BETWEEN = r"[\s.,:;!?…/&*_~()。、；？（）-]|(?<!\w)(?:and|now|please)(?!\w)"


@dataclass(frozen=True, slots=True)
class Team:
    """The teammates that exist, in the order of the configuration; the first is the default."""

    teammates: tuple[Teammate, ...]

    def named(self, name: str) -> Teammate | None:
        """The teammate of that name or alias, in any case; None when there is none."""
        wanted = name.lower()
        for teammate in self.teammates:
            if wanted in _names(teammate):
                return teammate
        return None

    def default_of(self, channel: ChannelId) -> Teammate:
        """The channel's default, else the workspace's."""
        for teammate in self.teammates:
            if channel in teammate.channels:
                return teammate
        return self.teammates[0]


@dataclass(frozen=True, slots=True)
class Answer:
    """These teammates answer, each in a turn of its own."""

    teammates: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stop:
    """Somebody wants work stopped: of these teammates, or of all in the thread when empty."""

    teammates: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Who:
    """Somebody asks which teammates there are, and what each is doing."""


@dataclass(frozen=True, slots=True)
class NotForUs:
    """Nobody answers. `remember`: it was said in a thread in which teammates take part."""

    remember: bool


Route = Answer | Stop | Who | NotForUs


def route(message: InboundMessage, *, in_thread: Sequence[str], team: Team) -> Route:
    """Decide who answers `message`.

    Args:
        message: as it came from Slack.
        in_thread: teammates that take part in this thread, most recently addressed first.
        team: the configured teammates.
    """
    prose = mentions.prose(message.text)
    addressed = _addressed_in(prose, team)
    stopped = _stopped_in(prose, team)
    if stopped is not None:
        return Stop(addressed + tuple(name for name in stopped if name not in addressed))
    concerns_us = bool(addressed or in_thread) or message.is_dm or message.mentions_app
    if concerns_us and _WHO.fullmatch(_without_address(mentions.without_tokens(prose), team)):
        return Who()
    if addressed:
        return Answer(addressed)
    known = tuple(name for name in in_thread if team.named(name) is not None)
    if known:
        return Answer(known[:1])
    if message.is_dm or message.mentions_app:
        return Answer((team.default_of(message.channel).name,))
    return NotForUs(remember=bool(in_thread))


def addresses_somebody(message: InboundMessage, team: Team) -> bool:
    """Whether the message itself calls the app or a teammate."""
    return message.mentions_app or bool(addressed_in(message.text, team))


def _stopped_in(prose: str, team: Team) -> tuple[str, ...] | None:
    """The teammates named after a `!stop` that stands alone; None when it does not.

    Names, `now` and `please` may follow it. A longer sentence is meant for an agent: taken for
    a stop, its words would be lost.
    """
    words = _without_address(mentions.without_tokens(prose), team)
    stop = _STOP.match(words)
    if stop is None:
        return None
    rest = words[stop.end() :]
    name = rf"@?(?P<name>{_any_name(team)}){_NAME_ENDS}"
    if not re.fullmatch(rf"(?:{_BETWEEN}|(?<!\w){name})*", rest, re.I):
        return None
    named = (team.named(found["name"]) for found in re.finditer(name, rest, re.I))
    return tuple(dict.fromkeys(teammate.name for teammate in named if teammate is not None))


def addressed_in(text: str, team: Team) -> tuple[str, ...]:
    """Names of the teammates whom the text addresses, in the order in which it does.

    `@ada` and a user group tied to the teammate count anywhere in prose, `ada:` or `ada,` only
    at the start.
    """
    return _addressed_in(mentions.prose(text), team)


def _addressed_in(prose: str, team: Team) -> tuple[str, ...]:
    # `@ada/@grace` names two people; after anything else a slash makes a path.
    prose = re.sub(rf"(?<=@)({_any_name(team)})/(?=@)", r"\1 ", prose, flags=re.I)
    found: list[tuple[int, str]] = []
    for teammate in team.teammates:
        at = _first_address(prose, teammate)
        if at is not None:
            found.append((at, teammate.name))
    return tuple(name for _, name in sorted(found))


def _first_address(prose: str, teammate: Teammate) -> int | None:
    names = "|".join(re.escape(name) for name in sorted(_names(teammate), key=len, reverse=True))
    places = []
    bare = mentions.without_tokens(prose)  # a group's label is no teammate's name
    if mention := re.search(rf"{_NAME_BEGINS}@(?:{names}){_NAME_ENDS}", bare, re.I):
        places.append(mention.start())
    opening = rf"{_EMPHASIS}(?:{names})[*_~]*[:,](?=\s|[^\x00-\x7f])"
    if start := re.match(opening, bare + " ", re.I):
        places.append(start.start())
    if teammate.user_group:
        group = mentions.group_at(prose, teammate.user_group)
        places.extend([] if group is None else [group])
    return min(places, default=None)


def _names(teammate: Teammate) -> frozenset[str]:
    return frozenset(name.lower() for name in (teammate.name, *teammate.aliases))


def _without_address(words: str, team: Team) -> str:
    name = rf"@?(?:{_any_name(team)}){_NAME_ENDS}[*_~]*[:,]?"
    return re.sub(rf"^{_EMPHASIS}(?:{name}{_EMPHASIS})+", "", words, flags=re.I)


def _any_name(team: Team) -> str:
    """A pattern for every name and alias, the longest first, so that none hides another."""
    names = {name for teammate in team.teammates for name in _names(teammate)}
    return "|".join(re.escape(name) for name in sorted(names, key=lambda name: (-len(name), name)))
