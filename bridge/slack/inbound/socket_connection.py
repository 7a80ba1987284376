"""One Socket Mode connection and its successors, watched from outside.

`slack_sdk` reconnects by itself, but is known to hang on a one-time address that was used up, to
believe in a dead connection, and to hang while closing (PLATFORM §11.2). So the connection is
watched, and rebuilt from a fresh address when it does not serve.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest

from bridge.domain.errors import BridgeError
from bridge.slack.auth_check import SocketAddresses
from bridge.slack.web_api import WebApi
from bridge.telemetry import Tasks, bounded, get_logger

Work = Callable[[], Coroutine[Any, Any, None]]
EnvelopeHandler = Callable[[AsyncBaseSocketModeClient, SocketModeRequest], Awaitable[None]]

_log = get_logger("slack.socket")


@dataclass(frozen=True, slots=True)
class SocketOptions:
    """How to keep Socket Mode connections; durations in seconds.

    `connections`: two cover each other's reconnects (PLATFORM §4.1). A connection is rebuilt
    when there was no hello `hello_s` after it began to connect, when it is down for `down_s`, or
    when nothing was heard for five ping intervals. One that is to reconnect waits for others that
    do so, `turn_s` at most. Every `census_s` Slack is asked who else is connected, and again
    `confirm_s` after it looked as if somebody were.
    """

    app_token: str = field(repr=False)
    connections: int = 2
    ping_interval_s: float = 10.0
    hello_s: float = 20.0
    down_s: float = 3.0
    close_s: float = 5.0
    check_s: float = 0.5
    longest_pause_s: float = 30.0
    turn_s: float = 6.0
    census_s: float = 600.0
    confirm_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Health:
    """What the watchdog sees of one connection; times in seconds, None for never."""

    age_s: float
    said_hello: bool
    down_for_s: float
    silent_for_s: float | None


def ailment(health: Health, options: SocketOptions) -> str | None:
    """Why a connection must be rebuilt, as a sentence; None while it may go on. Pure."""
    if not health.said_hello:
        if health.age_s > options.hello_s:
            return f"Slack did not say hello within {options.hello_s:.0f} s."
        return None
    if health.down_for_s > options.down_s:
        return f"The connection to Slack was down for {health.down_for_s:.0f} s."
    if health.silent_for_s is not None and health.silent_for_s > 5 * options.ping_interval_s:
        return f"Slack was silent for {health.silent_for_s:.0f} s."
    return None


class Watcher(Protocol):
    """Who keeps several lines. Called from the line's own tasks; never raises."""

    def hello(self, line: "SocketConnection", connections: int | None) -> None:
        """A connection serves from now on; Slack counts so many of the app's (None: unsaid)."""

    def lost(self, line: "SocketConnection", *, silent_for_s: float) -> None:
        """A connection that served must be rebuilt; it may have been deaf for so long."""

    def changed(self) -> None:
        """A line went up or down."""


