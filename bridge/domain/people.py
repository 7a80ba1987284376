"""Who speaks and what was said: people, teammates, messages and files as the house sees them."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bridge.domain.ids import (
    AgentId,
    BindingId,
    ChannelId,
    ConversationId,
    MessageId,
    MessageTs,
    Runtime,
    TeamId,
    ThreadKey,
    TurnId,
    UserId,
)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in Slack. `trusted` is True only for full members of the installing team.

    Guests, people of other organisations and other bots are not trusted.
    """

    user: UserId
    name: str
    trusted: bool
    is_bot: bool = False


@dataclass(frozen=True, slots=True)
class SharedFile:
    """A file on a message. `url` is Slack's private download address (a secret-free URL that
    needs the bot's token); `size` is in bytes, None when Slack did not say.
    """

    file_id: str
    name: str
    mimetype: str
    size: int | None
    url: str


class PermissionMode(StrEnum):
    """Which tools run without asking (PROTOCOL §10)."""

    STANDARD = "standard"
    ACCEPT_EDITS = "acceptEdits"
    UNRESTRICTED = "unrestricted"
    STRICT = "strict"


@dataclass(frozen=True, slots=True)
class Face:
    """Name and picture under which a teammate posts. At most one of the icons is set."""

    name: str
    icon_emoji: str | None = None
    icon_url: str | None = None


@dataclass(frozen=True, slots=True)
class Teammate:
    """A named persistent agent that people can address.

    `agent_id` is None when the agent is created on the App Server (with `model`) at first use.
    `cwd` None means the server's own start directory. `channels`: where she is the default.
    """

    name: str
    role: str = ""
    model: str | None = None
    agent_id: AgentId | None = None
    cwd: str | None = None
    permission_mode: PermissionMode = PermissionMode.STANDARD
    channels: tuple[ChannelId, ...] = ()
    aliases: tuple[str, ...] = ()
    user_group: str | None = None
    icon_emoji: str | None = None
    icon_url: str | None = None

    @property
    def face(self) -> Face:
        """How she appears in Slack."""
        return Face(self.name.capitalize(), self.icon_emoji, self.icon_url)


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """A message as it came from Slack. `text` is unescaped Slack text (mentions still as
    `<@U…>`). `thread_ts` is None for a message that is not in a thread. `event_id` is None for
    one that was read in Slack's history: no event brought it.
    """

    event_id: str | None
    team: TeamId
    channel: ChannelId
    ts: MessageTs
    thread_ts: MessageTs | None
    user: UserId
    text: str
    is_dm: bool
    mentions_app: bool
    files: tuple[SharedFile, ...] = ()
    from_outside: bool = False
    """True when Slack says that the sender belongs to another organisation."""
    from_bot: bool = False
    """True for another bot's words, which are context and start nothing; `user` is then its
    user id, or its bot id where Slack names no user.
    """

    @property
    def thread(self) -> ThreadKey:
        """A root message of a channel opens a thread; a DM is one conversation as a whole."""
        root = self.thread_ts or (None if self.is_dm else self.ts)
        return ThreadKey(self.team, self.channel, root)


@dataclass(frozen=True, slots=True)
class WaitingTurn:
    """A turn that no worker holds yet; `trusted` says it of the one who started it."""

    turn_id: TurnId
    message_count: int
    text_chars: int
    trusted: bool


class Speaker(StrEnum):
    """What kind of author a stored or read message has."""

    PERSON = "person"
    TEAMMATE = "teammate"
    BOT = "bot"


@dataclass(frozen=True, slots=True)
class Said:
    """One message of a thread, as it is told to an agent.

    `author` is a user id for people and bots, the teammate's name for teammates.
    """

    ts: MessageTs
    speaker: Speaker
    author: str
    text: str
    files: tuple[SharedFile, ...] = ()


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A row of the inbox: what was said, with its place in the order of storing.

    `deleted`: its author has taken it back since.
    """

    message_id: MessageId
    thread: ThreadKey
    said: Said
    received_at: datetime
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Binding:
    """The stored tie (thread key, teammate) to a runtime; the runtime registry's record.

    `runtime` is None until the first turn started one. `last_seen` is the newest stored message
    that she was told (None: nothing yet). `last_started_at` is the last runtime_start.
    """

    binding_id: BindingId
    thread: ThreadKey
    teammate: str
    server: str
    runtime: Runtime | None
    cwd: str | None
    last_seen: MessageId | None
    last_started_at: datetime | None


@dataclass(frozen=True, slots=True)
class ClaimedTurn:
    """A turn that a worker holds. `messages` are those it answers, oldest first (never empty,
    except for a turn that the server began by itself, whose `unprompted` is True).
    `stop_asked_by` is who wanted it stopped before it was taken up or taken over, if anybody.
    """

    turn_id: TurnId
    binding: Binding
    attempt: int
    messages: tuple[StoredMessage, ...]
    claimed_at: datetime
    unprompted: bool = False
    stop_asked_by: UserId | None = None

    @property
    def requester(self) -> UserId | None:
        """The one whose message started the turn; None when the server began it."""
        return UserId(self.messages[0].said.author) if self.messages else None

    @property
    def taken_back(self) -> bool:
        """Whether every message that it answers was deleted."""
        return bool(self.messages) and all(message.deleted for message in self.messages)


@dataclass(frozen=True, slots=True)
class RuntimeRequest:
    """What to start on the server. `conversation_id` None asks for a new conversation."""

    agent_id: AgentId
    conversation_id: ConversationId | None
    cwd: str | None
    mode: PermissionMode


@dataclass(frozen=True, slots=True)
class TextPart:
    """Words of an input."""

    text: str


@dataclass(frozen=True, slots=True)
class ImagePart:
    """A picture of an input; `data` is base64."""

    media_type: str
    data: str = field(repr=False)


InputPart = TextPart | ImagePart
