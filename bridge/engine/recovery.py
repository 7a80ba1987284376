"""At start: no turn, card or message of an earlier process is left hanging (G5)."""

from bridge.domain.approvals import ApprovalState
from bridge.domain.ids import TurnId
from bridge.domain.turn import resumed
from bridge.engine.dispatcher import Dispatcher
from bridge.engine.tools import Tools
from bridge.telemetry import get_logger

log = get_logger("recovery")


async def recover(dispatcher: Dispatcher, tools: Tools) -> None:
    """Go on with what an earlier process left, then with what waits. Call once, before intake."""
    live = await _take_over(dispatcher, tools)
    await _close_orphaned_cards(tools, live)
    for binding_id in await tools.store.turns.bindings_waiting():
        binding = await tools.store.bindings.get(binding_id)
        if binding is not None:
            dispatcher.resume(binding)


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
            await tools.store.turns.put_back(claimed.turn_id, lease=lease)
            continue
        turn = resumed(left.client_message_id, claimed.attempt)
        dispatcher.inherit(claimed, turn)
        live.add(claimed.turn_id)
    return frozenset(live)


async def _close_orphaned_cards(tools: Tools, live: frozenset[TurnId]) -> None:
    """Cards of turns that have ended say so; those of taken-over turns stay for the replay."""
    for approval in await tools.store.approvals.open_all():
        if approval.turn_id in live:
            continue
        settled = await tools.store.approvals.settle(
            approval.approval_id,
            state=ApprovalState.VOID,
            by=None,
            cause="The turn has ended.",
            now=tools.clock.now(),
        )
        if settled is not None and settled.card is not None:
            await tools.chat.close_card(settled)
