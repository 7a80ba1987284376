"""Websocket transport: one socket, or two with a legacy server (PROTOCOL §3, §21).

The only module that knows `websockets`. Reads and hands on, never waits for anybody: a reader
that stops is cut by the server, and the last subscriber's cut cancels its turns (PROTOCOL §15).
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any, cast
from urllib.parse import urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidStatus,
    InvalidURI,
    WebSocketException,
)
from websockets.frames import Frame, Opcode
from websockets.protocol import Event

from bridge.telemetry import Tasks, get_logger

log = get_logger("appserver.transport")

_FAIR_SHARE = 64
"""Frames handled in one go before other work of the program gets its turn."""

_DATA = (Opcode.TEXT, Opcode.BINARY, Opcode.CONT)
_WINDOW_S = 0.1


@dataclass(frozen=True, slots=True)
class ReadPacing:
    """How frames are read while many arrive: what came meanwhile is read in one go.

    A frame costs several times as much when it wakes the process by itself. So after more than
    `busy_frames` in a tenth of a second the socket is read only every `pause_s` seconds.
    """

    pause_s: float = 0.025
    busy_frames: int = 20


class _PacedConnection(ClientConnection):
    """A websocket that hands whole text messages on as they are read, and paces its reads.

    Args:
        hear: called with each message, in order; must not wait or raise.
        pacing: when to read.
        may_pause: whether nobody waits for what comes next.
    """

    def __init__(
        self,
        *args: Any,
        hear: Callable[[str | bytes], None],
        pacing: ReadPacing,
        may_pause: Callable[[], bool],
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        self._hear = hear
        self._pacing = pacing
        self._may_pause = may_pause
        self._fragments = False
        self._window_ends = 0.0
        self._frames = 0
        self._busy = False

    def process_event(self, event: Event) -> None:
        """Past the queue of `recv`, which costs more than the frame itself.

        A server that sends fragments is read through that queue from then on: it joins them, and
        the order stays.
        """
        if not isinstance(event, Frame) or event.opcode not in _DATA:
            super().process_event(event)
            return
        self._frames += 1
        self._fragments = self._fragments or event.opcode is not Opcode.TEXT or not event.fin
        if self._fragments:
            super().process_event(event)
        else:
            self._hear(bytes(event.data))

    def data_received(self, data: bytes) -> None:
        """Read no more for a moment when much arrives."""
        super().data_received(data)
        now = self.loop.time()
        if now >= self._window_ends:
            self._busy = self._frames > self._pacing.busy_frames
            self._window_ends, self._frames = now + _WINDOW_S, 0
        if self._busy and self._may_pause() and not self.transport.is_closing():
            self.transport.pause_reading()
            self.loop.call_later(self._pacing.pause_s, self.read_on)

    def read_on(self) -> None:
        """End a pause. May be called when there is none."""
        if not self.transport.is_closing():
            self.transport.resume_reading()


class Fault(StrEnum):
    """Why there is no connection."""

    AWAY = "away"
    LOGIN = "login"
    NOT_SUITABLE = "not suitable"
    TAKEN = "taken"
    TOO_LARGE = "too large"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class LinkFailure:
    """What went wrong, with a sentence that says what to do.

    `needs_operator`: trying again helps only after somebody changed something.
    """

    fault: Fault
    sentence: str

    @property
    def needs_operator(self) -> bool:
        """Whether a person must act before it can work."""
        return self.fault in (Fault.LOGIN, Fault.NOT_SUITABLE)


class LinkFailed(Exception):
    """The connection could not be made or used; `trouble` says why."""

    def __init__(self, trouble: LinkFailure) -> None:
        super().__init__(trouble.sentence)
        self.trouble = trouble


def socket_url(url: str, *, channel: str | None = None) -> str:
    """The socket's address for a server's address, with or without `/ws` and with any scheme.

    A channel is named only to legacy servers: newer ones refuse it (PROTOCOL §3).
    """
    parts = urlsplit(url if "//" in url else f"//{url}")
    scheme = {"https": "wss", "wss": "wss"}.get(parts.scheme, "ws")
    path = parts.path if parts.path.strip("/") else "/ws"
    query = f"channel={channel}" if channel else ""
    return urlunsplit((scheme, parts.netloc, path, query, ""))


def diagnose(error: BaseException, url: str) -> LinkFailure:
    """Why connecting or reading failed. Anything unexpected counts as "away"."""
    if isinstance(error, InvalidStatus):
        return _refused(error.response.status_code, error.response.reason_phrase, url)
    if isinstance(error, ConnectionClosed):
        frame = error.rcvd
        return _closed(frame.code if frame else None, frame.reason if frame else "", url)
    if isinstance(error, (InvalidURI, ValueError)):
        return LinkFailure(Fault.NOT_SUITABLE, f"{url} is not the address of an App Server.")
    if isinstance(error, InvalidHandshake) and not isinstance(error.__cause__, EOFError):
        return LinkFailure(Fault.NOT_SUITABLE, f"What answers at {url} is no App Server.")
    if isinstance(error, TimeoutError):
        return LinkFailure(Fault.AWAY, f"The App Server at {url} did not answer in time.")
    # Also a server that is killed while it greets us: it may be back in a second.
    return LinkFailure(Fault.AWAY, f"The App Server at {url} cannot be reached: {error}")


def _refused(status: int, reason: str, url: str) -> LinkFailure:
    if status in (401, 403):
        sentence = (
            f"The App Server at {url} refused the login ({reason or status}). "
            "Put the right token into the token file; it is tried again by itself."
        )
        return LinkFailure(Fault.LOGIN, sentence)
    if status == 426:
        return LinkFailure(
            Fault.NOT_SUITABLE, f"The App Server at {url} no longer takes separate channels."
        )
    if status >= 500:
        return LinkFailure(Fault.AWAY, f"The App Server at {url} answered with status {status}.")
    return LinkFailure(
        Fault.NOT_SUITABLE, f"There is no App Server at {url}: it answered with status {status}."
    )


def _closed(code: int | None, reason: str, url: str) -> LinkFailure:
    words = f": {reason}" if reason else ""
    if code == 1008:
        sentence = f"The App Server at {url} takes one program at a time and has one{words}."
        return LinkFailure(Fault.TAKEN, sentence)
    if code == 1009:
        sentence = f"The App Server at {url} cut the connection: a message was too large{words}."
        return LinkFailure(Fault.TOO_LARGE, sentence)
    if code is None:
        return LinkFailure(Fault.AWAY, f"The connection to the App Server at {url} broke.")
    return LinkFailure(
        Fault.CLOSED, f"The App Server at {url} closed the connection ({code}{words})."
    )


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the server is. `token` None: no login. All `_s` are seconds.

    The ping limits are generous: a busy server must not be taken for a dead one, because
    hanging up on it cancels its turns.
    """

    url: str
    token: str | None = None
    open_timeout_s: float = 10.0
    close_timeout_s: float = 2.0
    ping_interval_s: float = 20.0
    ping_timeout_s: float = 60.0


