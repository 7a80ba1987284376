"""Delta models: one for each `message_type` of a `stream_delta` (PROTOCOL §8).

The union has a callable discriminator: a known tag must fit its model (else the frame is
malformed and says where), every other tag becomes an `UnknownDelta`.
"""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from bridge.appserver.wire_base import ContentPart, Wire


class AssistantMessage(Wire):
    """The next piece of an assistant message; the text is an increment.

    `id` is constant for one message from 0.33 on; older servers send a new one per piece.
    """

    message_type: Literal["assistant_message"]
    id: str
    run_id: str | None = None
    seq_id: int | None = None
    content: list[ContentPart] | str


class ReasoningMessage(Wire):
    """The next piece of the model's thoughts."""

    message_type: Literal["reasoning_message"]
    id: str | None = None
    run_id: str | None = None
    reasoning: str = ""


class UserMessage(Wire):
    """A queued input was taken; `otid` is its client message id."""

    message_type: Literal["user_message"]
    content: list[ContentPart] | str = ""
    otid: str | None = None


class ToolCall(Wire):
    """A tool call as the model made it; `arguments` is JSON text."""

    tool_call_id: str
    name: str
    arguments: str = ""


class ApprovalRequestMessage(Wire):
    """The model called a tool; comes also when nothing has to be approved."""

    message_type: Literal["approval_request_message"]
    run_id: str | None = None
    tool_call: ToolCall


class ApprovalClassificationEnd(Wire):
    """Which calls will run, which were refused, which will be asked about."""

    message_type: Literal["approval_classification_end"]
    run_id: str | None = None
    auto_allowed_tool_call_ids: list[str] = Field(default_factory=list)
    auto_denied_tool_call_ids: list[str] = Field(default_factory=list)
    user_input_tool_call_ids: list[str] = Field(default_factory=list)


class ClientToolStart(Wire):
    """A tool begins; `tool_args` is JSON text, after a reviewer's change."""

    message_type: Literal["client_tool_start"]
    run_id: str | None = None
    tool_call_id: str
    tool_name: str = ""
    tool_args: str = ""


class ClientToolEnd(Wire):
    """A tool ended (or was denied; then there was no start)."""

    message_type: Literal["client_tool_end"]
    run_id: str | None = None
    tool_call_id: str
    status: str = "success"


class ToolReturnMessage(Wire):
    """A tool's output so far; the last one of a call counts."""

    message_type: Literal["tool_return_message"]
    run_id: str | None = None
    tool_call_id: str
    status: str = "success"
    tool_return: Any = None


class UsageStatistics(Wire):
    """Tokens of one model request."""

    message_type: Literal["usage_statistics"]
    run_id: str | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0
    context_tokens: int | None = None


class StopReason(Wire):
    """The end of a model request, not of the turn."""

    message_type: Literal["stop_reason"]
    run_id: str | None = None
    stop_reason: str


class StatusMessage(Wire):
    """A remark of the server, such as "Interrupted"."""

    message_type: Literal["status"]
    run_id: str | None = None
    message: str = ""
    level: str | None = None


class RetryData(Wire):
    """Details of a model request that the server repeats by itself."""

    attempt: int = 1
    max_attempts: int = 1
    delay_ms: float = 0
    message: str = ""


class EventMessage(Wire):
    """`event_type` is `retry` or `compaction`; the details depend on it."""

    message_type: Literal["event_message"]
    run_id: str | None = None
    event_type: str
    event_data: dict[str, Any] = Field(default_factory=dict)


class SummaryMessage(Wire):
    """Old messages were replaced by a summary."""

    message_type: Literal["summary_message"]
    run_id: str | None = None
    summary: str | None = None


class Retry(Wire):
    """The run failed and the turn is tried again under a new run."""

    message_type: Literal["retry"]
    run_id: str | None = None
    message: str = ""
    reason: str | None = None
    attempt: int = 1
    max_attempts: int = 1
    delay_ms: float = 0


class ErrorMessage(Wire):
    """One failed model request; the turn may still succeed."""

    message_type: Literal["error_message"]
    run_id: str | None = None
    message: str = ""
    detail: str | None = None
    error_type: str | None = None
    retryable: bool | None = None


class ApiError(Wire):
    """The provider's failure inside a `loop_error`."""

    message: str | None = None
    error_type: str | None = None


class LoopError(Wire):
    """A failure of the turn's loop; fatal only if `is_terminal`.

    `message` is often JSON text: prefer `api_error.message`.
    """

    message_type: Literal["loop_error"]
    run_id: str | None = None
    message: str = ""
    stop_reason: str | None = None
    is_terminal: bool = False
    client_message_ids: list[str] = Field(default_factory=list)
    api_error: ApiError | None = None


class SlashCommandStart(Wire):
    """A slash command begins."""

    message_type: Literal["slash_command_start"]
    command_id: str
    input: str = ""


class SlashCommandEnd(Wire):
    """A slash command ended."""

    message_type: Literal["slash_command_end"]
    command_id: str
    output: str = ""
    success: bool = True


class CommandStart(Wire):
    """Declared by the server, never seen."""

    message_type: Literal["command_start"]
    command_id: str | None = None


class CommandEnd(Wire):
    """Declared by the server, never seen."""

    message_type: Literal["command_end"]
    command_id: str | None = None


class UnknownDelta(Wire):
    """A `message_type` that we do not know; the frame is in the event log."""

    message_type: Any = None


KNOWN = frozenset(
    {
        "assistant_message",
        "reasoning_message",
        "user_message",
        "approval_request_message",
        "approval_classification_end",
        "client_tool_start",
        "client_tool_end",
        "tool_return_message",
        "usage_statistics",
        "stop_reason",
        "status",
        "event_message",
        "summary_message",
        "retry",
        "error_message",
        "loop_error",
        "slash_command_start",
        "slash_command_end",
        "command_start",
        "command_end",
    }
)
UNKNOWN = "unknown"


def tag_of(delta: Any) -> str:
    """The delta's tag if we know it, else `unknown`. A tag that is no string is unknown too."""
    tag = delta.get("message_type") if isinstance(delta, dict) else None
    return tag if isinstance(tag, str) and tag in KNOWN else UNKNOWN


Delta = Annotated[
    Annotated[AssistantMessage, Tag("assistant_message")]
    | Annotated[ReasoningMessage, Tag("reasoning_message")]
    | Annotated[UserMessage, Tag("user_message")]
    | Annotated[ApprovalRequestMessage, Tag("approval_request_message")]
    | Annotated[ApprovalClassificationEnd, Tag("approval_classification_end")]
    | Annotated[ClientToolStart, Tag("client_tool_start")]
    | Annotated[ClientToolEnd, Tag("client_tool_end")]
    | Annotated[ToolReturnMessage, Tag("tool_return_message")]
    | Annotated[UsageStatistics, Tag("usage_statistics")]
    | Annotated[StopReason, Tag("stop_reason")]
    | Annotated[StatusMessage, Tag("status")]
    | Annotated[EventMessage, Tag("event_message")]
    | Annotated[SummaryMessage, Tag("summary_message")]
    | Annotated[Retry, Tag("retry")]
    | Annotated[ErrorMessage, Tag("error_message")]
    | Annotated[LoopError, Tag("loop_error")]
    | Annotated[SlashCommandStart, Tag("slash_command_start")]
    | Annotated[SlashCommandEnd, Tag("slash_command_end")]
    | Annotated[CommandStart, Tag("command_start")]
    | Annotated[CommandEnd, Tag("command_end")]
    | Annotated[UnknownDelta, Tag(UNKNOWN)],
    Discriminator(tag_of),
]
