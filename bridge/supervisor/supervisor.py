"""Supervisor: starts, watches, restarts, replaces and drains the worker.

One loop waits for something to change and acts on it; signals and processes only set facts.
"""

import asyncio
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from bridge.appserver.transport import Endpoint
from bridge.retry import Backoff, RetryPolicy
from bridge.supervisor.child_process import ChildProcess, Program
from bridge.supervisor.subscription import Subscription
from bridge.supervisor.turn_endings import RuntimeIds, TurnEndings
from bridge.telemetry import Tasks, get_logger

log = get_logger("supervisor.supervisor")

FAILED = 1
FINAL_CODES = frozenset({2, 3, 4})
"""A worker that ends so before it is ready would end so again: somebody must change something.
At the first start the supervisor gives up. Later, live turns depend on it, so it keeps trying.
"""


class Server(Protocol):
    """An App Server of our own."""

    token: str

    @property
    def url(self) -> str:
        """Where it listens; known before it is started."""

    async def start(self) -> None:
        """Start it and keep it running; raises when it cannot start."""

    async def aclose(self) -> None:
        """Stop it."""


class ExitStatus(NamedTuple):
    """How the supervisor ended: its exit code, and a sentence when there is something to say."""

    code: int
    sentence: str | None = None


@dataclass(frozen=True, slots=True)
class SupervisorOptions:
    """All `_s` are seconds.

    `first_pause_s` doubles up to `longest_pause_s` with every death of a worker that had not
    lived `worked_s`. After `early_deaths` in a row, each before the worker was ready, the
    supervisor gives up. `stop_within_s`: how long a worker may take to drain; `leave_within_s`:
    to leave its turns to the next one, which may take `prepare_within_s` to be ready for that.
    `unclaimed_s`: how long runtimes are held that a new worker has not asked for.
    """

    stop_within_s: float = 9.0
    first_pause_s: float = 0.1
    longest_pause_s: float = 30.0
    worked_s: float = 10.0
    early_deaths: int = 5
    leave_within_s: float = 5.0
    prepare_within_s: float = 30.0
    unclaimed_s: float = 120.0


