"""Outbox worker: delivers rows that no live reply owns. At the start all that an earlier process
left, later what a live reply could not bring, and everything that is no reply (guarantee G4).

What belongs to one place is brought one after another, in the order in which it was stored;
places do not wait for each other. A row has one writer: a live reply, or this.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from bridge.domain.errors import ChatError, StoreError
from bridge.domain.ids import OutboxId, TeamId, TurnId
from bridge.domain.outbox_entry import OutboxEntry
from bridge.domain.ports import ReplyTarget
from bridge.retry import Backoff, RetryPolicy, retry
from bridge.slack.outbound import outbox_payloads
from bridge.slack.outbound.message_sending import MessageSender, Post, passes
from bridge.slack.outbound.outbox_handlers import TRYING, OutboxHandlers
from bridge.telemetry import OUTBOX_PENDING, UNEXPECTED_ERRORS, Tasks, get_logger

_log = get_logger("slack.outbound.outbox_worker")

Place = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OutboxWorkerOptions:
    """`keep_trying` bounds how long one process tries something, however long ago it was stored;
    `keep_notes` says after what time a private note is stale. `first_try_s`: how long who asks
    for a delivery waits for its first try. `retry`: the pauses between two tries.
    """

    keep_trying: timedelta = timedelta(days=1)
    keep_notes: timedelta = timedelta(minutes=15)
    first_try_s: float = 5.0
    retry: RetryPolicy = field(default_factory=lambda: RetryPolicy(0.5, 60.0))


@dataclass(slots=True, eq=False)
class _Job:
    """One row, or the reply that a row belongs to. `fresh`: nobody tried it before.

    `settle` is False when an edit of the reply's live writer may still be under way.
    """

    entry: OutboxEntry
    fresh: bool = False
    settle: bool = True
    post: Post | None = None
    since: float = field(default_factory=lambda: asyncio.get_running_loop().time())
    tried: asyncio.Future[None] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    @property
    def name(self) -> str:
        entry = self.entry
        return f"{entry.turn_id}" if entry.kind == outbox_payloads.REPLY else entry.outbox_id


class OutboxWorker:
    """Delivers rows of the outbox. Belongs to one event loop.

    Args:
        tasks: where its work lives; closing it leaves what is owed to the next start.
    """

    def __init__(
        self, sender: MessageSender, team: TeamId, tasks: Tasks, options: OutboxWorkerOptions
    ) -> None:
        self._sender = sender
        self._handlers = OutboxHandlers(sender, team)
        self._tasks = tasks
        self._options = options
        self._lanes: dict[Place, deque[_Job]] = {}
        self._names: set[str] = set()
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
        self._later(_Job(entry))

    async def carry(self, entries: Sequence[OutboxEntry], *, stored: bool = False) -> None:
        """Store these rows and bring them to Slack; returns after the first try of each.

        What failed then is tried again for as long as it makes sense. What cannot be stored is
        tried once, if that can do no harm. Raises nothing.
        """
        jobs = [_Job(entry, fresh=True) for entry in entries]
        self._names.update(job.name for job in jobs)
        if not stored and not await self._store(entries):
            self._names.difference_update(job.name for job in jobs)
            await self._handlers.show_once(entries)
            return
        for job in jobs:
            self._add(job)
        await asyncio.wait([job.tried for job in jobs], timeout=self._options.first_try_s)

    def closing(self, target: ReplyTarget, sentence: str) -> OutboxEntry:
        """A row that says `sentence` under what an earlier process left of a reply."""
        word = outbox_payloads.LastWord(sentence, target.allowed_mentions)
        return OutboxEntry(
            outbox_id=OutboxId(self._sender.clock.new_id()),
            turn_id=target.turn_id,
            kind=outbox_payloads.CLOSING,
            seq=0,
            channel=target.thread.channel,
            thread_ts=target.thread_ts,
            planned_at=self._sender.clock.now(),
            payload=outbox_payloads.of_last_word(word, target.persona),
        )

    # --- what is to be done --------------------------------------------------------------

    async def _take_up(self) -> None:
        jobs: dict[str, _Job] = {}
        for entry in await self._owed():
            job = _Job(entry, settle=False)
            if entry.turn_id not in self._live and job.name not in self._names:
                jobs.setdefault(job.name, job)
        self._names.update(jobs)
        for job in reversed(jobs.values()):
            self._add(job, first=True)  # what came in meanwhile is newer
        self._taken_up.set()

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

    def _later(self, job: _Job) -> None:
        async def add() -> None:
            await asyncio.sleep(self._sender.web_api.options.call_timeout_s)
            self._add(job)

        self._names.add(job.name)
        self._tasks.spawn(add(), name=f"deliver {job.name} later")

    def _add(self, job: _Job, *, first: bool = False) -> None:
        OUTBOX_PENDING.inc()
        place = _place(job.entry)
        lane = self._lanes.get(place)
        if lane is None:
            lane = self._lanes[place] = deque()
            self._tasks.spawn(self._work(place, lane), name=f"outbox {'/'.join(place)}")
        if first:
            lane.appendleft(job)
        else:
            lane.append(job)

    async def _work(self, place: Place, lane: deque[_Job]) -> None:
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
            del self._lanes[place]

    async def _ended(self, job: _Job) -> bool:
        """Try it once; False when it is to be tried again."""
        try:
            await self._bring(job)
        except (ChatError, StoreError) as error:
            if passes(error) and self._makes_sense(job):
                _log.info("delivered later", kind=job.entry.kind, error=str(error))
                return False
            if not await self._given_up(job.entry, error):
                return False
        except Exception as error:  # what nobody foresaw holds up nothing behind it
            UNEXPECTED_ERRORS.inc()
            _log.exception("cannot be delivered", kind=job.entry.kind)
            if not await self._given_up(job.entry, error):
                return False
        finally:
            if not job.tried.done():
                job.tried.set_result(None)
        self._done(job)
        return True

    def _done(self, job: _Job) -> None:
        if job.entry.kind == outbox_payloads.REPLY and not job.settle:
            self._later(_Job(job.entry))
            return
        self._names.discard(job.name)
        if job.entry.turn_id is not None:
            self._live.discard(job.entry.turn_id)

    async def _given_up(self, entry: OutboxEntry, error: Exception) -> bool:
        try:
            await self._handlers.give_up(entry, str(error) or repr(error))
        except StoreError:
            return False
        return True

    def _makes_sense(self, job: _Job) -> bool:
        """Whether to try again. A bridge that was away for long has tried nothing meanwhile."""
        if job.entry.kind == outbox_payloads.NOTE:
            return self._sender.clock.now() - job.entry.planned_at < self._options.keep_notes
        tried_s = asyncio.get_running_loop().time() - job.since
        return tried_s < self._options.keep_trying.total_seconds()

    async def _bring(self, job: _Job) -> None:
        entry, payload = job.entry, job.entry.payload or "{}"
        match entry.kind:
            case outbox_payloads.REPLY:
                await self._handlers.reply(entry, settle=job.settle)
            case outbox_payloads.NOTICE:
                await self._handlers.notice(self._post(job), payload)
            case outbox_payloads.CLOSING:
                await self._handlers.closing(self._post(job), payload)
            case outbox_payloads.NOTE if job.fresh or entry.state != TRYING:
                await self._handlers.note(entry, payload)
            case outbox_payloads.REACTION:
                await self._handlers.reaction(entry, payload)
            case _:
                await self._handlers.give_up(entry, "unclear, and cannot be looked up")

    def _post(self, job: _Job) -> Post:
        if job.post is None:
            persona = outbox_payloads.persona_of(job.entry.payload or "{}")
            job.post = self._sender.post(job.entry, persona=persona, known=not job.fresh)
            job.post.planned()
        return job.post


def _place(entry: OutboxEntry) -> Place:
    """What must keep its order: a thread's posts, its private notes, one message's reactions."""
    apart = entry.kind in (outbox_payloads.NOTE, outbox_payloads.REACTION)
    return (entry.kind if apart else "post", entry.channel, entry.thread_ts or "")
