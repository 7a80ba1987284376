"""Answers to commands: they echo `request_id` and go only to the connection that asked.

`success` false comes with `error`, and then the other fields may be absent (PROTOCOL §18).
"""

from typing import Any, Literal

from pydantic import Field

from bridge.appserver.wire_base import ContentPart, RuntimeRef, Wire


class Response(Wire):
    """What all answers have."""

    type: str
    request_id: str
    success: bool = True
    error: str | None = None


class InputAccepted(Wire):
    """The answer to `input`: stored (not: will be answered), or refused with `error`."""

    type: Literal["input_accepted"] = "input_accepted"
    request_id: str
    runtime: RuntimeRef | None = None
    accepted: bool
    disposition: str | None = None
    error: str | None = None


class Capabilities(Wire):
    """What this server can do; the version says more (PROTOCOL §22)."""

    split_channels: bool = False
    runtime_external_tools_update: bool = False


class AppServerInfoResponse(Response):
    """Who is at the other end."""

    type: Literal["app_server_info_response"] = "app_server_info_response"
    backend: str | None = None
    letta_code_version: str | None = None
    protocol_version: int | None = None
    capabilities: Capabilities = Field(default_factory=Capabilities)


class AgentRecord(Wire):
    """An agent as the server lists it."""

    id: str
    name: str | None = None
    model: str | None = None


class ConversationRecord(Wire):
    """A conversation as the server lists it."""

    id: str
    agent_id: str | None = None
    summary: str | None = None
    archived: bool = False


class Created(Wire):
    """What a `runtime_start` made."""

    agent: bool = False
    conversation: bool = False


class RuntimeStartResponse(Response):
    """The runtime as the server names it; None when it failed."""

    type: Literal["runtime_start_response"] = "runtime_start_response"
    runtime: RuntimeRef | None = None
    agent: AgentRecord | None = None
    conversation: ConversationRecord | None = None
    created: Created = Field(default_factory=Created)


class SyncResponse(Response):
    """The state was replayed before this."""

    type: Literal["sync_response"] = "sync_response"
    runtime: RuntimeRef | None = None


class AbortMessageResponse(Response):
    """`aborted` false: the runtime was idle."""

    type: Literal["abort_message_response"] = "abort_message_response"
    aborted: bool = False


class RuntimeExternalToolsUpdateResponse(Response):
    """The tools of the named runtimes were replaced."""

    type: Literal["runtime_external_tools_update_response"] = (
        "runtime_external_tools_update_response"
    )


class RemoveQueueItemResponse(Response):
    """A waiting input was removed, or was not there."""

    type: Literal["remove_queue_item_response"] = "remove_queue_item_response"
    item_id: str | None = None


class ResumeQueueResponse(Response):
    """So many paused inputs go on."""

    type: Literal["resume_queue_response"] = "resume_queue_response"
    resumed: int = 0


class AgentListResponse(Response):
    """Agents, newest first."""

    type: Literal["agent_list_response"] = "agent_list_response"
    agents: list[AgentRecord] = Field(default_factory=list)


class AgentRetrieveResponse(Response):
    """The agent; None when it failed or the agent is unknown."""

    type: Literal["agent_retrieve_response"] = "agent_retrieve_response"
    agent: AgentRecord | None = None


class AgentCreateResponse(Response):
    """The new agent."""

    type: Literal["agent_create_response"] = "agent_create_response"
    agent: AgentRecord | None = None


class AgentUpdateResponse(Response):
    """The changed agent."""

    type: Literal["agent_update_response"] = "agent_update_response"
    agent: AgentRecord | None = None


class AgentDeleteResponse(Response):
    """The id of the deleted agent."""

    type: Literal["agent_delete_response"] = "agent_delete_response"
    agent_id: str | None = None


class CreateAgentResponse(Response):
    """The new agent of a ready-made personality."""

    type: Literal["create_agent_response"] = "create_agent_response"
    agent_id: str | None = None
    name: str | None = None
    model: str | None = None


class ConversationListResponse(Response):
    """Conversations, newest first."""

    type: Literal["conversation_list_response"] = "conversation_list_response"
    conversations: list[ConversationRecord] = Field(default_factory=list)


class ConversationCreateResponse(Response):
    """The new conversation."""

    type: Literal["conversation_create_response"] = "conversation_create_response"
    conversation: ConversationRecord | None = None


class ConversationRetrieveResponse(Response):
    """The conversation."""

    type: Literal["conversation_retrieve_response"] = "conversation_retrieve_response"
    conversation: ConversationRecord | None = None


class ConversationUpdateResponse(Response):
    """The changed conversation."""

    type: Literal["conversation_update_response"] = "conversation_update_response"
    conversation: ConversationRecord | None = None


class ConversationForkResponse(Response):
    """The copy; only its id is given."""

    type: Literal["conversation_fork_response"] = "conversation_fork_response"
    conversation: ConversationRecord | None = None


class StoredToolCall(Wire):
    """Which call a stored message is about."""

    tool_call_id: str = ""


class StoredMessageRecord(Wire):
    """A message of a conversation's history; `otid` is a user message's client message id,
    `tool_call` what an `approval_request_message` asks for.
    """

    id: str
    message_type: str = ""
    content: list[ContentPart] | str | None = None
    otid: str | None = None
    tool_call: StoredToolCall | None = None


class ConversationMessagesListResponse(Response):
    """A page of history, newest first unless asked otherwise; `next_before` asks for more."""

    type: Literal["conversation_messages_list_response"] = "conversation_messages_list_response"
    messages: list[StoredMessageRecord] = Field(default_factory=list)
    has_more: bool = False
    next_before: str | None = None


class ConversationCompactResponse(Response):
    """What a compaction did."""

    type: Literal["conversation_compact_response"] = "conversation_compact_response"
    compaction: dict[str, Any] | None = None


class ConversationRecompileResponse(Response):
    """The new system prompt."""

    type: Literal["conversation_recompile_response"] = "conversation_recompile_response"
    result: Any = None


class ModelEntry(Wire):
    """A model that the server knows."""

    id: str
    handle: str = ""
    label: str | None = None


class ListModelsResponse(Response):
    """All models, and the handles of those that really work."""

    type: Literal["list_models_response"] = "list_models_response"
    entries: list[ModelEntry] = Field(default_factory=list)
    available_handles: list[str] | None = None


class UpdateModelResponse(Response):
    """The model of a conversation was set; the server does not check that it exists."""

    type: Literal["update_model_response"] = "update_model_response"
    applied_to: str | None = None
    model_handle: str | None = None


class UpdateToolsetResponse(Response):
    """The toolset in force."""

    type: Literal["update_toolset_response"] = "update_toolset_response"
    current_toolset: str | None = None


class ExecuteCommandResponse(Response):
    """What a slash command printed; failures have their words in `output`, not in `error`."""

    type: Literal["execute_command_response"] = "execute_command_response"
    output: str = ""


class GetCwdMapResponse(Response):
    """The directory of each conversation, and the server's own."""

    type: Literal["get_cwd_map_response"] = "get_cwd_map_response"
    cwd_map: dict[str, str] = Field(default_factory=dict)
    boot_working_directory: str | None = None


class SetBootWorkingDirectoryResponse(Response):
    """The server's own directory was changed."""

    type: Literal["set_boot_working_directory_response"] = "set_boot_working_directory_response"
