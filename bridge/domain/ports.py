"""Ports: what the engine needs of the agent's side, the chat's side, time and ids.

The chat adapter and the App Server client implement these; the engine knows nothing else of
Slack or the App Server.
"""

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from bridge.domain.approvals import Approval
from bridge.domain.bindings import InputPart, RuntimeRequest
from bridge.domain.events import AgentEvent, Outcome, ToolLine, TurnFinished, Usage, Verdict
from bridge.domain.ids import (
    AgentId,
    ApprovalId,
    ChannelId,
    MessageRef,
    MessageTs,
    RunId,
    Runtime,
    ThreadKey,
    TurnId,
    UserId,
)
from bridge.domain.messages import Person, SharedFile, ThreadMessage
from bridge.domain.outbox_entry import LastRevision, OutboxEntry
from bridge.domain.teammates import Persona, Teammate

# --- the agent's side ------------------------------------------------------------------------


class LinkState(StrEnum):
    """State of the connection to the App Server."""

    CONNECTING = "connecting"
    UP = "up"
    DOWN = "down"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class ServerTraits:
    """What this generation of the server can do (PROTOCOL §22).

    `keeps_ids`: the pieces of a message carry the stored message's id. `drops_repeats`: an input
    that is sent twice under one name runs once.
    """

    version: str
    maps_runs: bool
    split_channels: bool
    keeps_ids: bool = True
    drops_repeats: bool = True


@dataclass(frozen=True, slots=True)
class StartedRuntime:
    """Answer to a start, with the state replayed on it.

    `cwd` is the directory in force, None when the server did not say; it differs from the one
    asked for when that does not exist (PROTOCOL §2). `is_processing`: the server is at work on
    this runtime. `pending_request_ids`: the approvals it waits for.
    """

    runtime: Runtime
    cwd: str | None
    is_processing: bool
    pending_request_ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class HistoryMessage:
    """A stored message of a conversation. `role` is `user`, `assistant`, `call` (the agent asks
    for a tool) or `other`; `otid` is the client message id of a user message, `call_id` names a
    tool call; None otherwise.
    """

    message_id: str
    role: str
    text: str
    otid: str | None
    call_id: str | None = None


class AgentListener(Protocol):
    """Hears the agent's side. The methods return at once and never raise."""

    def agent_event(self, runtime: Runtime, event: AgentEvent) -> None:
        """Something happened on a runtime. In the server's order per runtime."""

    def link_changed(self, state: LinkState, reason: str | None) -> None:
        """The connection came up, went down or was refused; `reason` is a sentence or None."""

    def events_missed(self) -> None:
        """Events of this connection were lost, of which runtimes is not known."""


class AgentPort(Protocol):
    """The App Server. Every call has its own time-out.

    Raises `AgentUnreachable` when there is no connection or no answer, `RuntimeGone` when agent
    or conversation do not exist, `CommandRefused` for any other refusal.
    """

    def listen(self, listener: AgentListener) -> None:
        """Set the one listener. Before the first connection."""

    @property
    def state(self) -> LinkState:
        """State of the link now."""

    @property
    def traits(self) -> ServerTraits | None:
        """Traits of the connected server; None before the first connection."""

    async def ready(self, *, within_s: float) -> None:
        """Wait until the link is up; raise `AgentUnreachable` after `within_s` seconds."""

    async def create_agent(self, teammate: Teammate) -> AgentId:
        """Create the teammate's agent. Not idempotent: the caller stores the id."""

    async def agent_exists(self, agent_id: AgentId) -> bool:
        """Whether the server knows this agent."""

    async def start(self, request: RuntimeRequest) -> StartedRuntime:
        """Start or resume a runtime; also subscribes to its events. May be repeated."""

    async def send(
        self, runtime: Runtime, *, client_message_id: str, parts: Sequence[InputPart]
    ) -> bool:
        """Send one input; True when the server queued it behind other work.

        Resending with the same id is safe on servers that deduplicate.
        """

    async def answer(
        self, runtime: Runtime, *, request_id: str, verdict: Verdict, message: str
    ) -> bool:
        """Answer an approval; False when the server no longer waits for it. `message` is told
        to the agent on anything but `ALLOW`.
        """

    async def abort(self, runtime: Runtime) -> bool:
        """Stop the runtime's turn; False when it was idle."""

    async def history(self, runtime: Runtime, *, back_to: str | None) -> list[HistoryMessage]:
        """Stored messages, oldest first, back to the user message whose otid is `back_to`
        (included). Empty when that message is not there. With None: the newest page.
        """

    async def fork(self, runtime: Runtime) -> Runtime:
        """Copy the conversation; the copy is usable when the original is stuck (PROTOCOL §15)."""


