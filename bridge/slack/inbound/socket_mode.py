"""Socket Mode: several connections that cover for each other.

Slack gives each event to any one of an app's connections (PLATFORM §4.1). So while another
program uses the same app, part of what people say goes there; `others` says so.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

import aiohttp
from slack_sdk.proxy_env_variable_loader import load_http_proxy_from_env
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest

from bridge.domain.errors import BridgeError
from bridge.retry import Backoff, RetryPolicy
from bridge.slack.auth_check import SocketAddresses
from bridge.slack.backfill.late_notice import Lost, Missed
from bridge.slack.web_api import WebApi
from bridge.telemetry import LINKS_UP, OTHER_CONNECTIONS, Tasks, bounded, get_logger

Work = Callable[[], Coroutine[Any, Any, None]]
EnvelopeHandler = Callable[[AsyncBaseSocketModeClient, SocketModeRequest], Awaitable[None]]


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
        backoff = Backoff(RetryPolicy(0.5, self._options.longest_pause_s))
        while True:
            try:
                if await self._serve(await self._addresses.take()):
                    backoff.succeeded()
            except BridgeError as error:
                self.reason = error.sentence
                _log.warning("cannot get a socket address", reason=self.reason)
            except Exception as error:  # nothing may end this loop: the bridge would be deaf
                self.reason = "The connection to Slack failed; the log says how."
                _log.error("slack socket failed", exc_info=error)
            self._set_up(False)
            await asyncio.sleep(backoff.failed())

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


__all__ = [
    "EnvelopeHandler",
    "Health",
    "SocketMode",
    "SocketOptions",
    "ailment",
    "count_connections",
]

_log = get_logger("slack.inbound.socket_mode")


class SocketMode:
    """The Socket Mode connections of one app.

    Args:
        handle: called with each envelope, several at a time; answers it through the client.
        addresses: where connections get theirs.
        missed: told whenever something may have been missed; returns at once.
    """

    def __init__(
        self,
        options: SocketOptions,
        *,
        web_api: WebApi,
        addresses: SocketAddresses,
        handle: EnvelopeHandler,
        missed: Missed = lambda _why, _back_s: None,
    ) -> None:
        self._options = options
        self._web_api = web_api
        self._addresses = addresses
        self._handle = handle
        self._missed = missed
        self._tasks = Tasks()
        self._lines: list[SocketConnection] = []
        self._turns = asyncio.Lock()
        self._suspected = asyncio.Event()
        self.others = 0

    @property
    def is_up(self) -> bool:
        """Whether events can arrive now."""
        return any(line.up for line in self._lines)

    @property
    def reason(self) -> str | None:
        """Why no events can arrive, as a sentence; None while they can."""
        if self.is_up:
            return None
        return next((line.reason for line in self._lines if line.reason), "Not connected to Slack.")

    @property
    def warning(self) -> str | None:
        """What is wrong although events arrive, as a sentence; None when nothing is."""
        if not self.others:
            return None
        return (
            f"Slack counts {self.others} more connections of this app than the bridge has: another "
            "program uses the same app and takes part of what people say. Stop it, or give it a "
            "Slack app of its own. Until then messages may be answered a minute late."
        )

    async def start(self) -> None:
        """Begin connecting; returns at once. `is_up` tells when it worked."""
        for _ in range(self._options.connections):
            line = SocketConnection(
                self._options,
                web_api=self._web_api,
                addresses=self._addresses,
                handle=self._handle,
                watcher=self,
                turns=self._turns,
            )
            self._lines.append(line)
            self._tasks.spawn(line.keep(), name="slack socket")
        self._tasks.spawn(self._census(), name="slack census")

    async def stop(self) -> None:
        """Take no more envelopes. Each connection has `close_s` to close; may be called twice."""
        await self._tasks.aclose()
        self._lines.clear()
        LINKS_UP.labels("slack").set(0)

    # --- what the lines tell -----------------------------------------------------------------

    def hello(self, line: SocketConnection, connections: int | None) -> None:
        """A connection serves. When none did until now, events may have been lost."""
        mine = 1 + sum(other.up for other in self._lines if other is not line)
        if mine == 1:
            self._missed(Lost.DEAF, 0.0)
        if connections is not None and connections > mine:
            self._suspected.set()

    def lost(self, line: SocketConnection, *, silent_for_s: float) -> None:
        """A connection was dead without anybody noticing; its events went nowhere."""
        self._missed(Lost.DOUBTFUL, silent_for_s)

    def changed(self) -> None:
        """A line went up or down."""
        LINKS_UP.labels("slack").set(1 if self.is_up else 0)

    # --- who else is connected ---------------------------------------------------------------

    async def _census(self) -> None:
        """Count the app's connections now and then. It takes two looks to believe in others:
        those of a process that was killed, or of a line just replaced, linger for a while.
        """
        while True:
            await self._until_next_look()
            if await self._surplus() == 0:
                self._note_others(0)
                continue
            await asyncio.sleep(self._options.confirm_s)
            self._note_others(await self._surplus())
            while self.others:
                self._missed(Lost.SHARED, self._options.confirm_s)
                await asyncio.sleep(self._options.confirm_s)
                self._note_others(await self._surplus())

    async def _until_next_look(self) -> None:
        try:
            async with asyncio.timeout(self._options.census_s):
                await self._suspected.wait()
        except TimeoutError:
            return
        await asyncio.sleep(self._options.confirm_s)
        self._suspected.clear()

    async def _surplus(self) -> int:
        """Connections of the app that are not ours; what was known when Slack does not say."""
        try:
            address = await self._addresses.take()
        except BridgeError as error:
            _log.info("connections not counted", cause=str(error))
            return self.others
        counted = await count_connections(
            self._web_api.session, address, within_s=self._options.hello_s
        )
        if counted is None:
            return self.others
        return max(0, counted - 1 - sum(line.up for line in self._lines))

    def _note_others(self, others: int) -> None:
        if others and not self.others:
            _log.warning("another program uses the same slack app", connections=others)
        elif self.others and not others:
            _log.info("no other program uses the slack app any more")
        self.others = others
        OTHER_CONNECTIONS.set(others)


async def count_connections(
    session: aiohttp.ClientSession, address: str, *, within_s: float
) -> int | None:
    """How many connections of the app Slack counts, this one for a moment included.

    None when Slack did not say. An event that comes in this moment is not acknowledged, so Slack
    sends it again (PLATFORM §4.3). Uses up the address.
    """
    try:
        async with (
            asyncio.timeout(within_s),
            session.ws_connect(address, proxy=load_http_proxy_from_env()) as socket,
        ):
            hello: Any = json.loads(await socket.receive_str())
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError, TypeError) as error:
        _log.info("connections not counted", cause=type(error).__name__)
        return None
    counted = hello.get("num_connections") if isinstance(hello, dict) else None
    return counted if isinstance(counted, int) else None
