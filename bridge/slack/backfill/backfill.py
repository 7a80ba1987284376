"""Backfill: reads from Slack's history what was said while no event arrived.

A gap is stored the moment it is found, before anything newer counts as heard, and removed channel
by channel as each is caught up; so a catch-up survives the process. What is found goes through
the same handler as an event. Reading too much costs nothing there: a message is taken in once (G2).
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol, TypeVar

from bridge.domain.errors import BridgeError, ChatError, ChatRefused, StoreError
from bridge.domain.ids import ChannelId, MessageTs
from bridge.domain.messages import InboundMessage
from bridge.domain.ports import Clock
from bridge.retry import Backoff, RetryPolicy, retry
from bridge.slack.backfill.history_reader import HistoryReader, HistoryReaderOptions
from bridge.slack.backfill.late_notice import Cause, LateNotice, Lost, Notices
from bridge.slack.event_parser import (
    Installation,
    MessageEdited,
    MessagePosted,
    is_our_arrival,
    read_edit,
    read_past,
)
from bridge.slack.json_values import JsonObject, as_mapping, as_string
from bridge.slack.web_api import WebApi
from bridge.slack.web_api_errors import passes
from bridge.store.event_gaps import EVERYWHERE, EventGap, EventGaps, OpenMessage
from bridge.telemetry import BACKFILLED, EVENT_GAPS, UNEXPECTED_ERRORS, get_logger

T = TypeVar("T")

_TRIES: Final = 3
_log = get_logger("slack.backfill.backfill")


@dataclass(frozen=True, slots=True)
class BackfillOptions:
    """Durations in seconds. `overlap_s`: how far before the last event a gap may reach, because
    events overtake each other. `grace_s`: how long Slack has to send again by itself what it
    could not deliver. `dropping_s`: how long Slack drops events after it said so. `note_s`: how
    often it is written down up to where everything was heard. `look_back_s`: threads in which no
    teammate takes part are looked into when they began within this before the gap, because one
    may have been mentioned there; known threads are, however old.
    """

    overlap_s: float = 120.0
    look_back_s: float = 86_400.0
    grace_s: float = 2.0
    dropping_s: float = 65.0
    note_s: float = 20.0
    retry: RetryPolicy = field(default_factory=lambda: RetryPolicy(1.0, 10.0))
    past: HistoryReaderOptions = field(default_factory=HistoryReaderOptions)


class BackfillHandler(Protocol):
    """Who takes in what is found; as `listeners.InboundHandler`."""

    async def message(self, message: InboundMessage) -> bool:
        """A person said something; True when it is new and somebody will answer it."""

    async def edited(self, message: InboundMessage) -> None:
        """A person changed a message to this. May be told again."""


@dataclass(frozen=True, slots=True)
class _Missed:
    """Something after `since` may have been missed, or `back_s` before what was heard last."""

    cause: Cause
    since: MessageTs | None = None
    back_s: float = 0.0


class Backfill:
    """Finds what was missed. `run` works; the other methods return at once and never raise."""

    def __init__(
        self,
        web_api: WebApi,
        event_gaps: EventGaps,
        us: Installation,
        *,
        handler: BackfillHandler,
        notices: Notices,
        clock: Clock,
        options: BackfillOptions | None = None,
    ) -> None:
        self._options = options or BackfillOptions()
        self._event_gaps = event_gaps
        self._us = us
        self._handler = handler
        self._clock = clock
        self._history = HistoryReader(web_api, self._options.past, monotonic=clock.monotonic)
        self._newest = self._noted = MessageTs("")
        self._pending: list[_Missed] = []
        self._missed_at = -self._options.grace_s
        self._woken = asyncio.Event()
        self._first = self._behind = True
        self._late_notice = LateNotice(notices, monotonic=clock.monotonic)
        self._failures: dict[ChannelId, int] = {}

    @property
    def behind(self) -> bool:
        """Whether something may still be missing."""
        return self._behind

    # --- what others tell --------------------------------------------------------------------

    def heard(self, event_ts: str) -> None:
        """An event of that Slack timestamp was taken in (or needs nothing)."""
        if event_ts > self._newest:
            self._newest = MessageTs(event_ts)

    def unstored(self, event_ts: str) -> None:
        """An event could not be taken in. Slack sends it again, but not for ever."""
        known = any(m.since is not None and m.since <= event_ts for m in self._pending)
        if event_ts and not known:
            self._note(_Missed(Cause.UNSTORED, since=earlier(event_ts, 1.0)))

    def dropped(self, minute: int) -> None:
        """Slack drops events of the minute that begins at this Unix second, or has done so."""
        missed = _Missed(Cause.DROPPED, since=earlier(f"{minute}", 0.0))
        self._note(missed)
        # More may be dropped until the minute is over, after the channels have been read.
        asyncio.get_running_loop().call_later(self._options.dropping_s, self._note, missed)

    def missed(self, why: Lost, back_s: float) -> None:
        """Events may have been lost; `back_s` seconds before the last one was heard already."""
        cause = Cause(why.value)
        if self._first and cause is Cause.DEAF:
            cause = Cause.AWAY
        self._first = False
        self._note(_Missed(cause, back_s=back_s + self._options.overlap_s))

    def _note(self, missed: _Missed) -> None:
        self._pending.append(missed)
        self._behind = True
        if self._grace_s() <= 0.0:
            self._missed_at = self._clock.monotonic()
        self._woken.set()

    # --- the work ----------------------------------------------------------------------------

    async def run(self) -> None:
        """Write down what was heard and what was missed, and catch up; until cancelled."""
        backoff = Backoff(self._options.retry)
        while True:
            try:
                await self._write_down()
                gap = await self._next_gap()
                if gap is None:
                    self._behind = bool(self._pending)
                    self._late_notice.caught_up()
                    await self._rest(self._options.note_s)
                elif (wait_s := self._grace_s()) > 0.0:
                    await self._rest(wait_s)
                else:
                    await self._work_on(gap)
                backoff.succeeded()
            except BridgeError as error:
                _log.warning("backfill is put off", cause=str(error))
                await asyncio.sleep(backoff.failed())

    async def _rest(self, seconds: float) -> None:
        self._woken.clear()
        if self._pending:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            return

    def _grace_s(self) -> float:
        return self._missed_at + self._options.grace_s - self._clock.monotonic()

    async def _write_down(self) -> None:
        """Store the gaps found, then up to where Slack was heard. In this order, so that a
        process that dies in between looks for too much rather than for too little.
        """
        newest = self._newest
        while self._pending:
            await self._open(self._pending[0])
            self._pending.pop(0)
        if newest > self._noted:
            await self._event_gaps.advance(self._us.team, newest)
            self._noted = newest

    async def _open(self, missed: _Missed) -> None:
        heard = await self._event_gaps.heard(self._us.team)
        if heard is None:  # the very first start: nothing was missed before it
            await self._event_gaps.advance(self._us.team, timestamp_of(self._clock.now()))
            return
        since = missed.since or earlier(heard, missed.back_s)
        _log.info("a gap", since=since, cause=missed.cause.value)
        await self._event_gaps.open_gap(self._us.team, since, cause=missed.cause)

    async def _next_gap(self) -> EventGap | None:
        """All channels before they are named; then the one in which somebody was asked last."""
        gaps = await self._event_gaps.gaps(self._us.team)
        EVENT_GAPS.set(len(gaps))
        if len(gaps) < 2 or gaps[0].channel == EVERYWHERE:
            return gaps[0] if gaps else None
        rank = {c: n for n, c in enumerate(await self._event_gaps.channels(self._us.team))}
        return min(
            gaps,
            key=lambda gap: (self._failures.get(gap.channel, 0), rank.get(gap.channel, len(rank))),
        )

    async def _work_on(self, gap: EventGap) -> None:
        try:
            if gap.channel == EVERYWHERE:
                await self._spread(gap)
                return
            await self._sweep(gap)
        except ChatRefused as refusal:
            if passes(refusal):
                raise
            _log.info("a channel cannot be caught up", channel=gap.channel, cause=refusal.code)
        except BridgeError:
            raise
        except Exception as error:  # one odd channel must not keep the others waiting
            tries = self._failures[gap.channel] = self._failures.get(gap.channel, 0) + 1
            _log.error("catching up failed", channel=gap.channel, tries=tries, exc_info=error)
            if tries < _TRIES:
                await asyncio.sleep(self._options.retry.pause_s(tries, chance=0.0))
                return
        self._failures.pop(gap.channel, None)
        await self._event_gaps.close(self._us.team, gap)

    async def _spread(self, gap: EventGap) -> None:
        known = await self._event_gaps.channels(self._us.team)
        try:
            named = await self._history.channels()
        except ChatRefused as refusal:
            if passes(refusal):
                raise
            _log.info("only known channels are caught up", cause=refusal.code)
            named = []
        channels = dict.fromkeys([*known, *named])
        await self._event_gaps.spread(self._us.team, gap, list(channels))

    # --- one channel -------------------------------------------------------------------------

    async def _sweep(self, gap: EventGap) -> None:
        """Take in what was said in a channel after the gap began, its threads included."""
        channel, since = gap.channel, gap.since
        unfinished = await self._event_gaps.open_messages(self._us.team, channel)
        known = await self._event_gaps.roots(self._us.team, channel)
        at_root = {m.ts for m in unfinished if m.thread_ts in (None, m.ts)}
        in_threads = _oldest_by_thread(m for m in unfinished if m.ts not in at_root)
        back_to = min(
            (earlier(since, self._options.look_back_s), *(earlier(ts, 1.0) for ts in at_root))
        )
        said: list[JsonObject] = []
        threads = set(in_threads)
        async for page in self._history.roots(channel, back_to=back_to, known=known):
            for item in page:
                ts, root = as_string(item.get("ts")), as_string(item.get("thread_ts"))
                self.heard(ts)
                if is_our_arrival(item, self._us):
                    since = max(since, MessageTs(ts))  # what is older was said without us
                if root not in ("", ts):  # a reply that the channel shows as well
                    if ts > since:
                        threads.add(MessageTs(root))
                    continue
                if ts > since or ts in at_root or _edited_ts(item) > since:
                    said.append(item)
                if _has_replies_after(item, since):
                    threads.add(MessageTs(ts))
        await self._take_in(gap, sorted(said, key=lambda item: as_string(item.get("ts"))))
        ours = frozenset(known)
        for root_ts in sorted(threads, key=lambda ts: (ts not in ours, ts)):
            start = min(since, in_threads.get(root_ts, since))
            replies = await self._history.replies(channel, root_ts, since=start)
            await self._take_in(gap, replies)

    async def _take_in(self, gap: EventGap, items: Sequence[JsonObject]) -> None:
        """Hand what is new to the engine, oldest first, and what was edited meanwhile."""
        if not items:
            return
        first = earlier(as_string(items[0].get("ts")), 1.0)
        known = await self._event_gaps.known(self._us.team, gap.channel, since=first)
        for item in items:
            ts = as_string(item.get("ts"))
            self.heard(ts)
            was_edited_only = ts <= gap.since < _edited_ts(item)
            if ts not in known and not was_edited_only:
                event = read_past(item, channel=gap.channel, us=self._us)
                if isinstance(event, MessagePosted):
                    await self._late(gap, event.message)
            elif isinstance(
                edit := read_edit(item, channel=gap.channel, us=self._us), MessageEdited
            ):
                await self._edited(edit.message)

    async def _late(self, gap: EventGap, message: InboundMessage) -> None:
        if await self._taken_in(lambda: self._handler.message(message)):
            BACKFILLED.inc()
            _log.info("a message came late", channel=message.channel, ts=message.ts)
            await self._late_notice.tell(message.thread, Cause(gap.cause))

    async def _edited(self, message: InboundMessage) -> None:
        await self._taken_in(lambda: self._handler.edited(message))

    async def _taken_in(self, work: Callable[[], Awaitable[T]]) -> T | None:
        """Do it once database and Slack let it be done: nothing after it goes first.

        None when Slack refuses to say who speaks, or a bug stands in the way: then this one is
        left, not all after it.
        """
        failures = 0

        def may_help(error: Exception) -> bool:
            nonlocal failures
            if isinstance(error, StoreError | ChatError):
                _log.warning("a missed message is taken in later", cause=str(error))
                failures += not passes(error)
            else:
                UNEXPECTED_ERRORS.inc()
                _log.error("a missed message cannot be taken in", exc_info=error)
                failures += 1
            return failures < _TRIES

        try:
            return await retry(work, policy=self._options.retry, may_help=may_help)
        except Exception:
            _log.error("a missed message is given up", exc_info=True)
            return None


def _edited_ts(item: JsonObject) -> str:
    return as_string(as_mapping(item.get("edited")).get("ts"))


def _has_replies_after(root: JsonObject, since: MessageTs) -> bool:
    """Whether a thread may have news. Old messages name no `latest_reply`, so it is looked at."""
    count, latest = root.get("reply_count"), as_string(root.get("latest_reply"))
    return latest > since if latest else isinstance(count, int) and count > 0


def _oldest_by_thread(messages: Iterable[OpenMessage]) -> dict[MessageTs, MessageTs]:
    oldest: dict[MessageTs, MessageTs] = {}
    for message in messages:
        if message.thread_ts is not None:
            oldest[message.thread_ts] = min(message.ts, oldest.get(message.thread_ts, message.ts))
    return oldest


def earlier(ts: str, seconds: float) -> MessageTs:
    """The timestamp so many seconds before `ts`."""
    whole, _, fraction = ts.partition(".")
    micros = int(whole or 0) * 1_000_000 + int((fraction or "0").ljust(6, "0")[:6])
    micros = max(0, micros - int(seconds * 1_000_000))
    return MessageTs(f"{micros // 1_000_000:010d}.{micros % 1_000_000:06d}")


def timestamp_of(instant: datetime) -> MessageTs:
    """The timestamp of an aware instant."""
    return earlier(f"{instant.timestamp():.6f}", 0.0)
