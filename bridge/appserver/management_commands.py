"""Commands about the server's records: queue items, agents, conversations, models.

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


class ResumeQueue(Command):
    """Let paused inputs go on."""

    type: Literal["resume_queue"] = "resume_queue"
    runtime: RuntimeId


class AgentList(Command):
    """List agents, newest first."""

    type: Literal["agent_list"] = "agent_list"
    query: dict[str, Any] = Field(default_factory=dict)


class AgentRetrieve(Command):
    """Look an agent up."""

    type: Literal["agent_retrieve"] = "agent_retrieve"
    agent_id: str


class AgentCreate(Command):
    """Create an agent; the model is not checked before the first turn."""

    type: Literal["agent_create"] = "agent_create"
    body: dict[str, Any]


class AgentUpdate(Command):
    """Change an agent."""

    type: Literal["agent_update"] = "agent_update"
    agent_id: str
    body: dict[str, Any]


class AgentDelete(Command):
    """Delete an agent."""

    type: Literal["agent_delete"] = "agent_delete"
    agent_id: str


class CreateAgent(Command):
    """Create an agent with a ready-made personality."""

    type: Literal["create_agent"] = "create_agent"
    personality: str
    model: str | None = None
    tags: list[str] | None = None
    pin_global: bool | None = None


class ConversationList(Command):
    """List an agent's conversations."""

    type: Literal["conversation_list"] = "conversation_list"
    query: dict[str, Any] = Field(default_factory=dict)


class ConversationCreate(Command):
    """Create a conversation: `agent_id` and perhaps a `summary` in the body."""

    type: Literal["conversation_create"] = "conversation_create"
    body: dict[str, Any]


class ConversationRetrieve(Command):
    """Look a conversation up."""

    type: Literal["conversation_retrieve"] = "conversation_retrieve"
    conversation_id: str


class ConversationUpdate(Command):
    """Change a conversation's summary or archive it."""

    type: Literal["conversation_update"] = "conversation_update"
    conversation_id: str
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


class ConversationCompact(Command):
    """Summarise old messages."""

    type: Literal["conversation_compact"] = "conversation_compact"
    conversation_id: str
    body: dict[str, Any] = Field(default_factory=dict)


class ConversationRecompile(Command):
    """Build the system prompt again."""

    type: Literal["conversation_recompile"] = "conversation_recompile"
    conversation_id: str
    body: dict[str, Any] = Field(default_factory=dict)


class ListModels(Command):
    """List models."""

    type: Literal["list_models"] = "list_models"
    force: bool | None = None


class UpdateModel(Command):
    """Set a conversation's model; the server does not check it."""

    type: Literal["update_model"] = "update_model"
    runtime: RuntimeId
    payload: dict[str, Any]


class UpdateToolset(Command):
    """Set a conversation's toolset."""

    type: Literal["update_toolset"] = "update_toolset"
    runtime: RuntimeId
    toolset_preference: str


class ExecuteCommand(Command):
    """Run a slash command, such as `clear` or `compact`."""

    type: Literal["execute_command"] = "execute_command"
    command_id: str
    runtime: RuntimeId
    args: str | None = None


class GetCwdMap(Command):
    """Ask for the conversations' directories."""

    type: Literal["get_cwd_map"] = "get_cwd_map"


class SetBootWorkingDirectory(Command):
    """Change the server's own directory."""

    type: Literal["set_boot_working_directory"] = "set_boot_working_directory"
    cwd: str
