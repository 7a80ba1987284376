"""At start: no turn, card or message of an earlier process is left hanging (G5)."""

from bridge.domain.events import Outcome, Usage
from bridge.domain.ids import MessageRef, TurnId
from bridge.domain.people import Binding, ClaimedTurn, Face
from bridge.domain.ports import ReplyTarget
from bridge.domain.turn import resumed
from bridge.engine.dispatcher import Dispatcher
from bridge.engine.tools import Tools
from bridge.telemetry import TURNS, get_logger

log = get_logger("recovery")

_NOT_HERE = "This teammate is no longer set up here, so this was not finished."


async def recover(dispatcher: Dispatcher, tools: Tools) -> None:
    """Go on with what an earlier process left, then with what waits. Call once, before intake.

    What Slack is to show for it follows in the background. Raises `StoreError`.
    """
    live = await _take_over(dispatcher, tools)
    await dispatcher.desk.recover(live)
    for binding_id in await tools.store.turns.bindings_waiting():
        binding = await tools.store.bindings.get(binding_id)
        if binding is None:
            continue
        if _is_here(binding, tools):
            dispatcher.resume(binding)
        else:
            dispatcher.spawn(_drop_waiting(binding, tools), f"drop what waits in {binding_id}")


async def _take_over(dispatcher: Dispatcher, tools: Tools) -> frozenset[TurnId]:
    """A turn whose input was sent is reconciled with the server; another waits again.

    Returns the turns that go on.
    """
    live: set[TurnId] = set()
    lease = tools.options.lease
    for left in await tools.store.turns.left_active(not_lease=lease):
        claimed = left.turn
        if not await tools.store.turns.take_over(claimed.turn_id, lease=lease):
            continue
        log.info("turn taken over", turn=claimed.turn_id, sent=left.client_message_id is not None)
        if left.client_message_id is None and not claimed.unprompted:
            await tools.store.turns.put_back(claimed.turn_id, lease=lease, now=tools.clock.now())
        elif _is_here(claimed.binding, tools):
            dispatcher.inherit(claimed, resumed(left.client_message_id, claimed.attempt))
            live.add(claimed.turn_id)
        else:
            dispatcher.spawn(_end(claimed, tools), f"end {claimed.turn_id}")
    return frozenset(live)


def _is_here(binding: Binding, tools: Tools) -> bool:
    return tools.options.team.named(binding.teammate) is not None


async def _end(claimed: ClaimedTurn, tools: Tools) -> None:
    """Say that a turn of a teammate who has left is over, then record it.

    In this order: a process that dies in between says it again rather than never.
    """
    thread = claimed.binding.thread
    target = ReplyTarget(
        turn_id=claimed.turn_id,
        thread=thread,
        thread_ts=thread.thread_ts,
        face=_face(claimed.binding),
        allowed_mentions=frozenset(),
    )
    await tools.chat.close_leftover(target, _NOT_HERE)
    now = tools.clock.now()
    await tools.store.turns.end(
        claimed.turn_id,
        lease=tools.options.lease,
        outcome=Outcome.INTERRUPTED,
        cause=_NOT_HERE,
        usage=Usage(),
        seconds=(now - claimed.claimed_at).total_seconds(),
        now=now,
    )
    TURNS.labels(outcome=Outcome.INTERRUPTED.value).inc()


async def _drop_waiting(binding: Binding, tools: Tools) -> None:
    """Say once that nothing of what waits for a teammate who has left will be answered."""
    await tools.chat.notice(binding.thread, _NOT_HERE, face=_face(binding))
    dropped = await tools.store.turns.drop_waiting_of(binding.binding_id, now=tools.clock.now())
    for turn_id in dropped:
        for message in await tools.store.turns.messages(turn_id):
            await tools.chat.mark_dropped(MessageRef(message.thread.channel, message.said.ts))


def _face(binding: Binding) -> Face:
    """A teammate who has left has no face any more, only her name."""
    return Face(binding.teammate.capitalize())
