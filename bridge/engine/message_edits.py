"""Message edits and deletions by people: stored first, acted on after.

What waits changes with its message, and what is being worked on is not pulled from under an
agent: it is told of new words, and stops when nothing is left of its input.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial

from bridge.domain import batching, prompt
from bridge.domain.ids import BindingId, MessageRef, TeamId, TurnId
from bridge.domain.messages import InboundMessage
from bridge.engine.binding_worker import TAKEN_BACK_STOP, BindingWorker
from bridge.engine.context import EngineContext
from bridge.store import Edit, LocatedTurn, Placed
from bridge.telemetry import get_logger

log = get_logger("engine.message_edits")


class MessageEdits:
    """Carries edits and deletions to the queue and to the turns at work.

    Args:
        workers: the dispatcher's, by binding.
        queued: called with everything that was queued.
    """

    def __init__(
        self,
        context: EngineContext,
        workers: Mapping[BindingId, BindingWorker],
        *,
        queued: Callable[[Iterable[Placed]], None],
    ) -> None:
        self._context = context
        self._workers = workers
        self._queued = queued

    async def edited(self, message: InboundMessage) -> bool:
        """A person changed a message to this; False for one that was never taken in.

        May be told again (G2). Raises `StoreError`.
        """
        amended = await self._context.store.turn_queue.edit_message(
            Edit(
                message=message,
                told=prompt.edited(message.text),
                now=self._context.clock.now(),
                joins=partial(batching.joins, approvers=self._context.options.approvals.approvers),
                new_turn_id=lambda: TurnId(self._context.clock.new_id()),
            )
        )
        self._queued(amended.placed)
        return amended.known

    async def deleted(self, team: TeamId, ref: MessageRef) -> None:
        """A person deleted a message. May be told again. Raises `StoreError`."""
        now = self._context.clock.now()
        removal = await self._context.store.turn_queue.remove_message(
            team, ref.channel, ref.ts, now
        )
        for turn in removal.emptied:
            self._stop(turn)

    def _stop(self, turn: LocatedTurn) -> None:
        log.info("turn taken back", turn=turn.turn_id)
        worker = self._workers.get(turn.binding_id)
        run = worker.current if worker is not None else None
        if worker is not None and (run is None or run.claimed.turn_id == turn.turn_id):
            worker.stop_turn(TAKEN_BACK_STOP)
