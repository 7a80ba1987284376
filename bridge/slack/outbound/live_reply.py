"""Live reply: the one writer of a turn's growing reply.

The engine's calls only change the plan and return. The writer posts, edits and deletes, one
call at a time, never faster than the budget allows, and always sends the newest state. What it
cannot show on the way is counted and shown later; only the end is insisted on (guarantee G7).
"""

import asyncio
from dataclasses import dataclass
from enum import Enum

from bridge.domain.errors import ChatError, StoreError
from bridge.domain.events import ToolLine
from bridge.domain.ids import RunId
from bridge.domain.outbox_entry import LastRevision, OutboxEntry
from bridge.domain.ports import ReplyEnding, ReplyTarget
from bridge.render.stream import MessageView, ReplyStream
from bridge.retry import Backoff
from bridge.slack.outbound.kinds.last_word import last_word_entry
from bridge.slack.outbound.message_sending import SLACK_RETRY, MessageSender
from bridge.slack.outbound.outbox_worker import OutboxWorker
from bridge.slack.outbound.reply_messages import ReplyMessages
from bridge.slack.outbound.status_line import StatusBoard
from bridge.slack.rate_limit.rate_limiter import EditShare
from bridge.slack.rate_limit.windows import Priority
from bridge.telemetry import DISPLAY_FAILURES, Tasks, get_logger

_log = get_logger("slack.outbound.live_reply")


@dataclass(frozen=True, slots=True)
class DeliveryOptions:
    """Times in seconds. `finish_s` bounds how long the end of a reply is insisted on, `seal_s`
    how long a card waits for the text above it. `tick_s`: how often running tools are re-timed.
    """

    finish_s: float = 300.0
    seal_s: float = 15.0
    tick_s: float = 15.0


class ReplyPhase(Enum):
    """Where a live reply stands; it goes down this list."""

    GROWING = "growing"
    CONCLUDING = "concluding"
    """Its last revision is being stored: nothing is written meanwhile."""
    DELIVERING = "delivering"
    ENDED = "ended"
    """It is shown, left to the outbox worker, or another process's."""


