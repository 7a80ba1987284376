"""What the app hears: every change in a channel it is a member of, as an Events API payload."""

import random
import uuid

from slack_playground.seed_data import APP_ID, BOT_ID, BOT_USER_ID, TEAM_ID
from slack_playground.slack_types import Json, TsClock, epoch_s, new_id
from slack_playground.transport import Transport
from slack_playground.workspace import (
    THREAD_KEYS,
    Channel,
    Listener,
    Workspace,
    has_app,
    team_of,
)

VERIFICATION = "playground-verification"
_NOT_IN_EVENTS = frozenset({"metadata", "reactions", *THREAD_KEYS})


class EventFeed(Listener):
    """Turns changes of the workspace into events.

    Args:
        subscribed: the events of the app's manifest; None for every event that there is.
    """

    def __init__(
        self,
        workspace: Workspace,
        transport: Transport,
        *,
        subscribed: frozenset[str] | None = None,
    ) -> None:
        self._workspace = workspace
        self._transport = transport
        self._subscribed = subscribed
        self._clock = TsClock()

    def posted(self, channel: Channel, message: Json) -> None:
        """Send `message`, `app_mention` where the app is mentioned, and `file_shared`."""
        if not has_app(channel):
            return
        event = self._message_event(channel, message)
        events = [event]
        if _mentions_app(channel, message):
            events.append(_mention_event(event))
        random.shuffle(events)
        for item in events:
            self.send(channel, item)
        for file in message.get("files", []):
            self.send(
                channel,
                {
                    "type": "file_shared",
                    "channel_id": channel.id,
                    "file_id": file["id"],
                    "user_id": message.get("user", ""),
                    "file": {"id": file["id"]},
                    "event_ts": message["ts"],
                },
            )

    def changed(self, channel: Channel, message: Json, previous: Json) -> None:
        """Send `message_changed`; an edited mention fires `app_mention` again."""
        if not has_app(channel):
            return
        now = self._clock.next()
        self.send(
            channel,
            {
                "type": "message",
                "subtype": "message_changed",
                "hidden": True,
                "channel": channel.id,
                "channel_type": channel.kind,
                "message": self._inner(channel, message),
                "previous_message": self._inner(channel, previous),
                "ts": now,
                "event_ts": now,
            },
        )
        if _mentions_app(channel, message) and message.get("edited"):
            self.send(channel, _mention_event(self._message_event(channel, message)))

    def deleted(self, channel: Channel, message: Json) -> None:
        """Send `message_deleted`."""
        if not has_app(channel):
            return
        now = self._clock.next()
        self.send(
            channel,
            {
                "type": "message",
                "subtype": "message_deleted",
                "hidden": True,
                "channel": channel.id,
                "channel_type": channel.kind,
                "deleted_ts": message["ts"],
                "previous_message": self._inner(channel, message),
                "ts": now,
                "event_ts": now,
            },
        )

    def reacted(self, channel: Channel, message: Json, user: str, name: str, added: bool) -> None:
        """Send `reaction_added` or `reaction_removed`."""
        if not has_app(channel):
            return
        event: Json = {
            "type": "reaction_added" if added else "reaction_removed",
            "user": user,
            "reaction": name,
            "item": {"type": "message", "channel": channel.id, "ts": message["ts"]},
            "event_ts": self._clock.next(),
        }
        if message.get("user"):
            event["item_user"] = message["user"]
        self.send(channel, event)

    def joined(self, channel: Channel, user: str, inviter: str | None) -> None:
        """Send `member_joined_channel`, also for the app itself."""
        if not has_app(channel):
            return
        event: Json = {
            "type": "member_joined_channel",
            "user": user,
            "channel": channel.id,
            "channel_type": "G" if channel.is_private else "C",
            "team": TEAM_ID,
            "event_ts": self._clock.next(),
        }
        if inviter is not None:
            event["inviter"] = inviter
        self.send(channel, event)

    def left(self, channel: Channel, user: str, actor: str | None) -> None:
        """Send `member_left_channel`; the app itself hears of `channel_left` or `group_left`."""
        event: Json = {"channel": channel.id, "event_ts": self._clock.next()}
        if user == BOT_USER_ID:
            event |= {"type": of_kind(channel, "left"), "actor_id": actor or user}
        else:
            event |= {
                "type": "member_left_channel",
                "user": user,
                "channel_type": "G" if channel.is_private else "C",
                "team": TEAM_ID,
            }
        if user == BOT_USER_ID or has_app(channel):
            self.send(channel, event)

    def created(self, channel: Channel) -> None:
        """Send `channel_created`, for public ones."""
        if channel.is_closed:
            return
        shape = {
            "id": channel.id,
            "name": channel.name,
            "created": channel.created,
            "creator": channel.creator,
        }
        event = {"type": "channel_created", "channel": shape, "event_ts": self._clock.next()}
        self.send(channel, event)

    def app_home_opened(self, user: str, channel: Channel, *, tab: str, view: Json | None) -> None:
        """Tell the app that a person looks at its Home or Messages tab."""
        event: Json = {
            "type": "app_home_opened",
            "user": user,
            "channel": channel.id,
            "tab": tab,
            "event_ts": self._clock.next(),
        }
        if view is not None:
            event["view"] = view
        self.send(channel, event)

    def session_stopped(
        self, channel: Channel, thread_ts: str, user: str, streams: list[str]
    ) -> None:
        """Tell the app that a person pressed Stop (PLATFORM §6.3)."""
        self.send(
            channel,
            {
                "type": "agent_session_stopped",
                "channel": channel.id,
                "thread_ts": thread_ts,
                "user": user,
                "streaming_message_ts": streams,
                "event_ts": self._clock.next(),
            },
        )

    def session_renamed(self, channel: Channel, thread_ts: str, user: str, title: str) -> None:
        """Tell the app that a person gave a session another title."""
        self.send(
            channel,
            {
                "type": "agent_session_title_changed",
                "channel": channel.id,
                "thread_ts": thread_ts,
                "user": user,
                "title": title,
                "event_ts": self._clock.next(),
            },
        )

    def send(self, channel: Channel | None, event: Json) -> None:
        """Wrap one inner event completely and hand it to the app, if the app subscribed.

        `channel` is where it happened, None for what happened to the whole workspace. Of what is
        private the app hears where it is a member, and of its own removal.
        """
        if self._subscribed is not None and _subscription(channel, event) not in self._subscribed:
            return
        is_secret = channel is not None and channel.is_closed and not has_app(channel)
        if is_secret and event["type"] != "group_left":
            return
        payload: Json = {
            "token": VERIFICATION,
            "team_id": TEAM_ID,
            "context_team_id": TEAM_ID,
            "context_enterprise_id": None,
            "api_app_id": APP_ID,
            "event": event,
            "type": "event_callback",
            "event_id": new_id("Ev"),
            "event_time": epoch_s(),
            "authorizations": [
                {
                    "enterprise_id": None,
                    "team_id": TEAM_ID,
                    "user_id": BOT_USER_ID,
                    "is_bot": True,
                    "is_enterprise_install": False,
                }
            ],
            "is_ext_shared_channel": channel is not None and channel.is_ext_shared,
            "event_context": f"4-{uuid.uuid4().hex}",
        }
        kind = event["type"]
        name = f"{kind}.{event['subtype']}" if event.get("subtype") else kind
        summary = f"{_place(channel)} {str(event.get('text', ''))[:80]}".strip()
        self._transport.send_event(payload, name=name, summary=summary)

    def too_many(self, minute: int) -> None:
        """Say that the events of a minute, which begins at that Unix second, are dropped."""
        payload = {
            "token": VERIFICATION,
            "type": "app_rate_limited",
            "team_id": TEAM_ID,
            "minute_rate_limited": minute,
            "api_app_id": APP_ID,
        }
        self._transport.send_event(payload, name="app_rate_limited", summary="")

    def _message_event(self, channel: Channel, message: Json) -> Json:
        return {
            **self._inner(channel, message),
            "channel": channel.id,
            "channel_type": channel.kind,
            "event_ts": message["ts"],
        }

    def _inner(self, channel: Channel, message: Json) -> Json:
        inner = {key: value for key, value in message.items() if key not in _NOT_IN_EVENTS}
        speaker = self._workspace.users.get(message.get("user", ""))
        if speaker is None or message.get("subtype") == "tombstone":
            return inner
        inner.setdefault("team", team_of(speaker))
        if channel.is_ext_shared:
            inner["user_team"] = inner["source_team"] = team_of(speaker)
            if "files" in inner:
                inner["files"] = [
                    {"id": file["id"], "mode": "file_access", "file_access": "check_file_info"}
                    for file in inner["files"]
                ]
        return inner


