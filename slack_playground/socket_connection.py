"""One Socket Mode connection as the server sees it, healthy or gone deaf."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from aiohttp import WSMsgType, web

from slack_playground.slack_types import Json


class ServerConnection:
    """A connection that is open. `gone_deaf` makes of it what a silent network leaves behind."""

    def __init__(self, socket: web.WebSocketResponse, transport: asyncio.Transport | None) -> None:
        self._socket = socket
        self._transport = transport
        self._deaf = False
        self._owes_pong = False

    async def texts(self) -> AsyncIterator[str]:
        """Every text frame until the connection ends; pings are answered."""
        async for message in self._socket:
            match message.type:
                case WSMsgType.TEXT:
                    yield message.data
                case WSMsgType.PING:
                    with suppress(ConnectionError):  # it may be closing just now
                        await self._socket.pong(message.data)
                case WSMsgType.PONG:
                    self._owes_pong = False
                case _:
                    pass

    async def watch(self, interval_s: float) -> None:
        """Send a ping every `interval_s`; break the connection when the last had no answer."""
        while not self._socket.closed:
            await asyncio.sleep(interval_s)
            if self._deaf:
                continue
            if self._owes_pong:
                self.abort()
                return
            self._owes_pong = True
            await self._socket.ping()

    async def send(self, frame: Json | str) -> None:
        """Send one frame; from a deaf line it goes nowhere, and nobody notices.

        Raises:
            ConnectionError: the connection is gone.
            RuntimeError: it is closing.
        """
        if self._deaf:
            return
        if isinstance(frame, str):
            await self._socket.send_str(frame)
        else:
            await self._socket.send_json(frame)

    def gone_deaf(self) -> None:
        """From now on nothing arrives in either direction, not even pings; it stays open."""
        self._deaf = True
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    async def close(self) -> None:
        """Say goodbye and close."""
        if self._deaf:
            self.abort()
        else:
            await self._socket.close(code=1001)

    def abort(self) -> None:
        """Break it without a word."""
        if self._transport is not None:
            self._transport.abort()
