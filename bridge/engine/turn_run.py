"""Run of one turn, from its claim to its recorded end.

Feeds events to the reducer and performs its effects. What takes time runs in a task of its own
and comes back as an event, so that a stop or a deadline is never kept waiting.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog

from bridge.domain import effects as fx
from bridge.domain import events as ev
from bridge.domain.bindings import Binding, ClaimedTurn
from bridge.domain.errors import IllegalTransition, StoreError
from bridge.domain.ids import BindingId, Runtime, UserId
from bridge.domain.messages import Speaker
from bridge.domain.ports import Reply, ReplyTarget
from bridge.domain.teammates import Teammate
from bridge.domain.transitions import step
from bridge.domain.turn import Phase, Turn
from bridge.engine.approval_service import ApprovalService
from bridge.engine.context import EngineContext
from bridge.engine.runtime_starter import RuntimeStarter
from bridge.engine.transcript import Transcript
from bridge.engine.turn_end import TurnEnd
from bridge.engine.turn_session import Answers, TurnSession
from bridge.engine.turn_timer import TurnTimer, WakeUp
from bridge.telemetry import TURNS_ACTIVE, UNEXPECTED_ERRORS, Tasks, get_logger

log = get_logger("engine.turn_run")

_READING_S = 5.0
"""How long the end of a failed turn waits for text that is being read."""


_SHOWN = fx.AppendReply | fx.DropRunText | fx.DropText | fx.ShowTools | fx.ShowStatus
"""What only changes what people see on the way."""


@dataclass(slots=True)
class _Reconnecting:
    """The newest reconnect of a turn: since when, and the task that reads what was missed.

    `text_read` is set once the reply holds what the server has stored.
    """

    lost_at: datetime
    task: asyncio.Task[Any]
    text_read: asyncio.Event = field(default_factory=asyncio.Event)

    def supersede(self) -> None:
        """Another reconnect takes over: what this one was to learn is looked up again."""
        self.task.cancel()
        self.text_read.set()


class TurnRun:
    """Runs one claimed turn. `run` is called once; `tell` at any time, from the same loop."""

    def __init__(
        self,
        claimed: ClaimedTurn,
        teammate: Teammate,
        context: EngineContext,
        runtimes: RuntimeStarter,
        approvals: ApprovalService,
        *,
        turn: Turn,
        runtime_known: Callable[[Runtime, BindingId], None],
    ) -> None:
        self.claimed = claimed
        self._teammate = teammate
        self._context = context
        self._approvals = approvals
        self._turn = turn
        self._agent = TurnSession(
            claimed, teammate, context, runtimes, tell=self.tell, runtime_known=runtime_known
        )
        self._events: deque[ev.TurnEvent] = deque()
        self._told = 0
        self._wakeup = WakeUp()
        self._tasks = Tasks(on_failure=self._task_failed)
        self._side_tasks = Tasks()
        resumed = turn.phase is Phase.RECONCILING
        earlier = context.clock.now() - claimed.claimed_at
        self._timer = TurnTimer(
            context.clock, context.options, earlier_s=earlier.total_seconds() if resumed else 0.0
        )
        self._target = _target(claimed, teammate)
        self._reply: Reply = context.chat.open_reply(self._target, resumed=resumed)
        self._ending = TurnEnd(
            claimed, context, reply=self._reply, approvals=approvals, target=self._target
        )
        self._transcript = Transcript(self._reply)
        self._resumed = resumed
        self._cards_unsealed = resumed  # the text above an earlier process's cards is not known
        self._text_incomplete = False
        self._sending: asyncio.Task[Any] | None = None
        self._reconnecting: _Reconnecting | None = None
        self._end: fx.EndTurn | None = None
        self._performers = self._all_performers()

    def _all_performers(self) -> dict[type, Callable[[Any], object]]:
        return {
            fx.AppendReply: lambda effect: self._transcript.append(
                effect.run_id, effect.message_id, effect.text
            ),
            fx.ShowTools: lambda effect: self._reply.show_tools(effect.tools),
            fx.ShowStatus: lambda effect: self._reply.show_status(effect.text),
            fx.DropRunText: lambda effect: self._transcript.drop(effect.run_ids),
            fx.DropText: lambda _: self._transcript.drop_all(),
            fx.PostNotice: lambda effect: self._aside(
                self._context.chat.notice(self.claimed.binding.thread, effect.text)
            ),
            fx.StartRuntime: lambda _: self._spawn(self._agent.start(self._next_attempt)),
            fx.ForkConversation: lambda _: self._spawn(
                self._agent.move_and_start(self._next_attempt)
            ),
            fx.SendInput: self._send,
            fx.AskApproval: lambda effect: self._spawn(self._ask(effect.asked)),
            fx.AnswerApproval: lambda effect: self._aside(self._answer(effect)),
            fx.VoidApprovals: self._void,
            fx.AbortRun: lambda _: self._aside(self._agent.abort()),
            fx.Reconcile: lambda _: self._reconcile(),
            fx.EndTurn: self._note_end,
        }

    def waits_for(self, request_id: str) -> bool | None:
        """Whether the server waits for this answer; None while that must be learnt anew."""
        if self._turn.phase is Phase.RECONCILING:
            return None  # an answer could not be given before the runtime is started again
        return any(a.request_id == request_id and not a.unsure for a in self._turn.approvals)

    def tell(self, event: ev.TurnEvent) -> None:
        """Hand the turn an event; never blocks."""
        self._events.append(event)
        self._told += 1
        self._wakeup.wake()

    def undelivered(self) -> Iterable[ev.TurnEvent]:
        """Events that came after the end; they may belong to what the server does next."""
        return tuple(self._events)

    async def run(self) -> None:
        """Bring the turn to its end and record it. Cancelling leaves it for a later recovery."""
        structlog.contextvars.bind_contextvars(
            turn=self.claimed.turn_id, thread=_spell(self.claimed.binding)
        )
        TURNS_ACTIVE.inc()
        if self.claimed.unprompted:
            self._aside(self._agent.hold())
        try:
            while self._end is None:
                event = await self._next()
                if isinstance(event, ev.ShuttingDown) and await self._left_for_later():
                    return
                self._take(event)
            if await self._finish(self._end):
                self._agent.release()
        finally:
            TURNS_ACTIVE.dec()
            self._wakeup.close()
            await self._tasks.aclose()
            await self._side_tasks.aclose()
            structlog.contextvars.unbind_contextvars("turn", "thread", "runtime")

    # --- events in ---------------------------------------------------------------------------

    async def _next(self) -> ev.TurnEvent:
        while not self._events:
            if not await self._wakeup.wait(self._timer.due_in(self._turn.phase)):
                return self._what_is_due()
        return self._events.popleft()

    def _what_is_due(self) -> ev.TurnEvent:
        """Before the turn is given up as interrupted, the supervisor may have heard its end."""
        learnt = None
        if self._turn.phase is Phase.RECONCILING:
            learnt = self._agent.ending(self._newest_client_id)
        return learnt or self._timer.what_is_due(self._turn.phase)

    async def _left_for_later(self) -> bool:
        """At a stop, a turn that is not at work is left for the next start as it is."""
        if self._turn.phase in (Phase.QUEUED, Phase.STARTING):
            return await self._context.store.turn_queue.put_back(
                self.claimed.turn_id,
                lease=self._context.options.lease,
                now=self._context.clock.now(),
            )
        return self._turn.phase is Phase.RECONCILING and self._turn.stop is None

    def _take(self, event: ev.TurnEvent) -> None:
        before = self._turn.phase
        try:
            self._turn, effects = step(self._turn, event)
        except Exception as error:
            if not isinstance(error, IllegalTransition):
                UNEXPECTED_ERRORS.inc()
            log.error("event not taken", event_kind=type(event).__name__, exc_info=error)
            self._turn, effects = step(self._turn, ev.Refused(str(error)))
        if isinstance(event, ev.RuntimeReady | ev.StateReplayed):
            structlog.contextvars.bind_contextvars(runtime=_spell_runtime(self._agent.binding))
        if isinstance(event, ev.StateReplayed):
            self._void_unless(event.pending_request_ids)
            if self._turn.phase is Phase.RECONCILING:
                self._timer.wait_only(self._context.options.rerun_wait_s)
        elif isinstance(event, ev.InputMissing):
            self._void_unless(frozenset())
        elif isinstance(event, ev.InputAccepted) and self._turn.phase is Phase.SUBMITTING:
            self._timer.wait_only(self._context.options.rerun_wait_s)  # it may be swallowed
        if self._turn.phase is not before:
            self._timer.phase_changed(self._turn.phase)
            log.debug("phase", was=before.value, now=self._turn.phase.value)
        for effect in effects:
            self._perform(effect)

    # --- effects out -------------------------------------------------------------------------

    def _perform(self, effect: fx.Effect) -> None:
        """A bug on the way to the screen ends nothing (G7), any other the turn, in words (G5)."""
        try:
            self._performers[type(effect)](effect)
        except Exception as error:
            UNEXPECTED_ERRORS.inc()
            log.exception("effect failed", effect=type(effect).__name__)
            if not isinstance(effect, _SHOWN):
                self.tell(ev.Refused(f"{type(effect).__name__}: {error!r}"))
            self._text_incomplete = True  # so the end asks the server for the whole text

    def _void(self, effect: fx.VoidApprovals) -> None:
        if self._turn.phase is not Phase.ENDED:  # the end closes all of them once it is recorded
            self._aside(
                self._approvals.void(self.claimed.turn_id, effect.request_ids, effect.cause)
            )

    def _void_unless(self, pending: frozenset[str]) -> None:
        """Questions from before the link was lost are closed, unless the server still asks them."""
        if self._reconnecting is None:
            return
        self._aside(
            self._approvals.void_unless(
                self.claimed.turn_id,
                pending,
                asked_before=self._reconnecting.lost_at,
                cause="The agent no longer waits for this: it was interrupted.",
            )
        )

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[Any]:
        what = getattr(work, "__qualname__", "effect")
        return self._tasks.spawn(work, name=f"{what} of {self.claimed.turn_id}")

    def _aside(self, work: Coroutine[Any, Any, None]) -> None:
        """Run what the turn can do without: its failure is logged and ends nothing."""
        what = getattr(work, "__qualname__", "effect")
        self._side_tasks.spawn(work, name=f"{what} of {self.claimed.turn_id}")

    def _task_failed(self, name: str, failure: BaseException) -> None:
        """An effect that fails in an unforeseen way still ends the turn in words (G5)."""
        self.tell(ev.Refused(f"{name}: {failure!r}"))

    @property
    def _next_attempt(self) -> int:
        return self._turn.attempt + 1

    async def _ask(self, asked: ev.ApprovalAsked) -> None:
        while (missed := self._reconnecting) is not None and not missed.text_read.is_set():
            await missed.text_read.wait()  # what was said before the question stands above it
        if self.waits_for(asked.request_id) is not False:
            await self._reply.seal()  # else it was decided, and what stands below goes on
        await self._approvals.ask(
            self.claimed, asked, self._teammate.persona, self._target.thread_ts
        )

    async def _answer(self, effect: fx.AnswerApproval) -> None:
        try:
            await self._agent.answer(effect)
        except Exception:
            self.tell(ev.LinkLost())  # the server may still wait: it is asked what for
            raise
        told = self._told
        await asyncio.sleep(self._context.options.answer_wait_s)
        if told == self._told and not self._turn.approvals:
            log.warning("the server took a decision and did nothing", request=effect.request_id)
            self.tell(ev.LinkLost())

    def _send(self, effect: fx.SendInput) -> None:
        self._sending = self._spawn(self._agent.send(effect))

    def _reconcile(self) -> None:
        if self._sending is not None:
            self._sending.cancel()  # whether it arrived is looked up
        if self._reconnecting is not None:
            self._reconnecting.supersede()
        self._text_incomplete = True
        self._transcript.miss()
        self._reconnecting = _Reconnecting(
            lost_at=self._context.clock.now(),
            task=self._spawn(self._agent.reconcile(self._newest_client_id, self._show_stored)),
        )

    @property
    def _newest_client_id(self) -> str | None:
        return self._turn.client_ids[-1] if self._turn.client_ids else None

    async def _show_stored(self, stored: Answers) -> None:
        """Make the text whole. The first time in a reply that an earlier process began, it is
        parted again where that one had shown cards.
        """
        calls: frozenset[str] = frozenset()
        if self._cards_unsealed and stored.messages:
            self._cards_unsealed = False
            try:
                calls = await self._approvals.shown_calls(self.claimed.turn_id)
            except StoreError as error:
                log.warning("cards not known", cause=str(error))
        await self._transcript.fill(
            stored.messages,
            restarted=stored.again,
            keeps_ids=self._agent.keeps_ids,
            answer_stored=self._turn.stop is None,
            seal_at=calls,
        )
        if self._reconnecting is not None:
            self._reconnecting.text_read.set()

    def _note_end(self, effect: fx.EndTurn) -> None:
        self._end = effect

    # --- the end -----------------------------------------------------------------------------

    async def _finish(self, end: fx.EndTurn) -> bool:
        try:
            await self._fill_gap(end)
        except Exception:
            UNEXPECTED_ERRORS.inc()
            log.exception("missed text not read")
        anything_new = not (self._resumed and self._transcript.is_empty)
        return await self._ending.finish(end, self._timer.worked_s(), anything_new=anything_new)

    async def _fill_gap(self, end: fx.EndTurn) -> None:
        """Once text was missed, the stored text has the last word, if the agent has finished."""
        if self._text_incomplete and end.outcome is ev.Outcome.DONE:
            await self._show_stored(await self._agent.stored_answers(self._newest_client_id))
        elif end.outcome is ev.Outcome.FAILED and self._reconnecting is not None:
            await asyncio.wait({self._reconnecting.task}, timeout=_READING_S)
        if self._text_incomplete and self._turn.runs:
            await self._agent.note_seen()


def _target(claimed: ClaimedTurn, teammate: Teammate) -> ReplyTarget:
    people = (m.said.author for m in claimed.messages if m.said.speaker is Speaker.PERSON)
    return ReplyTarget(
        turn_id=claimed.turn_id,
        thread=claimed.binding.thread,
        thread_ts=claimed.binding.thread.thread_ts,
        persona=teammate.persona,
        allowed_mentions=frozenset(UserId(author) for author in people),
    )


def _spell(binding: Binding) -> str:
    thread = binding.thread
    return f"{thread.channel}/{thread.thread_ts or 'dm'}/{binding.teammate}"


def _spell_runtime(binding: Binding) -> str | None:
    runtime = binding.runtime
    return f"{runtime.agent_id}/{runtime.conversation_id}" if runtime is not None else None
