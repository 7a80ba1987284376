"""A websocket server that says what a test tells it to: for faults a real server never shows."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

Reply = Callable[["FakeServer", ServerConnection, dict[str, Any]], Awaitable[None]]


async def polite(server: "FakeServer", socket: ServerConnection, frame: dict[str, Any]) -> None:
    """Describe ourselves; keep quiet otherwise."""
    if frame["type"] == "app_server_info":
        await server.introduce(socket, frame)


@dataclass
class FakeServer:
    """`token`: what is accepted (None: anything). `status`: refuse every upgrade with it."""

    version: str = "0.34.12"
    split: bool = False
    token: str | None = None
    status: int | None = None
    reply: Reply = polite
    port: int = 0
    paths: list[str] = field(default_factory=list)
    sockets: list[ServerConnection] = field(default_factory=list)
    heard: list[dict[str, Any]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    async def introduce(self, socket: ServerConnection, frame: dict[str, Any]) -> None:
        answer = {
            "type": "app_server_info_response",
            "request_id": frame["request_id"],
            "success": True,
            "letta_code_version": self.version,
            "protocol_version": 1,
            "capabilities": {"split_channels": self.split},
        }
        await socket.send(json.dumps(answer))

    def supervisor(self, socket: ServerConnection, request: Request) -> Response | None:
        self.paths.append(request.path)
        if self.status is not None:
            return socket.respond(HTTPStatus(self.status), "no")
        given = request.headers.get("Authorization")
        if self.token is not None and given != f"Bearer {self.token}":
            return socket.respond(HTTPStatus.UNAUTHORIZED, "no")
        return None

    async def serve_one(self, socket: ServerConnection) -> None:
        self.sockets.append(socket)
        with contextlib.suppress(ConnectionClosed):
            async for message in socket:
                frame = json.loads(message)
                self.heard.append(frame)
                await self.reply(self, socket, frame)

    async def push(self, frame: dict[str, Any] | str | bytes, *, at: int = -1) -> None:
        text = json.dumps(frame) if isinstance(frame, dict) else frame
        await self.sockets[at].send(text)

    async def drop(self, code: int | None = None, reason: str = "") -> None:
        """Close every socket with a code, or cut it without a word."""
        sockets, self.sockets = self.sockets, []
        for socket in sockets:
            if code is None:
                socket.transport.abort()
            else:
                await socket.close(code, reason)


@asynccontextmanager
async def running(server: FakeServer) -> AsyncIterator[FakeServer]:
    listener: Server
    async with serve(
        server.serve_one, "127.0.0.1", server.port, process_request=server.supervisor, max_size=None
    ) as listener:
        server.port = next(iter(listener.sockets)).getsockname()[1]
        yield server
        for socket in server.sockets:
            socket.transport.abort()
        await asyncio.sleep(0)