class Supervisor:
    """One supervisor, run once.

    Args:
        program: the worker.
        address: where the App Server is.
        server: the App Server when it is ours, else None.
    """

    def __init__(
        self,
        program: Program,
        *,
        address: Callable[[], Endpoint],
        server: Server | None,
        options: SupervisorOptions | None = None,
    ) -> None:
        self._program, self._server = program, server
        self._options = options or SupervisorOptions()
        self._memory = TurnEndings()
        self._subscription = Subscription(
            address, held=lambda: self._memory.held, hear=self._hear_server
        )
        self._tasks = Tasks()
        self._news = asyncio.Event()
        self._stopping = self._renewing = self._served = False
        self._failure: BaseException | None = None
        self._worker: ChildProcess | None = None
        self._letting_go: asyncio.TimerHandle | None = None
        self._lives = self._deaths = self._early = 0
        self._backoff = Backoff(
            RetryPolicy(self._options.first_pause_s, self._options.longest_pause_s)
        )

    # --- what others want --------------------------------------------------------------------

    def stop(self) -> None:
        """Drain the worker, then end."""
        self._stopping = True
        self._news.set()

    def renew(self) -> None:
        """Put a new worker in the place of the present one; live turns go on."""
        self._renewing = True
        self._news.set()

    async def run(self) -> ExitStatus:
        """Supervisor until stopped, or until a worker can no longer be started.

        Raises what the App Server's start raises. When cancelled, ends everything at once.
        """
        if self._server is not None:
            self._tasks.spawn(self._serve(self._server), name="app server's start")
        try:
            verdict = await self._supervise()
        finally:
            await self._put_away()
        if self._failure is not None:
            raise self._failure
        return verdict

    async def _serve(self, server: Server) -> None:
        try:
            await server.start()
        except Exception as failure:
            self._failure = failure
            self.stop()

    async def _put_away(self) -> None:
        if self._letting_go is not None:
            self._letting_go.cancel()
        if self._worker is not None:
            await self._worker.end(signal.SIGKILL, within_s=1.0)
        await self._tasks.aclose()
        await self._subscription.aclose()
        if self._server is not None:
            await self._server.aclose()

    # --- the loop ----------------------------------------------------------------------------

    async def _supervise(self) -> ExitStatus:
        self._greet(await self._begin())
        while True:
            await self._until(lambda: self._stopping or self._renewing or _dead(self._worker))
            worker = self._worker
            if self._stopping or worker is None:
                return await self._drain()
            if not _dead(worker):
                self._renewing = False
                await self._hand_over(worker)
            elif (verdict := self._judge(worker)) is not None:
                return verdict
            else:
                await self._start_again(worker)

    async def _until(self, happened: Callable[[], bool], *, within_s: float | None = None) -> None:
        """Wait for this to become true, or for the time to be over."""
        try:
            async with asyncio.timeout(within_s):
                while not happened():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            return

    async def _begin(self) -> ChildProcess:
        self._lives += 1
        return await ChildProcess.begin(
            self._lives, self._program, hear=self._hear_worker, changed=self._news.set
        )

    def _greet(self, worker: ChildProcess) -> None:
        """Let this worker begin; what none asks for from now on is let go after a while."""
        server = self._server and {"url": self._server.url, "token": self._server.token}
        ended = [ending.line() for ending in self._memory.endings()]
        worker.send(hello={"server": server, "ended": ended, "restarts": self._deaths})
        self._worker = worker
        if self._letting_go is not None:
            self._letting_go.cancel()
        self._letting_go = asyncio.get_running_loop().call_later(
            self._options.unclaimed_s, self._let_go, worker.number
        )

    def _let_go(self, number: int) -> None:
        if count := self._memory.let_go(before=number):
            log.info("runtimes let go that no worker asked for", count=count)
            self._subscription.released()

    def _judge(self, worker: ChildProcess) -> ExitStatus | None:
        """Whether a worker that has died is not started again."""
        log.error("worker died", number=worker.number, code=worker.code, ready=worker.ready)
        if worker.ready:
            self._served, self._early = True, 0
            return None
        if worker.code in FINAL_CODES:
            return None if self._served else ExitStatus(worker.code or FAILED)
        self._early += 1
        if self._early >= self._options.early_deaths:
            sentence = (
                f"The bridge ended {self._early} times in a row before it was ready (the last "
                f"time with {worker.code}); what it wrote above says why."
            )
            return ExitStatus(max(worker.code or FAILED, FAILED), sentence)
        return None

    async def _start_again(self, dead: ChildProcess) -> None:
        await dead.end(signal.SIGKILL, within_s=1.0)
        if dead.ready and dead.lived_s >= self._options.worked_s:
            self._backoff.succeeded()
        self._deaths += 1
        while not self._stopping:
            await self._until(lambda: self._stopping, within_s=self._backoff.failed())
            self._renewing = False
            try:
                if not self._stopping:
                    self._greet(await self._begin())
            except OSError as error:
                log.error("no worker can be started just now", cause=str(error))
            else:
                return

    async def _hand_over(self, old: ChildProcess) -> None:
        """The old worker goes on until the new one has read its configuration."""
        try:
            new = await self._begin()
        except OSError as error:
            log.error("no new worker can be started; the old one goes on", cause=str(error))
            return
        limit_s = self._options.prepare_within_s
        try:
            await self._until(
                lambda: new.prepared or _dead(new) or self._stopping, within_s=limit_s
            )
            if new.prepared and not self._stopping:
                await old.end(signal.SIGUSR1, within_s=self._options.leave_within_s)
                self._greet(new)
                return
            log.error("the new worker is of no use; the old one goes on", code=new.code)
        finally:
            if self._worker is not new:
                await new.end(signal.SIGKILL, within_s=1.0)

    async def _drain(self) -> ExitStatus:
        if self._worker is None or _dead(self._worker):
            return ExitStatus(0)
        limit_s = self._options.stop_within_s
        code = await self._worker.end(signal.SIGTERM, within_s=limit_s)
        if self._worker.overdue:
            sentence = f"The bridge was not done after {limit_s:g} s and was ended."
            return ExitStatus(FAILED, sentence)
        if code in (0, -15):  # the latter has only just begun and does not hear signals yet
            return ExitStatus(0)
        return ExitStatus(max(code, FAILED))

    # --- what is heard -----------------------------------------------------------------------

    def _hear_worker(self, worker: ChildProcess, message: dict[str, Any]) -> None:
        runtime = RuntimeIds.read(message.get("hold"))
        if runtime is not None:
            self._memory.hold(runtime, by=worker.number)
            self._tasks.spawn(self._hold(worker, runtime, message.get("number")), name="hold")
        runtime = RuntimeIds.read(message.get("release"))
        if runtime is not None and not worker.leaving:
            self._memory.release(runtime)
            self._subscription.released()

    async def _hold(self, worker: ChildProcess, runtime: RuntimeIds, number: object) -> None:
        worker.send(held=number, trouble=await self._subscription.hold(runtime))

    def _hear_server(self, message: str | bytes) -> None:
        ending = self._memory.hear(message)
        if ending is not None and self._worker is not None:
            self._worker.send(ended=[ending.line()])


def _dead(worker: ChildProcess | None) -> bool:
    return worker is None or worker.code is not None