class SocketConnection:
    """Keeps one connection up. `turns` is shared: those who hold it reconnect alone."""

    def __init__(
        self,
        options: SocketOptions,
        *,
        web_api: WebApi,
        addresses: SocketAddresses,
        handle: EnvelopeHandler,
        watcher: Watcher,
        turns: asyncio.Lock,
    ) -> None:
        self._options = options
        self._web_api = web_api
        self._addresses = addresses
        self._handle = handle
        self._watcher = watcher
        self._turns = turns
        self._said_hello = False
        self._ever_up = False
        self._began_at = 0.0
        self._heard_at: float | None = None
        self.up = False
        self.reason: str | None = None
        self.served = asyncio.Event()
        """Set from a hello until the line connects anew, and when nobody waits for one."""

    async def keep(self) -> None:
        """Connect, watch, and connect anew, until cancelled."""
        pause_s = 0.0
        while True:
            await asyncio.sleep(pause_s)
            try:
                if await self._serve(await self._addresses.take()):
                    pause_s = 0.0
            except BridgeError as error:
                self.reason = error.sentence
                _log.warning("cannot get a socket address", reason=self.reason)
            except Exception as error:  # nothing may end this loop: the bridge would be deaf
                self.reason = "The connection to Slack failed; the log says how."
                _log.error("slack socket failed", exc_info=error)
            self._set_up(False)
            pause_s = min(max(0.5, pause_s * 2), self._options.longest_pause_s)

    def connecting(self, *, as_slack_asked: bool = False) -> None:
        """The client begins to connect, for the first time or anew."""
        if self._said_hello and not as_slack_asked:
            self._watcher.lost(self, silent_for_s=self._silent_for_s() or 0.0)
        self._began_at = asyncio.get_running_loop().time()
        self._said_hello = False
        self.served.clear()
        self._set_up(False)

    async def _serve(self, address: str) -> bool:
        """Run one client until it ails; True when it ever worked."""
        tasks, client = Tasks(), self._client(address)
        self._heard_at, self._ever_up, self._said_hello = None, False, False
        self.connecting()
        try:
            connect: Work = client.connect
            tasks.spawn(connect(), name="slack socket connect")
            self.reason = await self._watch(client)
            _log.warning("rebuilding the slack socket", reason=self.reason)
            return self._ever_up
        finally:
            self._set_up(False)
            await tasks.aclose()
            await self._close(client)

    def _client(self, address: str) -> "_Client":
        logger = logging.getLogger("bridge.slack.socket_mode")
        logger.setLevel(logging.CRITICAL)  # the watchdog reports, once, and without tracebacks
        client = _Client(
            app_token=self._options.app_token,
            logger=logger,
            web_client=self._web_api.client,
            ping_interval=self._options.ping_interval_s,
        )
        client.kept_by(self, self._turns, self._options)
        client.wss_uri = address
        client.message_listeners.append(self._heard)
        client.socket_mode_request_listeners.append(self._handle)
        return client

    async def _heard(
        self, _client: AsyncBaseSocketModeClient, message: dict[str, Any], _raw: str | None
    ) -> None:
        if message.get("type") != "hello":
            return
        counted = message.get("num_connections")
        _log.info("slack socket up", connections=counted)
        self.reason = None
        self._watcher.hello(self, counted if isinstance(counted, int) else None)
        self._said_hello = self._ever_up = True
        self._set_up(True)
        self.served.set()

    def _silent_for_s(self) -> float | None:
        """Seconds since the last pong; None before the first."""
        if self._heard_at is None:
            return None
        return asyncio.get_running_loop().time() - self._heard_at

    def _set_up(self, up: bool) -> None:
        if self.up != up:
            self.up = up
            self._watcher.changed()

    async def _watch(self, client: "_Client") -> str:
        """Return why the client must go."""
        clock = asyncio.get_running_loop().time
        last_up, last_pong = clock(), client.last_ping_pong_time
        while True:
            await asyncio.sleep(self._options.check_s)
            now = clock()
            if await client.is_connected():
                last_up = now
            # The client notes pongs by the wall clock, which may jump: only changes count.
            if client.last_ping_pong_time != last_pong:
                last_pong, self._heard_at = client.last_ping_pong_time, now
            self._set_up(self._said_hello and last_up == now)
            silent_for_s = self._silent_for_s()
            health = Health(
                age_s=now - self._began_at,
                said_hello=self._said_hello,
                down_for_s=now - last_up,
                silent_for_s=silent_for_s,
            )
            if reason := ailment(health, self._options):
                if self._said_hello:
                    self._watcher.lost(self, silent_for_s=silent_for_s or 0.0)
                return reason

    async def _close(self, client: "_Client") -> None:
        self.served.set()  # a reconnect of this client is in vain
        close: Work = client.close
        with suppress(Exception):
            await bounded(close(), within_s=self._options.close_s, what="slack socket to close")
        if not client.aiohttp_client_session.closed:
            await client.aiohttp_client_session.close()


class _Client(SocketModeClient):
    """`slack_sdk`'s client, with its reconnects made known and kept apart from other lines'."""

    def kept_by(self, line: SocketConnection, turns: asyncio.Lock, options: SocketOptions) -> None:
        self._line = line
        self._turns = turns
        self._socket_options = options
        self._asked = False

    async def is_ping_pong_failing(self) -> bool:
        """Never: it goes by the wall clock, so a jump would break every line at once."""
        return False

    async def connect(self) -> None:
        self._line.connecting(as_slack_asked=self._asked)
        connect: Work = super().connect
        await connect()

    async def connect_to_new_endpoint(self, force: bool = False) -> None:
        """Reconnect when no other line does; Slack warns some seconds ahead (PLATFORM §4.1)."""
        turn_s = self._socket_options.turn_s
        mine = await bounded(self._turns.acquire(), within_s=turn_s, what="the other connection")
        try:
            self._asked = force
            await super().connect_to_new_endpoint(force)
            await bounded(self._line.served.wait(), within_s=turn_s, what="a line to reconnect")
        finally:
            if mine:
                self._turns.release()
