"""The end of one turn: its last word in the thread and its recorded outcome."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from bridge.domain import effects as fx
from bridge.domain import failures
from bridge.domain.errors import StoreError
from bridge.domain.people import ClaimedTurn
from bridge.domain.ports import Ending, Reply
from bridge.domain.posts import LastRevision
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
        tools: Tools,
        *,
        reply: Reply,
        desk: ApprovalDesk,
    ) -> None:
        self._claimed = claimed
        self._tools = tools
        self._reply = reply
        self._desk = desk

    async def bring(self, end: fx.EndTurn, seconds: float, *, anything_new: bool) -> None:
        """Record the end with its last word, then say it. Whatever fails, it is recorded.

        Args:
            end: how the turn ended.
            seconds: how long it was at work.
            anything_new: whether this process added to what an earlier one showed.
        """
        if end.cause:
            log.warning("turn ended", outcome=end.outcome.value, cause=end.cause)
        ending = Ending(end.outcome, self._sentence(end), seconds, end.usage)
        record = partial(self._record, end, ending, nothing_new=not anything_new)
        try:
            ours = await record()
        except StoreError as error:
            log.warning("end not recorded yet", cause=str(error))
            _, ours = await asyncio.gather(self._reply.deliver(stored=False), _insist(record))
        if not ours:
            log.error("the end was recorded by somebody else")
        try:
            await self._desk.void_all_of(self._claimed.turn_id, "The turn has ended.")
            await self._reply.deliver(stored=True)
        except Exception:
            log.exception("the end was not shown in full")
        TURNS.labels(outcome=end.outcome.value).inc()
        TURN_SECONDS.observe(seconds)

    def _sentence(self, end: fx.EndTurn) -> str | None:
        sentence = failures.explain(end.outcome, end.cause)
        if sentence is None and not self._reply.text():
            sentence = "Finished without a word."
        return sentence

    async def _record(self, end: fx.EndTurn, ending: Ending, *, nothing_new: bool) -> bool:
        """Free the binding for its next turn, and store what Slack is to show of this one."""
        last: LastRevision | None = None
        try:
            last = await self._reply.conclude(ending, nothing_new=nothing_new)
        except StoreError:
            raise
        except Exception:  # a turn ends even when nobody knows how to show it (G7)
            log.exception("the last word is lost")
        return await self._tools.store.turns.end(
            self._claimed.turn_id,
            lease=self._tools.options.lease,
            outcome=end.outcome,
            cause=end.cause,
            usage=end.usage,
            seconds=ending.seconds,
            now=self._tools.clock.now(),
            last=last,
        )


async def _insist(record: Callable[[], Awaitable[bool]]) -> bool:
    """Try again until the database takes it."""
    pause_s = _FIRST_PAUSE_S
    while True:
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
        try:
            return await record()
        except StoreError as error:
            log.warning("end not recorded yet", cause=str(error))
