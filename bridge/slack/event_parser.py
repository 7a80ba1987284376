"""Event parser: Slack's payloads to what they mean. Pure, and tolerant of any JSON.

A payload comes from outside: every field is checked before it is believed, and whatever does
not fit becomes `Unsupported` with the reason (guarantee G8). Rules: PLATFORM §4.5 to §4.8, §13.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from bridge.domain.ids import ApprovalId, ChannelId, MessageRef, MessageTs, TeamId, UserId
from bridge.domain.messages import InboundMessage, SharedFile
from bridge.render import action_ids
from bridge.slack.mrkdwn import mentions, plain_text

JsonObject = Mapping[str, Any]

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
        case _:
            return Unsupported(kind, "not used")


def read_past(item: Any, *, channel: str, us: Installation) -> SlackEvent:
    """What a message from Slack's history means. Never raises."""
    said = as_mapping(item)
    subtype = as_string(said.get("subtype"))
    if subtype not in _SAID_SUBTYPES:
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
    return _edit(said, channel=channel, us=us)


def _message(outer: JsonObject, event: JsonObject, us: Installation) -> SlackEvent:
    match as_string(event.get("subtype")):
        case "message_changed":
            return _changed(event, us)
        case "message_deleted":
            return _deleted(event, us)
        case subtype if subtype not in _SAID_SUBTYPES:
            return Unsupported("message", f"subtype {subtype[:60]}")
        case _:
            return _posted(outer, event, us)


def _mention(outer: JsonObject, event: JsonObject, us: Installation) -> SlackEvent:
    # An edit can fire the mention again (PLATFORM §4.5): it is an edit, not a new message.
    if event.get("edited"):
        return _edit(event, channel=as_string(event.get("channel")), us=us)
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
        as_string(event.get("user")) or as_string(event.get("bot_id")),
    )
    if not (channel and ts and user):
        return Unsupported(kind, "a field is missing")
    escaped = as_string(event.get("text"))
    files = shared_files(event)
    if not escaped.strip() and not files:
        return Unsupported(kind, "empty")
    thread_ts = as_string(event.get("thread_ts"))
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


def _changed(event: JsonObject, us: Installation) -> SlackEvent:
    now, before = as_mapping(event.get("message")), as_mapping(event.get("previous_message"))
    channel = as_string(event.get("channel"))
    if as_string(now.get("subtype")) == "tombstone":
        return _gone(now.get("ts"), channel, us)
    if not now.get("edited") or now.get("edited") == before.get("edited"):
        return Unsupported("message", "changed, but not by a person")
    return _edit(now, channel=channel, us=us)


def _edit(message: JsonObject, *, channel: str, us: Installation) -> SlackEvent:
    if why := _why_ignored(message, us):
        return Unsupported("message", why)
    if _is_bot(message):
        return Unsupported("message", "edited by another bot")
    ts = as_string(message.get("ts"))
    if not (channel and ts):
        return Unsupported("message", "a field is missing")
    text = plain_text(as_string(message.get("text")))
    edited_ts = as_string(as_mapping(message.get("edited")).get("ts")) or ts
    return MessageEdited(
        us.team, ChannelId(channel), MessageTs(ts), text, edited_ts=MessageTs(edited_ts)
    )


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


def _is_bot(message: JsonObject) -> bool:
    """Whether another bot speaks: context for a thread, never a turn (PLATFORM §4.5)."""
    return (
        bool(message.get("bot_id") or message.get("bot_profile"))
        or message.get("subtype") == "bot_message"
        or message.get("user") == "USLACKBOT"
    )


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

    In a channel shared with others, a sender without any team counts as from outside.
    """
    if as_mapping(event.get("user_profile")).get("is_stranger"):
        return True
    teams = {as_string(event.get(name)) for name in ("user_team", "source_team", "team")} - {""}
    if not teams:
        return bool(outer.get("is_ext_shared_channel"))
    return teams != {us.team}


def shared_files(message: JsonObject) -> tuple[SharedFile, ...]:
    """The files on a message; those that are deleted or hidden by the plan are left out.

    `url` is empty where Slack wants `files.info` asked first (PLATFORM §9.2).
    """
    listed = message.get("files")
    found = (_file(as_mapping(item)) for item in (listed if isinstance(listed, list) else ()))
    return tuple(file for file in found if file is not None)


def _file(item: JsonObject) -> SharedFile | None:
    file_id = as_string(item.get("id"))
    if not file_id or as_string(item.get("mode")) in _GONE_FILES:
        return None
    size = item.get("size")
    return SharedFile(
        file_id=file_id,
        name=as_string(item.get("name")) or as_string(item.get("title")) or file_id,
        mimetype=as_string(item.get("mimetype")) or "application/octet-stream",
        size=size if isinstance(size, int) and not isinstance(size, bool) else None,
        url=as_string(item.get("url_private_download")) or as_string(item.get("url_private")),
    )


def as_mapping(value: object) -> JsonObject:
    """`value` if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def as_string(value: object) -> str:
    """`value` if it is a string, else an empty one."""
    return value if isinstance(value, str) else ""


