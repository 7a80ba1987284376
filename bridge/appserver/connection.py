"""Connection to the App Server: reconnects, matches answers to commands, passes events on.

The shell around `protocol.Session`: futures, timers, reconnecting. Reconnects by itself until
closed; each new connection first asks who is there.
"""

import asyncio
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from bridge.appserver import commands, frames, protocol
from bridge.appserver.events import Event
from bridge.appserver.frames import Frame, MalformedFrame, UnknownFrame
from bridge.appserver.legacy import LegacyAdapter
from bridge.appserver.protocol import Session, Silence
from bridge.appserver.responses import AppServerInfoResponse
from bridge.appserver.transport import Endpoint, Fault, Link, LinkFailed, LinkFailure
from bridge.appserver.versions import NEWEST_KNOWN, Generation, generation
from bridge.domain.errors import AgentTooOld, AgentUnreachable
from bridge.domain.ids import Runtime
from bridge.domain.ports import LinkState
from bridge.retry import Backoff, RetryPolicy
from bridge.telemetry import FRAMES, LINKS_UP, Tasks, get_logger

KINDS = 1_000
"""As many kinds are told apart; a server that invents new ones for ever is not followed."""


class UnknownFrames:
    """Remembers what was said already."""

    def __init__(self) -> None:
        self._noted: set[str] = set()

    def note(self, frame: Frame) -> None:
        """Log the frame if it is the first of its kind; frames that were read are not logged."""
        match frame:
            case MalformedFrame(kind, path, problem):
                fields = {"type": kind, "path": path, "problem": problem}
            case UnknownFrame(kind):
                fields = {"type": kind, "problem": "unknown type"}
            case _:
                return
        key = f"{fields['type']} {fields.get('path')}"
        if key not in self._noted and len(self._noted) < KINDS:
            self._noted.add(key)
            log.warning("frame not understood", **fields)


log = get_logger("appserver.connection")

FrameLog = Callable[[str, Runtime | None, str, str | bytes], None]
"""Called with `in` or `out`, the frame's runtime if it names one, its type, and the message as it
is on the wire; must return at once.
"""

_LINK_FAILED_UNEXPECTEDLY = LinkFailure(
    Fault.AWAY, "The link to the App Server failed; the log says how."
)

_RECEIVED = {
    kind: FRAMES.labels(direction="in", kind=kind)
    for kind in ("understood", "unknown", "malformed")
}
_SENT = FRAMES.labels(direction="out", kind="understood")


@dataclass(frozen=True, slots=True)
class LinkOptions:
    """How to reach the server. All `_s` are seconds.

    `token` reads the bearer token; it is called before each attempt, off the event loop, so that
    a new token in a file is found. None: no login. `info_timeout_s`: a server that is coming up
    may swallow the first question; a new connection is answered. `operator_retry_s`: how often to
    try when a person must act first.
    """

    url: str
    token: Callable[[], str | None] | None = None
    open_timeout_s: float = 10.0
    info_timeout_s: float = 3.0
    first_retry_s: float = 0.2
    longest_retry_s: float = 15.0
    operator_retry_s: float = 30.0


class LinkListener(Protocol):
    """Hears what happens on the link. The methods return at once."""

    def link_up(self, server: Generation) -> None:
        """A connection is there; nothing is started on it."""

    def link_down(self, state: LinkState, reason: str) -> None:
        """There is no connection; `reason` is a sentence."""

    def pushed(self, event: Event) -> None:
        """The server said something."""

    def events_missed(self) -> None:
        """The server numbers its events, and some are missing."""


