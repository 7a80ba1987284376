"""What the agent's side says of a turn, in the order of the server's frames.

`events` has the rest of what happens to a turn, and these too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bridge.domain.ids import RunId


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run began that serves these inputs; empty for a run that nobody asked for."""

    run_id: RunId
    client_message_ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class RunsForgotten:
    """After a lost link the server names none of the runs that it named before: it was restarted
    (PROTOCOL §7, §16). What it begins now it may have begun before.
    """


@dataclass(frozen=True, slots=True)
class TextArrived:
    """The next piece of one assistant message. Pieces of one (run, message) are joined."""

    run_id: RunId
    message_id: str
    text: str


@dataclass(frozen=True, slots=True)
class ReasoningArrived:
    """The model is thinking; its thoughts are not shown."""

    run_id: RunId


@dataclass(frozen=True, slots=True)
class ToolCalled:
    """The model asked for a tool; `arguments` is JSON text as the model wrote it."""

    run_id: RunId
    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolStarted:
    """A tool began to run; `arguments` is JSON text, after a reviewer's change."""

    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolEnded:
    """A tool ended, or was denied (then no start came before)."""

    call_id: str
    succeeded: bool


@dataclass(frozen=True, slots=True)
class SubagentChanged:
    """A helper of the agent began or ended; `active` names those still at work."""

    active: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One line of a diff: kind is `context`, `add` or `remove`."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class FileDiff:
    """What a write would change in one file. `note` says why there are no lines, if so."""

    path: str
    lines: tuple[DiffLine, ...]
    note: str | None = None


@dataclass(frozen=True, slots=True)
class ApprovalAsked:
    """The agent may not go on before a person decides (PROTOCOL §9)."""

    request_id: str
    call_id: str
    tool_name: str
    arguments: Mapping[str, Any]
    diffs: tuple[FileDiff, ...] = ()


@dataclass(frozen=True, slots=True)
class RunDropped:
    """A run failed and its text does not count: what follows replaces it (PROTOCOL §17)."""

    run_id: RunId


@dataclass(frozen=True, slots=True)
class RetryScheduled:
    """The model failed; the server tries again after `delay_s` seconds."""

    attempt: int
    max_attempts: int
    delay_s: float


@dataclass(frozen=True, slots=True)
class ModelFailed:
    """A failure that ends the turn; `message` is the provider's or server's own text.

    `client_message_ids` names the inputs concerned; empty when the server did not say.
    """

    message: str
    client_message_ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class UsageReported:
    """Tokens of one model request."""

    run_id: RunId
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class TurnFinished:
    """The server's turn is over: the only dependable end (PROTOCOL §1.1).

    `run_id` is the last run, None when no model answered. `error` is the server's text.
    """

    run_id: RunId | None
    stop_reason: str
    error: str | None = None


@dataclass(frozen=True, slots=True)
class InputsDropped:
    """The server threw these queued inputs away without running them."""

    client_message_ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class RuntimeStatus:
    """What the server says of the runtime now."""

    is_processing: bool
    cwd: str | None
    mode: str | None
    pending_request_ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class ContextCompacted:
    """The server summarised old messages to make room."""


AgentEvent = (
    RunStarted
    | RunsForgotten
    | TextArrived
    | ReasoningArrived
    | ToolCalled
    | ToolStarted
    | ToolEnded
    | SubagentChanged
    | ApprovalAsked
    | RunDropped
    | RetryScheduled
    | ModelFailed
    | UsageReported
    | TurnFinished
    | InputsDropped
    | RuntimeStatus
    | ContextCompacted
)

BEGINNINGS = (TextArrived, ToolCalled, ToolStarted, ApprovalAsked)
"""Events which show that the server is at work, even on something that nobody asked for."""
