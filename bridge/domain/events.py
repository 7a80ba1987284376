"""Events: everything that can happen to a turn.

Agent events are made by `appserver.translate` from frames; people's events by the engine from
Slack; the rest by the worker from what became of its own effects.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bridge.domain.ids import RunId, UserId


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


__all__ = [
    "BEGINNINGS",
    "AgentEvent",
    "ApprovalAsked",
    "ApprovalSettled",
    "Claimed",
    "ContextCompacted",
    "DeadlinePassed",
    "DiffLine",
    "EndReported",
    "FileDiff",
    "InputAccepted",
    "InputMissing",
    "InputRestarted",
    "InputsDropped",
    "LinkLost",
    "ModelFailed",
    "Outcome",
    "ReasoningArrived",
    "Refused",
    "RetryScheduled",
    "RunDropped",
    "RunStarted",
    "RunsForgotten",
    "RuntimeReady",
    "RuntimeStatus",
    "ShuttingDown",
    "StateReplayed",
    "StopAsked",
    "SubagentChanged",
    "TextArrived",
    "ToolCalled",
    "ToolEnded",
    "ToolLine",
    "ToolStarted",
    "TurnEvent",
    "TurnFinished",
    "Usage",
    "UsageReported",
    "Verdict",
    "WaitTimedOut",
]

# --- what people and time do ---------------------------------------------------------------


class Verdict(StrEnum):
    """How an approval was settled; only `ALLOW` lets the tool run."""

    ALLOW = "allow"
    DENY = "deny"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class ApprovalSettled:
    """One approval was decided by a person or expired.

    `decided_by` is a person's name, `reason` that person's text, if any. `digest` is the hash of
    what was shown; None decides whatever the request asks for now.
    """

    request_id: str
    verdict: Verdict
    decided_by: str | None = None
    reason: str | None = None
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class StopAsked:
    """Somebody wants the turn stopped; `why` is a cause for `failures.explain`, if any."""

    by: UserId
    why: str | None = None


@dataclass(frozen=True, slots=True)
class DeadlinePassed:
    """The turn's time is used up."""


@dataclass(frozen=True, slots=True)
class WaitTimedOut:
    """What the turn was waiting for (an abort, a reconnect, a re-run) did not come in time."""


@dataclass(frozen=True, slots=True)
class ShuttingDown:
    """The bridge stops."""


# --- what became of the worker's effects ---------------------------------------------------


@dataclass(frozen=True, slots=True)
class Claimed:
    """The worker took the turn from the queue."""


@dataclass(frozen=True, slots=True)
class RuntimeReady:
    """The runtime is started; the input may be sent under `client_message_id`.

    `maps_runs`: the server names the inputs that a run serves.
    """

    client_message_id: str
    maps_runs: bool


@dataclass(frozen=True, slots=True)
class InputAccepted:
    """The server stored the input; it runs now or waits behind a turn of the server's own."""

    queued: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """A step towards running failed for good; `cause` is technical, for `failures.explain`."""

    cause: str


@dataclass(frozen=True, slots=True)
class LinkLost:
    """The connection to the App Server broke."""


@dataclass(frozen=True, slots=True)
class StateReplayed:
    """The connection is back and the runtime started again.

    `still_running`: the server is at work on this runtime. `pending_request_ids`: approvals it
    still waits for. `maps_runs`: as in `RuntimeReady`; the server may be another version now.
    """

    still_running: bool
    pending_request_ids: frozenset[str] = frozenset()
    maps_runs: bool = True


@dataclass(frozen=True, slots=True)
class EndReported:
    """How this turn ended on the server while we did not listen. The supervisor heard it.

    `stop_reason` and `error` as in `TurnFinished`.
    """

    stop_reason: str
    error: str | None = None


@dataclass(frozen=True, slots=True)
class InputRestarted:
    """The connection is back, and meanwhile the server has begun the input from the start."""


@dataclass(frozen=True, slots=True)
class InputMissing:
    """The connection is back, and the server never stored the input: it may be sent again."""


TurnEvent = (
    AgentEvent
    | ApprovalSettled
    | StopAsked
    | DeadlinePassed
    | WaitTimedOut
    | ShuttingDown
    | Claimed
    | RuntimeReady
    | InputAccepted
    | Refused
    | LinkLost
    | StateReplayed
    | EndReported
    | InputRestarted
    | InputMissing
)

# --- how a turn ends, and what is said of it meanwhile ---------------------------------------


class Outcome(StrEnum):
    """How a turn ended."""

    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of a whole turn."""

    prompt_tokens: int = 0
    completion_tokens: int = 0

    def plus(self, report: UsageReported) -> "Usage":
        """The sum with one more model request."""
        return Usage(
            self.prompt_tokens + report.prompt_tokens,
            self.completion_tokens + report.completion_tokens,
        )


@dataclass(frozen=True, slots=True)
class ToolLine:
    """A tool at work, for the progress line; `arguments` is JSON text."""

    call_id: str
    name: str
    arguments: str