class Connection:
    """One link, from `start` to `aclose`.

    Args:
        options: where to and how.
        listener: hears events and the link's state.
        frame_log: sees every message, both ways.
        chance: numbers from 0 to 1 for the retry's jitter.
    """

    def __init__(
        self,
        options: LinkOptions,
        *,
        listener: LinkListener,
        frame_log: FrameLog | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._options = options
        self._listener = listener
        self._frame_log = frame_log
        self._backoff = Backoff(
            RetryPolicy(options.first_retry_s, options.longest_retry_s), chance=chance
        )
        self._session = Session()
        self._legacy: LegacyAdapter | None = None
        self._link: Link | None = None
        self._answers: dict[str, asyncio.Future[Frame]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._tasks = Tasks()
        self._unknown_frames = UnknownFrames()
        self._up = asyncio.Event()
        self.state = LinkState.CONNECTING
        self.reason: str | None = None
        self.server: Generation | None = None

    @property
    def epoch(self) -> int:
        """Number of the newest connection; another number means another connection."""
        return self._session.epoch

    def start(self) -> None:
        """Begin to connect, in the background."""
        self._tasks.spawn(self._keep_alive(), name="app server link")

    async def aclose(self) -> None:
        """Hang up in order; everybody who waits gets `AgentUnreachable`. May be called twice."""
        await self._tasks.aclose()
        await self._hang_up(LinkFailure(Fault.CLOSED, "The bridge closed the connection."))

    async def wait_up(self) -> None:
        """Wait until the link is up."""
        await self._up.wait()

    # --- asking ------------------------------------------------------------------------------

    async def ask(self, command: commands.Command, *, within_s: float) -> Frame:
        """Send a command and return its answer, which may be unknown or malformed.

        May be cancelled; a later answer is then dropped. Raises `AgentUnreachable` without a
        connection, when it breaks, or when no answer comes `within_s` seconds (PROTOCOL §19:
        the server meets mistakes with silence).
        """
        deadline = self._now() + within_s
        ident = self._session.ask(command.type, deadline=deadline)
        answer: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        self._answers[ident] = answer
        self._arm()
        try:
            await self._send(command.model_copy(update={"request_id": ident}))
            return await answer
        finally:
            self._session.forget(ident)
            self._answers.pop(ident, None)
            if answer.done() and not answer.cancelled():
                answer.exception()  # seen, also when the caller was cancelled meanwhile

    def hear_again(self, runtime: Runtime) -> None:
        """Its pending questions are about to be replayed, and are to be heard."""
        self._session.forget_runtime(runtime)

    def forget(self, runtime: Runtime) -> None:
        """The runtime is not in use: nothing of it need be kept. Unknown ones are fine."""
        self._session.forget_runtime(runtime)
        if self._legacy is not None:
            self._legacy.forget(runtime)

    async def tell(self, command: commands.Command) -> None:
        """Send a command that has no answer. Raises `AgentUnreachable` without a connection."""
        await self._send(command)

    async def _send(self, command: commands.Command) -> None:
        link = self._link
        if link is None:
            raise AgentUnreachable("The App Server is not connected.")
        if self._legacy is not None:
            for made_up in self._legacy.sent(command):
                self._judge(made_up)
        text = command.encode()
        if self._frame_log is not None:
            self._frame_log("out", commands.runtime(command), command.type, text)
        _SENT.inc()
        try:
            await link.send(text)
        except LinkFailed as failed:
            raise AgentUnreachable(failed.trouble.sentence) from failed

    def _arm(self) -> None:
        """Wake up at the next deadline."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = self._session.next_deadline
        if deadline is not None:
            self._timer = asyncio.get_running_loop().call_at(deadline, self._time_is_up)

    def _time_is_up(self) -> None:
        self._unanswered(self._session.expired(self._now()))
        self._arm()

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _unanswered(self, silent: tuple[protocol.Unanswered, ...]) -> None:
        for each in silent:
            answer = self._answers.get(each.request_id)
            if answer is None or answer.done():
                continue
            why = (
                "did not answer in time"
                if each.cause is Silence.TIMED_OUT
                else "was disconnected before it answered"
            )
            answer.set_exception(AgentUnreachable(f"The App Server {why} ({each.command})."))

    # --- hearing -----------------------------------------------------------------------------

    def _hear(self, message: str | bytes) -> None:
        frame = frames.parse(message)
        if self._frame_log is not None:
            self._frame_log("in", frames.runtime(frame), frames.kind(frame), message)
        _RECEIVED[_kind(frame)].inc()
        if self._legacy is None:
            self._judge(frame)
            return
        for each in self._legacy.received(frame):
            self._judge(each)

    def _judge(self, frame: Frame) -> None:
        for outcome in self._session.received(frame):
            match outcome:
                case protocol.Pushed(event):
                    self._listener.pushed(event)
                case protocol.Answered(ident, answer):
                    waiting = self._answers.get(ident)
                    if waiting is not None and not waiting.done():
                        waiting.set_result(answer)
                case protocol.SequenceGap(expected, got):
                    log.warning("events were missed", expected=expected, got=got)
                    self._listener.events_missed()
                case protocol.Unreadable(unread):
                    self._unknown_frames.note(unread)
                case protocol.Repeated() | protocol.Late():
                    log.debug("frame changes nothing", outcome=type(outcome).__name__)

    # --- staying connected -------------------------------------------------------------------

    async def _keep_alive(self) -> None:
        """Keep reconnecting. Nothing may end this loop: without it no agent can be reached."""
        while True:
            token, trouble = None, _LINK_FAILED_UNEXPECTEDLY
            with _errors_logged():
                token = await self._token()
                trouble = await self._live(token)
            with _errors_logged():
                await self._hang_up(trouble)
            with _errors_logged():
                await self._pause(trouble, token)

    async def _live(self, token: str | None) -> LinkFailure:
        """One connection from its beginning to its end; says why it ended."""
        link = Link(
            Endpoint(self._options.url, token, open_timeout_s=self._options.open_timeout_s),
            hear=self._hear,
        )
        try:
            await link.open()
            self._link, self._legacy = link, None
            self._session.opened()
            self.server = await self._greet(link)
        except LinkFailed as failed:
            return failed.trouble
        except AgentTooOld as old:
            return LinkFailure(Fault.NOT_SUITABLE, old.sentence)
        except AgentUnreachable as away:
            return LinkFailure(Fault.AWAY, away.sentence)
        self._backoff.succeeded()
        self._came_up(self.server)
        return await link.ended()

    async def _greet(self, link: Link) -> Generation:
        """Ask who is there and adapt to it."""
        answer = await self.ask(commands.AppServerInfo(), within_s=self._options.info_timeout_s)
        if not isinstance(answer, AppServerInfoResponse):
            raise AgentUnreachable("The App Server's description of itself cannot be read.")
        split = answer.capabilities.split_channels
        server = generation(answer.letta_code_version, split_channels=split)
        if server.needs_help:
            self._legacy = LegacyAdapter()
        if split:
            self._session.two_sockets()
            await link.add_stream()
        return server

    def _came_up(self, server: Generation) -> None:
        log.info("app server connected", version=server.version, legacy=server.needs_help)
        if server.newer_than_known:
            known = ".".join(map(str, NEWEST_KNOWN))
            log.warning("app server is newer than tried", version=server.version, tried=known)
        LINKS_UP.labels(link="appserver").set(1)
        self.state, self.reason = LinkState.UP, None
        self._up.set()
        self._listener.link_up(server)

    async def _hang_up(self, trouble: LinkFailure) -> None:
        """End what is left of the connection; everybody learns of it at once."""
        link, self._link = self._link, None
        self._unanswered(self._session.closed())
        state = LinkState.REFUSED if trouble.needs_operator else LinkState.DOWN
        news = (state, trouble.sentence) != (self.state, self.reason)
        self.state, self.reason = state, trouble.sentence
        self._up.clear()
        LINKS_UP.labels(link="appserver").set(0)
        if news:
            log.warning("app server link down", state=state.value, reason=trouble.sentence)
            self._listener.link_down(state, trouble.sentence)
        if link is not None:
            await link.close()

    async def _token(self) -> str | None:
        read = self._options.token
        return await asyncio.to_thread(read) if read is not None else None

    async def _pause(self, trouble: LinkFailure, token: str | None) -> None:
        """Wait before the next attempt; a new token ends the wait for hands."""
        if not trouble.needs_operator:
            await asyncio.sleep(self._backoff.failed())
            return
        step_s = min(1.0, self._options.operator_retry_s)
        for _ in range(round(self._options.operator_retry_s / step_s)):
            await asyncio.sleep(step_s)
            if await self._token() != token:
                return


@contextmanager
def _errors_logged() -> Iterator[None]:
    """Log what nobody foresaw, and go on."""
    try:
        yield
    except Exception as error:
        log.error("app server link failed", exc_info=error)


def _kind(frame: Frame) -> str:
    if isinstance(frame, UnknownFrame):
        return "unknown"
    return "malformed" if isinstance(frame, MalformedFrame) else "understood"
