"""Routing: who answers a message (DESIGN §10)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bridge.domain.ids import ChannelId
from bridge.domain.messages import InboundMessage
from bridge.domain.teammates import Teammate

_STOP = re.compile(r"\s*!stop(?!\w)", re.I)
_BETWEEN = r"[\s.,:;!?…/&*_~()-]|(?<!\w)(?:and|now|please)(?!\w)"
_MENTION = re.compile(r"<(?:@|!subteam\^)[A-Z0-9]+(?:\|[^>]*)?>")


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
class NotForUs:
    """Nobody answers. `remember`: it was said in a thread in which teammates take part."""

    remember: bool


Route = Answer | Stop | NotForUs


def route(message: InboundMessage, *, in_thread: Sequence[str], team: Team) -> Route:
    """Decide who answers `message`.

    Args:
        message: as it came from Slack.
        in_thread: teammates that take part in this thread, most recently addressed first.
        team: the configured teammates.
    """
    addressed = addressed_in(message.text, team)
    stopped = _stopped_in(message.text, team)
    if stopped is not None:
        return Stop(addressed + tuple(name for name in stopped if name not in addressed))
    if addressed:
        return Answer(addressed)
    known = tuple(name for name in in_thread if team.named(name) is not None)
    if known:
        return Answer(known[:1])
    if message.is_dm or message.mentions_app:
        return Answer((team.default_of(message.channel).name,))
    return NotForUs(remember=bool(in_thread))


def _stopped_in(text: str, team: Team) -> tuple[str, ...] | None:
    """The teammates named after a `!stop` that stands alone; None when it does not.

    Names, `now` and `please` may follow it. A longer sentence is meant for an agent: taken for
    a stop, its words would be lost.
    """
    words = _without_address(_MENTION.sub(" ", text), team)
    stop = _STOP.match(words)
    if stop is None:
        return None
    rest = words[stop.end() :]
    name = rf"@?(?P<name>{_any_name(team)})(?![\w-])"
    if not re.fullmatch(rf"(?:{_BETWEEN}|(?<!\w){name})*", rest, re.I):
        return None
    named = (team.named(found["name"]) for found in re.finditer(name, rest, re.I))
    return tuple(dict.fromkeys(teammate.name for teammate in named if teammate is not None))


def addressed_in(text: str, team: Team) -> tuple[str, ...]:
    """Names of the teammates whom the text addresses, in the order in which it does.

    `@ada` counts anywhere outside code, `ada:` or `ada,` only at the start, and a user group
    tied to the teammate (`<!subteam^S…>`) anywhere.
    """
    found: list[tuple[int, str]] = []
    prose = _without_code(text)
    for teammate in team.teammates:
        at = _first_address(prose, teammate)
        if at is not None:
            found.append((at, teammate.name))
    return tuple(name for _, name in sorted(found))


def _first_address(prose: str, teammate: Teammate) -> int | None:
    names = "|".join(re.escape(name) for name in sorted(_names(teammate), key=len, reverse=True))
    places = []
    if mention := re.search(rf"(?<![\w@./-])@(?:{names})(?![\w-]|[./]\w)", prose, re.I):
        places.append(mention.start())
    start = _MENTION.sub(lambda match: " " * len(match[0]), prose)
    if opening := re.match(rf"\s*(?:{names})[:,]\s", start + " ", re.I):
        places.append(opening.start())
    if teammate.user_group:
        group = re.search(rf"<!subteam\^{re.escape(teammate.user_group)}[|>]", prose)
        places.extend([group.start()] if group else [])
    return min(places, default=None)


def _names(teammate: Teammate) -> frozenset[str]:
    return frozenset(name.lower() for name in (teammate.name, *teammate.aliases))


def _without_code(text: str) -> str:
    """The text with code blanked out, so that `@ada` in a snippet addresses nobody."""
    return re.sub(
        r"```.*?(?:```|\Z)|`[^`\n]*`", lambda match: " " * len(match[0]), text, flags=re.S
    )


def _without_address(words: str, team: Team) -> str:
    return re.sub(rf"^\s*(?:@?(?:{_any_name(team)})[:,]?\s+)+", "", words, flags=re.I)


def _any_name(team: Team) -> str:
    """A pattern for every name and alias, the longest first, so that none hides another."""
    names = {name for teammate in team.teammates for name in _names(teammate)}
    return "|".join(re.escape(name) for name in sorted(names, key=lambda name: (-len(name), name)))
