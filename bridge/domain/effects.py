"""Effects: what the turn's state machine wants done; the engine performs them."""

from dataclasses import dataclass, field

from bridge.domain.events import ApprovalAsked, Outcome, ToolLine, Usage, Verdict
from bridge.domain.ids import RunId


@dataclass(frozen=True, slots=True)
class StartRuntime:
    """Start (or start again) the binding's runtime on the server."""


@dataclass(frozen=True, slots=True)
class SendInput:
    """Send the turn's input under this name; the worker composes it."""

    attempt: int
    client_message_id: str


@dataclass(frozen=True, slots=True)
class ShowStatus:
    """Say under the thread what the agent is doing; empty clears."""

    text: str


@dataclass(frozen=True, slots=True)
class AppendReply:
    """Add text to the reply."""

    run_id: RunId
    message_id: str
    text: str


@dataclass(frozen=True, slots=True)
class DropRunText:
    """Take the text of these runs out of the reply."""

    run_ids: frozenset[RunId]


@dataclass(frozen=True, slots=True)
class DropText:
    """Take all text out of the reply: the input is answered from the start."""


@dataclass(frozen=True, slots=True)
class PostNotice:
    """Post a quiet line in the thread, beside the reply."""

    text: str


@dataclass(frozen=True, slots=True)
class ShowTools:
    """Show these tools as running; empty when none is."""

    tools: tuple[ToolLine, ...]


@dataclass(frozen=True, slots=True)
class AskApproval:
    """Seal the reply so far, store the approval and show its card."""

    asked: ApprovalAsked


@dataclass(frozen=True, slots=True)
class AnswerApproval:
    """Tell the server the decision."""

    request_id: str
    verdict: Verdict
    message: str


@dataclass(frozen=True, slots=True)
class VoidApprovals:
    """Close these cards: the question is no longer open. `cause` is a sentence."""

    request_ids: tuple[str, ...]
    cause: str


@dataclass(frozen=True, slots=True)
class AbortRun:
    """Ask the server to stop the turn."""


@dataclass(frozen=True, slots=True)
class Reconcile:
    """Wait for the connection, start the runtime again and learn what became of the turn."""


@dataclass(frozen=True, slots=True)
class ForkConversation:
    """The conversation is stuck: fork it, move the binding and start there."""


@dataclass(frozen=True, slots=True)
class EndTurn:
    """Finish the reply with its sentence, record the outcome. Comes once, as the last effect.

    `cause` is technical (for the log and `failures.explain`), None when all went well.
    """

    outcome: Outcome
    cause: str | None = None
    usage: Usage = field(default_factory=Usage)


Effect = (
    StartRuntime
    | SendInput
    | ShowStatus
    | AppendReply
    | DropRunText
    | DropText
    | PostNotice
    | ShowTools
    | AskApproval
    | AnswerApproval
    | VoidApprovals
    | AbortRun
    | Reconcile
    | ForkConversation
    | EndTurn
)
