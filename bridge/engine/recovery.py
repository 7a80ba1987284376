"""Recovery at start: turns, cards and messages that an earlier process left (G5)."""

from datetime import timedelta

from bridge.domain.bindings import Binding, ClaimedTurn
from bridge.domain.events import Outcome, Usage
from bridge.domain.ids import TurnId
from bridge.domain.ports import ReplyTarget
from bridge.domain.teammates import Persona
from bridge.domain.turn import resumed
from bridge.engine.context import EngineContext
from bridge.engine.dispatcher import Dispatcher
from bridge.telemetry import TURNS, get_logger

log = get_logger("engine.recovery")

STATUS_LIFETIME = timedelta(minutes=2)
"""After so long Slack takes a status line away by itself (PLATFORM §6)."""

_NOT_HERE = "This teammate is no longer set up here, so this was not finished."


async def recover(dispatcher: Dispatcher, context: EngineContext) -> None:
    """Go on with what an earlier process left, then with what waits. Call once, before intake.

    What Slack is to show for it follows in the background. Raises `StoreError`.
    """
    live = await _take_over(dispatcher, context)
    await dispatcher.approvals.recover(live)
    await _clear_status_lines(context)
    for binding_id in await context.store.turn_queue.bindings_waiting():
        binding = await context.store.bindings.get(binding_id)
        if binding is None:
            continue
        if _is_here(binding, context):
            dispatcher.resume(binding)
        else:
            dispatcher.spawn(_drop_waiting(binding, context), f"drop what waits in {binding_id}")


async def _clear_status_lines(context: EngineContext) -> None:
    """A process may die after a turn's last words and before its status line was taken away."""
    since = context.clock.now() - STATUS_LIFETIME
    for thread in await context.store.turn_queue.threads_ended(since):
        context.chat.clear_status(thread)


async def _take_over(dispatcher: Dispatcher, context: EngineContext) -> frozenset[TurnId]:
    """A turn whose input was sent is reconciled with the server; another waits again.

    Returns the turns that go on.
    """
    live: set[TurnId] = set()
    lease = context.options.lease
    for left in await context.store.turn_queue.left_active(not_lease=lease):
        claimed = left.turn
        if not await context.store.turn_queue.take_over(claimed.turn_id, lease=lease):
            continue
        log.info("turn taken over", turn=claimed.turn_id, sent=left.client_message_id is not None)
        if left.client_message_id is None and not claimed.unprompted:
            await context.store.turn_queue.put_back(
                claimed.turn_id, lease=lease, now=context.clock.now()
            )
        elif _is_here(claimed.binding, context):
            dispatcher.inherit(claimed, resumed(left.client_message_id, claimed.attempt))
            live.add(claimed.turn_id)
        else:
            dispatcher.spawn(_end(claimed, context), f"end {claimed.turn_id}")
    return frozenset(live)


def _is_here(binding: Binding, context: EngineContext) -> bool:
    return context.options.team.named(binding.teammate) is not None


async def _end(claimed: ClaimedTurn, context: EngineContext) -> None:
    """Say that a turn of a teammate who has left is over, then record it.

    In this order: a process that dies in between says it again rather than never.
    """
    thread = claimed.binding.thread
    target = ReplyTarget(
        turn_id=claimed.turn_id,
        thread=thread,
        thread_ts=thread.thread_ts,
        persona=_persona(claimed.binding),
        allowed_mentions=frozenset(),
    )
    await context.chat.close_leftover(target, _NOT_HERE)
    now = context.clock.now()
    await context.store.turn_queue.end(
        claimed.turn_id,
        lease=context.options.lease,
        outcome=Outcome.INTERRUPTED,
        cause=_NOT_HERE,
        usage=Usage(),
        seconds=(now - claimed.claimed_at).total_seconds(),
        now=now,
    )
    TURNS.labels(outcome=Outcome.INTERRUPTED.value).inc()


async def _drop_waiting(binding: Binding, context: EngineContext) -> None:
    """Nothing of what waits for a teammate who has left will be answered; the thread hears so."""
    said = await context.store.turn_queue.drop_waiting_of(
        binding.binding_id,
        now=context.clock.now(),
        on_dropped=lambda refs: context.chat.dropped(
            binding.thread, refs, _NOT_HERE, persona=_persona(binding)
        ),
    )
    await context.chat.deliver(said)


def _persona(binding: Binding) -> Persona:
    """A teammate who is no longer configured has only a name."""
    return Persona(binding.teammate.capitalize())
