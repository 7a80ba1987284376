"""Socket Mode: connections that stay up, and a watchdog for those that only look it.

`slack_sdk` reconnects by itself, but is known to hang on a one-time address that was used up, to
believe in a dead connection, and to hang while closing (PLATFORM §11.2). So each connection
is watched from outside and rebuilt from a fresh address when it does not serve.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest

from bridge.domain.errors import BridgeError
from bridge.slack.gateway import Gateway
from bridge.slack.preflight import SocketAddresses
from bridge.telemetry import LINKS_UP, Tasks, bounded, get_logger

Work = Callable[[], Coroutine[Any, Any, None]]
EnvelopeHandler = Callable[[AsyncBaseSocketModeClient, SocketModeRequest], Awaitable[None]]

_log = get_logger("slack.socket")


@dataclass(frozen=True, slots=True)
class SocketOptions:
    """How to keep Socket Mode connections; durations in seconds.

    `connections`: two cover each other's reconnects (PLATFORM §4.1). A connection is rebuilt
    when there was no hello `hello_s` after its start, when it is down for `down_s`, or when
    nothing was heard for five ping intervals.
    """

    app_token: str = field(repr=False)
    connections: int = 1
    ping_interval_s: float = 10.0
    hello_s: float = 20.0
    down_s: float = 3.0
    close_s: float = 5.0
    check_s: float = 0.5
    longest_pause_s: float = 30.0


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


class SocketLink:
    """The Socket Mode connections of one app.

    Args:
        handle: called with each envelope, several at a time; answers it through the client.
        addresses: where connections get theirs.
    """

    def __init__(
        self,
        options: SocketOptions,
        *,
        gateway: Gateway,
        addresses: SocketAddresses,
        handle: EnvelopeHandler,
    ) -> None:
        self._options = options
        self._gateway = gateway
        self._addresses = addresses
        self._handle = handle
        self._tasks = Tasks()
        self._lines: list[_Line] = []

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

    async def start(self) -> None:
        """Begin connecting; returns at once. `is_up` tells when it worked."""
        for _ in range(self._options.connections):
            line = _Line(self._options, self._gateway, self._addresses, self._handle)
            self._lines.append(line)
            self._tasks.spawn(line.keep(), name="slack socket")

    async def stop(self) -> None:
        """Take no more envelopes. Each connection has `close_s` to close; may be called twice."""
        await self._tasks.aclose()
        self._lines.clear()
        LINKS_UP.labels("slack").set(0)


class _Line:
    """One connection and its successors."""

    def __init__(
        self,
        options: SocketOptions,
        gateway: Gateway,
        addresses: SocketAddresses,
        handle: EnvelopeHandler,
    ) -> None:
        self._options = options
        self._gateway = gateway
        self._addresses = addresses
        self._handle = handle
        self._said_hello = False
        self.up = False
        self.reason: str | None = None

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
            self.up = False
            LINKS_UP.labels("slack").set(0)
            pause_s = min(max(0.5, pause_s * 2), self._options.longest_pause_s)

    async def _serve(self, address: str) -> bool:
        """Run one client until it ails; True when it ever worked."""
        tasks, client = Tasks(), self._client(address)
        self._said_hello = False
        try:
            connect: Work = client.connect
            tasks.spawn(connect(), name="slack socket connect")
            self.reason = await self._watch(client)
            _log.warning("rebuilding the slack socket", reason=self.reason)
            return self._said_hello
        finally:
            self.up = False
            await tasks.aclose()
            await self._close(client)

    def _client(self, address: str) -> SocketModeClient:
        logger = logging.getLogger("bridge.slack.socket_mode")
        logger.setLevel(logging.CRITICAL)  # the watchdog reports, once, and without tracebacks
        client = SocketModeClient(
            app_token=self._options.app_token,
            logger=logger,
            web_client=self._gateway.client,
            ping_interval=self._options.ping_interval_s,
        )
        client.wss_uri = address
        client.message_listeners.append(self._heard)
        client.socket_mode_request_listeners.append(self._handle)
        return client

    async def _heard(
        self, _client: AsyncBaseSocketModeClient, message: dict[str, Any], _raw: str | None
    ) -> None:
        if message.get("type") == "hello":
            self._said_hello = self.up = True
            self.reason = None
            LINKS_UP.labels("slack").set(1)
            _log.info("slack socket up", connections=message.get("num_connections"))

    async def _watch(self, client: SocketModeClient) -> str:
        """Return why the client must go."""
        loop = asyncio.get_running_loop()
        started = last_up = loop.time()
        while True:
            await asyncio.sleep(self._options.check_s)
            now = loop.time()
            if await client.is_connected():
                last_up = now
            self.up = self._said_hello and last_up == now
            health = Health(
                age_s=now - started,
                said_hello=self._said_hello,
                down_for_s=now - last_up,
                silent_for_s=_silent_for_s(client),
            )
            if reason := ailment(health, self._options):
                return reason

    async def _close(self, client: SocketModeClient) -> None:
        close: Work = client.close
        with suppress(Exception):
            await bounded(close(), within_s=self._options.close_s, what="slack socket to close")
        if not client.aiohttp_client_session.closed:
            await client.aiohttp_client_session.close()


def _silent_for_s(client: SocketModeClient) -> float | None:
    """Seconds since the last pong, by the wall clock because `slack_sdk` notes it so."""
    if client.last_ping_pong_time is None:
        return None
    return datetime.now(UTC).timestamp() - client.last_ping_pong_time
