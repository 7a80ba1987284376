"""The transport reads a busy socket in batches, but nobody waits for an answer because of that."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from websockets.asyncio.server import ServerConnection, serve

from bridge.appserver.transport import Endpoint, Link, ReadPacing
from bridge.telemetry import Tasks
from tests.support import eventually

FOR_EVER_S = 3600.0


async def chatter(socket: ServerConnection) -> None:
    """Talk without end, and answer whatever is asked."""

    async def talk() -> None:
        while True:
            await socket.send("word")
            await asyncio.sleep(0.002)

    tasks = Tasks()
    tasks.spawn(talk(), name="talk")
    try:
        async for question in socket:
            await socket.send(f"answer to {question!s}")
    finally:
        await tasks.aclose()


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async with serve(chatter, "127.0.0.1", 0) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/ws"


async def test_an_answer_that_somebody_waits_for_is_read_at_once(url: str) -> None:
    heard: list[str | bytes] = []
    link = Link(Endpoint(url), hear=heard.append, pacing=ReadPacing(FOR_EVER_S, busy_frames=2))
    await link.open()
    try:
        paused = link._sockets[0].transport
        await eventually(lambda: not paused.is_reading())
        with link.unpaced():
            await link.send("question")
            await eventually(lambda: b"answer to question" in heard)
        await eventually(lambda: not paused.is_reading())
    finally:
        await link.close()
