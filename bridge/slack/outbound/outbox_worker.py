"""Outbox worker: delivers rows that no live reply owns. At the start all that an earlier process
left, later what a live reply could not bring, and everything that is no reply (guarantee G4).

What belongs to one lane is delivered one after another, in the order in which it was stored;
lanes do not wait for each other. A row has one writer: a live reply, or this.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from bridge.domain.errors import ChatError, StoreError
from bridge.domain.ids import TurnId
from bridge.domain.outbox_entry import OutboxEntry
from bridge.retry import Backoff, RetryPolicy, retry
from bridge.slack.outbound.kinds.kind import Delivery, Lane, OutboxKind
from bridge.slack.outbound.message_sending import MessageSender
from bridge.slack.outbound.reply_messages import REPLY
from bridge.slack.web_api_errors import passes
from bridge.telemetry import (
    DISPLAY_FAILURES,
    OUTBOX_PENDING,
    UNEXPECTED_ERRORS,
    Tasks,
    get_logger,
)

_log = get_logger("slack.outbound.outbox_worker")


@dataclass(frozen=True, slots=True)
class OutboxWorkerOptions:
    """`keep_trying` bounds how long one process tries something, however long ago it was stored:
    a bridge that was away has tried nothing meanwhile. `first_try_s`: how long who asks for a
    delivery waits for its first try. `retry`: the pauses between two tries.
    """

    keep_trying: timedelta = timedelta(days=1)
    first_try_s: float = 5.0
    retry: RetryPolicy = field(default_factory=lambda: RetryPolicy(0.5, 20.0))


@dataclass(slots=True, eq=False)
class _Job:
    """A delivery in its lane. `since`: when this process began with it, by the loop's clock."""

    kind: OutboxKind
    delivery: Delivery
    since: float = field(default_factory=lambda: asyncio.get_running_loop().time())
    tried: asyncio.Future[None] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    @property
    def entry(self) -> OutboxEntry:
        return self.delivery.entry

    @property
    def key(self) -> str:
        return self.kind.key(self.entry)