class SupervisorPort(Protocol):
    """The process that outlives us, as the engine sees it.

    While it holds a runtime the server does not cancel that runtime's turn when our own
    connection breaks (PROTOCOL §15). It is a help, never a condition: no method raises.
    """

    async def hold(self, runtime: Runtime) -> None:
        """Ask for a second subscription to the runtime. It exists when this returns, or a short
        limit has passed. May be repeated: then it costs next to nothing.
        """

    def release(self, runtime: Runtime) -> None:
        """No turn is live there any more. Does nothing for a runtime that is not held."""

    def ending(self, client_message_id: str) -> TurnFinished | None:
        """How the turn of this input ended while no worker listened; None: not known."""

    def unasked_ending(self, runtime: Runtime) -> TurnFinished | None:
        """The same for work on a held runtime that no input had asked for."""


class NoSupervisor:
    """No supervisor: in tests, and where the worker runs alone."""

    async def hold(self, runtime: Runtime) -> None:
        """Hold nothing."""

    def release(self, runtime: Runtime) -> None:
        """Hold nothing."""

    def ending(self, client_message_id: str) -> TurnFinished | None:
        """Know nothing."""

    def unasked_ending(self, runtime: Runtime) -> TurnFinished | None:
        """Know nothing."""


# --- the chat's side -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReplyTarget:
    """Where and as whom a reply is posted. `thread_ts` None posts at a DM's root.

    `allowed_mentions` are the people of the thread: the only ones whom the text may ping.
    """

    turn_id: TurnId
    thread: ThreadKey
    thread_ts: MessageTs | None
    persona: Persona
    allowed_mentions: frozenset[UserId]


@dataclass(frozen=True, slots=True)
class ReplyEnding:
    """How a reply ends. `sentence` is shown in the thread, None when the answer says it all.
    `seconds` is the turn's duration without approval waits.
    """

    outcome: Outcome
    sentence: str | None
    seconds: float
    usage: Usage


class Reply(Protocol):
    """What a turn is saying in Slack. One writer behind it; the non-async methods return at
    once and never raise: display never fails a turn (G7).
    """

    def append(self, run_id: RunId, message_id: str, text: str) -> None:
        """Add the next piece of one assistant message."""

    def set_text(self, run_id: RunId, message_id: str, text: str) -> None:
        """Replace one assistant message by its full text (after text was missed)."""

    def drop_runs(self, run_ids: frozenset[RunId]) -> None:
        """Take out all text of these runs."""

    def show_tools(self, tools: tuple[ToolLine, ...]) -> None:
        """Show what runs now; empty when nothing does."""

    def show_status(self, text: str) -> None:
        """Say under the thread what the agent is doing; empty clears."""

    def text(self) -> str:
        """The whole reply as Markdown, without notices."""

    async def seal(self) -> None:
        """Finish the message so far (before a card): what follows goes into a new one."""

    async def conclude(self, ending: ReplyEnding, *, nothing_new: bool = False) -> LastRevision:
        """Say the last word; from now on the text does not change.

        Returns what Slack is still to show, to be stored before `deliver`. May be called again
        until that is stored: then it returns what is missing by then.

        Args:
            ending: how the reply ends.
            nothing_new: this process has nothing to add to what an earlier one showed: that
                stays as it is and gets the ending's sentence.

        Raises:
            StoreError: what an earlier process showed could not be read.
        """

    async def deliver(self, *, stored: bool) -> None:
        """Bring the last revision to Slack. Called once it is `stored`, and perhaps before.

        Returns when Slack accepted it, or when that took so long that it is left to be
        delivered later. Raises nothing.
        """

    def let_go(self) -> None:
        """Write no more: another process has this reply now."""


