"""Slack's event payloads to what they mean to us. Pure, and calm about any JSON.

A payload comes from outside: every field is checked before it is believed, and whatever does
not fit becomes `Unsupported` with the reason (guarantee G8). Rules: PLATFORM §4.5 to §4.8, §13.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bridge.domain.ids import ChannelId, MessageTs, TeamId, UserId
from bridge.domain.people import InboundMessage, SharedFile
from bridge.slack.entities import mentions, plain_text

Fields = Mapping[str, Any]

_SAID_SUBTYPES = frozenset({"", "file_share", "thread_broadcast", "me_message", "bot_message"})
_ARRIVALS = frozenset({"channel_join", "group_join"})
_GONE_FILES = frozenset({"tombstone", "hidden_by_limit"})


@dataclass(frozen=True, slots=True)
class Installation:
    """The workspace that installed us and who we are there, from `auth.test`."""

    team: TeamId
    bot_user: UserId
    bot_id: str


@dataclass(frozen=True, slots=True)
class MessagePosted:
    """A person or another bot said something. Twins (`message`, `app_mention`) share team,
    channel and ts.
    """

    message: InboundMessage


@dataclass(frozen=True, slots=True)
class MessageEdited:
    """A person edited a message; `text` is the new text. `edited_ts` names the edit, and is the
    same in whatever tells of it.
    """

    team: TeamId
    channel: ChannelId
    ts: MessageTs
    text: str
    edited_ts: MessageTs


@dataclass(frozen=True, slots=True)
class MessageDeleted:
    """A message is gone."""

    team: TeamId
    channel: ChannelId
    ts: MessageTs


@dataclass(frozen=True, slots=True)
class ReactionAdded:
    """A person put the emoji `name` (without colons) on the message `ts`."""

    team: TeamId
    channel: ChannelId
    ts: MessageTs
    user: UserId
    name: str


@dataclass(frozen=True, slots=True)
class Unsupported:
    """Nothing for us. `kind` is Slack's word for it, `why` ours; neither holds people's text."""

    kind: str
    why: str


SlackEvent = MessagePosted | MessageEdited | MessageDeleted | ReactionAdded | Unsupported


def read_event(payload: Any, *, us: Installation) -> SlackEvent:
    """What an Events API payload (the envelope's `payload`) means. Never raises."""
    outer = fields(payload)
    event = fields(outer.get("event"))
    kind = word(event.get("type")) or "unknown"
    if not event:
        return Unsupported(kind, "no event")
    if us.team not in _teams(outer):
        return Unsupported(kind, "another workspace")
    match kind:
        case "message":
            return _message(outer, event, us)
        case "app_mention":
            return _mention(outer, event, us)
        case "reaction_added":
            return _reaction(event, us)
        case _:
            return Unsupported(kind, "not used")


def read_past(item: Any, *, channel: str, us: Installation) -> SlackEvent:
    """What a message from Slack's history means. Never raises."""
    said = fields(item)
    subtype = word(said.get("subtype"))
    if subtype not in _SAID_SUBTYPES:
        return Unsupported("message", f"subtype {subtype[:60]}")
    return _said({}, {**said, "type": "message", "channel": channel}, us, event_id=None)


def is_our_arrival(item: Any, us: Installation) -> bool:
    """Whether a message from a channel's history says that the app came into the channel."""
    said = fields(item)
    return word(said.get("subtype")) in _ARRIVALS and said.get("user") == us.bot_user


def read_edit(item: Any, *, channel: str, us: Installation) -> SlackEvent:
    """How a person edited a message from Slack's history; `Unsupported` if nobody did."""
    said = fields(item)
    if not said.get("edited"):
        return Unsupported("message", "not edited")
    return _edit(said, channel=channel, us=us)


def _message(outer: Fields, event: Fields, us: Installation) -> SlackEvent:
    match word(event.get("subtype")):
        case "message_changed":
            return _changed(event, us)
        case "message_deleted":
            return _deleted(event, us)
        case subtype if subtype not in _SAID_SUBTYPES:
            return Unsupported("message", f"subtype {subtype[:60]}")
        case _:
            return _posted(outer, event, us)


def _mention(outer: Fields, event: Fields, us: Installation) -> SlackEvent:
    # An edit can fire the mention again (PLATFORM §4.5): it is an edit, not a new message.
    if event.get("edited"):
        return _edit(event, channel=word(event.get("channel")), us=us)
    return _posted(outer, event, us)


def _posted(outer: Fields, event: Fields, us: Installation) -> SlackEvent:
    event_id = word(outer.get("event_id"))
    if not event_id:
        return Unsupported(word(event.get("type")), "a field is missing")
    return _said(outer, event, us, event_id=event_id)


def _said(outer: Fields, event: Fields, us: Installation, *, event_id: str | None) -> SlackEvent:
    kind = word(event.get("type"))
    if why := _nobodys_words(event, us):
        return Unsupported(kind, why)
    channel = word(event.get("channel"))
    ts, user = word(event.get("ts")), word(event.get("user")) or word(event.get("bot_id"))
    if not (channel and ts and user):
        return Unsupported(kind, "a field is missing")
    escaped = word(event.get("text"))
    files = shared_files(event)
    if not escaped.strip() and not files:
        return Unsupported(kind, "empty")
    thread_ts = word(event.get("thread_ts"))
    return MessagePosted(
        InboundMessage(
            event_id=event_id,
            team=us.team,
            channel=ChannelId(channel),
            ts=MessageTs(ts),
            thread_ts=MessageTs(thread_ts) if thread_ts and thread_ts != ts else None,
            user=UserId(user),
            text=plain_text(escaped),
            is_dm=event.get("channel_type") == "im" or channel.startswith("D"),
            mentions_app=kind == "app_mention" or mentions(escaped, us.bot_user),
            files=files,
            from_outside=_from_outside(outer, event, us),
            from_bot=_is_bot(event),
        )
    )


def _changed(event: Fields, us: Installation) -> SlackEvent:
    now, before = fields(event.get("message")), fields(event.get("previous_message"))
    channel = word(event.get("channel"))
    if word(now.get("subtype")) == "tombstone":
        return _gone(now.get("ts"), channel, us)
    if not now.get("edited") or now.get("edited") == before.get("edited"):
        return Unsupported("message", "changed, but not by a person")
    return _edit(now, channel=channel, us=us)


def _edit(message: Fields, *, channel: str, us: Installation) -> SlackEvent:
    if why := _nobodys_words(message, us):
        return Unsupported("message", why)
    if _is_bot(message):
        return Unsupported("message", "edited by another bot")
    ts = word(message.get("ts"))
    if not (channel and ts):
        return Unsupported("message", "a field is missing")
    text = plain_text(word(message.get("text")))
    edited_ts = word(fields(message.get("edited")).get("ts")) or ts
    return MessageEdited(
        us.team, ChannelId(channel), MessageTs(ts), text, edited_ts=MessageTs(edited_ts)
    )


def _deleted(event: Fields, us: Installation) -> SlackEvent:
    if _is_ours(fields(event.get("previous_message")), us):
        return Unsupported("message", "our own")
    return _gone(event.get("deleted_ts"), word(event.get("channel")), us)


def _gone(ts: object, channel: str, us: Installation) -> SlackEvent:
    if not (word(ts) and channel):
        return Unsupported("message", "a field is missing")
    return MessageDeleted(us.team, ChannelId(channel), MessageTs(word(ts)))


def _reaction(event: Fields, us: Installation) -> SlackEvent:
    item = fields(event.get("item"))
    channel, ts = word(item.get("channel")), word(item.get("ts"))
    user, name = word(event.get("user")), word(event.get("reaction"))
    if user == us.bot_user:
        return Unsupported("reaction_added", "our own")
    if not (channel and ts and user and name):
        return Unsupported("reaction_added", "not on a message")
    # A skin tone is a suffix (`thumbsup::skin-tone-2`) and no other emoji.
    emoji = name.partition("::")[0]
    return ReactionAdded(us.team, ChannelId(channel), MessageTs(ts), UserId(user), emoji)


def _nobodys_words(message: Fields, us: Installation) -> str | None:
    """Why a message is nobody's words to us, or None when somebody else said it."""
    if message.get("hidden"):
        return "hidden"
    return "our own" if _is_ours(message, us) else None


def _is_bot(message: Fields) -> bool:
    """Whether another bot speaks: context for a thread, never a turn (PLATFORM §4.5)."""
    return (
        bool(message.get("bot_id") or message.get("bot_profile"))
        or message.get("subtype") == "bot_message"
        or message.get("user") == "USLACKBOT"
    )


def _is_ours(message: Fields, us: Installation) -> bool:
    return message.get("user") == us.bot_user or (
        bool(us.bot_id) and message.get("bot_id") == us.bot_id
    )


def _teams(outer: Fields) -> frozenset[str]:
    """Every workspace for which the event was sent (PLATFORM §4.4)."""
    given = [word(outer.get("team_id"))]
    authorizations = outer.get("authorizations")
    for item in authorizations if isinstance(authorizations, list) else ():
        given.append(word(fields(item).get("team_id")))
    return frozenset(given)


def _from_outside(outer: Fields, event: Fields, us: Installation) -> bool:
    """Whether Slack says that the sender belongs elsewhere (PLATFORM §4.8).

    In a channel shared with others, a sender without any team counts as from outside.
    """
    if fields(event.get("user_profile")).get("is_stranger"):
        return True
    teams = {word(event.get(name)) for name in ("user_team", "source_team", "team")} - {""}
    if not teams:
        return bool(outer.get("is_ext_shared_channel"))
    return teams != {us.team}


def shared_files(message: Fields) -> tuple[SharedFile, ...]:
    """The files on a message; those that are deleted or hidden by the plan are left out.

    `url` is empty where Slack wants `files.info` asked first (PLATFORM §9.2).
    """
    listed = message.get("files")
    found = (_file(fields(item)) for item in (listed if isinstance(listed, list) else ()))
    return tuple(file for file in found if file is not None)


def _file(item: Fields) -> SharedFile | None:
    file_id = word(item.get("id"))
    if not file_id or word(item.get("mode")) in _GONE_FILES:
        return None
    size = item.get("size")
    return SharedFile(
        file_id=file_id,
        name=word(item.get("name")) or word(item.get("title")) or file_id,
        mimetype=word(item.get("mimetype")) or "application/octet-stream",
        size=size if isinstance(size, int) and not isinstance(size, bool) else None,
        url=word(item.get("url_private_download")) or word(item.get("url_private")),
    )


def fields(value: object) -> Fields:
    """`value` if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def word(value: object) -> str:
    """`value` if it is a string, else an empty one."""
    return value if isinstance(value, str) else ""