class LiveReply:
    """Implements `domain.ports.Reply`. Belongs to one event loop.

    Args:
        teammate: the name under which the outbox remembers the posts.
        resumed: an earlier process began this reply; it goes on in the same messages.
        tasks: where the writer lives; closing it ends the reply where it stands.
    """

    def __init__(
        self,
        target: ReplyTarget,
        *,
        teammate: str,
        sender: MessageSender,
        status: StatusBoard,
        tasks: Tasks,
        outbox_worker: OutboxWorker,
        options: DeliveryOptions,
        resumed: bool = False,
    ) -> None:
        self._target = target
        self._sender = sender
        self._status = status
        self._tasks = tasks
        self._outbox_worker = outbox_worker
        self._options = options
        self._stream = ReplyStream(allowed=target.allowed_mentions)
        self._clock = asyncio.get_running_loop().time
        self._messages = ReplyMessages(
            target,
            teammate=teammate,
            sender=sender,
            newest=self._newest,
            priority=self._priority,
            clock=self._clock,
        )
        self._writer: asyncio.Task[None] | None = None
        self._stir = asyncio.Event()
        self._wanted = self._written = 0
        self._urgent: list[tuple[int, asyncio.Future[None]]] = []
        self._phase = ReplyPhase.GROWING
        self._has_tools = False
        self._closing: OutboxEntry | None = None
        self._resumed = resumed
        self._to_adopt = resumed
        self._share: EditShare
        self._next_at = 0.0
        self._backoff = Backoff(SLACK_RETRY)
        if resumed:
            status.take_over(target)

    # --- the plan changes ----------------------------------------------------------------

    def append(self, run_id: RunId, message_id: str, text: str) -> None:
        """Add the next piece of one assistant message."""
        self._stream.append(run_id, message_id, text)
        self._changed()

    def set_text(self, run_id: RunId, message_id: str, text: str) -> None:
        """Replace one assistant message by its full text."""
        self._stream.set_text(run_id, message_id, text)
        self._changed()

    def drop_runs(self, run_ids: frozenset[RunId]) -> None:
        """Take out all text of these runs."""
        self._stream.drop_runs(run_ids)
        self._changed()

    def show_tools(self, tools: tuple[ToolLine, ...]) -> None:
        """Show what runs now; empty when nothing does."""
        self._has_tools = bool(tools)
        self._stream.show_tools(tools, self._sender.clock.monotonic())
        self._changed()

    def show_status(self, text: str) -> None:
        """Say under the thread what the agent is doing; empty clears."""
        if self._phase is not ReplyPhase.ENDED or not text:
            self._status.show(self._target, text)

    def text(self) -> str:
        """The whole reply as Markdown, without notices."""
        return self._stream.text()

    async def seal(self) -> None:
        """Finish the message so far: what follows goes into a new one. Waits `seal_s` at most."""
        self._stream.seal()
        await self._flushed(within_s=self._options.seal_s)

    # --- the end -------------------------------------------------------------------------

    async def conclude(self, ending: ReplyEnding, *, nothing_new: bool = False) -> LastRevision:
        """Say the last word; returns what is to be stored before `deliver`."""
        if nothing_new:
            self._closing = last_word_entry(
                self._target, ending.sentence or "", clock=self._sender.clock
            )
            return LastRevision((self._closing,))
        if self._phase is ReplyPhase.GROWING:
            self._phase = ReplyPhase.CONCLUDING
        self._stream.finish(ending)
        await self._adopt()
        return self._messages.last_revision(self._views(), self.text())

    async def deliver(self, *, stored: bool) -> None:
        """Write the last revision; returns when Slack accepted it or it is left to the outbox."""
        self._phase = ReplyPhase.DELIVERING
        if stored:
            self._messages.stored()
        if self._closing is None:
            await self._flushed(within_s=self._options.finish_s)
        if stored:
            self._phase = ReplyPhase.ENDED
            self._stir.set()
            self.show_status("")
            await self._hand_over()

    def let_go(self) -> None:
        """Write no more: another process has this reply now."""
        self._phase = ReplyPhase.ENDED
        if self._writer is not None:
            self._writer.cancel()
        self._outbox_worker.release(self._target.turn_id)

    async def _hand_over(self) -> None:
        """Note what Slack accepted; the rest, and what is unclear, is the outbox worker's."""
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.wait([self._writer])
        if self._closing is not None:
            await self._outbox_worker.deliver([self._closing], stored=True)
            return
        settled = self._messages.settled()
        try:
            if settled:
                await self._sender.outbox.settled(settled)
        except StoreError as error:
            _log.warning("outbox not written", turn=self._target.turn_id, error=str(error))
        if left := self._messages.unsettled():
            self._outbox_worker.take_over(left)
        else:
            self._outbox_worker.release(self._target.turn_id)

    def _changed(self) -> None:
        if self._phase is ReplyPhase.ENDED:
            return
        if self._wanted == self._written:
            self._stir.set()  # a writer that has work already wakes when its time comes
        self._wanted += 1
        if self._writer is None or self._writer.done():
            self._next_at = self._clock()
            self._writer = self._tasks.spawn(self._write(), name=f"reply of {self._target.turn_id}")

    async def _flushed(self, *, within_s: float) -> None:
        """Wait until everything planned so far is in Slack, ahead of all that can wait."""
        self._changed()
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._urgent.append((self._wanted, done))
        self._stir.set()
        self._sender.web_api.budget.reconsider()
        try:
            async with asyncio.timeout(within_s):
                await done
        except TimeoutError:
            DISPLAY_FAILURES.inc()
            _log.error("gave up showing a reply", turn=self._target.turn_id, after_s=within_s)
        finally:
            self._urgent = [entry for entry in self._urgent if entry[1] is not done]
            if not done.done():
                self._sender.web_api.budget.reconsider()

    # --- the writer ----------------------------------------------------------------------

    async def _write(self) -> None:
        try:
            budget = self._sender.web_api.budget
            with budget.live_reply(resumed=self._resumed) as self._share:
                while await self._due():
                    wanted = self._wanted
                    try:
                        await self._bring()
                    except (ChatError, StoreError) as error:
                        self._failed(error)
                    else:
                        self._accepted(wanted)
        finally:
            self._release(self._wanted)  # nobody waits for a writer that is gone

    async def _due(self) -> bool:
        """Wait until there is something to write and its time has come; False at the end."""
        while self._phase is not ReplyPhase.ENDED:
            self._stir.clear()
            concluding = self._phase is ReplyPhase.CONCLUDING
            pause_s = None if concluding else self._pause_s()
            if pause_s is not None and pause_s <= 0:
                return True
            try:
                async with asyncio.timeout(pause_s):
                    await self._stir.wait()
            except TimeoutError:
                if self._wanted == self._written:
                    self._wanted += 1  # the tools' times have moved on
        return False

    def _pause_s(self) -> float | None:
        """Seconds until the next write; None while there is nothing to write."""
        if self._wanted == self._written:
            return self._options.tick_s if self._has_tools else None
        if self._urgent and not self._backoff.failing:
            return 0.0
        return self._next_at - self._clock()

    async def _bring(self) -> None:
        """Bring every message that differs to its newest state, in order."""
        await self._adopt()
        views = self._views()
        for view in views:
            await self._messages.show(view, at_end=bool(self._urgent))
        if views and views[-1].final:
            await self._messages.take_away_surplus(views)

    async def _adopt(self) -> None:
        """Go on in the messages of an earlier process. Once; raises `StoreError`."""
        if self._to_adopt:
            entries = await self._sender.outbox.of_turn(self._target.turn_id)
            if self._to_adopt:  # the other caller may have been quicker
                self._messages.adopt(entries)
            self._to_adopt = False

    def _views(self) -> list[MessageView]:
        self._stream.note(self._status.note(self._target))
        return self._stream.messages(self._sender.clock.monotonic())

    def _newest(self, seq: int) -> MessageView:
        nothing = MessageView(seq, "", final=True)
        return next((view for view in self._views() if view.seq == seq), nothing)

    def _priority(self) -> Priority:
        if self._urgent:
            return Priority.URGENT
        return Priority.FIRST if self._messages.first_ts is None else Priority.EDIT

    def _accepted(self, wanted: int) -> None:
        """Slack shows everything up to this version of the plan."""
        self._written = wanted
        self._backoff.succeeded()
        self._next_at = max(self._next_at, self._messages.sent_at + self._share.interval_s())
        self._release(wanted)

    def _release(self, wanted: int) -> None:
        for version, done in self._urgent:
            if version <= wanted and not done.done():
                done.set_result(None)

    def _failed(self, error: ChatError | StoreError) -> None:
        """Something is not shown yet. Counted, and tried again after a growing pause (G7)."""
        DISPLAY_FAILURES.inc()
        self._next_at = self._clock() + self._backoff.failed()
        _log.warning("reply not shown yet", turn=self._target.turn_id, error=str(error))