class ButtonKind(StrEnum):
    """What a button of ours is for."""

    ALLOW = "allow"
    DENY = "deny"
    DENY_WITH_REASON = "deny_with_reason"
    SHOW_ALL = "show_all"
    STOP = "stop"


BUTTONS: Final = {
    action_ids.APPROVAL_ALLOW: ButtonKind.ALLOW,
    action_ids.APPROVAL_DENY: ButtonKind.DENY,
    action_ids.APPROVAL_DENY_REASON: ButtonKind.DENY_WITH_REASON,
    action_ids.APPROVAL_VIEW: ButtonKind.SHOW_ALL,
    action_ids.TURN_STOP: ButtonKind.STOP,
}
"""Our action ids."""


@dataclass(frozen=True, slots=True)
class ButtonPressed:
    """A person pressed a button of ours.

    `value` is the opaque id that we put on it: of a turn for `STOP`, else of an approval.
    `ref` is the message with the button. `trigger_id` opens a form within three seconds, once.
    """

    kind: ButtonKind
    value: str
    user: UserId
    ref: MessageRef
    thread_ts: MessageTs | None
    trigger_id: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ReasonSubmitted:
    """A person denied with a reason, in the form that the button opened.

    `channel` and `thread_ts` (None: no thread) are where the approval was asked for.
    """

    approval_id: ApprovalId
    user: UserId
    reason: str
    channel: ChannelId
    thread_ts: MessageTs | None


def read_button(payload: Any) -> ButtonPressed | Unsupported:
    """What a `block_actions` payload means (PLATFORM §5.1)."""
    body = as_mapping(payload)
    actions = body.get("actions")
    action = as_mapping(actions[0]) if isinstance(actions, list) and actions else {}
    kind = BUTTONS.get(as_string(action.get("action_id")))
    if kind is None:
        return Unsupported("block_actions", "not a button of ours")
    container, user = as_mapping(body.get("container")), as_mapping(body.get("user"))
    channel = as_string(container.get("channel_id")) or as_string(
        as_mapping(body.get("channel")).get("id")
    )
    ts, value = as_string(container.get("message_ts")), as_string(action.get("value"))
    person = as_string(user.get("id"))
    if not (channel and ts and value and person):
        return Unsupported("block_actions", "a field is missing")
    thread_ts = as_string(container.get("thread_ts")) or as_string(
        as_mapping(body.get("message")).get("thread_ts")
    )
    return ButtonPressed(
        kind=kind,
        value=value,
        user=UserId(person),
        ref=MessageRef(ChannelId(channel), MessageTs(ts)),
        thread_ts=MessageTs(thread_ts) if thread_ts else None,
        trigger_id=as_string(body.get("trigger_id")),
    )


def read_submission(payload: Any) -> ReasonSubmitted | Unsupported:
    """What a `view_submission` payload means."""
    body = as_mapping(payload)
    view, user = as_mapping(body.get("view")), as_mapping(body.get("user"))
    if view.get("callback_id") != action_ids.VIEW_REASON:
        return Unsupported("view_submission", "not a form of ours")
    asked, person = _metadata(view), as_string(user.get("id"))
    approval_id, channel = as_string(asked.get("approval")), as_string(asked.get("channel"))
    if not (approval_id and channel and person):
        return Unsupported("view_submission", "a field is missing")
    thread_ts = as_string(asked.get("thread_ts"))
    values = as_mapping(as_mapping(view.get("state")).get("values"))
    typed = as_mapping(as_mapping(values.get(action_ids.REASON_BLOCK)).get(action_ids.REASON_INPUT))
    return ReasonSubmitted(
        approval_id=ApprovalId(approval_id),
        user=UserId(person),
        reason=as_string(typed.get("value")).strip(),
        channel=ChannelId(channel),
        thread_ts=MessageTs(thread_ts) if thread_ts else None,
    )


def _metadata(view: JsonObject) -> JsonObject:
    """What we put on the form ourselves; empty when it is not ours."""
    try:
        return as_mapping(json.loads(as_string(view.get("private_metadata"))))
    except (ValueError, RecursionError):
        return {}
