"""End of a turn: its recorded outcome and its last words in the thread."""

import asyncio
from collections.abc import Awaitable
from functools import partial

from bridge.domain import effects as fx
from bridge.domain import user_messages
from bridge.domain.bindings import ClaimedTurn
from bridge.domain.errors import StoreError
from bridge.domain.outbox_entry import LastRevision
from bridge.domain.ports import Reply, ReplyEnding, ReplyTarget
from bridge.engine.approval_service import ApprovalService
from bridge.engine.context import EngineContext
from bridge.retry import RetryPolicy, retry
from bridge.telemetry import TURN_SECONDS, TURNS, UNEXPECTED_ERRORS, get_logger

log = get_logger("engine.turn_end")

_WORDLESS = "Finished without a word."
_NOT_SHOWN = "The answer could not be shown here. Please ask again."

_RETRY = RetryPolicy(first_s=0.2, longest_s=5.0)


class TurnEnd:
    """Brings one turn to its end. `bring` is called once."""

    def __init__(
        self,
        claimed: ClaimedTurn,
        context: EngineContext,
        *,
        reply: Reply,
        approvals: ApprovalService,
        target: ReplyTarget,
    ) -> None:
        self._target = target
        self._speechless = False
        self._claimed = claimed
        self._context = context
        self._reply = reply
        self._approvals = approvals

    async def finish(self, end: fx.EndTurn, seconds: float, *, anything_new: bool) -> bool:
        """Record the end with its last word, then say it. Whatever fails, it is recorded.

        False when another process has taken the turn over: then nothing is said or closed.

        Args:
            end: how the turn ended.
            seconds: how long it was at work.
            anything_new: whether this process added to what an earlier one showed.
        """
        if end.cause:
            log.warning("turn ended", outcome=end.outcome.value, cause=end.cause)
        ending = ReplyEnding(end.outcome, self._sentence(end), seconds, end.usage)
        record = partial(self._record, end, ending, nothing_new=not anything_new)
        try:
            ours = await record()
        except Exception as error:
            _not_recorded(error)
            shown = self._shown(self._reply.deliver(stored=False))
            recorded = retry(
                record,
                policy=_RETRY,
                may_help=lambda _: True,  # a turn without a recorded end would block its binding
                failed=lambda error, _: _not_recorded(error),
            )
            _, ours = await asyncio.gather(shown, recorded)
        if not ours:
            log.error("the turn is another process's now")
            self._reply.let_go()
            return False
        await self._shown(self._approvals.void_all_of(self._claimed.turn_id, "The turn has ended."))
        await self._shown(self._reply.deliver(stored=True))
        if self._speechless:
            sentence = ending.sentence or _NOT_SHOWN
            await self._shown(self._context.chat.close_leftover(self._target, sentence))
        TURNS.labels(outcome=end.outcome.value).inc()
        TURN_SECONDS.observe(seconds)
        return True

    async def _shown(self, work: Awaitable[None]) -> None:
        """What is shown of the end may fail: the turn is over all the same (G7)."""
        try:
            await work
        except StoreError as error:
            log.warning("the end was not shown in full", cause=str(error))
        except Exception:
            UNEXPECTED_ERRORS.inc()
            log.exception("the end was not shown in full")

    def _sentence(self, end: fx.EndTurn) -> str | None:
        sentence = user_messages.explain(end.outcome, end.cause)
        return _WORDLESS if sentence is None and not self._has_text() else sentence

    def _has_text(self) -> bool:
        try:
            return user_messages.is_visible(self._reply.text())
        except Exception:
            UNEXPECTED_ERRORS.inc()
            log.exception("the reply's text is not known")
            return True

    async def _record(self, end: fx.EndTurn, ending: ReplyEnding, *, nothing_new: bool) -> bool:
        """Free the binding for its next turn, and store what Slack is to show of this one."""
        last: LastRevision | None = None
        try:
            last = await self._reply.conclude(ending, nothing_new=nothing_new)
        except StoreError:
            raise
        except Exception:  # a turn ends even when nobody knows how to show it (G7)
            UNEXPECTED_ERRORS.inc()
            self._speechless = True
            log.exception("the last word is lost")
        return await self._context.store.turn_queue.end(
            self._claimed.turn_id,
            lease=self._context.options.lease,
            outcome=end.outcome,
            cause=end.cause,
            usage=end.usage,
            seconds=ending.seconds,
            now=self._context.clock.now(),
            last=last,
        )


def _not_recorded(error: Exception) -> None:
    if isinstance(error, StoreError):
        log.warning("end not recorded yet", cause=str(error))
    else:
        UNEXPECTED_ERRORS.inc()
        log.error("end not recorded yet", exc_info=error)
