"""Child process: one life of a worker, with our end of its pipe."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bridge.supervisor.ipc import Pipe
from bridge.telemetry import Tasks, get_logger

log = get_logger("supervisor.child_process")


@dataclass(frozen=True, slots=True)
class Program:
    """What to run. `{fd}` in `command` becomes the number of the pipe's end.

    `environ` is what any program of this user may see, `secrets` what goes through the pipe: the
    environment of a process that has just begun is open to others of its user (G9). Once ready,
    it is asked for a sign of life every `ping_s` seconds; one that gives none for `deaf_s` is
    taken for stuck and ended.
    """

    command: Sequence[str]
    environ: Mapping[str, str] = field(repr=False)
    secrets: Mapping[str, str] = field(repr=False)
    ping_s: float = 10.0
    deaf_s: float = 60.0


class ChildProcess:
    """Made by `ChildProcess.begin`. `number` counts the lives, from 1.

    `prepared`, `ready` and `code` (None while it lives) change only before a call of `changed`.
    """

    def __init__(self, number: int, process: asyncio.subprocess.Process, pipe: Pipe) -> None:
        self.number = number
        self.prepared = self.ready = self.leaving = self.overdue = False
        self.code: int | None = None
        self._began = self._heard = self._now()
        self._process, self._pipe = process, pipe
        self._tasks = Tasks()

    @classmethod
    async def begin(
        cls,
        number: int,
        program: Program,
        *,
        hear: Callable[["ChildProcess", dict[str, Any]], None],
        changed: Callable[[], None],
    ) -> "ChildProcess":
        """Start the process, in a session of its own: a terminal's Ctrl-C is for us alone."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        pipe = await Pipe.over(ours)
        try:
            process = await asyncio.create_subprocess_exec(
                *(part.format(fd=theirs.fileno()) for part in program.command),
                env=dict(program.environ),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        except BaseException:
            pipe.close()
            raise
        finally:
            theirs.close()
        worker = cls(number, process, pipe)
        pipe.send(environ=dict(program.secrets))
        worker._tasks.spawn(worker._listen(hear, changed), name=f"worker {number} pipe")
        worker._tasks.spawn(worker._watch(changed), name=f"worker {number}")
        worker._tasks.spawn(worker._ping(program), name=f"worker {number} signs of life")
        log.info("worker started", number=number, pid=process.pid)
        return worker

    @property
    def lived_s(self) -> float:
        """Seconds since its start."""
        return self._now() - self._began

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def send(self, **message: Any) -> None:
        """Tell it something; nothing happens when it is gone."""
        self._pipe.send(**message)

    async def _listen(
        self, hear: Callable[["ChildProcess", dict[str, Any]], None], changed: Callable[[], None]
    ) -> None:
        while (message := await self._pipe.receive()) is not None:
            self._heard = self._now()
            self.prepared |= "prepared" in message
            self.ready |= "ready" in message
            hear(self, message)
            changed()

    async def _watch(self, changed: Callable[[], None]) -> None:
        self.code = await self._process.wait()
        changed()

    async def _ping(self, program: Program) -> None:
        while self.code is None:
            await asyncio.sleep(program.ping_s)
            if self.ready and self._now() - self._heard > program.deaf_s:
                log.error("the worker is stuck and is ended", number=self.number)
                self._process.kill()
                return
            self.send(ping=True)

    async def end(self, number: signal.Signals, *, within_s: float) -> int:
        """Ask it to end by a signal, end it when it has not in time, and return its code."""
        self.leaving = True
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)
        try:
            async with asyncio.timeout(within_s):
                await self._process.wait()
        except TimeoutError:
            self.overdue = True
            log.error("the worker did not end in time", number=self.number, within_s=within_s)
            self._process.kill()
        self.code = await self._process.wait()
        await self._tasks.aclose()
        self._pipe.close()
        return self.code
