"""Client of the supervisor process: implements `domain.ports.SupervisorPort` over its pipe.

When the supervisor is gone, the worker leaves: turns stay as they are for the next start. A
supervisor that does not answer costs one short wait in all, not one per turn.
"""

import asyncio
import os
import socket
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from bridge.domain.errors import BridgeError
from bridge.domain.events import TurnFinished
from bridge.domain.ids import AgentId, ConversationId, RunId, Runtime
from bridge.supervisor.ipc import Pipe
from bridge.telemetry import WORKER_RESTARTS, Tasks, get_logger

log = get_logger("supervisor_client")

HOLD_S = 1.0
ENDINGS_KEPT = 2000


GONE = "The supervisor process has ended; what runs is left for the next start."


@dataclass(frozen=True, slots=True)
class OurServer:
    """The App Server that the supervisor runs."""

    url: str
    token: str = field(repr=False)


class SupervisorClient:
    """Made by `SupervisorClient.meet`; implements `domain.ports.Supervisor`.

    `server` is the App Server that the supervisor runs, None when another is configured; known
    after `begin`. `leaving`: turns are to be left as they are.
    """

    def __init__(self, pipe: Pipe, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.server: OurServer | None = None
        self.leaving = self.gone = False
        self._pipe = pipe
        self._tasks = Tasks()
        self._greeted = asyncio.Event()
        self._held: dict[int, asyncio.Future[None]] = {}
        self._holds = 0
        self._mute = False
        self._trouble: str | None = None
        self._endings: OrderedDict[str, TurnFinished] = OrderedDict()
        self._unasked: OrderedDict[Runtime, TurnFinished] = OrderedDict()
        self._on_leave: Callable[[], None] = lambda: None

    @classmethod
    async def meet(cls, fd: int) -> "SupervisorClient":
        """Take the pipe's end that we inherited as number `fd`, and hear the first line.

        Raises `BridgeError` when the supervisor is gone.
        """
        os.set_inheritable(fd, False)
        end = socket.socket(fileno=fd)
        end.setblocking(False)
        pipe = await Pipe.over(end)
        first = await pipe.receive()
        if first is None:
            raise BridgeError(GONE)
        supervisor = cls(pipe, first.get("environ") or {})
        supervisor._tasks.spawn(supervisor._listen(), name="supervisor")
        return supervisor

    def when_leaving(self, call: Callable[[], None]) -> None:
        """Set what is called once, when the worker has to leave."""
        self._on_leave = call
        if self.leaving:
            call()

    async def begin(self) -> None:
        """Say that the configuration is good, and wait to be let in.

        Raises `BridgeError` when the supervisor is gone.
        """
        self._pipe.send(prepared=True)
        await self._greeted.wait()
        if self.gone:
            raise BridgeError(GONE)

    def ready(self) -> None:
        """Say that everything has started."""
        self._pipe.send(ready=True)

    def leave(self) -> None:
        """End soon and leave the turns as they are: another worker goes on with them."""
        if not self.leaving:
            self.leaving = True
            self._on_leave()

    async def aclose(self) -> None:
        """Hang up. May be called twice."""
        await self._tasks.aclose()
        self._pipe.close()

    # --- the port ----------------------------------------------------------------------------

    async def hold(self, runtime: Runtime) -> None:
        """Ask for a second subscription; return when it exists or the limit has passed."""
        self._holds += 1
        number = self._holds
        held = self._held[number] = asyncio.get_running_loop().create_future()
        self._pipe.send(hold=_ids(runtime), number=number)
        try:
            async with asyncio.timeout(0 if self._mute or self.gone else HOLD_S):
                await held
        except TimeoutError:
            if not self._mute:
                log.warning("the supervisor does not answer; not waiting for it until it does")
            self._mute = True
        finally:
            self._held.pop(number, None)

    def release(self, runtime: Runtime) -> None:
        """Tell that no turn is live there any more; never while leaving."""
        self._unasked.pop(runtime, None)  # the next turn there is another one
        if not self.leaving:
            self._pipe.send(release=_ids(runtime))

    def ending(self, client_message_id: str) -> TurnFinished | None:
        """How the turn of this input ended, as far as the supervisor has heard."""
        return self._endings.get(client_message_id)

    def unasked_ending(self, runtime: Runtime) -> TurnFinished | None:
        """How work that nobody had asked for ended there, as far as the supervisor knows."""
        return self._unasked.get(runtime)

    # --- hearing -----------------------------------------------------------------------------

    async def _listen(self) -> None:
        while (message := await self._pipe.receive()) is not None:
            if "hello" in message:
                self._hear_hello(message["hello"])
            if "ping" in message:
                self._pipe.send(pong=True)
            if "held" in message:
                self._hear_held(message)
            for ending in message.get("ended") or ():
                self._hear_ending(ending)
        if not self.leaving:
            log.error("the supervisor has ended; leaving what runs for the next start")
        self.gone = True
        self._greeted.set()
        self.leave()

    def _hear_hello(self, hello: Mapping[str, Any]) -> None:
        server = hello.get("server")
        self.server = OurServer(server["url"], server["token"]) if server else None
        WORKER_RESTARTS.set(hello.get("restarts") or 0)
        for ending in hello.get("ended") or ():
            self._hear_ending(ending)
        self._greeted.set()

    def _hear_held(self, message: Mapping[str, Any]) -> None:
        self._mute = False
        trouble = message.get("trouble")
        if trouble != self._trouble:
            self._trouble = trouble
            if trouble is None:
                log.info("the supervisor holds live turns again")
            else:
                log.warning("no second subscription: a crash may cost live turns", reason=trouble)
        waiting = self._held.get(message["held"])
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    def _hear_ending(self, ending: Mapping[str, Any]) -> None:
        run = ending.get("run_id")
        finished = TurnFinished(
            RunId(run) if run else None, str(ending.get("stop_reason")), ending.get("error")
        )
        idents = ending.get("client_message_ids") or ()
        for ident in idents:
            _keep(self._endings, ident, finished)
        if not idents and (where := ending.get("runtime")):
            runtime = Runtime(AgentId(where["agent_id"]), ConversationId(where["conversation_id"]))
            _keep(self._unasked, runtime, finished)


K = TypeVar("K")


def _keep(endings: OrderedDict[K, TurnFinished], key: K, finished: TurnFinished) -> None:
    """Put it in as the newest, and forget the oldest when they are too many."""
    endings[key] = finished
    endings.move_to_end(key)
    if len(endings) > ENDINGS_KEPT:
        endings.popitem(last=False)


def _ids(runtime: Runtime) -> dict[str, str]:
    return {"agent_id": runtime.agent_id, "conversation_id": runtime.conversation_id}
