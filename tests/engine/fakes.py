"""Stand-ins for both sides of the engine: an agent and a chat that tests can drive.

They implement the ports and remember what was asked of them; nothing of ours is patched.
"""

import asyncio
import itertools
import json
import secrets
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from bridge.domain import events as ev
from bridge.domain.approvals import Approval, ApprovalState
from bridge.domain.bindings import ImagePart, InputPart, RuntimeRequest, TextPart
from bridge.domain.errors import AgentUnreachable, ChatUnreachable, CommandRefused, RuntimeGone
from bridge.domain.ids import (
    AgentId,
    ApprovalId,
    ChannelId,
    ConversationId,
    MessageRef,
    MessageTs,
    OutboxId,
    RunId,
    Runtime,
    ThreadKey,
    TurnId,
    UserId,
)
from bridge.domain.messages import Person, SharedFile, ThreadMessage
from bridge.domain.outbox_entry import LastRevision, OutboxEntry
from bridge.domain.ports import (
    AgentListener,
    HistoryMessage,
    LinkState,
    ReplyEnding,
    ReplyTarget,
    ServerTraits,
    StartedRuntime,
)
from bridge.domain.teammates import Persona, Teammate
from bridge.store import Store
from bridge.telemetry import Tasks


@dataclass
class Input:
    """One input that the agent got."""

    runtime: Runtime
    client_message_id: str
    parts: Sequence[InputPart]

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))

    @property
    def pictures(self) -> list[ImagePart]:
        return [part for part in self.parts if isinstance(part, ImagePart)]


class FakeAgent:
    """The App Server's side. `on_input` decides what happens to an input; by default nothing."""

    def __init__(self) -> None:
        self.listener: AgentListener | None = None
        self.state = LinkState.UP
        self.traits: ServerTraits | None = ServerTraits("0.34.12", True, False)
        self.inputs: list[Input] = []
        self.starts: list[RuntimeRequest] = []
        self.answers: list[tuple[str, ev.Verdict, str]] = []
        self.aborts: list[Runtime] = []
        self.forks: list[Runtime] = []
        self.created: list[str] = []
        self.gone: set[str] = set()
        self.wrong_cwd: str | None = None
        self.pending: frozenset[str] = frozenset()
        self.processing: set[Runtime] = set()
        self.stored: dict[Runtime, list[HistoryMessage]] = {}
        self.on_input: Callable[[Input], None] = lambda _: None
        self.lose_answers = False
        self.reading = asyncio.Event()
        self.reading.set()
        self.lose_aborts = 0
        self.refuse_answers = 0
        self.takes_no_answers = False
        self.refuse_inputs = 0
        self._agents = itertools.count(1)
        self._conversations = itertools.count(1)
        self._runs = itertools.count(1)

    # --- the port ----------------------------------------------------------------------------

    def listen(self, listener: AgentListener) -> None:
        self.listener = listener

    async def ready(self, *, within_s: float) -> None:
        deadline = time.monotonic() + within_s
        while self.state is not LinkState.UP:
            if time.monotonic() > deadline:
                raise AgentUnreachable("The App Server is not connected.")
            await asyncio.sleep(0.005)

    async def create_agent(self, teammate: Teammate) -> AgentId:
        self.created.append(teammate.name)
        return AgentId(f"agent-{teammate.name}-{next(self._agents)}")

    async def agent_exists(self, agent_id: AgentId) -> bool:
        return agent_id not in self.gone

    async def start(self, request: RuntimeRequest) -> StartedRuntime:
        self.starts.append(request)
        if request.agent_id in self.gone:
            raise RuntimeGone("agent", request.agent_id)
        if request.conversation_id in self.gone:
            raise RuntimeGone("conversation", str(request.conversation_id))
        conversation = request.conversation_id or ConversationId(
            f"conv-{next(self._conversations)}"
        )
        runtime = Runtime(request.agent_id, conversation)
        return StartedRuntime(
            runtime=runtime,
            cwd=self.wrong_cwd or request.cwd,
            is_processing=runtime in self.processing,
            pending_request_ids=self.pending,
        )

    async def send(
        self, runtime: Runtime, *, client_message_id: str, parts: Sequence[InputPart]
    ) -> bool:
        if self.refuse_inputs:
            self.refuse_inputs -= 1
            raise CommandRefused("input", "not now")
        given = Input(runtime, client_message_id, parts)
        self.inputs.append(given)
        if self.lose_answers:
            raise AgentUnreachable("No answer from the App Server.")
        asyncio.get_running_loop().call_soon(self.on_input, given)
        return False

    async def answer(
        self, runtime: Runtime, *, request_id: str, verdict: ev.Verdict, message: str
    ) -> bool:
        if self.takes_no_answers:
            raise CommandRefused("input", "not like this")
        if self.refuse_answers:
            self.refuse_answers -= 1
            raise AgentUnreachable("No answer from the App Server.")
        self.answers.append((request_id, verdict, message))
        return True

    async def abort(self, runtime: Runtime) -> bool:
        self.aborts.append(runtime)
        if self.lose_aborts:
            self.lose_aborts -= 1
            raise AgentUnreachable("No answer from the App Server.")
        return True

    async def history(self, runtime: Runtime, *, back_to: str | None) -> list[HistoryMessage]:
        snapshot = self.stored.get(runtime, [])
        await self.reading.wait()
        return snapshot

    async def fork(self, runtime: Runtime) -> Runtime:
        self.forks.append(runtime)
        return Runtime(runtime.agent_id, ConversationId(f"fork-of-{runtime.conversation_id}"))

    # --- what tests say in the server's name ---------------------------------------------------

    def emit(self, runtime: Runtime, *events: ev.AgentEvent) -> None:
        assert self.listener is not None
        for event in events:
            self.listener.agent_event(runtime, event)

    def link(self, state: LinkState) -> None:
        assert self.listener is not None
        self.state = state
        self.listener.link_changed(state, None)

    def begin(self, given: Input) -> RunId:
        """Begin a run that serves this input."""
        run = RunId(f"run-{next(self._runs)}")
        self.emit(given.runtime, ev.RunStarted(run, frozenset({given.client_message_id})))
        return run

    def say(self, given: Input, run: RunId, text: str) -> None:
        self.emit(given.runtime, ev.TextArrived(run, f"msg-{run}", text))

    def finish(self, given: Input, run: RunId | None, reason: str = "end_turn") -> None:
        self.emit(given.runtime, ev.TurnFinished(run, reason))

    def answer_with(self, text: str) -> None:
        """From now on every input is answered with this text at once."""

        def answer(given: Input) -> None:
            run = self.begin(given)
            self.say(given, run, text)
            self.finish(given, run)

        self.on_input = answer


