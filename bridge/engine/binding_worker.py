"""Worker of one binding: runs its turns one after another, retires when there are none (G3).

Bindings never wait for each other: each has a worker of its own, which exists only while there
is something to do.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import datetime

from bridge.domain import events as ev
from bridge.domain.bindings import Binding, ClaimedTurn
from bridge.domain.errors import StoreError
from bridge.domain.ids import BindingId, MessageRef, Runtime, TurnId, UserId
from bridge.domain.messages import StoredMessage
from bridge.domain.teammates import Teammate
from bridge.domain.turn import Phase, Turn, unprompted
from bridge.domain.user_messages import TAKEN_BACK
from bridge.engine.approval_service import ApprovalService
from bridge.engine.context import EngineContext
from bridge.engine.runtime_starter import RuntimeStarter
from bridge.engine.turn_run import TurnRun
from bridge.retry import Backoff, RetryPolicy
from bridge.telemetry import UNEXPECTED_ERRORS, Tasks, get_logger

log = get_logger("engine.binding_worker")

TAKEN_BACK_STOP = ev.StopAsked(UserId(""), TAKEN_BACK)
"""Nobody asks for it: every message that the turn answers was deleted."""

_RETRY = RetryPolicy(first_s=0.2, longest_s=5.0)
_WAITED_S = 1.0
"""A message taken up later than this after its arrival has waited, whoever worked meanwhile."""


class BindingWorker:
    """Works for one binding. All methods but `run` return at once.

    Args:
        live_turns: every turn that runs in this process; the worker keeps its own there.
    """

    def __init__(
        self,
        binding: Binding,
        teammate: Teammate,
        context: EngineContext,
        runtimes: RuntimeStarter,
        approvals: ApprovalService,
        tasks: Tasks,
        *,
        live_turns: dict[TurnId, TurnRun],
        runtime_known: Callable[[Runtime, BindingId], None],
        retired: Callable[["BindingWorker"], None],
    ) -> None:
        self.binding_id: BindingId = binding.binding_id
        self._binding = binding
        self._teammate = teammate
        self._context = context
        self._runtimes = runtimes
        self._approvals = approvals
        self._tasks = tasks
        self._live_turns = live_turns
        self._runtime_known = runtime_known
        self._retired = retired
        self._inherited: deque[tuple[ClaimedTurn, Turn]] = deque()
        self._early: list[ev.TurnEvent] = []
        self._more = True
        self._stopping = self._taking = False
        self._stop_taken: ev.StopAsked | None = None
        self._worked_until: datetime | None = None
        self.current: TurnRun | None = None

    def wake(self) -> None:
        """There may be a new turn in the queue."""
        self._more = True

    def inherit(self, claimed: ClaimedTurn, turn: Turn) -> None:
        """Go on with a turn that an earlier process had begun."""
        self._inherited.append((claimed, turn))
        self._more = True  # it may be about to retire: an event had started it

    def tell(self, event: ev.TurnEvent) -> None:
        """Hand an event to the current turn; without one, to the next that the server begins."""
        if self.current is not None:
            self.current.tell(event)
        elif self._early or isinstance(event, ev.BEGINNINGS):
            self._early.append(event)
            self._more = True

    def stop_turn(self, stop: ev.StopAsked) -> bool:
        """Stop the current turn, or the one that is being taken just now; False without one."""
        if self.current is not None:
            self.current.tell(stop)
        elif self._taking or self._inherited:
            self._stop_taken = stop
        return self.current is not None or self._taking or bool(self._inherited)

    def take_no_more(self) -> None:
        """Take no further turn; the current one goes on."""
        self._stopping = True

    def shut_down(self) -> None:
        """Take no further turn; the current one is brought to its end."""
        self._stopping = True
        if self.current is not None:
            self.current.tell(ev.ShuttingDown())

    async def run(self) -> None:
        """Work until nothing is left, then retire. Errors are retried, expected or not."""
        backoff = Backoff(_RETRY)
        try:
            while self._more and not self._stopping:
                self._more = False
                try:
                    await self._work_off()
                    backoff.succeeded()
                except Exception as error:
                    _failed(error)
                    self._more = True
                    await asyncio.sleep(backoff.failed())
        finally:
            self._retired(self)  # nothing is awaited between the last look and this

    async def _work_off(self) -> None:
        while not self._stopping:
            self._taking = True
            try:
                taken = await self._take()
            finally:
                self._taking = False
            if taken is None:
                self._stop_taken = None
                return
            claimed, turn = taken
            self.current = run = self._run_of(claimed, turn)
            self._live_turns[claimed.turn_id] = run
            self._begin(run, turn)
            self._pass_on_stops(run)
            try:
                await run.run()
            finally:
                self.current = None
                del self._live_turns[claimed.turn_id]
                self._worked_until = self._context.clock.now()
            for event in run.undelivered():
                self.tell(event)

    def _run_of(self, claimed: ClaimedTurn, turn: Turn) -> TurnRun:
        try:
            return TurnRun(
                claimed,
                self._teammate,
                self._context,
                self._runtimes,
                self._approvals,
                turn=turn,
                runtime_known=self._runtime_known,
            )
        except Exception:
            self._inherited.appendleft((claimed, turn))  # it is claimed: nobody else takes it
            raise

    def _pass_on_stops(self, run: TurnRun) -> None:
        """What was asked while the turn was being taken."""
        if self._stop_taken is not None:
            run.tell(self._stop_taken)
            self._stop_taken = None
        if run.claimed.taken_back:  # it was stored, but nobody lived to act on it
            run.tell(TAKEN_BACK_STOP)
        elif run.claimed.stop_asked_by is not None:
            run.tell(ev.StopAsked(run.claimed.stop_asked_by))
        if self._stopping:
            run.tell(ev.ShuttingDown())

    async def _take(self) -> tuple[ClaimedTurn, Turn] | None:
        if self._inherited:
            return self._inherited.popleft()
        options, now = self._context.options, self._context.clock.now()
        if self._early:
            claimed = await self._context.store.turn_queue.claim_unprompted(
                self.binding_id,
                turn_id=TurnId(self._context.clock.new_id()),
                lease=options.lease,
                now=now,
            )
            return None if claimed is None else (claimed, unprompted())
        claimed = await self._context.store.turn_queue.claim(
            self.binding_id, lease=options.lease, now=now
        )
        return None if claimed is None else (claimed, Turn(attempt=claimed.attempt))

    def _begin(self, run: TurnRun, turn: Turn) -> None:
        early, self._early = self._early, []
        if turn.phase is Phase.QUEUED:
            run.tell(ev.Claimed())
        elif turn.phase is Phase.RECONCILING:
            run.tell(ev.LinkLost())  # first: what came early is of the connection after it
        for event in early:
            run.tell(event)
        for message in run.claimed.messages:
            self._mark_taken(run.claimed, message)

    def _mark_taken(self, claimed: ClaimedTurn, message: StoredMessage) -> None:
        """Where nothing else shows it: on a message that waited, and where no status can be."""
        long_ago = (claimed.claimed_at - message.received_at).total_seconds() > _WAITED_S
        behind = self._worked_until is not None and message.received_at < self._worked_until
        waited = long_ago or behind
        if waited or message.thread.thread_ts is None:
            ref = MessageRef(message.thread.channel, message.said.ts)
            mark = self._context.chat.mark_taken(ref, was_waiting=waited)
            self._tasks.spawn(mark, name=f"mark taken {message.said.ts}")


def _failed(error: Exception) -> None:
    if isinstance(error, StoreError):
        log.warning("worker waits for the database", cause=str(error))
    else:
        UNEXPECTED_ERRORS.inc()
        log.error("worker tries again", exc_info=error)
