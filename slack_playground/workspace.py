"""The workspace's state: who is there, which channels, and what was said.

Messages are Slack's message objects (plain JSON). Every change is told to the listeners, in
order: the event feed, the page's live sockets and the state file hang on them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from slack_playground import seed_data
from slack_playground.seed_data import BOT_USER_ID, SLACKBOT_ID, TEAM_ID, User
from slack_playground.slack_types import ApiError, Json, TsClock, epoch_s, new_id

THREAD_KEYS = ("reply_count", "reply_users", "reply_users_count", "latest_reply")


@dataclass(slots=True)
class Channel:
    """One conversation. `messages` rises by timestamp; `threads` maps a root to its replies;
    `deleted` are the roots that are gone without a trace.
    """

    id: str
    name: str
    members: list[str]
    created: int
    creator: str = "U01MAYACHEN"
    topic: str = ""
    is_im: bool = False
    is_private: bool = False
    is_ext_shared: bool = False
    is_mpim: bool = False
    is_archived: bool = False
    deleted: set[str] = field(default_factory=set)
    messages: dict[str, Json] = field(default_factory=dict)
    threads: dict[str, list[str]] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """Slack's `channel_type`."""
        if self.is_im:
            return "im"
        if self.is_mpim:
            return "mpim"
        return "group" if self.is_private else "channel"

    @property
    def is_closed(self) -> bool:
        """Whether only its members know of it."""
        return self.is_im or self.is_mpim or self.is_private

    def peer(self, of: str) -> str:
        """The other person of a DM, seen from user `of`."""
        return next((member for member in self.members if member != of), of)

    def roots(self) -> Iterator[Json]:
        """What the channel itself shows: roots and broadcast replies, oldest first."""
        for message in self.messages.values():
            if is_root(message) or message.get("subtype") == "thread_broadcast":
                yield message

    def thread(self, root_ts: str) -> list[Json]:
        """The replies to `root_ts`, oldest first, without the root."""
        return [self.messages[ts] for ts in self.threads.get(root_ts, [])]


def is_root(message: Json) -> bool:
    """Whether a message stands in the channel and not in a thread."""
    return bool(message.get("thread_ts", message["ts"]) == message["ts"])


class Listener:
    """Hears of changes. Every method may be left as it is."""

    def posted(self, channel: Channel, message: Json) -> None:
        """A message appeared."""

    def changed(self, channel: Channel, message: Json, previous: Json) -> None:
        """A message's content changed from `previous`."""

    def counted(self, channel: Channel, message: Json) -> None:
        """Reactions or reply counts of a message changed."""

    def deleted(self, channel: Channel, message: Json) -> None:
        """A message is gone."""

    def reacted(self, channel: Channel, message: Json, user: str, name: str, added: bool) -> None:
        """A person or the app added or removed a reaction."""

    def joined(self, channel: Channel, user: str, inviter: str | None) -> None:
        """Somebody became a member."""

    def left(self, channel: Channel, user: str, actor: str | None) -> None:
        """Somebody is no member any more; `actor` took them out, None if they left."""

    def created(self, channel: Channel) -> None:
        """Somebody made a channel."""

    def channel_changed(self, channel: Channel) -> None:
        """A channel appeared or its members changed."""


