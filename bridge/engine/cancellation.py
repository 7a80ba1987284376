"""Cancellation: by `!stop`, by the button, by 🛑. Running turns are aborted, waiting ones dropped;
either way the thread hears of it (G5).
"""

from collections.abc import Mapping, Sequence

from bridge.domain import permissions
from bridge.domain.bindings import Binding
from bridge.domain.events import Outcome, StopAsked
from bridge.domain.ids import (
    BindingId,
    MessageRef,
    MessageTs,
    TeamId,
    ThreadKey,
    TurnId,
    UserId,
)
from bridge.domain.messages import InboundMessage, Person
from bridge.domain.routing import Route, Stop
from bridge.engine.binding_worker import BindingWorker
from bridge.engine.context import EngineContext
from bridge.engine.turn_run import TurnRun
from bridge.store import Accepted, LocatedTurn, OnDropped, TurnState

REACTIONS = frozenset({"octagonal_sign", "stop_sign"})
"""Names of 🛑 in Slack."""

_ELSEWHERE = "That button belongs to another channel, so it does not count here."
_ENDED = "That turn has already ended."
_DROPPED = "Stopped. What was waiting here will not be answered."


class Cancellation:
    """Stops turns in the workers that the dispatcher keeps."""

    def __init__(self, context: EngineContext, workers: Mapping[BindingId, BindingWorker]) -> None:
        self._context = context
        self._workers = workers

    def targets(
        self, route: Route, bindings: Sequence[Binding], person: Person
    ) -> tuple[BindingId, ...]:
        """Whose work a message stops: in its thread, of all or of the teammates that it names."""
        if not isinstance(route, Stop) or not self._may_stop(person):
            return ()
        return tuple(
            binding.binding_id
            for binding in bindings
            if not route.teammates or binding.teammate in route.teammates
        )

    async def by_message(
        self,
        message: InboundMessage,
        accepted: Accepted,
        meant: Sequence[BindingId],
        person: Person,
    ) -> None:
        """A new `!stop` was stored: end what is at work there, and say what was dropped.

        What was said after it goes on: the word may have come late.
        """
        if not self._may_stop(person):
            await self._context.chat.private_note(
                message.channel, message.user, permissions.NOT_ALLOWED, thread_ts=message.thread_ts
            )
        for binding_id in meant:
            worker = self._workers.get(binding_id)
            if worker is not None and not _is_newer(worker.current, message.ts):
                worker.stop_turn(StopAsked(person.user))
        await self._context.chat.deliver(accepted.owed)

    def on_dropped(self, thread: ThreadKey) -> OnDropped:
        """What the thread hears of waiting messages that are dropped."""
        return lambda refs: self._context.chat.dropped(thread, refs, _DROPPED, persona=None)

    async def by_button(self, turn_id: TurnId, *, user: UserId, ref: MessageRef, team: str) -> None:
        """The button on a reply; told privately when it does not count."""
        located = await self._context.store.turn_queue.find(turn_id)
        refused = await self._refusal(user, team) or await self._misplaced(located, ref)
        if refused is None:
            stopped = located is not None and await self._stop(located, user)
            refused = None if stopped else _ENDED
        if refused is not None:
            await self._tell(user, ref, located, refused)

    async def by_reaction(self, team: TeamId, ref: MessageRef, *, user: UserId) -> None:
        """🛑 on a question or on a reply."""
        asked = await self._context.store.messages.find(team, ref.channel, ref.ts)
        posted = await self._context.store.outbox.turn_of(team, ref.channel, ref.ts)
        turns = (*(asked.turns if asked else ()), *((posted,) if posted else ()))
        if not turns:
            return
        refused = await self._refusal(user)
        if refused is not None:
            await self._tell(user, ref, turns[0], refused)
            return
        for located in turns:
            await self._stop(located, user)

    def _may_stop(self, person: Person) -> bool:
        return permissions.may_stop(person, self._context.options.people)

    async def _refusal(self, user: UserId, team: str = "") -> str | None:
        person = await self._context.chat.person(user, fresh=True)
        refused = permissions.reason_to_ignore(person, team)
        return refused or (None if self._may_stop(person) else permissions.NOT_ALLOWED)

    async def _misplaced(self, located: LocatedTurn | None, ref: MessageRef) -> str | None:
        """Why a button on this message is none of the turn's; None when it may be."""
        if located is None:
            return None
        binding = await self._context.store.bindings.get(located.binding_id)
        here = binding is not None and binding.thread.channel == ref.channel
        return None if here else _ELSEWHERE

    async def _tell(
        self, user: UserId, ref: MessageRef, located: LocatedTurn | None, sentence: str
    ) -> None:
        """Tell one person, in the thread of the turn: elsewhere nobody would look for it."""
        thread_ts: MessageTs | None = None
        if located is not None:
            binding = await self._context.store.bindings.get(located.binding_id)
            thread_ts = binding.thread.thread_ts if binding is not None else None
        await self._context.chat.private_note(ref.channel, user, sentence, thread_ts=thread_ts)

    async def _stop(self, located: LocatedTurn, user: UserId) -> bool:
        """Stop one turn wherever it is; False when it has ended already."""
        if located.state is TurnState.ENDED:
            return False
        binding = await self._context.store.bindings.get(located.binding_id)
        if binding is None:
            return False
        said = await self._context.store.turn_queue.drop_waiting(
            located.turn_id,
            outcome=Outcome.CANCELLED,
            now=self._context.clock.now(),
            on_dropped=self.on_dropped(binding.thread),
        )
        if said is not None:
            await self._context.chat.deliver(said)
            return True
        await self._context.store.turn_queue.ask_stop(located.turn_id, by=user)
        worker = self._workers.get(located.binding_id)
        return worker is not None and worker.stop_turn(StopAsked(user))


def _is_newer(run: TurnRun | None, stop_ts: MessageTs) -> bool:
    """Whether the turn at work answers something that was said after the stop."""
    return run is not None and any(m.said.ts > stop_ts for m in run.claimed.messages)