class Link:
    """One connection, used once: `open`, then `send` until `ended`, then `close`.

    Args:
        endpoint: where to.
        hear: called with each message of either socket, in order per socket; must not wait.
        pacing: how to read while many frames arrive.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        hear: Callable[[str | bytes], None],
        pacing: ReadPacing | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._hear = hear
        self._pacing = pacing or ReadPacing()
        self._sockets: list[_PacedConnection] = []
        self._waiting = 0
        self._tasks = Tasks()
        self._trouble: LinkFailure | None = None
        self._over = asyncio.Event()

    async def open(self) -> None:
        """Connect. Raises `LinkFailed`."""
        await self._connect(channel=None)

    @contextmanager
    def unpaced(self) -> Iterator[None]:
        """Read everything at once meanwhile: somebody waits for an answer."""
        self._waiting += 1
        for socket in self._sockets:
            socket.read_on()
        try:
            yield
        finally:
            self._waiting -= 1

    async def add_stream(self) -> None:
        """Connect the second socket of a legacy server. Raises `LinkFailed`."""
        await self._connect(channel="stream")

    async def _connect(self, *, channel: str | None) -> None:
        here = self._endpoint
        login = {"Authorization": f"Bearer {here.token}"} if here.token else {}
        try:
            socket = await connect(
                socket_url(here.url, channel=channel),
                additional_headers=login,
                compression=None,
                max_size=None,
                max_queue=None,
                open_timeout=here.open_timeout_s,
                close_timeout=here.close_timeout_s,
                ping_interval=here.ping_interval_s,
                ping_timeout=here.ping_timeout_s,
                proxy=None,
                create_connection=cast(
                    type[ClientConnection],
                    partial(
                        _PacedConnection,
                        hear=self._hand_on,
                        pacing=self._pacing,
                        may_pause=lambda: not self._waiting,
                    ),
                ),
            )
        except (OSError, EOFError, ValueError, WebSocketException) as error:
            raise LinkFailed(diagnose(error, here.url)) from error
        self._sockets.append(cast(_PacedConnection, socket))
        self._tasks.spawn(self._read(socket), name=f"read {channel or 'socket'}")

    async def _read(self, socket: ClientConnection) -> None:
        """Wait for the socket's end, and for messages that came in fragments."""
        count = 0
        try:
            while True:
                self._hand_on(await socket.recv())
                count += 1
                if count % _FAIR_SHARE == 0:
                    await asyncio.sleep(0)
        except (OSError, WebSocketException) as error:
            self._end(diagnose(error, self._endpoint.url))

    def _hand_on(self, message: str | bytes) -> None:
        try:
            self._hear(message)
        except Exception:
            log.exception("a frame could not be handled")

    def _end(self, trouble: LinkFailure) -> None:
        if self._trouble is None:
            self._trouble = trouble
        self._over.set()

    async def send(self, text: str) -> None:
        """Write one message; it is on its way when this returns. Raises `LinkFailed`."""
        if self._trouble is not None:
            raise LinkFailed(self._trouble)
        try:
            await self._sockets[0].send(text)
        except (OSError, WebSocketException) as error:
            raise LinkFailed(diagnose(error, self._endpoint.url)) from error

    async def ended(self) -> LinkFailure:
        """Wait until one of the sockets is gone; says why. May be cancelled and called again."""
        await self._over.wait()
        return self._trouble or LinkFailure(Fault.CLOSED, "The connection was closed.")

    async def close(self) -> None:
        """Say goodbye and hang up, within the time limit. May be called twice."""
        self._end(LinkFailure(Fault.CLOSED, "The connection was closed."))
        await self._tasks.aclose()
        for socket in self._sockets:
            await socket.close()