def of_kind(channel: Channel, what: str) -> str:
    """The event's name: those of private channels begin with `group_`."""
    return f"{'group' if channel.is_private else 'channel'}_{what}"


def _place(channel: Channel | None) -> str:
    if channel is None:
        return "workspace"
    return f"#{channel.name}" if channel.name else "direct message"


def _subscription(channel: Channel | None, event: Json) -> str:
    """What an app subscribes to in order to hear of the event."""
    if channel is None or event["type"] != "message":
        return str(event["type"])
    kinds = {"channel": "channels", "group": "groups", "im": "im", "mpim": "mpim"}
    return f"message.{kinds[channel.kind]}"


def _mentions_app(channel: Channel, message: Json) -> bool:
    is_direct = channel.is_im or channel.is_mpim  # neither has such an event (PLATFORM §14)
    if is_direct or message.get("bot_id") == BOT_ID or message.get("hidden"):
        return False
    said = message.get("subtype") in {None, "file_share", "thread_broadcast"}
    by_workflow = bool(message.get("bot_profile", {}).get("is_workflow_bot"))
    return (said or by_workflow) and f"<@{BOT_USER_ID}>" in message.get("text", "")


def _mention_event(event: Json) -> Json:
    dropped = {"subtype", "channel_type", "parent_user_id", "root"}
    return {**{k: v for k, v in event.items() if k not in dropped}, "type": "app_mention"}
