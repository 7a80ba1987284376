"""Event parser: what the events of Slack's Events API mean. Pure, and tolerant of any JSON.

A payload comes from outside: every field is checked before it is believed, and whatever does
not fit becomes `Unsupported` with the reason (guarantee G8). Rules: PLATFORM §4.5 to §4.8, §13.
"""

from dataclasses import dataclass
from typing import Any

from bridge.domain.ids import ChannelId, MessageTs, TeamId, UserId
from bridge.domain.mentions import addresses_user, users_in
from bridge.domain.messages import InboundMessage
from bridge.slack.json_values import JsonObject, as_mapping, as_string
from bridge.slack.message_reader import SAID, app_ids, bot_name, is_bot, read_content

_ARRIVALS = frozenset({"channel_join", "group_join"})


@dataclass(frozen=True, slots=True)
class Installation:
    """The workspace that installed us and who we are there, from `auth.test`. `enterprise` is
    its organisation on Enterprise Grid, empty elsewhere.
    """

    team: TeamId
    bot_user: UserId
    bot_id: str
    enterprise: str = ""

    @property
    def teams(self) -> frozenset[str]:
        """The ids under which our people may appear."""
        return frozenset({self.team, self.enterprise} - {""})


@dataclass(frozen=True, slots=True)
class MessagePosted:
    """A person or another bot said something. Twins (`message`, `app_mention`) share team,
    channel and ts.
    """

    message: InboundMessage


@dataclass(frozen=True, slots=True)
class MessageEdited:
    """A person edited a message; this is how it reads now. Its `edited_ts` is the same in
    whatever tells of the edit.
    """

    message: InboundMessage


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


@dataclass(frozen=True, slots=True)
class ChannelIdChanged:
    """A channel has another id from now on, because it was shared or converted."""

    team: TeamId
    old: ChannelId
    new: ChannelId


SlackEvent = (
    MessagePosted | MessageEdited | MessageDeleted | ReactionAdded | ChannelIdChanged | Unsupported
)


def read_event(payload: Any, *, us: Installation) -> SlackEvent:
    """What an Events API payload (the envelope's `payload`) means. Never raises."""
    outer = as_mapping(payload)
    event = as_mapping(outer.get("event"))
    kind = as_string(event.get("type")) or "unknown"
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
        case "channel_id_changed":
            return _channel_id_changed(event, us)
        case _:
            return Unsupported(kind, "not used")


def read_past(item: Any, *, channel: str, us: Installation) -> SlackEvent:
    """What a message from Slack's history means. Never raises."""
    said = as_mapping(item)
    subtype = as_string(said.get("subtype"))
    if subtype not in SAID:
        return Unsupported("message", f"subtype {subtype[:60]}")
    return _said({}, {**said, "type": "message", "channel": channel}, us, event_id=None)


def is_our_arrival(item: Any, us: Installation) -> bool:
    """Whether a message from a channel's history says that the app came into the channel."""
    said = as_mapping(item)
    return as_string(said.get("subtype")) in _ARRIVALS and said.get("user") == us.bot_user


def read_edit(item: Any, *, channel: str, us: Installation) -> SlackEvent:
    """How a person edited a message from Slack's history; `Unsupported` if nobody did."""
    said = as_mapping(item)
    if not said.get("edited"):
        return Unsupported("message", "not edited")
    return _edit({}, {**said, "type": "message", "channel": channel}, us)


def _message(outer: JsonObject, event: JsonObject, us: Installation) -> SlackEvent:
    match as_string(event.get("subtype")):
        case "message_changed":
            return _changed(outer, event, us)
        case "message_deleted":
            return _deleted(event, us)
        case subtype if subtype not in SAID:
            return Unsupported("message", f"subtype {subtype[:60]}")
        case _:
            return _posted(outer, event, us)


def _mention(outer: JsonObject, event: JsonObject, us: Installation) -> SlackEvent:
    # An edit can fire the mention again (PLATFORM §4.5): it is an edit, not a new message.
    if event.get("edited"):
        return _edit(outer, event, us)
    return _posted(outer, event, us)


def _posted(outer: JsonObject, event: JsonObject, us: Installation) -> SlackEvent:
    event_id = as_string(outer.get("event_id"))
    if not event_id:
        return Unsupported(as_string(event.get("type")), "a field is missing")
    return _said(outer, event, us, event_id=event_id)


