"""Dispatcher: the single entry point of the engine, for Slack and for the App Server.

Stores first, acts second. Spawns a worker per binding with work and lets it retire.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from bridge.domain import batching, permissions, routing
from bridge.domain import events as ev
from bridge.domain.approvals import Approval
from bridge.domain.bindings import Binding, ClaimedTurn
from bridge.domain.errors import StoreError
from bridge.domain.events import AgentEvent, ApprovalSettled, StopAsked, Verdict
from bridge.domain.ids import (
    ApprovalId,
    BindingId,
    ChannelId,
    MessageRef,
    MessageTs,
    Runtime,
    TeamId,
    ThreadKey,
    TurnId,
    UserId,
)
from bridge.domain.messages import InboundMessage, Person, Speaker
from bridge.domain.ports import LinkState
from bridge.domain.turn import Turn
from bridge.engine import cancellation, message_edits
from bridge.engine.app_messages import AppMessages
from bridge.engine.approval_service import ApprovalService
from bridge.engine.binding_worker import BindingWorker
from bridge.engine.context import EngineContext
from bridge.engine.roster import Roster
from bridge.engine.runtime_starter import RuntimeStarter
from bridge.engine.turn_run import TurnRun
from bridge.engine.undelivered import UndeliveredReplies
from bridge.retry import RetryPolicy, retry
from bridge.store import Accepted, Placed
from bridge.telemetry import LINKS_UP, Tasks, bounded, get_logger

log = get_logger("engine.dispatcher")

CARDS_S = 3.0
"""How long a stop waits for cards on their way to their last line."""

_DATABASE_RETRY = RetryPolicy(first_s=0.2, longest_s=5.0)
T = TypeVar("T")


class Dispatcher:
    """Routes everything that happens to the worker that it concerns.

    Implements what Slack's listeners call, and the `AgentListener` of the App Server's client.
    """

    def __init__(self, context: EngineContext) -> None:
        self._context = context
        self._tasks = Tasks()
        self._runtimes = RuntimeStarter(context, self._tasks)
        self.approvals = ApprovalService(
            context, self._tasks, tell=self._tell_turn, waits=self._turn_waits
        )
        self._workers: dict[BindingId, BindingWorker] = {}
        self._live_turns: dict[TurnId, TurnRun] = {}
        self._working: set[asyncio.Task[Any]] = set()
        self._by_runtime: dict[Runtime, BindingId] = {}
        self._unclaimed: dict[Runtime, list[AgentEvent]] = {}
        self._cancellation = cancellation.Cancellation(context, self._workers)
        self._message_edits = message_edits.MessageEdits(
            context, self._workers, queued=self._queued
        )
        self._undelivered = UndeliveredReplies(context)
        self._apps = AppMessages(context, self._tasks)
        self._roster = Roster(context)
        self._message_order = MessageOrder()
        self._stopping = False

    # --- from Slack --------------------------------------------------------------------------

    async def message(self, message: InboundMessage) -> bool:
        """Take a message in: when this returns, it is stored (G1). Safe to call again (G2).

        True when it is new and somebody will answer it. Raises `StoreError` when it could not be
        stored and `ChatError` when its sender is not known and cannot be looked up: then Slack
        must send it again.
        """
        async with self._message_order.enter(message) as stored:
            return not stored and await self._take_in(message)

    async def _take_in(self, message: InboundMessage) -> bool:
        thread = message.thread
        bindings = await self._bindings_at(message, thread)
        if message.from_bot and not self._apps.may_ask(message):
            if bindings:  # context for those who take part, never a turn: so loops begin
                await self._accept(message, thread, (), _stranger(message), bindings)
            self._apps.answer(message)
            return False
        in_thread = [binding.teammate for binding in bindings]
        route = routing.route(message, in_thread=in_thread, team=self._context.options.team)
        if isinstance(route, routing.NotForUs) and not route.remember:
            return False
        person = await self._author(message)
        if message.from_outside:
            person = Person(person.user, person.name, trusted=False, is_bot=person.is_bot)
        answerers = route.teammates if isinstance(route, routing.Answer) else ()
        meant = self._cancellation.targets(route, bindings, person)
        accepted = await self._accept(message, thread, answerers, person, bindings, meant)
        if isinstance(route, routing.Stop) and not accepted.duplicate:
            stop = self._cancellation.by_message(message, accepted, meant, person)
            self.spawn(stop, f"stop {message.ts}")
        if isinstance(route, routing.Who) and not accepted.duplicate:
            self.spawn(self._roster.tell(message, person, in_thread), f"who {message.ts}")
        return bool(accepted.placed)

    async def _author(self, message: InboundMessage) -> Person:
        """Who gives the work: an app that may is nobody in Slack's directory."""
        if message.from_bot:
            return Person(message.user, message.user, trusted=True)
        return await self._context.chat.person(message.user)

    async def edited(self, message: InboundMessage) -> None:
        """A person changed a message: what waits changes with it, who works on it is told.

        One that nobody answered is taken in if it addresses somebody now.
        """
        known = await self._message_edits.edited(message)
        if not known and routing.addresses_somebody(message, self._context.options.team):
            await self.message(message)

    async def deleted(self, team: TeamId, ref: MessageRef) -> None:
        """A person deleted a message: what waits or works only for it ends."""
        await self._message_edits.deleted(team, ref)

    async def channel_renamed(self, team: TeamId, old: ChannelId, new: ChannelId) -> None:
        """A channel has another id: threads, queue and approvals go on under it."""
        moved = await self._context.store.channels.rename(team, old, new)
        self._context.chat.channel_renamed(old, new)
        log.info("channel renamed", old=old, new=new, rows=moved)

    async def reaction(self, team: TeamId, ref: MessageRef, *, user: UserId, name: str) -> None:
        """A person reacted: 🛑 on a question or on a reply stops its turn."""
        if name in cancellation.REACTIONS:
            await self._cancellation.by_reaction(team, ref, user=user)

    async def stop(self, turn_id: TurnId, *, user: UserId, ref: MessageRef, team: str = "") -> None:
        """A person pressed stop on a reply; told privately when it does not count."""
        await self._cancellation.by_button(turn_id, user=user, ref=ref, team=team)

    async def click(
        self,
        approval_id: ApprovalId,
        *,
        user: UserId,
        verdict: Verdict,
        card: MessageRef,
        team: str = "",
    ) -> None:
        """A person pressed allow or deny on a card; told privately when it does not count."""
        await self.approvals.decide(approval_id, user=user, verdict=verdict, card=card, team=team)

    async def reason(
        self, approval_id: ApprovalId, *, user: UserId, reason: str, team: str = ""
    ) -> None:
        """A person denied and said why; told privately when it does not count."""
        await self.approvals.decide(
            approval_id, user=user, verdict=Verdict.DENY, card=None, team=team, reason=reason
        )

    async def approval(
        self, approval_id: ApprovalId, *, user: UserId, card: MessageRef, team: str = ""
    ) -> Approval | None:
        """The approval for a person who wants to see it whole; None when they may not, of which
        they are told privately.
        """
        return await self.approvals.view(approval_id, user=user, card=card, team=team)

    # --- from the App Server -----------------------------------------------------------------

    def agent_event(self, runtime: Runtime, event: AgentEvent) -> None:
        """Hand the event to the worker of its binding."""
        binding_id = self._by_runtime.get(runtime)
        worker = self._workers.get(binding_id) if binding_id is not None else None
        if worker is not None:
            worker.tell(event)
        elif runtime in self._unclaimed:
            self._unclaimed[runtime].append(event)
        elif isinstance(event, ev.BEGINNINGS):
            self._unclaimed[runtime] = [event]
            self.spawn(self._claim_events(runtime), f"unprompted work on {runtime}")

    def link_changed(self, state: LinkState, reason: str | None) -> None:
        """Tell every running turn that the link was lost; prepare when it is up."""
        LINKS_UP.labels(link="appserver").set(state is LinkState.UP)
        log.info("link changed", state=state.value, reason=reason)
        self._runtimes.connection_changed()
        if state is LinkState.UP:
            self._runtimes.fill_pool()
            return
        if state in (LinkState.DOWN, LinkState.REFUSED):
            self._reconnect_turns()

    def events_missed(self) -> None:
        """Bring every running turn back in step: the numbers do not say whose events are gone."""
        self._reconnect_turns()

    def _reconnect_turns(self) -> None:
        for run in self._live_turns.values():
            run.tell(ev.LinkLost())

    async def _claim_events(self, runtime: Runtime) -> None:
        """The server works although no turn of ours does: it began by itself."""
        bindings = self._context.store.bindings
        binding = await _once_stored(lambda: bindings.by_runtime(runtime))
        events = self._unclaimed.pop(runtime)
        worker = self._worker_of(binding) if binding is not None else None
        if worker is not None:
            for event in events:
                worker.tell(event)

    # --- start and stop ----------------------------------------------------------------------

    def resume(self, binding: Binding) -> None:
        """Wake the binding's worker: there is waiting work."""
        worker = self._worker_of(binding)
        if worker is not None:
            worker.wake()

    def inherit(self, claimed: ClaimedTurn, turn: Turn) -> None:
        """Go on with a turn that an earlier process had begun."""
        worker = self._worker_of(claimed.binding)
        if worker is not None:
            worker.inherit(claimed, turn)

    def pooled(self) -> frozenset[str]:
        """Teammates with a conversation ready for a new thread."""
        return self._runtimes.pooled()

    async def shut_down(self) -> None:
        """Let live turns end by themselves for a while, then bring them to an end within the limit,
        then end every task. Call after intake.
        """
        self._stopping = True
        for worker in list(self._workers.values()):
            worker.take_no_more()
        if self._working and self._context.options.drain_s:
            await asyncio.wait(self._working, timeout=self._context.options.drain_s)
        for worker in list(self._workers.values()):
            worker.shut_down()
        if self._working:
            limit = self._context.options.stop_wait_s
            await bounded(asyncio.wait(self._working), within_s=limit, what="live turns")
        await self.approvals.aclose(within_s=CARDS_S)
        await self._tasks.aclose()

    async def abandon(self) -> None:
        """End every task at once and leave live turns as they are, for the next start."""
        self._stopping = True
        await self._tasks.aclose()

    # --- inside ------------------------------------------------------------------------------

    async def _bindings_at(self, message: InboundMessage, thread: ThreadKey) -> list[Binding]:
        if message.thread_ts is None and not message.is_dm:
            return []  # a root message: its thread does not exist yet
        as_of = message.ts if message.event_id is None else None  # it may be older than them
        return await self._context.store.bindings.of_thread(thread, as_of=as_of)

    async def _accept(
        self,
        message: InboundMessage,
        thread: ThreadKey,
        teammates: tuple[str, ...],
        person: Person,
        bindings: Sequence[Binding],
        stops: Sequence[BindingId] = (),
    ) -> Accepted:
        """Store the message and queue its turns."""
        refused = bool(teammates) and not permissions.may_ask(person, self._context.options.people)
        if refused:
            teammates = ()
        accepted = await self._context.store.turn_queue.accept(
            message,
            thread=thread,
            teammates=teammates,
            server=self._context.options.server,
            new_turn_ids=[TurnId(self._context.clock.new_id()) for _ in teammates],
            now=self._context.clock.now(),
            joins=partial(
                batching.joins,
                trusted=person.trusted,
                approvers=self._context.options.approvals.approvers,
            ),
            trusted=person.trusted,
            speaker=Speaker.BOT if message.from_bot and not teammates else Speaker.PERSON,
            stops=stops,
            on_dropped=self._cancellation.on_dropped(thread),
        )
        self._message_order.stored(message)
        if refused and not person.is_bot and not accepted.duplicate:
            self._refuse(message)
        for placed in accepted.placed:
            if placed.must_wait:
                ref = MessageRef(message.channel, message.ts)
                self.spawn(self._context.chat.mark_waiting(ref), f"mark waiting {message.ts}")
        self._queued(accepted.placed, bindings)
        return accepted

    def _queued(self, placed: Iterable[Placed], bindings: Sequence[Binding] = ()) -> None:
        """See to it that somebody works on what was queued; `bindings` are known already."""
        for place in placed:
            known = next((b for b in bindings if b.binding_id == place.binding_id), None)
            self.spawn(self._wake(place.binding_id, known), f"wake {place.binding_id}")

    def _refuse(self, message: InboundMessage) -> None:
        note = self._context.chat.private_note(
            message.channel, message.user, permissions.NOT_ALLOWED, thread_ts=message.thread_ts
        )
        self.spawn(note, f"refuse {message.ts}")

    async def _wake(self, binding_id: BindingId, known: Binding | None) -> None:
        worker = self._workers.get(binding_id)
        if worker is not None:
            worker.wake()
            return
        bindings = self._context.store.bindings
        binding = known or await _once_stored(lambda: bindings.get(binding_id))
        if binding is not None:
            self.resume(binding)

    def _worker_of(self, binding: Binding) -> BindingWorker | None:
        """The binding's worker, started when there is none; None for a teammate who has left."""
        if binding.binding_id in self._workers:
            return self._workers[binding.binding_id]
        teammate = self._context.options.team.named(binding.teammate)
        if teammate is None or self._stopping:
            return None
        worker = BindingWorker(
            binding,
            teammate,
            self._context,
            self._runtimes,
            self.approvals,
            self._tasks,
            live_turns=self._live_turns,
            runtime_known=self._runtime_known,
            retired=self._retire,
        )
        self._workers[binding.binding_id] = worker
        if binding.runtime is not None:
            self._by_runtime[binding.runtime] = binding.binding_id
        task = self._tasks.spawn(worker.run(), name=f"worker {binding.binding_id}")
        self._working.add(task)
        task.add_done_callback(self._working.discard)
        return worker

    def _runtime_known(self, runtime: Runtime, binding_id: BindingId) -> None:
        self._by_runtime[runtime] = binding_id

    def _retire(self, worker: BindingWorker) -> None:
        self._workers.pop(worker.binding_id, None)
        for runtime in [r for r, b in self._by_runtime.items() if b == worker.binding_id]:
            del self._by_runtime[runtime]

    def _tell_turn(self, turn_id: TurnId, event: ApprovalSettled | StopAsked) -> bool:
        run = self._live_turns.get(turn_id)
        if run is not None:
            run.tell(event)
        return run is not None

    def _turn_waits(self, turn_id: TurnId, request_id: str) -> bool | None:
        run = self._live_turns.get(turn_id)
        return run.waits_for(request_id) if run is not None else False

    def spawn(self, work: Coroutine[Any, Any, Any], name: str) -> None:
        """Do this in the background; it ends with the dispatcher."""
        self._tasks.spawn(work, name=name)


