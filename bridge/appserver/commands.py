"""Command frames about runtimes and turns (PROTOCOL §5, §6, §9-§11, §14).

None means "not sent". A malformed command is met with silence, so these models forbid unknown
fields: a wrong one fails here, at the sender.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field

from bridge.domain.ids import AgentId, ConversationId, Runtime


class Sent(BaseModel):
    """Base of everything written to the wire."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Command(Sent):
    """A command; `request_id` is chosen by the session and echoed by the answer."""

    type: str
    request_id: str | None = None

    def encode(self) -> str:
        """The frame's JSON text, without the fields that are None."""
        return self.model_dump_json(exclude_none=True)


class RuntimeId(Sent):
    """The runtime that a command is about."""

    agent_id: str
    conversation_id: str


def runtime(command: Command) -> Runtime | None:
    """The runtime that a command is about; None for one about none."""
    named = getattr(command, "runtime", None)
    if not isinstance(named, RuntimeId):
        return None
    return Runtime(AgentId(named.agent_id), ConversationId(named.conversation_id))


class AppServerInfo(Command):
    """Ask who is there."""

    type: Literal["app_server_info"] = "app_server_info"


class ClientInfo(Sent):
    """Who we are; the server only shows it."""

    name: str
    title: str | None = None
    version: str | None = None


class CreateAgentPart(Sent):
    """The agent to create with a runtime."""

    body: dict[str, Any]
    pin_global: bool | None = None
    memfs: bool | None = None


class Body(Sent):
    """Free-form fields of a record to create."""

    body: dict[str, Any] = Field(default_factory=dict)


class ExternalTool(Sent):
    """A tool that runs here. `timeout_ms` 1000 to 300000; `parameters` is a JSON schema."""

    name: str
    description: str
    parameters: dict[str, Any]
    label: str | None = None
    timeout_ms: int | None = None
    auto_background: bool = False


class ToolGroup(Sent):
    """External tools; with `scope_id` they are hidden unless an input names the scope."""

    scope_id: str | None = None
    tools: list[ExternalTool]


class ExecutionSettings(Sent):
    """What may run without asking in one conversation; the first three fields are required."""

    allowed_tools: list[str] = Field(default_factory=list)
    disallowed_tools: list[str] = Field(default_factory=list)
    disable_memory_guard: bool = False
    tools: list[str] | None = None
    preload_skills: list[str] | None = None
    max_turns: int | None = None


class RuntimeStart(Command):
    """Resolve or create agent and conversation, set directory and mode, subscribe, replay.

    `mode` is required: without it a new conversation runs every tool unasked (PROTOCOL §5).
    """

    type: Literal["runtime_start"] = "runtime_start"
    agent_id: str | None = None
    create_agent: CreateAgentPart | None = None
    conversation_id: str | None = None
    create_conversation: Body | None = None
    cwd: str | None = None
    mode: Literal["standard", "acceptEdits", "unrestricted", "strict"]
    external_tools: list[ToolGroup] | None = None
    client_info: ClientInfo | None = None
    recover_approvals: bool | None = None
    force_device_status: bool | None = None
    wait_for_replay: bool | None = None
    skill_sources: list[str] | None = None
    preserve_skill_sources: bool | None = None
    execution_settings: ExecutionSettings | None = None
    conversation_source_tags: list[str] | None = None


class TextContent(Sent):
    """Words."""

    type: Literal["text"] = "text"
    text: str


class ImageSource(Sent):
    """A picture, base64."""

    type: Literal["base64"] = "base64"
    media_type: str
    data: str = Field(repr=False)


class ImageContent(Sent):
    """A picture in an input."""

    type: Literal["image"] = "image"
    source: ImageSource


class InputMessage(Sent):
    """One user message. The id deduplicates within a conversation (PROTOCOL §6)."""

    role: Literal["user"] = "user"
    content: str | list[Annotated[TextContent | ImageContent, Discriminator("type")]]
    client_message_id: str


class CreateMessage(Sent):
    """Words for the agent."""

    kind: Literal["create_message"] = "create_message"
    messages: list[InputMessage]
    client_tool_allowlist: list[str] | None = None
    client_toolset: dict[str, Any] | None = None
    client_preferences: dict[str, Any] | None = None
    external_tool_scope_ids: list[str] | None = None
    exclude_interactive_tools: bool | None = None
    image_failure_mode: Literal["strict", "drop"] | None = None


class Allow(Sent):
    """The tool may run, with `updated_input` instead of its own if given (complete)."""

    behavior: Literal["allow"] = "allow"
    updated_input: dict[str, Any] | None = None
    message: str | None = None
    selected_permission_suggestion_ids: list[str] | None = None


class Deny(Sent):
    """The tool may not run; the model reads `message`, which must not be missing."""

    behavior: Literal["deny"] = "deny"
    message: str = Field(min_length=1)


class ApprovalResponse(Sent):
    """The answer to a `control_request`, named by its own request id."""

    kind: Literal["approval_response"] = "approval_response"
    request_id: str
    decision: Annotated[Allow | Deny, Discriminator("behavior")]


class Input(Command):
    """Words for the agent, or the answer to a question of the server."""

    type: Literal["input"] = "input"
    runtime: RuntimeId
    payload: Annotated[CreateMessage | ApprovalResponse, Discriminator("kind")]
    terminal_consumer_id: str | None = None


class Sync(Command):
    """Replay the runtime's state."""

    type: Literal["sync"] = "sync"
    runtime: RuntimeId
    recover_approvals: bool = True
    force_device_status: bool = True
    resume_interrupted_turn: bool | None = None


class AbortMessage(Command):
    """Stop the runtime's turn."""

    type: Literal["abort_message"] = "abort_message"
    runtime: RuntimeId
    run_id: str | None = None


class ToolResult(Sent):
    """What an external tool says to the model."""

    content: list[TextContent]
    is_error: bool | None = None


class ExternalToolCallResponse(Command):
    """The result of an external tool call, or `error`; a late one is ignored silently."""

    type: Literal["external_tool_call_response"] = "external_tool_call_response"
    result: ToolResult | None = None
    error: str | None = None
