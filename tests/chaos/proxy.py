"""A proxy before the App Server: it sees every frame, and can cut, silence or slow the link."""

import asyncio
import contextlib
import json
from collections.abc import Callable
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.connection import Connection
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import WebSocketException

Json = dict[str, Any]
Watcher = Callable[[str, str], None]

SLOW_S = 0.15
"""How long each frame waits on a slow link."""

HANDSHAKE_S = 2.0
"""A server that takes so long to greet is not up yet; who called is told at once."""

_QUIET: Json = {"compression": None, "max_size": None, "ping_interval": None}


class Proxy:
    """Stands where the bridge looks for its App Server.

    `watcher` is called in place with a frame's kind and `before` or `after` it is passed on.
    """

    def __init__(self, upstream: str, *, watcher: Watcher) -> None:
        self._upstream = upstream
        self._watcher = watcher
        self._server: Server | None = None
        self._links: list[tuple[Connection, Connection]] = []
        self._open = asyncio.Event()
        self._open.set()
        self._slow = False
        self.url = ""

    async def start(self) -> None:
        """Listen on a free port; `url` is the address then."""
        self._server = await serve(self._relay, "127.0.0.1", 0, **_QUIET)
        port = next(iter(self._server.sockets)).getsockname()[1]
        self.url = f"ws://127.0.0.1:{port}"

    async def stop(self) -> None:
        """Hang up on everybody."""
        self.restore()
        self.cut()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    @property
    def links(self) -> int:
        """How many links are open."""
        return len(self._links)

    def cut(self, *, which: str = "all") -> None:
        """Break all links without a word, or with `one` the youngest."""
        for near, far in self._links[-1:] if which == "one" else list(self._links):
            near.transport.abort()
            far.transport.abort()

    def silence(self) -> None:
        """Let nothing through, in either direction; every link stays open."""
        self._open.clear()

    def slow(self) -> None:
        """Let every frame wait."""
        self._slow = True

    def restore(self) -> None:
        """Pass everything on again, at once."""
        self._open.set()
        self._slow = False

    async def _relay(self, near: ServerConnection) -> None:
        path = near.request.path if near.request else "/ws"
        headers = (
            {"Authorization": near.request.headers["Authorization"]}
            if (near.request and "Authorization" in near.request.headers)
            else {}
        )
        with contextlib.suppress(OSError, WebSocketException):
            await self._open.wait()
            async with connect(
                self._upstream + path,
                additional_headers=headers,
                max_queue=None,
                open_timeout=HANDSHAKE_S,
                proxy=None,
                **_QUIET,
            ) as far:
                await self._joined(near, far)
                return
        near.transport.abort()  # the server is away: so is what stands before it

    async def _joined(self, near: ServerConnection, far: ClientConnection) -> None:
        link = (near, far)
        self._links.append(link)
        try:
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(self._pump(near, far, kind_of=_kind_up))
                pumps.create_task(self._pump(far, near, kind_of=_kind_down))
        finally:
            self._links.remove(link)

    async def _pump(
        self, source: Connection, target: Connection, *, kind_of: Callable[[Json], str]
    ) -> None:
        try:
            async for message in source:
                kind = kind_of(json.loads(message))
                self._watcher(kind, "before")
                await self._open.wait()
                if self._slow:
                    await asyncio.sleep(SLOW_S)
                await target.send(message)
                self._watcher(kind, "after")
        except (OSError, WebSocketException):
            pass  # one side is gone, and the other follows
        finally:
            target.transport.abort()


def _kind_up(frame: Json) -> str:
    kind = str(frame.get("type"))
    payload = frame.get("payload") or {}
    if kind == "input" and payload.get("kind") == "approval_response":
        return "approval answer"
    return kind


def _kind_down(frame: Json) -> str:
    kind = str(frame.get("type"))
    delta = frame.get("delta") or {}
    if kind == "stream_delta":
        said = str(delta.get("message_type"))
        return "text" if said == "assistant_message" else said
    return kind
