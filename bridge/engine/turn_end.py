"""The end of one turn: its last word in the thread and its recorded outcome."""

import asyncio

from bridge.domain import effects as fx
from bridge.domain import failures
from bridge.domain.errors import StoreError
from bridge.domain.ids import MessageTs
from bridge.domain.people import ClaimedTurn, Teammate
from bridge.domain.ports import Ending, Reply, ReplyTarget
from bridge.engine.approval_desk import ApprovalDesk
from bridge.engine.tools import Tools
from bridge.telemetry import TURN_SECONDS, TURNS, get_logger

log = get_logger("turn")

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 5.0


class TurnEnd:
    """Brings one turn to its end. `bring` is called once."""

    def __init__(
        self,
        claimed: ClaimedTurn,
        teammate: Teammate,
        tools: Tools,
        *,
        target: ReplyTarget,
        reply: Reply,
        desk: ApprovalDesk,
    ) -> None:
        self._claimed = claimed
        self._teammate = teammate
        self._tools = tools
        self._target = target
        self._reply = reply
        self._desk = desk

    async def bring(self, end: fx.EndTurn, seconds: float, *, anything_new: bool) -> None:
        """Say the last word, then record the end; whatever fails in between, it is recorded.

        Args:
            end: how the turn ended.
            seconds: how long it was at work.
            anything_new: whether this process added to what an earlier one showed.
        """
        if end.cause:
            log.warning("turn ended", outcome=end.outcome.value, cause=end.cause)
        try:
            await self._close(end, seconds, anything_new=anything_new)
        except Exception:
            log.exception("the end was not shown in full")
        await self._record(end, seconds)
        TURNS.labels(outcome=end.outcome.value).inc()
        TURN_SECONDS.observe(seconds)

    async def _close(self, end: fx.EndTurn, seconds: float, *, anything_new: bool) -> None:
        ts = await self._say_goodbye(end, seconds, anything_new=anything_new)
        await self._desk.void_all_of(self._claimed.turn_id, "The turn has ended.")
        if ts is not None and self._reply.text():
            await self._tools.store.messages.add_reply(
                self._claimed.binding.thread,
                teammate=self._teammate.name,
                ts=ts,
                text=self._reply.text(),
                now=self._tools.clock.now(),
            )

    async def _say_goodbye(
        self, end: fx.EndTurn, seconds: float, *, anything_new: bool
    ) -> MessageTs | None:
        sentence = failures.explain(end.outcome, end.cause)
        if sentence is None and not self._reply.text():
            sentence = "Finished without a word."
        if not anything_new:  # what an earlier process showed stays, and gets the last word
            await self._tools.chat.close_leftover(self._target, sentence or "Done.")
            return None
        return await self._reply.finish(Ending(end.outcome, sentence, seconds, end.usage))

    async def _record(self, end: fx.EndTurn, seconds: float) -> None:
        """Free the binding for its next turn. Tried until the database takes it."""
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                await self._tools.store.turns.end(
                    self._claimed.turn_id,
                    lease=self._tools.options.lease,
                    outcome=end.outcome,
                    cause=end.cause,
                    usage=end.usage,
                    seconds=seconds,
                    now=self._tools.clock.now(),
                )
            except StoreError as error:
                log.warning("end not recorded yet", cause=str(error))
            else:
                return
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
