"""Identifiers. Each is made and read in one place and opaque everywhere else."""

from dataclasses import dataclass
from typing import NewType

TeamId = NewType("TeamId", str)
ChannelId = NewType("ChannelId", str)
UserId = NewType("UserId", str)
MessageTs = NewType("MessageTs", str)
"""Slack's name of a message within its channel: seconds with six decimals, as a string."""

AgentId = NewType("AgentId", str)
ConversationId = NewType("ConversationId", str)
RunId = NewType("RunId", str)
"""A run of the App Server; counted from 1 again after each restart, so never a durable key."""

BindingId = NewType("BindingId", int)
MessageId = NewType("MessageId", int)
"""Row of a stored message; rises in the order in which messages were stored."""

TurnId = NewType("TurnId", str)
ApprovalId = NewType("ApprovalId", str)
OutboxId = NewType("OutboxId", str)


@dataclass(frozen=True, slots=True)
class ThreadKey:
    """Where people talk: a thread, or a whole DM when `thread_ts` is None."""

    team: TeamId
    channel: ChannelId
    thread_ts: MessageTs | None


@dataclass(frozen=True, slots=True)
class Runtime:
    """`{agent_id, conversation_id}` exactly as the App Server returned it."""

    agent_id: AgentId
    conversation_id: ConversationId


@dataclass(frozen=True, slots=True)
class MessageRef:
    """One Slack message."""

    channel: ChannelId
    ts: MessageTs


def client_message_id(turn_id: TurnId, attempt: int) -> str:
    """The id under which a turn's input is sent.

    The same for every resend of one attempt, new for a retry after a failure, because the
    App Server drops a second input with a known id (PROTOCOL §6).
    """
    return f"turn-{turn_id}-{attempt}"
