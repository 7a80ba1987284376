"""Messages: who wrote what, where, with which files."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bridge.domain.ids import (
    ChannelId,
    MessageId,
    MessageTs,
    TeamId,
    ThreadKey,
    TurnId,
    UserId,
)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in Slack. `trusted` is True only for full members of our workspace, or of our
    organisation; guests, people of other organisations and bots are not trusted.

    `active` is False for a deactivated account. `teams` are the workspaces and the organisation
    that the account belongs to, empty when Slack does not say.
    """

    user: UserId
    name: str
    trusted: bool
    is_bot: bool = False
    active: bool = True
    teams: frozenset[str] = frozenset()


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
    user id, or its name where Slack names no user.
    """
    apps: frozenset[str] = frozenset()
    """The ids of the app, bot or workflow that speaks; empty for a person."""
    edited_ts: MessageTs | None = None
    """Slack's name of the newest edit; None for a message as it was first said."""

    @property
    def thread(self) -> ThreadKey:
        """A root message of a channel opens a thread; a DM is one conversation as a whole."""
        root = self.thread_ts or (None if self.is_dm else self.ts)
        return ThreadKey(self.team, self.channel, root)


@dataclass(frozen=True, slots=True)
class WaitingTurn:
    """A turn that no worker holds yet; `author` started it, and `trusted` is said of them."""

    turn_id: TurnId
    author: UserId
    message_count: int
    text_chars: int
    trusted: bool


class Speaker(StrEnum):
    """What kind of author a stored or read message has."""

    PERSON = "person"
    TEAMMATE = "teammate"
    BOT = "bot"


@dataclass(frozen=True, slots=True)
class ThreadMessage:
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
    said: ThreadMessage
    received_at: datetime
    deleted: bool = False