class ChatPort(Protocol):
    """Slack. Methods that show something best-effort log failures instead of raising."""

    def open_reply(self, target: ReplyTarget, *, resumed: bool = False) -> Reply:
        """Begin a reply, or go on in the messages of one that an earlier process began.

        Posts nothing until there is something to say.
        """

    async def close_leftover(self, target: ReplyTarget, sentence: str) -> None:
        """End the reply that an earlier process left open: its live message loses the stop
        button and gets the sentence; if there is none, the sentence is posted.
        """

    def card(
        self, approval: Approval, *, persona: Persona, thread_ts: MessageTs | None
    ) -> OutboxEntry:
        """The card of a new approval: a row to be stored in the transaction that stores it."""

    async def show_card(self, approval: Approval, *, new: bool = False) -> None:
        """Bring the stored card to what its approval is now: buttons while it is open, then one
        line that says who decided what, or why it is void.

        Returns after the first try; what fails is tried again, also by the next process. May be
        called again. `new`: nobody can have tried before. Raises nothing.
        """

    def when_reply_fails(self, told: Callable[[TurnId, str], Coroutine[Any, Any, None]]) -> None:
        """Name who is told of a reply that cannot be shown, with a sentence that says why; perhaps
        more than once of one reply. Call once.
        """

    def when_card_fails(self, told: Callable[[ApprovalId], Awaitable[None]]) -> None:
        """Name who is told of an open question whose card cannot be shown. Call once."""

    async def notice(self, thread: ThreadKey, text: str, *, persona: Persona | None = None) -> None:
        """A quiet line in the thread."""

    async def private_note(
        self, channel: ChannelId, user: UserId, text: str, *, thread_ts: MessageTs | None
    ) -> None:
        """A note that only one person sees."""

    async def mark_waiting(self, ref: MessageRef) -> None:
        """Show on a person's message that it waits its turn."""

    async def mark_taken(self, ref: MessageRef, *, was_waiting: bool) -> None:
        """Show on a person's message that it was taken up."""

    def dropped(
        self, thread: ThreadKey, refs: Sequence[MessageRef], text: str, *, persona: Persona | None
    ) -> Sequence[OutboxEntry]:
        """What shows that these waiting messages will not be answered: they lose the sign of
        waiting, and a quiet line says `text`. Rows to be stored with that fact.
        """

    async def deliver(self, rows: Sequence[OutboxEntry]) -> None:
        """Show rows that were stored just now; returns after the first try of each."""

    def channel_renamed(self, old: ChannelId, new: ChannelId) -> None:
        """What is being shown under a channel's old id goes to the new one from now on."""

    def clear_status(self, thread: ThreadKey) -> None:
        """Take away a status line that an earlier process may have left. Returns at once."""

    async def person(self, user: UserId, *, fresh: bool = False) -> Person:
        """Who this is; cached, unless a `fresh` look is wanted because something is decided by it.

        A user whom Slack does not know is an untrusted person. Raises `ChatError` while Slack does
        not say, for somebody new and for a fresh look.
        """

    async def channel_name(self, channel: ChannelId) -> str | None:
        """The name without `#`; None for a channel that is not public, and while Slack does not
        say. Cached.
        """

    async def history(
        self, thread: ThreadKey, *, before: MessageTs, limit: int
    ) -> list[ThreadMessage]:
        """Root and newest messages of the thread (or DM) before `before`, oldest first; the
        root is always there. Raises `ChatError`.
        """

    async def fetch(self, file: SharedFile, *, limit_bytes: int) -> bytes:
        """Download a file. Raises `ChatError` (also when it is larger than the limit)."""


# --- time and ids ----------------------------------------------------------------------------


class Clock(Protocol):
    """Time and chance, so that tests can choose them."""

    def now(self) -> datetime:
        """The instant, aware, UTC."""

    def monotonic(self) -> float:
        """Seconds that never jump, for durations."""

    def new_id(self) -> str:
        """An unguessable id of 20 or more URL-safe characters."""