def _said(
    outer: JsonObject, event: JsonObject, us: Installation, *, event_id: str | None
) -> SlackEvent:
    kind = as_string(event.get("type"))
    if why := _why_ignored(event, us):
        return Unsupported(kind, why)
    channel = as_string(event.get("channel"))
    ts, user = (
        as_string(event.get("ts")),
        as_string(event.get("user")) or bot_name(event) or as_string(event.get("bot_id")),
    )
    if not (channel and ts and user):
        return Unsupported(kind, "a field is missing")
    content = read_content(event)
    if content.is_empty:
        return Unsupported(kind, "empty")
    thread_ts = as_string(event.get("thread_ts"))
    edited = event.get("edited")
    edited_ts = (as_string(as_mapping(edited).get("ts")) or ts) if edited else None
    return MessagePosted(
        InboundMessage(
            event_id=event_id,
            team=us.team,
            channel=ChannelId(channel),
            ts=MessageTs(ts),
            thread_ts=MessageTs(thread_ts) if thread_ts and thread_ts != ts else None,
            user=UserId(user),
            text=content.text,
            is_dm=event.get("channel_type") == "im" or channel.startswith("D"),
            mentions_app=_addresses_us(kind, content.text, us),
            files=content.files,
            from_outside=_from_outside(outer, event, us),
            from_bot=is_bot(event),
            apps=app_ids(event),
            edited_ts=None if edited_ts is None else MessageTs(edited_ts),
        )
    )


def _channel_id_changed(event: JsonObject, us: Installation) -> SlackEvent:
    old, new = as_string(event.get("old_channel_id")), as_string(event.get("new_channel_id"))
    if not (old and new) or old == new:
        return Unsupported("channel_id_changed", "a field is missing")
    return ChannelIdChanged(us.team, ChannelId(old), ChannelId(new))


def _addresses_us(kind: str, text: str, us: Installation) -> bool:
    """Slack calls it a mention also where it stands in code or a quote, and means nobody."""
    if addresses_user(text, us.bot_user):
        return True
    return kind == "app_mention" and us.bot_user not in users_in(text)


def _changed(outer: JsonObject, event: JsonObject, us: Installation) -> SlackEvent:
    now, before = as_mapping(event.get("message")), as_mapping(event.get("previous_message"))
    if as_string(now.get("subtype")) == "tombstone":
        return _gone(now.get("ts"), as_string(event.get("channel")), us)
    if not now.get("edited") or now.get("edited") == before.get("edited"):
        return Unsupported("message", "changed, but not by a person")
    place = {key: event[key] for key in ("channel", "channel_type") if key in event}
    return _edit(outer, {**now, **place, "type": "message"}, us)


def _edit(outer: JsonObject, message: JsonObject, us: Installation) -> SlackEvent:
    if is_bot(message) and not _is_ours(message, us):
        return Unsupported("message", "edited by another bot")
    now = _said(outer, message, us, event_id=as_string(outer.get("event_id")) or None)
    return MessageEdited(now.message) if isinstance(now, MessagePosted) else now


def _deleted(event: JsonObject, us: Installation) -> SlackEvent:
    if _is_ours(as_mapping(event.get("previous_message")), us):
        return Unsupported("message", "our own")
    return _gone(event.get("deleted_ts"), as_string(event.get("channel")), us)


def _gone(ts: object, channel: str, us: Installation) -> SlackEvent:
    if not (as_string(ts) and channel):
        return Unsupported("message", "a field is missing")
    return MessageDeleted(us.team, ChannelId(channel), MessageTs(as_string(ts)))


def _reaction(event: JsonObject, us: Installation) -> SlackEvent:
    item = as_mapping(event.get("item"))
    channel, ts = as_string(item.get("channel")), as_string(item.get("ts"))
    user, name = as_string(event.get("user")), as_string(event.get("reaction"))
    if user == us.bot_user:
        return Unsupported("reaction_added", "our own")
    if not (channel and ts and user and name):
        return Unsupported("reaction_added", "not on a message")
    # A skin tone is a suffix (`thumbsup::skin-tone-2`) and no other emoji.
    emoji = name.partition("::")[0]
    return ReactionAdded(us.team, ChannelId(channel), MessageTs(ts), UserId(user), emoji)


def _why_ignored(message: JsonObject, us: Installation) -> str | None:
    """Why the message is ignored; None when a person or another bot said it."""
    if message.get("hidden"):
        return "hidden"
    return "our own" if _is_ours(message, us) else None


def _is_ours(message: JsonObject, us: Installation) -> bool:
    return message.get("user") == us.bot_user or (
        bool(us.bot_id) and message.get("bot_id") == us.bot_id
    )


def _teams(outer: JsonObject) -> frozenset[str]:
    """Every workspace for which the event was sent (PLATFORM §4.4)."""
    given = [as_string(outer.get("team_id"))]
    authorizations = outer.get("authorizations")
    for item in authorizations if isinstance(authorizations, list) else ():
        given.append(as_string(as_mapping(item).get("team_id")))
    return frozenset(given)


def _from_outside(outer: JsonObject, event: JsonObject, us: Installation) -> bool:
    """Whether Slack says that the sender belongs elsewhere (PLATFORM §4.8).

    `user_team` decides: in a channel that a partner hosts, the other two name the partner. In a
    channel shared with others, a sender without any team counts as from outside. Within an
    organisation any workspace may be named, so there `users.info` decides alone.
    """
    if as_mapping(event.get("user_profile")).get("is_stranger"):
        return True
    named = (as_string(event.get(name)) for name in ("user_team", "source_team", "team"))
    team = next(filter(None, named), "")
    if not team:
        return bool(outer.get("is_ext_shared_channel"))
    return team not in us.teams and not us.enterprise