class FakeReply:
    """What one turn says. `closed` is set once, by its end."""

    def __init__(self, target: ReplyTarget, chat: "FakeChat") -> None:
        self.target = target
        self.segments: dict[tuple[str, str], str] = {}
        self.statuses: list[str] = []
        self.tools: tuple[ev.ToolLine, ...] = ()
        self.seals = 0
        self.sealed: set[tuple[str, str]] = set()
        self.sealed_parts: list[str] = []
        self.resumed = False
        self.ending: ReplyEnding | None = None
        self.last: ReplyEnding | None = None
        self.nothing_new = False
        self.released = False
        self.let_gone = False
        self._chat = chat

    def append(self, run_id: RunId, message_id: str, text: str) -> None:
        key = (run_id, message_id)
        self.segments[key] = self.segments.get(key, "") + text

    def set_text(self, run_id: RunId, message_id: str, text: str) -> None:
        for key in self.segments:
            if key[1] == message_id:
                self.segments[key] = text
                return
        self.segments[(run_id, message_id)] = text

    def drop_runs(self, run_ids: frozenset[RunId]) -> None:
        self.segments = {k: v for k, v in self.segments.items() if k[0] not in run_ids}

    def show_tools(self, tools: tuple[ev.ToolLine, ...]) -> None:
        self.tools = tools

    def show_status(self, text: str) -> None:
        self.statuses.append(text)

    def text(self) -> str:
        return "\n\n".join(self.segments.values())

    def let_go(self) -> None:
        self.let_gone = True

    async def seal(self) -> None:
        self.seals += 1
        above = {key: text for key, text in self.segments.items() if key not in self.sealed}
        if above:
            self.sealed_parts.append("\n\n".join(above.values()))
            self.sealed |= above.keys()

    def parts(self) -> list[str]:
        """The text above each card, and below the last."""
        below = [text for key, text in self.segments.items() if key not in self.sealed]
        return [*self.sealed_parts, "\n\n".join(below)]

    async def conclude(self, ending: ReplyEnding, *, nothing_new: bool = False) -> LastRevision:
        self.last = ending
        self.nothing_new = nothing_new
        first = OutboxEntry(
            outbox_id=OutboxId(secrets.token_hex(8)),
            turn_id=self.target.turn_id,
            kind="reply",
            seq=0,
            channel=self.target.thread.channel,
            thread_ts=self.target.thread_ts,
            planned_at=datetime.now(UTC),
            ts=self._chat.next_ts(),
            payload="{}",
        )
        return LastRevision((first,), first.outbox_id, "" if nothing_new else self.text())

    async def deliver(self, *, stored: bool) -> None:
        self.released = self.released or stored
        if self.last is None:
            return  # a bug in `conclude`: there is no last word
        if not self.nothing_new:
            self.ending = self.last
        elif stored:
            self._chat.leftovers.append((self.target, self.last.sentence or ""))


