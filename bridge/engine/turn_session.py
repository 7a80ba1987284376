"""Session of one turn with the App Server: start, send, answer, abort, and reconnect.

Each call ends in an event for the turn, never in an exception of the agent's side.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from bridge.domain import effects as fx
from bridge.domain import events as ev
from bridge.domain.bindings import Binding, ClaimedTurn, InputPart
from bridge.domain.errors import AgentError, AgentUnreachable, StoreError
from bridge.domain.ids import BindingId, Runtime, client_message_id
from bridge.domain.ports import HistoryMessage
from bridge.domain.teammates import Teammate
from bridge.engine import prompt_builder
from bridge.engine.context import EngineContext
from bridge.engine.runtime_starter import Ready, RuntimeStarter
from bridge.retry import RetryPolicy, retry
from bridge.telemetry import get_logger

log = get_logger("engine.turn_session")

T = TypeVar("T")
Tell = Callable[[ev.TurnEvent], None]


@dataclass(frozen=True, slots=True)
class Answers:
    """What the agent said and asked for since our input, oldest first; empty when that cannot be
    read. `again`: the server has begun the input anew, so what was said before does not count.
    """

    messages: Sequence[HistoryMessage] = ()
    again: bool = False


Show = Callable[[Answers], Awaitable[None]]

_LINK_RETRY = RetryPolicy(first_s=0.1, longest_s=0.5)

_REPLACED = (
    "The agent's earlier conversation is gone from its server. "
    "A new one continues with what was said in this thread."
)
_MOVED = "The agent's conversation was stuck after an interruption. It continues in a copy."
_TOO_LATE = "The agent no longer waited for that decision, so nothing was run."


class TurnSession:
    """The agent's side of one turn. Holds the binding as it is now and the composed input."""

    def __init__(
        self,
        claimed: ClaimedTurn,
        teammate: Teammate,
        context: EngineContext,
        runtimes: RuntimeStarter,
        *,
        tell: Tell,
        runtime_known: Callable[[Runtime, BindingId], None],
    ) -> None:
        self._claimed = claimed
        self._teammate = teammate
        self._context = context
        self._runtimes = runtimes
        self._tell = tell
        self._runtime_known = runtime_known
        self._binding = claimed.binding
        self._parts: Sequence[InputPart] = ()
        self._fresh = False
        self._held: set[Runtime] = set()
        self._times_stored = 1

    @property
    def binding(self) -> Binding:
        """The binding as it is now; the claimed one may be older."""
        return self._binding

    async def start(self, attempt: int) -> None:
        """Start the runtime for this attempt: `RuntimeReady` or `Refused`."""
        try:
            ready = await self._while_link_returns(self._ensure_started)
        except AgentError as error:
            self._tell(ev.Refused(str(error)))
            return
        self._fresh = ready.fresh or self._binding.last_seen is None
        if ready.replaced:
            await self._say(_REPLACED)
        name = client_message_id(self._claimed.turn_id, attempt)
        self._tell(ev.RuntimeReady(name, maps_runs=self._maps_runs))

    async def move_and_start(self, attempt: int) -> None:
        """Leave a stuck conversation for a copy of it, then start there."""
        try:
            await self._runtimes.move(self._binding)
        except AgentError as error:
            self._tell(ev.Refused(str(error)))
            return
        await self._reload_binding()
        await self._say(_MOVED)
        await self.start(attempt)

    async def send(self, effect: fx.SendInput) -> None:
        """Send the input: `InputAccepted`, `Refused`, or `LinkLost` when it is unclear. Nothing is
        sent for a turn that another process has taken over.
        """
        runtime = self._binding.runtime
        if runtime is None:
            self._tell(ev.Refused("The runtime has no conversation."))
            return
        _, ours, _ = await asyncio.gather(
            self._compose(), self._record_attempt(effect), self.hold()
        )
        if not ours:
            self._tell(ev.Refused("Another process has taken the turn over."))
            return
        try:
            queued = await self._context.agent.send(
                runtime, client_message_id=effect.client_message_id, parts=self._parts
            )
        except AgentUnreachable as error:
            log.warning("unclear whether the input arrived", cause=str(error))
            self._tell(ev.LinkLost())
            return
        except AgentError as error:
            self._tell(ev.Refused(str(error)))
            return
        self._tell(ev.InputAccepted(queued=queued))
        await self.note_seen()

    async def note_seen(self) -> None:
        """Note up to which message the agent was given all. May be called twice."""
        if not self._claimed.messages:
            return
        newest = self._claimed.messages[-1].message_id
        try:
            await self._context.store.bindings.set_last_seen(self._binding.binding_id, newest)
        except StoreError as error:
            log.warning("what the agent was given is not noted", cause=str(error))

    async def hold(self) -> None:
        """Have the supervisor keep the turn alive should our connection break. May be repeated."""
        runtime = self._binding.runtime
        if runtime is not None:
            self._held.add(runtime)
            await self._context.supervisor.hold(runtime)

    def release(self) -> None:
        """The turn is over."""
        for runtime in self._held:
            self._context.supervisor.release(runtime)
        self._held.clear()

    async def abort(self) -> None:
        """Ask the server to stop the turn; what comes of it arrives as events. `LinkLost` when
        it is unclear whether the server heard: the turn looks, and asks once more.
        """
        if self._binding.runtime is None:
            return
        try:
            await self._context.agent.abort(self._binding.runtime)
        except AgentUnreachable as error:
            log.warning("unclear whether the abort arrived", cause=str(error))
            self._tell(ev.LinkLost())
        except AgentError as error:
            log.warning("abort refused", cause=str(error))

    async def answer(self, effect: fx.AnswerApproval) -> None:
        """Give the server a decision. One that did not arrive is given again when it asks:
        `LinkLost` makes the turn look. `Refused` when the server does not take it at all.
        """
        if self._binding.runtime is None:
            return
        try:
            waited_for = await self._context.agent.answer(
                self._binding.runtime,
                request_id=effect.request_id,
                verdict=effect.verdict,
                message=effect.message,
            )
        except AgentUnreachable as error:
            log.warning("answer not delivered", cause=str(error))
            self._tell(ev.LinkLost())
            return
        except AgentError as error:
            self._tell(ev.Refused(str(error)))
            return
        if not waited_for:
            await self._say(_TOO_LATE)

    async def reconcile(self, client_id: str | None, show: Show) -> None:
        """Learn what became of the turn.

        Tells `StateReplayed` as soon as the server has answered, or `Refused`; then, once what
        it has stored is shown, `InputMissing` or the end that the supervisor heard, if it did.

        Args:
            client_id: under which the input was sent last; None when there was none.
            show: gets what the agent said and asked for so far.
        """
        try:
            ready = await self._while_link_returns(lambda: self._ensure_started(again=True))
        except AgentError as error:
            self._tell(ev.Refused(str(error)))
            return
        started = ready.started
        self._tell(
            ev.StateReplayed(
                started.is_processing, started.pending_request_ids, maps_runs=self._maps_runs
            )
        )
        await asyncio.gather(self.hold(), self._look(ready, client_id, show))

    async def _look(self, ready: Ready, client_id: str | None, show: Show) -> None:
        if ready.replaced:
            await self._say(_REPLACED)
        stored = await self._stored(client_id)
        answers = self._answers(stored or (), client_id)
        if answers.again:
            self._tell(ev.InputRestarted())
        await show(answers)
        ending = self.ending(client_id)
        if ending is not None:
            self._tell(ending)
        elif client_id is not None and stored == [] and self._may_send_again(ready):
            self._fresh = ready.fresh or self._binding.last_seen is None
            self._tell(ev.InputMissing())

    def ending(self, client_id: str | None) -> ev.EndReported | None:
        """How the turn ended while we did not listen, if the supervisor heard it."""
        supervisor, runtime = self._context.supervisor, self._binding.runtime
        if client_id is not None:
            heard = supervisor.ending(client_id)
        else:
            heard = None if runtime is None else supervisor.unasked_ending(runtime)
        return None if heard is None else ev.EndReported(heard.stop_reason, heard.error)

    def _may_send_again(self, ready: Ready) -> bool:
        """An input that is not stored may still wait behind other work of the server (§13)."""
        traits = self._context.agent.traits
        drops_repeats = traits is not None and traits.drops_repeats
        return drops_repeats or not ready.started.is_processing

    @property
    def _maps_runs(self) -> bool:
        traits = self._context.agent.traits
        return traits is None or traits.maps_runs

    @property
    def keeps_ids(self) -> bool:
        """Whether the deltas of a message carry the stored message's id."""
        traits = self._context.agent.traits
        return traits is None or traits.keeps_ids

    async def _ensure_started(self, *, again: bool = False) -> Ready:
        ready = await self._runtimes.ensure_started(self._binding, self._teammate, again=again)
        started = ready.started
        self._binding = replace(self._binding, runtime=started.runtime, cwd=started.cwd)
        self._runtime_known(started.runtime, self._binding.binding_id)
        return ready

    async def _while_link_returns(self, work: Callable[[], Awaitable[T]]) -> T:
        """Try again while the link comes and goes, for as long as a turn waits for it."""
        return await retry(
            work,
            policy=_LINK_RETRY,
            may_help=lambda error: isinstance(error, AgentUnreachable),
            within_s=self._context.options.link_wait_s,
        )

    async def stored_answers(self, client_id: str | None) -> Answers:
        """As `reconcile` shows them; after the newest input where there is none of ours."""
        return self._answers(await self._stored(client_id) or (), client_id)

    def _answers(self, stored: Sequence[HistoryMessage], client_id: str | None) -> Answers:
        """After its restart the server stores the input once more (PROTOCOL §16).

        It begins by itself as soon as anybody subscribes, and the supervisor may be the first.
        """
        times = sum(client_id is not None and one.otid == client_id for one in stored)
        again, self._times_stored = times > self._times_stored, max(times, self._times_stored)
        return Answers(_answers(stored, client_id), again)

    async def _stored(self, client_id: str | None) -> list[HistoryMessage] | None:
        """The turn's messages, the input included; None when they cannot be read."""
        try:
            return await self._while_link_returns(lambda: self._stored_since(client_id))
        except AgentError as error:
            log.warning("stored messages not read", cause=str(error))
            return None

    async def _stored_since(self, client_id: str | None) -> list[HistoryMessage]:
        if self._binding.runtime is None:
            return []
        return await self._context.agent.history(self._binding.runtime, back_to=client_id)

    async def _compose(self) -> None:
        if self._parts:
            return
        current = replace(self._claimed, binding=self._binding)
        composed = await prompt_builder.compose(current, self._context, fresh=self._fresh)
        self._parts = composed.parts
        if composed.notice:
            await self._say(composed.notice)

    async def _record_attempt(self, effect: fx.SendInput) -> bool:
        return await self._context.store.turn_queue.record_attempt(
            self._claimed.turn_id,
            lease=self._context.options.lease,
            attempt=effect.attempt,
            client_message_id=effect.client_message_id,
        )

    async def _reload_binding(self) -> None:
        binding = await self._context.store.bindings.get(self._binding.binding_id)
        if binding is not None and binding.runtime is not None:
            self._binding = binding
            self._runtime_known(binding.runtime, binding.binding_id)

    async def _say(self, sentence: str) -> None:
        await self._context.chat.notice(self._binding.thread, sentence)


def _answers(stored: Sequence[HistoryMessage], client_id: str | None) -> Sequence[HistoryMessage]:
    """What the agent said and asked for after our input; one that ran again is there twice.

    Other inputs may follow it: the server puts what comes meanwhile into the running turn (§13).
    Work that nobody asked for begins with a note from the server, stored like an input.
    """
    begins = [at for at, one in enumerate(stored) if one.role == "user" and one.otid == client_id]
    if client_id is None:
        begins = [at for at, one in enumerate(stored) if one.role == "user"]
    after = stored[begins[-1] + 1 :] if begins else stored
    return [message for message in after if message.role in ("assistant", "call")]
