"""Command frames about the server's records: queue items, agents, conversations.

All are answered by `<type>_response` (PROTOCOL §13, §18).
"""

from typing import Any, Literal

from pydantic import Field

from bridge.appserver.commands import Command, RuntimeId, Sent


class RemoveQueueItem(Command):
    """Remove a waiting input by the server's queue item id (`q-…`)."""

    type: Literal["remove_queue_item"] = "remove_queue_item"
    runtime: RuntimeId
    item_id: str


class AgentRetrieve(Command):
    """Look an agent up."""

    type: Literal["agent_retrieve"] = "agent_retrieve"
    agent_id: str


class AgentCreate(Command):
    """Create an agent; the model is not checked before the first turn."""

    type: Literal["agent_create"] = "agent_create"
    body: dict[str, Any]


class ConversationFork(Command):
    """Copy a conversation: the way out of a stuck one (PROTOCOL §15)."""

    type: Literal["conversation_fork"] = "conversation_fork"
    conversation_id: str
    body: dict[str, Any] = Field(default_factory=dict)


class MessagesQuery(Sent):
    """Which page; `agent_id` is needed for the conversation `default`."""

    limit: int | None = None
    before: str | None = None
    after: str | None = None
    order: Literal["asc", "desc"] | None = None
    agent_id: str | None = None


class ConversationMessagesList(Command):
    """Read history, newest first."""

    type: Literal["conversation_messages_list"] = "conversation_messages_list"
    conversation_id: str
    query: MessagesQuery = Field(default_factory=MessagesQuery)
