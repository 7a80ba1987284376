"""A recording proxy before the App Server: knows when each frame was on the wire."""

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame. `at` is monotonic seconds: when it had arrived here, before it was passed on."""

    at: float
    to_server: bool
    body: Json

    @property
    def kind(self) -> str:
        """The frame's `type`."""
        return str(self.body.get("type"))

    @property
    def conversation(self) -> str:
        """The conversation it belongs to, empty for none."""
        return str((self.body.get("runtime") or {}).get("conversation_id", ""))

    @property
    def is_text(self) -> bool:
        """Whether it brings a piece of the agent's answer."""
        delta = self.body.get("delta") or {}
        return self.kind == "stream_delta" and delta.get("message_type") == "assistant_message"


class Wire:
    """The proxy. `stirred` is called after each frame."""

    def __init__(self, upstream: str, *, stirred: Callable[[], None]) -> None:
        self._upstream = upstream
        self._stirred = stirred
        self._server: Server | None = None
        self.frames: list[Frame] = []

    async def start(self) -> str:
        """Listen on a free port; returns the address to use instead of the server's."""
        self._server = await serve(
            self._relay, "127.0.0.1", 0, compression=None, max_size=None, ping_interval=None
        )
        port = next(iter(self._server.sockets)).getsockname()[1]
        return f"ws://127.0.0.1:{port}"

    async def stop(self) -> None:
        """Hang up on everybody."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _relay(self, near: ServerConnection) -> None:
        path = near.request.path if near.request else "/ws"
        async with (
            connect(
                self._upstream + path,
                compression=None,
                max_size=None,
                max_queue=None,
                ping_interval=None,
                proxy=None,
            ) as far,
            asyncio.TaskGroup() as pumps,
        ):
            pumps.create_task(self._pump(near, far, to_server=True))
            pumps.create_task(self._pump(far, near, to_server=False))

    async def _pump(
        self,
        source: ServerConnection | ClientConnection,
        target: ServerConnection | ClientConnection,
        *,
        to_server: bool,
    ) -> None:
        with suppress(ConnectionClosed):
            async for message in source:
                at = time.monotonic()
                await target.send(message)
                self.frames.append(Frame(at, to_server, json.loads(message)))
                self._stirred()
        await target.close()
