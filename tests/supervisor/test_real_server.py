"""With a real App Server: a turn outlives the connection that began it, by the supervisor."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from bridge.appserver.transport import Endpoint
from bridge.supervisor.subscription import Subscription
from bridge.supervisor.turn_endings import RuntimeIds, TurnEnding, TurnEndings
from tests.appserver_fixtures import MODEL, RealServer
from tests.support import eventually

pytestmark = pytest.mark.appserver


class Client:
    """A worker's connection, as bare as can be."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def until(self, kind: str) -> dict[str, Any]:
        async for message in self.socket:
            frame: dict[str, Any] = json.loads(message)
            if frame["type"] == kind:
                return frame
        raise AssertionError(f"the connection ended before {kind}")

    async def start(self, runtime: RuntimeIds | None = None) -> RuntimeIds:
        body = {"name": "ada", "model": MODEL, "memory_blocks": []}
        which = runtime._asdict() if runtime else {"create_agent": {"body": body}}
        await self.send("runtime_start", mode="standard", **which)
        answer = await self.until("runtime_start_response")
        found = RuntimeIds.read(answer["runtime"])
        assert found is not None
        return found

    async def ask(self, runtime: RuntimeIds, text: str, ident: str) -> None:
        message = {"role": "user", "content": text, "client_message_id": ident}
        payload = {"kind": "create_message", "messages": [message]}
        await self.send("input", runtime=runtime._asdict(), payload=payload)

    async def send(self, kind: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": kind, "request_id": kind, **fields}))

    def vanish(self) -> None:
        self.socket.transport.abort()


@asynccontextmanager
async def client(server: RealServer) -> AsyncIterator[Client]:
    async with connect(f"{server.url}/ws", max_size=None) as socket:
        yield Client(socket)


class Supervising:
    def __init__(self, server: RealServer) -> None:
        self.memory = TurnEndings()
        self.endings: list[TurnEnding] = []
        self.subscription = Subscription(
            lambda: Endpoint(server.url), held=lambda: self.memory.held, hear=self._hear
        )

    def _hear(self, message: str | bytes) -> None:
        if (ending := self.memory.hear(message)) is not None:
            self.endings.append(ending)

    async def hold(self, runtime: RuntimeIds) -> None:
        self.memory.hold(runtime, by=1)

        async def held() -> bool:  # a busy machine may take longer than one hold waits
            return await self.subscription.hold(runtime) is None

        await eventually(held)

    async def ending(self, ident: str) -> TurnEnding:
        def found() -> TurnEnding | None:
            return next((e for e in self.endings if ident in e.client_message_ids), None)

        ending = await eventually(found, within_s=20)
        assert ending is not None
        return ending


@asynccontextmanager
async def supervising(server: RealServer) -> AsyncIterator[Supervising]:
    supervisor = Supervising(server)
    try:
        yield supervisor
    finally:
        await supervisor.subscription.aclose()


async def say_something(server: RealServer, runtime: RuntimeIds, ident: str) -> dict[str, Any]:
    """One more turn on the runtime; how it ended."""
    async with client(server) as again:
        await again.start(runtime)
        await again.ask(runtime, "[[text Still here.]]", ident)
        return await again.until("turn_finished")


@pytest.mark.parametrize("held", ["before the input", "amid the answer"])
async def test_a_held_turn_outlives_the_connection_and_leaves_the_conversation_usable(
    app_server: RealServer, held: str
) -> None:
    async with supervising(app_server) as supervisor:
        async with client(app_server) as worker:
            runtime = await worker.start()
            if held == "before the input":
                await supervisor.hold(runtime)
            await worker.ask(runtime, "[[say 30 tokens at 30/s]]", f"in-{held}")
            await worker.until("stream_delta")
            if held == "amid the answer":
                await supervisor.hold(runtime)
            worker.vanish()
        ending = await supervisor.ending(f"in-{held}")
        assert (ending.stop_reason, ending.error) == ("end_turn", None)
        after = await say_something(app_server, runtime, f"after-{held}")
        assert (after["stop_reason"], after.get("error")) == ("end_turn", None)


async def test_a_pending_question_outlives_the_connection(app_server: RealServer) -> None:
    call = json.dumps({"command": "touch held.txt", "description": "x"})
    async with supervising(app_server) as supervisor:
        async with client(app_server) as worker:
            runtime = await worker.start()
            await supervisor.hold(runtime)
            await worker.ask(runtime, f"[[tool Bash {call}]][[then]][[text Made.]]", "question")
            first = await worker.until("control_request")
            worker.vanish()
        async with client(app_server) as again:
            await again.start(runtime)
            await again.send("sync", runtime=runtime._asdict())
            replayed = await again.until("control_request")
            assert replayed["request_id"] == first["request_id"]
        assert supervisor.endings == []


async def test_after_a_restart_of_the_server_the_supervisor_is_subscribed_again(
    app_servers: Callable[..., RealServer],
) -> None:
    server = await asyncio.to_thread(app_servers)
    async with supervising(server) as supervisor:
        async with client(server) as worker:
            runtime = await worker.start()
            await supervisor.hold(runtime)
            await worker.ask(runtime, "[[say 30 tokens at 15/s]]", "again")
            await worker.until("stream_delta")
            await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
        await eventually(lambda: supervisor.subscription.trouble is None, within_s=20)
        await supervisor.hold(runtime)
        async with client(server) as again:
            await again.start(runtime)
            with suppress(TimeoutError):
                await asyncio.wait_for(again.until("stream_delta"), 15)
        ending = await supervisor.ending("again")
        assert ending.stop_reason == "end_turn", "it ran again once a worker had asked for it"
