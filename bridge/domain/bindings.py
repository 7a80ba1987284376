"""Bindings, the turns claimed for them, and what is sent to their runtimes."""

from dataclasses import dataclass, field
from datetime import datetime

from bridge.domain.ids import (
    AgentId,
    BindingId,
    ConversationId,
    MessageId,
    Runtime,
    ThreadKey,
    TurnId,
    UserId,
)
from bridge.domain.messages import StoredMessage
from bridge.domain.teammates import PermissionMode


@dataclass(frozen=True, slots=True)
class Binding:
    """The stored tie (thread key, teammate) to a runtime; the runtime registry's record.

    `runtime` is None until the first turn started one. `last_seen` is the newest stored message
    that the agent was given (None: nothing yet). `last_started_at` is the last runtime_start.
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
