"""What observes and breaks things does so when it is told, and not otherwise."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from tests.chaos.proxy import Proxy
from tests.chaos.rows import Rows, lock
from tests.chaos.steps import Step, Tripwires
from tests.support import eventually

SAID = Step("wire", "text", "after")


def test_a_tripwire_acts_once_at_the_nth_time_after_it_was_armed() -> None:
    wires, acted = Tripwires(), []
    wires.reached(SAID)
    wires.arm(SAID, 2, lambda: acted.append(len(acted)))
    wires.reached(SAID)
    wires.reached(Step("wire", "text", "before"))
    assert acted == []
    wires.reached(SAID)
    wires.reached(SAID)
    assert acted == [0]


class Line:
    """An echoing server, our proxy before it, and what the proxy saw."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []
        self.proxy: Proxy

    def connect(self) -> connect:
        return connect(self.proxy.url + "/ws", proxy=None)


async def _echo(near: ServerConnection) -> None:
    async for message in near:
        await near.send(message)


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    made = Line()
    async with serve(_echo, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        made.proxy = Proxy(f"ws://127.0.0.1:{port}", watcher=lambda *what: made.seen.append(what))
        await made.proxy.start()
        yield made
        await made.proxy.stop()


async def heard(client: ClientConnection, frame: dict[str, object]) -> dict[str, object]:
    await client.send(json.dumps(frame))
    back: dict[str, object] = json.loads(await client.recv())
    return back


async def test_the_proxy_names_each_frame_before_and_after_it_passes(line: Line) -> None:
    async with line.connect() as client:
        answer = {"type": "input", "payload": {"kind": "approval_response"}}
        assert await heard(client, answer) == answer
        await heard(
            client, {"type": "stream_delta", "delta": {"message_type": "assistant_message"}}
        )
    assert line.seen[:4] == [
        ("approval answer", "before"),
        ("approval answer", "after"),
        ("input", "before"),
        ("input", "after"),
    ]
    assert ("text", "after") in line.seen


async def test_a_cut_link_breaks_and_a_new_one_works(line: Line) -> None:
    async with line.connect() as client:
        await heard(client, {"type": "sync"})
        line.proxy.cut()
        with pytest.raises(ConnectionClosed):
            await client.recv()
    async with line.connect() as client:
        await heard(client, {"type": "sync"})


async def test_a_silent_link_stays_open_and_passes_everything_later(line: Line) -> None:
    async with line.connect() as client:
        await heard(client, {"type": "sync"})
        line.proxy.silence()
        await client.send(json.dumps({"type": "sync"}))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await client.recv()
        line.proxy.restore()
        assert json.loads(await client.recv()) == {"type": "sync"}


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "bridge.db"
    with closing(sqlite3.connect(path)) as made:
        made.executescript(
            "PRAGMA journal_mode = WAL;"
            "CREATE TABLE turns (state, claimed_at); CREATE TABLE approvals (state);"
            "CREATE TABLE outbox (state);"
        )
    return path


def test_rows_tell_each_new_row_once(database: Path) -> None:
    rows = Rows(database)
    assert rows.news() == []
    with closing(sqlite3.connect(database)) as writer:
        writer.executescript(
            "INSERT INTO turns VALUES ('active', 'now'); INSERT INTO approvals VALUES ('pending');"
        )
    assert rows.news() == ["accepted", "claimed", "asked"]
    assert rows.news() == []


def test_rows_wait_for_a_database_that_is_not_there_yet(tmp_path: Path) -> None:
    assert Rows(tmp_path / "none.db").news() == []


async def test_a_locked_database_refuses_other_writers_for_a_while(database: Path) -> None:
    def writes() -> bool:
        with closing(sqlite3.connect(database, timeout=0)) as writer:
            try:
                writer.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return False
            return True

    async with asyncio.TaskGroup() as group:
        held = group.create_task(lock(database, for_s=0.2))
        await eventually(lambda: not writes())
    assert held.result()
    assert writes()
