"""What happens to a turn.

Agent events are made by `appserver.translate` from frames; people's events by the engine from
Slack; the rest by the worker from what became of its own effects.
"""

from dataclasses import dataclass
from enum import StrEnum

from bridge.domain.agent_events import (
    BEGINNINGS,
    AgentEvent,
    ApprovalAsked,
    ContextCompacted,
    DiffLine,
    FileDiff,
    InputsDropped,
    ModelFailed,
    ReasoningArrived,
    RetryScheduled,
    RunDropped,
    RunsForgotten,
    RunStarted,
    RuntimeStatus,
    SubagentChanged,
    TextArrived,
    ToolCalled,
    ToolEnded,
    ToolStarted,
    TurnFinished,
    UsageReported,
)
from bridge.domain.ids import UserId

__all__ = [
    "BEGINNINGS",
    "AgentEvent",
    "ApprovalAsked",
    "ApprovalSettled",
    "BegunAgain",
    "Claimed",
    "ContextCompacted",
    "DeadlinePassed",
    "DiffLine",
    "EndLearnt",
    "FileDiff",
    "InputAccepted",
    "InputMissing",
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
    "WaitedEnough",
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
class WaitedEnough:
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
class EndLearnt:
    """How this turn ended on the server while we did not listen. The supervisor heard it.

    `stop_reason` and `error` as in `TurnFinished`.
    """

    stop_reason: str
    error: str | None = None


@dataclass(frozen=True, slots=True)
class BegunAgain:
    """The connection is back, and meanwhile the server has begun the input from the start."""


@dataclass(frozen=True, slots=True)
class InputMissing:
    """The connection is back, and the server never stored the input: it may be sent again."""


TurnEvent = (
    AgentEvent
    | ApprovalSettled
    | StopAsked
    | DeadlinePassed
    | WaitedEnough
    | ShuttingDown
    | Claimed
    | RuntimeReady
    | InputAccepted
    | Refused
    | LinkLost
    | StateReplayed
    | EndLearnt
    | BegunAgain
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
