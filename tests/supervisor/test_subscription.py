"""The second connection, against a server that says what a test tells it to."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection

from bridge.appserver.transport import Endpoint
from bridge.supervisor.subscription import Subscription, SubscriptionOptions
from bridge.supervisor.turn_endings import RuntimeIds
from tests.appserver.fake_server import FakeServer, polite, running
from tests.support import eventually

QUICK = SubscriptionOptions(
    hold_within_s=0.5, answer_within_s=0.3, longest_retry_s=0.1, stale_limit=2
)


def runtime(number: int) -> RuntimeIds:
    return RuntimeIds("agent-1", f"conv-{number}")


async def syncing(server: FakeServer, socket: ServerConnection, frame: dict[str, Any]) -> None:
    await polite(server, socket, frame)
    if frame["type"] == "sync":
        answer = {"type": "sync_response", "request_id": frame["request_id"], "success": True}
        await socket.send(json.dumps(answer))


def synced(server: FakeServer) -> list[str]:
    return [frame["runtime"]["conversation_id"] for frame in server.heard if "runtime" in frame]


class Supervising:
    """A subscription, what is held, and what it heard."""

    def __init__(self, address: Callable[[], Endpoint], options: SubscriptionOptions) -> None:
        self.held: set[RuntimeIds] = set()
        self.heard: list[str | bytes] = []
        self.it = Subscription(
            address, held=lambda: self.held, hear=self.heard.append, options=options
        )

    async def hold(self, number: int) -> str | None:
        self.held.add(runtime(number))
        return await self.it.hold(runtime(number))

    def release(self, number: int) -> None:
        self.held.discard(runtime(number))
        self.it.released()


@asynccontextmanager
async def supervising(
    server: FakeServer, options: SubscriptionOptions = QUICK
) -> AsyncIterator[Supervising]:
    supervisor = Supervising(lambda: Endpoint(server.url, server.token), options)
    try:
        yield supervisor
    finally:
        await supervisor.it.aclose()


async def test_it_connects_at_the_first_hold_and_subscribes_quietly() -> None:
    async with (
        running(FakeServer(reply=syncing, token="t")) as server,
        supervising(server) as supervisor,
    ):
        assert server.sockets == []
        assert await supervisor.hold(1) is None
        sync = server.heard[-1]
        assert sync["runtime"] == runtime(1)._asdict()
        assert (sync["recover_approvals"], sync["force_device_status"]) == (False, False)


async def test_what_is_subscribed_already_is_held_without_a_word() -> None:
    async with running(FakeServer(reply=syncing)) as server, supervising(server) as supervisor:
        await asyncio.gather(*(supervisor.hold(1) for _ in range(5)))
        supervisor.release(1)
        assert await supervisor.hold(1) is None
        assert synced(server) == ["conv-1"]


async def test_it_hears_what_the_server_says() -> None:
    async with running(FakeServer(reply=syncing)) as server, supervising(server) as supervisor:
        await supervisor.hold(1)
        await server.push('{"type": "turn_finished"}')
        await eventually(lambda: b'{"type": "turn_finished"}' in supervisor.heard)


async def test_after_a_lost_connection_what_is_held_is_subscribed_again() -> None:
    async with running(FakeServer(reply=syncing)) as server, supervising(server) as supervisor:
        await supervisor.hold(1)
        await supervisor.hold(2)
        supervisor.release(1)
        server.heard.clear()
        await server.drop()
        await eventually(lambda: synced(server) == ["conv-2"])
        assert await supervisor.hold(2) is None
        assert synced(server) == ["conv-2"]


async def test_a_server_that_is_away_costs_no_wait_and_is_found_again() -> None:
    server = FakeServer(reply=syncing)
    async with running(server):
        pass
    async with supervising(server) as supervisor:
        began = asyncio.get_running_loop().time()
        reason = await supervisor.hold(1)
        assert reason is not None
        assert "cannot be reached" in reason
        assert asyncio.get_running_loop().time() - began < QUICK.hold_within_s
        async with running(server):
            await eventually(lambda: synced(server) == ["conv-1"])


async def test_a_hold_does_not_wait_for_the_next_attempt() -> None:
    patient = SubscriptionOptions(first_retry_s=60, longest_retry_s=60)
    server = FakeServer(reply=syncing)
    async with running(server):
        pass
    async with supervising(server, patient) as supervisor:
        assert await supervisor.hold(1) is not None
        async with running(server):
            assert await supervisor.hold(1) is None


async def test_a_server_that_does_not_answer_is_waited_for_only_a_moment() -> None:
    async with running(FakeServer(reply=polite)) as server, supervising(server) as supervisor:
        assert "did not answer" in str(await supervisor.hold(1))
        await eventually(lambda: len(server.sockets) > 1)  # and tried again on a new connection
        server.reply = syncing
        await eventually(lambda: supervisor.it.trouble is None)


async def test_a_server_that_takes_one_client_is_left_to_the_worker_for_good() -> None:
    async with (
        running(FakeServer(reply=syncing, split=True)) as server,
        supervising(server) as supervisor,
    ):
        assert "takes one client" in str(await supervisor.hold(1))
        assert "takes one client" in str(await supervisor.hold(2))
        await eventually(lambda: all(s.state.name == "CLOSED" for s in server.sockets))
        assert (len(server.sockets), synced(server)) == (1, [])


async def test_a_place_that_is_taken_is_left_to_the_worker_for_good() -> None:
    async def taken(server: FakeServer, socket: ServerConnection, _: dict[str, Any]) -> None:
        await socket.close(1008, "control channel already connected")

    async with running(FakeServer(reply=taken)) as server, supervising(server) as supervisor:
        assert "one program at a time" in str(await supervisor.hold(1))
        assert "one program at a time" in str(await supervisor.hold(1))
        assert len(server.sockets) == 1


async def test_too_many_old_subscriptions_end_with_a_new_connection_before_the_old_is_left() -> (
    None
):
    order: list[str] = []

    async def noting(server: FakeServer, socket: ServerConnection, frame: dict[str, Any]) -> None:
        await syncing(server, socket, frame)
        which = server.sockets.index(socket)
        order.append(f"{frame['type']} on {which}")
        if which == 1 and frame["type"] == "sync":
            order.append(f"the old one is {server.sockets[0].state.name}")

    async with running(FakeServer(reply=noting)) as server, supervising(server) as supervisor:
        for number in range(4):
            await supervisor.hold(number)
        for number in range(3):
            supervisor.release(number)
        await eventually(lambda: server.sockets[0].state.name == "CLOSED")
        assert order[-3:] == ["app_server_info on 1", "sync on 1", "the old one is OPEN"]
        assert synced(server)[-1] == "conv-3"
        assert await supervisor.hold(3) is None
        assert len(server.sockets) == 2


@pytest.mark.parametrize("answer", ["[]", '{"request_id": "supervisor-1"', '"supervisor-1"'])
async def test_g8_an_answer_that_cannot_be_read_is_survived(answer: str) -> None:
    async def odd(server: FakeServer, socket: ServerConnection, frame: dict[str, Any]) -> None:
        await socket.send(answer)
        if len(server.sockets) > 1:
            await syncing(server, socket, frame)

    async with running(FakeServer(reply=odd)) as server, supervising(server) as supervisor:
        await supervisor.hold(1)
        await eventually(lambda: supervisor.it.trouble is None and synced(server) == ["conv-1"])