class Workspace:
    """People, channels and messages, with the bookkeeping Slack does on each write."""

    def __init__(self, *, app_name: str = "Letta", bot_name: str = "letta") -> None:
        self.users: dict[str, User] = {user.id: user for user in seed_data.USERS}
        bot = self.users[seed_data.BOT_USER_ID]
        self.users[bot.id] = replace(bot, name=bot_name, real_name=app_name)
        self.channels: dict[str, Channel] = {}
        self.clock = TsClock()
        self.listeners: list[Listener] = []
        self.read_up_to: dict[tuple[str, str], str] = {}
        for item in seed_data.CHANNELS:
            self.channels[item.id] = Channel(
                id=item.id,
                name=item.name,
                members=list(item.members),
                created=epoch_s(),
                topic=item.topic,
                is_ext_shared=item.is_ext_shared,
            )

    def tell(self, what: str, *args: Any) -> None:
        """Call method `what` of every listener."""
        for listener in self.listeners:
            getattr(listener, what)(*args)

    # ---- who and where

    def user(self, user_id: str) -> User:
        """The member, or raise `user_not_found`."""
        try:
            return self.users[user_id]
        except KeyError:
            raise ApiError("user_not_found") from None

    def visible_channels(self, user_id: str) -> list[Channel]:
        """What `user_id` may see: public channels (guests: only their own) and own DMs."""
        guest = self.users[user_id].is_guest
        return [
            channel
            for channel in self.channels.values()
            if user_id in channel.members or not (guest or channel.is_closed)
        ]

    def sees(self, user_id: str, channel: Channel) -> bool:
        """Whether `user_id` may read `channel`."""
        if user_id in channel.members:
            return True
        return not (channel.is_closed or self.users[user_id].is_guest)

    def open_dm(self, first: str, second: str) -> Channel:
        """The DM of two members, made on first use."""
        self.user(first)
        self.user(second)
        for channel in self.channels.values():
            if channel.is_im and set(channel.members) == {first, second}:
                return channel
        channel = Channel(
            id=new_id("D"), name="", members=[first, second], created=epoch_s(), is_im=True
        )
        self.channels[channel.id] = channel
        self.tell("channel_changed", channel)
        return channel

    def create(self, name: str, creator: str, *, private: bool = False) -> Channel:
        """A new channel with its creator in it."""
        channel = Channel(
            id=new_id("C"),
            name=name,
            members=[creator],
            created=epoch_s(),
            creator=creator,
            is_private=private,
        )
        self.channels[channel.id] = channel
        self.tell("channel_changed", channel)
        self.tell("created", channel)
        return channel

    def join(self, channel: Channel, user_id: str, *, inviter: str | None = None) -> None:
        """Make `user_id` a member; a no-op for members."""
        self.user(user_id)
        if user_id in channel.members:
            return
        channel.members.append(user_id)
        self.tell("channel_changed", channel)
        self.tell("joined", channel, user_id, inviter)
        notice: Json = {
            "type": "message",
            "subtype": "channel_join",
            "user": user_id,
            "text": f"<@{user_id}> has joined the channel",
        }
        if inviter is not None:
            notice["inviter"] = inviter
        self.post(channel, notice)

    def leave(self, channel: Channel, user_id: str, *, actor: str | None = None) -> None:
        """End a membership; `actor` takes them out, None if they leave, which the channel shows.

        Raises `not_in_channel`.
        """
        if user_id not in channel.members:
            raise ApiError("not_in_channel")
        channel.members.remove(user_id)
        self.tell("channel_changed", channel)
        self.tell("left", channel, user_id, actor)
        if actor is None:
            text = f"<@{user_id}> has left the channel"
            self.post(channel, {"subtype": "channel_leave", "user": user_id, "text": text})

    def open_group(self, members: list[str]) -> Channel:
        """The group message of exactly these people, made if there is none."""
        for channel in self.channels.values():
            if channel.is_mpim and set(channel.members) == set(members):
                return channel
        names = [self.user(member).name for member in members]
        channel = Channel(
            id=new_id("C"),
            name=f"mpdm-{'--'.join(names)}-1",
            members=list(members),
            created=epoch_s(),
            is_mpim=True,
        )
        self.channels[channel.id] = channel
        self.tell("channel_changed", channel)
        return channel

    def give_new_id(self, channel: Channel) -> None:
        """Convert a channel: what it holds stays, its id changes."""
        del self.channels[channel.id]
        channel.id = new_id("C")
        self.channels[channel.id] = channel
        self.tell("channel_changed", channel)

    def unread(self, user_id: str, channel: Channel) -> int:
        """How many channel messages of others came after the last one `user_id` has read."""
        last = self.read_up_to.get((user_id, channel.id), "")
        return sum(m["ts"] > last and m.get("user") != user_id for m in channel.roots())

    def mark_read(self, user_id: str, channel: Channel) -> None:
        """`user_id` has read everything that the channel holds."""
        newest = max((message["ts"] for message in channel.roots()), default="")
        if newest:
            self.read_up_to[user_id, channel.id] = newest

    # ---- what is said

    def message(self, channel: Channel, ts: str) -> Json:
        """The stored message, or raise `message_not_found`."""
        try:
            return channel.messages[ts]
        except KeyError:
            raise ApiError("message_not_found") from None

    def post(self, channel: Channel, message: Json, *, broadcast: bool = False) -> Json:
        """Store a message under a fresh timestamp and return it.

        A `thread_ts` must name an existing message; that of a reply becomes its root.
        """
        message = {"type": "message", **message, "ts": self.clock.next()}
        reply_to: str | None = message.pop("thread_ts", None)
        root_ts = None
        if reply_to is not None:
            root_ts = str(self.message(channel, reply_to).get("thread_ts", reply_to))
            message["thread_ts"] = root_ts
            parent = channel.messages.get(root_ts, {})
            if parent.get("user"):
                message["parent_user_id"] = parent["user"]
            if broadcast:
                message["subtype"] = "thread_broadcast"
                message["root"] = {k: v for k, v in parent.items() if k != "metadata"}
        channel.messages[message["ts"]] = message
        if root_ts is not None:
            channel.threads.setdefault(root_ts, []).append(message["ts"])
        self.tell("posted", channel, message)
        if root_ts is not None:
            self._count_replies(channel, root_ts)
        return message

    def change(
        self, channel: Channel, ts: str, fields: Json, *, drop: tuple[str, ...] = ()
    ) -> Json:
        """Set `fields` of a message and remove those in `drop`; returns the message."""
        message = self.message(channel, ts)
        previous = dict(message)
        message.update(fields)
        for key in drop:
            message.pop(key, None)
        self.tell("changed", channel, message, previous)
        return message

    def delete(self, channel: Channel, ts: str) -> None:
        """Remove a message; a root with replies leaves a tombstone (PLATFORM §3.5)."""
        message = self.message(channel, ts)
        if channel.threads.get(ts):
            self._bury(channel, message)
            return
        del channel.messages[ts]
        channel.deleted.add(ts)
        root_ts = message.get("thread_ts")
        if root_ts is not None and root_ts != ts and ts in channel.threads.get(root_ts, []):
            channel.threads[root_ts].remove(ts)
            self._count_replies(channel, root_ts)
        self.tell("deleted", channel, message)

    def _bury(self, channel: Channel, message: Json) -> None:
        kept = {key: message[key] for key in ("type", "ts", "thread_ts", *THREAD_KEYS)}
        previous = dict(message)
        message.clear()
        message.update(
            kept,
            subtype="tombstone",
            user=SLACKBOT_ID,
            text="This message was deleted.",
            hidden=True,
        )
        self.tell("changed", channel, message, previous)

    def _count_replies(self, channel: Channel, root_ts: str) -> None:
        root = channel.messages.get(root_ts)
        if root is None:
            return
        replies = channel.thread(root_ts)
        if not replies:
            channel.threads.pop(root_ts, None)
            for key in ("thread_ts", *THREAD_KEYS):
                root.pop(key, None)
        else:
            users = list(dict.fromkeys(r.get("user") or r.get("bot_id", "") for r in replies))
            root.update(
                thread_ts=root_ts,
                reply_count=len(replies),
                reply_users=users,
                reply_users_count=len(users),
                latest_reply=replies[-1]["ts"],
            )
        self.tell("counted", channel, root)

    def react(self, channel: Channel, ts: str, *, user: str, name: str, add: bool) -> None:
        """Add or remove one reaction; raises `already_reacted` or `no_reaction`."""
        message = self.message(channel, ts)
        reactions: list[Json] = message.setdefault("reactions", [])
        entry = next((item for item in reactions if item["name"] == name), None)
        present = entry is not None and user in entry["users"]
        if present == add:
            raise ApiError("already_reacted" if add else "no_reaction")
        if entry is None:
            entry = {"name": name, "users": [], "count": 0}
            reactions.append(entry)
        (entry["users"].append if add else entry["users"].remove)(user)
        entry["count"] = len(entry["users"])
        if not entry["users"]:
            reactions.remove(entry)
        if not reactions:
            del message["reactions"]
        self.tell("reacted", channel, message, user, name, add)
        self.tell("counted", channel, message)


def team_of(user: User) -> str:
    """The workspace that Slack names for somebody's words here."""
    return TEAM_ID if TEAM_ID in user.enterprise_teams else user.team_id


def is_outside(user: User) -> bool:
    """Whether a member belongs to another organisation."""
    return team_of(user) != TEAM_ID


def has_app(channel: Channel) -> bool:
    """Whether the app is a member."""
    return BOT_USER_ID in channel.members
