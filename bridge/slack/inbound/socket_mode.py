"""Socket Mode: several connections that cover for each other, and a look at who else listens.

Slack gives each event to any one of an app's connections (PLATFORM §4.1). So while another
program uses the same app, part of what people say goes there; `others` says so.
"""

import asyncio
import json
from typing import Any

import aiohttp
from slack_sdk.proxy_env_variable_loader import load_http_proxy_from_env

from bridge.domain.errors import BridgeError
from bridge.slack.auth_check import SocketAddresses
from bridge.slack.backfill.late_notice import Lost, Missed
from bridge.slack.inbound.socket_connection import (
    EnvelopeHandler,
    Health,
    SocketConnection,
    SocketOptions,
    ailment,
)
from bridge.slack.web_api import WebApi
from bridge.telemetry import FOREIGN_CONNECTIONS, LINKS_UP, Tasks, get_logger

__all__ = [
    "EnvelopeHandler",
    "Health",
    "SocketMode",
    "SocketOptions",
    "ailment",
    "count_connections",
]

_log = get_logger("slack.socket")


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
        FOREIGN_CONNECTIONS.set(others)


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