class OutboxWorker:
    """Delivers rows of the outbox. Belongs to one event loop.

    Args:
        kinds: every kind of row that there is.
        tasks: where its work lives; closing it leaves what is owed to the next start.
    """

    def __init__(
        self,
        sender: MessageSender,
        kinds: Iterable[OutboxKind],
        tasks: Tasks,
        options: OutboxWorkerOptions,
    ) -> None:
        self._sender = sender
        self._kinds = {kind.name: kind for kind in kinds}
        self._tasks = tasks
        self._options = options
        self._lanes: dict[Lane, deque[_Job]] = {}
        self._keys: set[str] = set()
        self._live: set[TurnId] = set()
        self._taken_up = asyncio.Event()
        self._taken_up.set()

    # --- who writes what -----------------------------------------------------------------

    def start(self) -> None:
        """Begin with what an earlier process left. Call once, before anything new."""
        self._taken_up.clear()
        self._tasks.spawn(self._take_up(), name="take up what Slack is owed")

    def live(self, turn_id: TurnId) -> None:
        """This turn's reply has a live writer until it is taken over or released."""
        self._live.add(turn_id)

    def release(self, turn_id: TurnId) -> None:
        """This turn's reply is shown."""
        self._live.discard(turn_id)

    def take_over(self, entry: OutboxEntry) -> None:
        """Bring a reply to its last revision, whose live writer has stopped. Returns at once.

        Not before its last call has surely ended, so that this is the last to take effect.
        """
        self._later(self._job(entry))

    async def deliver(
        self, entries: Sequence[OutboxEntry], *, stored: bool = False, first: bool = True
    ) -> None:
        """Store these rows and bring them to Slack; returns after the first try of each.

        What failed then is tried again for as long as it makes sense. What cannot be stored is
        tried once, if that can do no harm. `stored`: somebody's transaction stored them already.
        `first`: nobody can have tried them before. Raises nothing.
        """
        jobs = [self._job(entry, first=first) for entry in entries]
        self._keys.update(job.key for job in jobs)
        if not stored and not await self._store(entries):
            self._keys.difference_update(job.key for job in jobs)
            await self._show_unstored(jobs)
            return
        for job in jobs:
            self._add(job)
        await asyncio.wait([job.tried for job in jobs], timeout=self._options.first_try_s)

    # --- what is to be done --------------------------------------------------------------

    def _job(self, entry: OutboxEntry, *, first: bool = False, inherited: bool = False) -> _Job:
        return _Job(self._kinds[entry.kind], Delivery(entry, first, inherited))

    async def _take_up(self) -> None:
        jobs: dict[str, _Job] = {}
        for entry in await self._owed():
            if entry.kind not in self._kinds:
                _log.error("a row of an unknown kind is left alone", kind=entry.kind)
                continue
            job = self._job(entry, inherited=True)
            if job.key not in self._keys and not self._is_live(entry):
                jobs.setdefault(job.key, job)
        self._keys.update(jobs)
        for job in reversed(jobs.values()):
            self._add(job, ahead=True)  # what came in meanwhile is newer
        self._taken_up.set()

    def _is_live(self, entry: OutboxEntry) -> bool:
        return entry.kind == REPLY and entry.turn_id in self._live

    async def _owed(self) -> list[OutboxEntry]:
        return await retry(
            self._sender.outbox.owed,
            policy=self._options.retry,
            may_help=lambda error: isinstance(error, StoreError),
            failed=lambda error, _: _log.warning(
                "pending writes to Slack cannot be read yet", error=str(error)
            ),
        )

    async def _store(self, entries: Sequence[OutboxEntry]) -> bool:
        try:
            await self._sender.outbox.owe(entries)
        except StoreError as error:
            _log.error("what Slack is owed cannot be noted", error=str(error))
            return False
        return True

    async def _show_unstored(self, jobs: Sequence[_Job]) -> None:
        for job in jobs:
            try:
                if await job.kind.show_unstored(job.entry):
                    continue
                reason = "it was not stored"
            except ChatError as error:
                reason = str(error)
            DISPLAY_FAILURES.inc()
            _log.error("not shown", kind=job.entry.kind, reason=reason)

    def _later(self, job: _Job) -> None:
        async def add() -> None:
            await asyncio.sleep(self._sender.web_api.options.call_timeout_s)
            self._add(job)

        self._keys.add(job.key)
        self._tasks.spawn(add(), name=f"deliver {job.key} later")

    def _add(self, job: _Job, *, ahead: bool = False) -> None:
        OUTBOX_PENDING.inc()
        name = job.kind.lane(job.entry)
        lane = self._lanes.get(name)
        if lane is None:
            lane = self._lanes[name] = deque()
            self._tasks.spawn(self._work(name, lane), name=f"outbox {'/'.join(name)}")
        if ahead:
            lane.appendleft(job)
        else:
            lane.append(job)

    async def _work(self, name: Lane, lane: deque[_Job]) -> None:
        await self._taken_up.wait()
        backoff = Backoff(self._options.retry)
        try:
            while lane:
                if await self._ended(lane[0]):
                    lane.popleft()
                    OUTBOX_PENDING.dec()
                    backoff.succeeded()
                    continue
                await asyncio.sleep(backoff.failed())
        finally:
            OUTBOX_PENDING.dec(len(lane))
            del self._lanes[name]

    async def _ended(self, job: _Job) -> bool:
        """Try it once; False when it is to be tried again."""
        settled = True
        try:
            settled = await job.kind.deliver(job.delivery)
        except (ChatError, StoreError) as error:
            if passes(error) and not self._is_stale(job):
                _log.info("delivered later", kind=job.entry.kind, error=str(error))
                return False
            if not await self._given_up(job, error):
                return False
        except Exception as error:  # what nobody foresaw holds up nothing behind it
            UNEXPECTED_ERRORS.inc()
            _log.exception("cannot be delivered", kind=job.entry.kind)
            if not await self._given_up(job, error):
                return False
        finally:
            if not job.tried.done():
                job.tried.set_result(None)
        if settled:
            self._done(job)
        else:
            self._later(self._job(job.entry))
        return True

    def _done(self, job: _Job) -> None:
        self._keys.discard(job.key)
        if job.entry.kind == REPLY and job.entry.turn_id is not None:
            self._live.discard(job.entry.turn_id)

    async def _given_up(self, job: _Job, error: Exception) -> bool:
        try:
            await job.kind.give_up(job.entry, str(error) or repr(error))
        except StoreError:
            return False
        return True

    def _is_stale(self, job: _Job) -> bool:
        if job.kind.stale_after is not None:
            return self._sender.clock.now() - job.entry.planned_at >= job.kind.stale_after
        tried_s = asyncio.get_running_loop().time() - job.since
        return tried_s >= self._options.keep_trying.total_seconds()