@dataclass
class FakeChat:
    """Slack's side."""

    replies: list[FakeReply] = field(default_factory=list)
    cards: list[Approval] = field(default_factory=list)
    closed_cards: list[Approval] = field(default_factory=list)
    looked_for: list[Approval] = field(default_factory=list)
    leftovers: list[tuple[ReplyTarget, str]] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    notes: list[tuple[UserId, str]] = field(default_factory=list)
    noted_in: list[MessageTs | None] = field(default_factory=list)
    waiting: list[MessageRef] = field(default_factory=list)
    taken: list[tuple[MessageRef, bool]] = field(default_factory=list)
    dropped_messages: list[MessageRef] = field(default_factory=list)
    cleared: list[ThreadKey] = field(default_factory=list)
    said: list[ThreadMessage] = field(default_factory=list)
    histories: int = 0
    lose_cards: bool = False
    refuse_cards: bool = False
    store: Store | None = None
    refuse_closing: bool = False
    posted: dict[ApprovalId, MessageTs] = field(default_factory=dict)
    slack_is_there: asyncio.Event = field(default_factory=asyncio.Event)
    slack_answers: asyncio.Event = field(default_factory=asyncio.Event)
    nobody_is_known: bool = False
    slow_people: asyncio.Event | None = None
    files: dict[str, bytes] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)
    channel_names: dict[str, str] = field(default_factory=dict)
    _ts: itertools.count = field(default_factory=lambda: itertools.count(900_000))
    _tasks: Tasks = field(default_factory=Tasks)
    _lanes: defaultdict[ApprovalId, asyncio.Lock] = field(
        default_factory=lambda: defaultdict(asyncio.Lock)
    )

    def __post_init__(self) -> None:
        self.slack_is_there.set()
        self.slack_answers.set()

    def next_ts(self) -> MessageTs:
        return MessageTs(f"1700{next(self._ts)}.000000")

    def open_reply(self, target: ReplyTarget, *, resumed: bool = False) -> FakeReply:
        reply = FakeReply(target, self)
        reply.resumed = resumed
        self.replies.append(reply)
        return reply

    async def close_leftover(self, target: ReplyTarget, sentence: str) -> None:
        self.leftovers.append((target, sentence))

    def card(
        self, approval: Approval, *, persona: Persona, thread_ts: MessageTs | None
    ) -> OutboxEntry:
        return OutboxEntry(
            outbox_id=OutboxId(approval.approval_id),
            turn_id=approval.turn_id,
            kind="card",
            seq=0,
            channel=approval.thread.channel,
            thread_ts=thread_ts,
            planned_at=datetime.now(UTC),
            approval_id=approval.approval_id,
            payload="{}",
        )

    def start(self, store: Store) -> None:
        """Take up the cards that an earlier process left."""
        self.store = store
        self._tasks.spawn(self._take_up(store), name="take up cards")

    async def _take_up(self, store: Store) -> None:
        for row in await store.outbox.owed():
            if row.kind == "dropped":
                await self.deliver([row])
                continue
            approval = await store.approvals.get(ApprovalId(row.approval_id or ""))
            if approval is not None:
                await self.show_card(approval)

    async def show_card(self, approval: Approval, *, new: bool = False) -> None:
        """As the outbox does it: one at a time, what the approval is now is shown or stays owed."""
        async with self._lanes[approval.approval_id]:
            await self._show_card(approval)

    async def _show_card(self, approval: Approval) -> None:
        assert self.store is not None
        await self.slack_is_there.wait()
        row = await self.store.outbox.card_of(approval.approval_id)
        if row is None or row.payload is None:
            return
        now = await self.store.approvals.get(approval.approval_id)
        assert now is not None
        if now.state is ApprovalState.PENDING:
            await self._post_card(now, row)
        else:
            await self._close_card(now, row)

    async def _post_card(self, approval: Approval, row: OutboxEntry) -> None:
        assert self.store is not None
        if approval.approval_id not in self.posted:  # else it is found by looking
            self.posted[approval.approval_id] = self.next_ts()
            self.cards.append(approval)
        if self.refuse_cards:
            await self.tell_of_failed_card(approval.approval_id)
            await self.store.outbox.failed(row.outbox_id, "invalid_blocks")
            return
        if self.lose_cards:
            return  # posted, but the process dies before it learns so
        await self.slack_answers.wait()
        await self.store.outbox.sent(row.outbox_id, self.posted[approval.approval_id], None)
        await self.store.outbox.card_shown(row.outbox_id, approval.state)

    async def _close_card(self, approval: Approval, row: OutboxEntry) -> None:
        assert self.store is not None
        if self.refuse_closing:
            return
        (self.closed_cards if approval.card else self.looked_for).append(approval)
        await self.store.outbox.card_shown(row.outbox_id, approval.state)

    def when_reply_fails(self, told: Callable[[TurnId, str], Coroutine[Any, Any, None]]) -> None:
        self.tell_of_failed_reply = told

    def when_card_fails(self, told: Callable[[ApprovalId], Awaitable[None]]) -> None:
        self.tell_of_failed_card = told

    async def notice(self, thread: ThreadKey, text: str, *, persona: Persona | None = None) -> None:
        self.notices.append(text)

    async def private_note(
        self, channel: ChannelId, user: UserId, text: str, *, thread_ts: MessageTs | None
    ) -> None:
        self.notes.append((user, text))
        self.noted_in.append(thread_ts)

    async def mark_waiting(self, ref: MessageRef) -> None:
        self.waiting.append(ref)

    async def mark_taken(self, ref: MessageRef, *, was_waiting: bool) -> None:
        self.taken.append((ref, was_waiting))

    def dropped(
        self, thread: ThreadKey, refs: Sequence[MessageRef], text: str, *, persona: Persona | None
    ) -> Sequence[OutboxEntry]:
        row = OutboxEntry(
            outbox_id=OutboxId(secrets.token_hex(8)),
            turn_id=None,
            kind="dropped",
            seq=0,
            channel=thread.channel,
            thread_ts=thread.thread_ts,
            planned_at=datetime.now(UTC),
            payload=json.dumps([text, [[ref.channel, ref.ts] for ref in refs]]),
        )
        return (row,)

    async def deliver(self, rows: Sequence[OutboxEntry]) -> None:
        assert self.store is not None
        for row in rows:
            await self.slack_is_there.wait()
            text, refs = json.loads(row.payload or "")
            self.notices.append(text)
            self.dropped_messages += [MessageRef(ChannelId(c), MessageTs(ts)) for c, ts in refs]
            await self.store.outbox.done(row.outbox_id)

    def channel_renamed(self, old: ChannelId, new: ChannelId) -> None:
        self.renamed = (old, new)

    def clear_status(self, thread: ThreadKey) -> None:
        self.cleared.append(thread)

    async def person(self, user: UserId, *, fresh: bool = False) -> Person:
        if fresh and self.nobody_is_known:
            raise ChatUnreachable("No answer from Slack.")
        if self.slow_people is not None:
            await self.slow_people.wait()
        return self.people.get(user) or Person(user, f"Name of {user}", trusted=True)

    async def channel_name(self, channel: ChannelId) -> str | None:
        return self.channel_names.get(channel)

    async def history(
        self, thread: ThreadKey, *, before: MessageTs, limit: int
    ) -> list[ThreadMessage]:
        self.histories += 1
        return [one for one in self.said if one.ts < before][-limit:]

    async def fetch(self, file: SharedFile, *, limit_bytes: int) -> bytes:
        return self.files[file.file_id]


class SystemClock:
    """Real time, or `later_s` after it; chance from the system."""

    later_s = 0.0

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.later_s)

    def monotonic(self) -> float:
        return time.monotonic()

    def new_id(self) -> str:
        return secrets.token_urlsafe(16)


class FakeGuard:
    """The process that outlives us. `ended` is what it heard while nobody else listened."""

    def __init__(self) -> None:
        self.held: list[Runtime] = []
        self.log: list[tuple[str, Runtime]] = []
        self.ended: dict[str, ev.TurnFinished] = {}
        self.ended_unasked: dict[Runtime, ev.TurnFinished] = {}

    async def hold(self, runtime: Runtime) -> None:
        self.log.append(("hold", runtime))
        if runtime not in self.held:
            self.held.append(runtime)

    def release(self, runtime: Runtime) -> None:
        self.log.append(("release", runtime))
        self.held.remove(runtime)

    def ending(self, client_message_id: str) -> ev.TurnFinished | None:
        return self.ended.get(client_message_id)

    def unasked_ending(self, runtime: Runtime) -> ev.TurnFinished | None:
        return self.ended_unasked.get(runtime)