async def _once_stored(work: Callable[[], Awaitable[T]]) -> T:
    """Do what must be done for something that is stored already, once the database can."""
    return await retry(
        work,
        policy=_DATABASE_RETRY,
        may_help=lambda error: isinstance(error, StoreError),
        failed=lambda error, _: log.warning("waiting for the database", cause=str(error)),
    )


def _stranger(message: InboundMessage) -> Person:
    return Person(message.user, message.user, trusted=False, is_bot=message.from_bot)


REMEMBERED = 1_000


class MessageOrder:
    """Lets the messages of a thread in one at a time, and recognises those that came twice.

    What was stored is remembered for the newest messages only: that saves asking the store, which
    knows them all (G2).
    """

    def __init__(self, *, remembered: int = REMEMBERED) -> None:
        self._remembered = remembered
        self._stored: dict[tuple[TeamId, ChannelId, MessageTs], None] = {}
        self._order: WeakValueDictionary[ThreadKey, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def enter(self, message: InboundMessage) -> AsyncIterator[bool]:
        """Wait for the thread's earlier messages; gives whether this one is stored already.

        A reply must not overtake the root that opens its thread, nor another reply (G3).
        """
        async with self._order.setdefault(message.thread, asyncio.Lock()):
            yield _key(message) in self._stored

    def stored(self, message: InboundMessage) -> None:
        """It is on the disk."""
        self._stored[_key(message)] = None
        if len(self._stored) > self._remembered:
            del self._stored[next(iter(self._stored))]


def _key(message: InboundMessage) -> tuple[TeamId, ChannelId, MessageTs]:
    return message.team, message.channel, message.ts
