"""Response models: they echo `request_id` and go only to the connection that asked.

`success` false comes with `error`, and then the other fields may be absent (PROTOCOL §18).
"""

from typing import Literal

from pydantic import Field

from bridge.appserver.wire_base import ContentPart, RuntimeRef, Wire


class Response(Wire):
    """What all answers have."""

    type: str
    request_id: str
    success: bool = True
    error: str | None = None


class InputAcceptedResponse(Wire):
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


class RemoveQueueItemResponse(Response):
    """A waiting input was removed, or was not there."""

    type: Literal["remove_queue_item_response"] = "remove_queue_item_response"
    item_id: str | None = None


class AgentRetrieveResponse(Response):
    """The agent; None when it failed or the agent is unknown."""

    type: Literal["agent_retrieve_response"] = "agent_retrieve_response"
    agent: AgentRecord | None = None


class AgentCreateResponse(Response):
    """The new agent."""

    type: Literal["agent_create_response"] = "agent_create_response"
    agent: AgentRecord | None = None


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
