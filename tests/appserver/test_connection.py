"""The link over real sockets, against a server that can misbehave."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from websockets.asyncio.server import ServerConnection

from bridge.appserver import commands as c
from bridge.appserver.bearer_token import token_from_file
from bridge.appserver.connection import Connection, LinkOptions
from bridge.appserver.events import Event, StreamDelta
from bridge.appserver.responses import AppServerInfoResponse, InputAcceptedResponse
from bridge.appserver.transport import Endpoint, Fault, Link, LinkFailed, diagnose, socket_url
from bridge.appserver.versions import Generation
from bridge.domain.errors import AgentUnreachable
from bridge.domain.ids import AgentId, ConversationId, Runtime
from bridge.domain.ports import LinkState
from tests.appserver.fake_server import FakeServer, polite, running
from tests.support import eventually

REF = {"agent_id": "a", "conversation_id": "c"}
RUNTIME = c.RuntimeId(agent_id="a", conversation_id="c")


@dataclass
class EventObserver:
    events: list[Event] = field(default_factory=list)
    states: list[tuple[LinkState, str | None]] = field(default_factory=list)
    missed: int = 0

    def events_missed(self) -> None:
        self.missed += 1

    def link_up(self, server: Generation) -> None:
        self.states.append((LinkState.UP, None))

    def link_down(self, state: LinkState, reason: str) -> None:
        self.states.append((state, reason))

    def pushed(self, event: Event) -> None:
        self.events.append(event)

    @property
    def texts(self) -> list[str]:
        return [e.delta.content for e in self.events if isinstance(e, StreamDelta)]


@asynccontextmanager
async def linked(
    server: FakeServer, **options: Any
) -> AsyncIterator[tuple[Connection, EventObserver]]:
    recorder = EventObserver()
    more = {"first_retry_s": 0.01, "longest_retry_s": 0.05, "operator_retry_s": 0.05, **options}
    log = more.pop("frame_log", None)
    connection = Connection(LinkOptions(server.url, **more), listener=recorder, frame_log=log)
    connection.start()
    try:
        yield connection, recorder
    finally:
        await connection.aclose()


def words(text: str, seq: int) -> dict[str, Any]:
    delta = {"message_type": "assistant_message", "id": "m", "run_id": "r", "content": text}
    return {"type": "stream_delta", "runtime": REF, "event_seq": seq, "delta": delta}


async def up(connection: Connection) -> None:
    await asyncio.wait_for(connection.wait_up(), 10)


async def test_the_link_comes_up_and_events_arrive_in_order() -> None:
    async with running(FakeServer()) as server, linked(server) as (connection, recorder):
        await up(connection)
        assert connection.state is LinkState.UP
        assert connection.server is not None
        assert connection.server.version == "0.34.12"
        for number in range(1, 201):
            await server.push(words(f"{number}", number))
        await eventually(lambda: len(recorder.texts) == 200)
        assert recorder.texts == [f"{number}" for number in range(1, 201)]
        assert server.paths == ["/ws"]


async def test_a_frame_of_many_megabytes_comes_through() -> None:
    async with running(FakeServer()) as server, linked(server) as (connection, recorder):
        await up(connection)
        await server.push(words("x" * 20_000_000, 1))
        await eventually(lambda: recorder.texts)
        assert len(recorder.texts[0]) == 20_000_000


async def test_g8_what_cannot_be_read_is_logged_once_per_kind_and_changes_nothing() -> None:
    bad = [
        "not json",
        "[1]",
        b'{"type": 5}',
        {"type": "hologram", "event_seq": 1},
        {"type": "hologram", "event_seq": 2},
        {"type": "turn_finished", "event_seq": 3, "runtime": REF},
        {"type": "turn_finished", "event_seq": 4, "runtime": REF},
    ]
    with capture_logs() as logs:
        async with running(FakeServer()) as server, linked(server) as (connection, recorder):
            await up(connection)
            for frame in bad:
                await server.push(frame)
            await server.push(words("still here", 5))
            await eventually(lambda: recorder.texts == ["still here"])
    said = [entry for entry in logs if entry["event"] == "frame not understood"]
    assert [(entry["type"], entry.get("path")) for entry in said] == [
        (None, ""),
        (None, "type"),
        ("hologram", None),
        ("turn_finished", "stop_reason"),
    ]
    assert not [entry for entry in logs if entry["event"] == "events were missed"]


async def test_a_listener_that_fails_does_not_stop_the_link() -> None:
    class Clumsy(EventObserver):
        def pushed(self, event: Event) -> None:
            super().pushed(event)
            if len(self.events) == 1:
                raise RuntimeError("oops")

    recorder = Clumsy()
    async with running(FakeServer()) as server:
        connection = Connection(LinkOptions(server.url), listener=recorder)
        connection.start()
        try:
            await up(connection)
            await server.push(words("one", 1))
            await server.push(words("two", 2))
            await eventually(lambda: recorder.texts == ["one", "two"])
            assert connection.state is LinkState.UP
        finally:
            await connection.aclose()


async def test_missed_events_are_reported_once_and_logged() -> None:
    with capture_logs() as logs:
        async with running(FakeServer()) as server, linked(server) as (connection, recorder):
            await up(connection)
            await server.push(words("one", 1))
            await server.push(words("four", 4))
            await server.push(words("five", 5))
            await eventually(lambda: len(recorder.texts) == 3)
            assert recorder.missed == 1
    missed = [entry for entry in logs if entry["event"] == "events were missed"]
    assert [(entry["expected"], entry["got"]) for entry in missed] == [(2, 4)]


async def test_silence_is_an_error_after_its_time() -> None:
    async with running(FakeServer()) as server, linked(server) as (connection, _):
        await up(connection)
        with pytest.raises(AgentUnreachable, match=r"did not answer in time \(sync\)"):
            await connection.ask(c.Sync(runtime=RUNTIME), within_s=0.05)


async def test_answers_may_come_in_any_order() -> None:
    waiting: list[dict[str, Any]] = []

    async def last_first(
        server: FakeServer, client: ServerConnection, frame: dict[str, Any]
    ) -> None:
        if frame["type"] != "sync":
            return await polite(server, client, frame)
        waiting.append(frame)
        if len(waiting) == 3:
            for each in reversed(waiting):
                answer = {"type": "sync_response", "request_id": each["request_id"]}
                await client.send(json.dumps({**answer, "success": True}))
        return None

    async with running(FakeServer(reply=last_first)) as server, linked(server) as (connection, _):
        await up(connection)
        asked = [connection.ask(c.Sync(runtime=RUNTIME), within_s=5) for _ in range(3)]
        answers = await asyncio.gather(*asked)
        ids = [answer.request_id for answer in answers]
        assert ids == [frame["request_id"] for frame in waiting]


async def test_a_cancelled_question_leaves_nothing_behind() -> None:
    async with running(FakeServer()) as server, linked(server) as (connection, _):
        await up(connection)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await connection.ask(c.Sync(runtime=RUNTIME), within_s=60)
        ident = server.heard[-1]["request_id"]
        await server.push({"type": "sync_response", "request_id": ident, "success": True})
        answer = asyncio.create_task(connection.ask(c.AppServerInfo(), within_s=5))  # noqa: TID251
        assert isinstance(await answer, AppServerInfoResponse)


@pytest.mark.parametrize("code", [None, 1000, 1001, 1008, 1009, 1011])
async def test_a_lost_link_answers_everybody_and_comes_back(code: int | None) -> None:
    async with running(FakeServer()) as server, linked(server) as (connection, recorder):
        await up(connection)

        async def ask() -> str:
            with pytest.raises(AgentUnreachable) as silent:
                await connection.ask(c.Sync(runtime=RUNTIME), within_s=60)
            return str(silent.value)

        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(ask()) for _ in range(5)]
            await eventually(lambda: len(server.heard) == 6)
            await server.drop(code, "because")
        assert {task.result() for task in asked} == {
            "The App Server was disconnected before it answered (sync)."
        }
        await eventually(
            lambda: [s for s, _ in recorder.states][-2:] == [LinkState.DOWN, LinkState.UP]
        )
        assert connection.epoch >= 2


async def test_nothing_can_be_asked_while_the_link_is_down() -> None:
    server = FakeServer()
    async with running(server):
        pass
    async with linked(server) as (connection, recorder):
        await eventually(lambda: recorder.states)
        assert recorder.states[0][0] is LinkState.DOWN
        assert "cannot be reached" in (recorder.states[0][1] or "")
        with pytest.raises(AgentUnreachable):
            await connection.ask(c.Sync(runtime=RUNTIME), within_s=5)
        with pytest.raises(AgentUnreachable):
            await connection.tell(c.Sync(runtime=RUNTIME))
        async with running(server):
            await up(connection)
        assert (
            len(recorder.states) == len(set(recorder.states))
            or recorder.states[-1][0] is LinkState.DOWN
        )


async def test_a_refused_login_is_said_once_and_a_new_token_is_used(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(" wrong \n")
    async with (
        running(FakeServer(token="right")) as server,
        linked(server, token=token_from_file(str(file)), operator_retry_s=0.02) as (
            connection,
            recorder,
        ),
    ):
        await eventually(lambda: len(server.paths) >= 3)
        assert [state for state, _ in recorder.states] == [LinkState.REFUSED]
        assert "refused the login" in (connection.reason or "")
        file.write_text("\nright\n")
        await up(connection)


async def test_a_new_token_ends_the_long_wait_for_hands() -> None:
    tokens = ["wrong"]
    async with (
        running(FakeServer(token="right")) as server,
        linked(server, token=lambda: tokens[-1], operator_retry_s=600) as (connection, _),
    ):
        await eventually(lambda: connection.state is LinkState.REFUSED)
        tokens.append("right")
        await up(connection)
        assert len(server.paths) == 2


async def test_a_missing_token_file_means_no_login(tmp_path: Path) -> None:
    assert token_from_file(str(tmp_path / "none"))() is None
    (tmp_path / "empty").write_text("\n")
    assert token_from_file(str(tmp_path / "empty"))() is None


def test_a_token_file_that_is_no_text_means_no_login(tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(b"\xff\xfe\x00")
    assert token_from_file(str(tmp_path / "token"))() is None


async def test_a_failure_that_nobody_foresaw_does_not_end_the_link() -> None:
    asked: list[str] = []

    def token() -> str:
        asked.append("")
        if len(asked) == 1:
            raise RuntimeError("never seen before")
        return "right"

    with capture_logs() as logs:
        async with (
            running(FakeServer(token="right")) as server,
            linked(server, token=token) as (connection, _),
        ):
            await connection.wait_up()
    (failed,) = [entry for entry in logs if entry["event"] == "app server link failed"]
    assert isinstance(failed["exc_info"], RuntimeError)


async def test_a_server_that_is_too_old_is_refused_with_a_sentence() -> None:
    async with running(FakeServer(version="0.20.1")) as server, linked(server) as (connection, _):
        await eventually(lambda: connection.state is LinkState.REFUSED)
        assert "needs 0.27.8 or newer" in (connection.reason or "")


async def test_a_newer_server_is_tolerated() -> None:
    with capture_logs() as logs:
        async with running(FakeServer(version="9.0.0")) as server, linked(server) as (link, _):
            await up(link)
    assert [entry for entry in logs if "newer than tried" in entry["event"]]


async def test_a_server_that_describes_itself_oddly_is_not_trusted() -> None:
    async def odd(server: FakeServer, client: ServerConnection, frame: dict[str, Any]) -> None:
        answer = {"type": "app_server_info_response", "request_id": frame["request_id"]}
        await client.send(json.dumps({**answer, "success": "perhaps"}))

    async with running(FakeServer(reply=odd)) as server, linked(server) as (connection, recorder):
        await eventually(lambda: recorder.states)
        assert "cannot be read" in (connection.reason or "")


async def test_a_split_server_gets_a_second_socket_and_both_are_heard() -> None:
    async with (
        running(FakeServer(version="0.29.6", split=True)) as server,
        linked(server) as (connection, recorder),
    ):
        await up(connection)
        assert server.paths == ["/ws", "/ws?channel=stream"]
        await server.push(words("stream", 7), at=1)
        await eventually(lambda: recorder.texts == ["stream"])
        await server.push(words("control", 2), at=0)
        await eventually(lambda: recorder.texts == ["stream", "control"])
        message = c.InputMessage(content="hi", client_message_id="m")
        said = c.Input(runtime=RUNTIME, payload=c.CreateMessage(messages=[message]))

        async def show_activity() -> None:
            await eventually(lambda: server.heard[-1]["type"] == "input")
            status = {"status": "SENDING_API_REQUEST"}
            await server.push(
                {"type": "update_loop_status", "runtime": REF, "loop_status": status}, at=1
            )

        async with asyncio.TaskGroup() as group:
            answer = group.create_task(connection.ask(said, within_s=5))
            group.create_task(show_activity())
        assert isinstance(answer.result(), InputAcceptedResponse)
        refused = await connection.ask(
            c.Input(
                runtime=RUNTIME, payload=c.ApprovalResponse(request_id="x", decision=c.Allow())
            ),
            within_s=5,
        )
        assert isinstance(refused, InputAcceptedResponse)
        assert not refused.accepted
        assert all("channel" not in frame for frame in server.heard)


async def test_losing_either_socket_of_a_split_server_loses_the_link() -> None:
    async with (
        running(FakeServer(version="0.29.6", split=True)) as server,
        linked(server) as (connection, recorder),
    ):
        await up(connection)
        stream = server.sockets[1]
        stream.transport.abort()
        await eventually(
            lambda: [s for s, _ in recorder.states][:2] == [LinkState.UP, LinkState.DOWN]
        )
        await eventually(lambda: recorder.states[-1][0] is LinkState.UP)


async def test_both_directions_are_logged_as_they_are_on_the_wire() -> None:
    logged: list[tuple[str, Runtime | None, str, str | bytes]] = []
    async with (
        running(FakeServer()) as server,
        linked(server, frame_log=lambda *entry: logged.append(entry)) as (connection, _),
    ):
        await up(connection)
        await server.push("not json")
        await server.push('{"type": "new", "runtime": {"agent_id": "a", "conversation_id": "c"}}')
        await eventually(lambda: len(logged) == 4)
    whose = Runtime(AgentId("a"), ConversationId("c"))
    assert [(way, runtime, kind) for way, runtime, kind, _ in logged] == [
        ("out", None, "app_server_info"),
        ("in", None, "app_server_info_response"),
        ("in", None, "unknown"),
        ("in", whose, "new"),
    ]
    assert json.loads(logged[0][3])["type"] == "app_server_info"
    assert logged[2][3] == b"not json"


async def test_a_busy_listener_leaves_room_for_others() -> None:
    """Thousands of frames at once do not keep the rest of the program from its turn."""
    async with running(FakeServer()) as server, linked(server) as (connection, recorder):
        await up(connection)
        text = json.dumps(words("x", 1))
        for _ in range(5000):
            await server.push(text)
        turns = 0
        while len(recorder.events) < 5000:
            turns += 1
            await asyncio.sleep(0)
        assert turns > 10


async def test_goodbye_is_said_in_order() -> None:
    async with running(FakeServer()) as server:
        async with linked(server) as (connection, _):
            await up(connection)
            ours = server.sockets[0]
        await eventually(lambda: ours.close_code is not None)
        assert ours.close_code == 1000
        await connection.aclose()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("ws://h:1", "ws://h:1/ws"),
        ("ws://h:1/", "ws://h:1/ws"),
        ("ws://h:1/ws", "ws://h:1/ws"),
        ("http://h:1", "ws://h:1/ws"),
        ("https://h/agents", "wss://h/agents"),
        ("wss://h", "wss://h/ws"),
        ("127.0.0.1:4500", "ws://127.0.0.1:4500/ws"),
    ],
)
def test_addresses_are_completed(url: str, expected: str) -> None:
    assert socket_url(url) == expected
    assert socket_url(url, channel="stream") == f"{expected}?channel=stream"


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        (401, Fault.LOGIN),
        (403, Fault.LOGIN),
        (404, Fault.NOT_SUITABLE),
        (426, Fault.NOT_SUITABLE),
        (503, Fault.AWAY),
    ],
)
async def test_refusals_of_the_upgrade_are_told_apart(status: int, fault: Fault) -> None:
    async with running(FakeServer(status=status)) as server:
        link = Link(Endpoint(server.url), hear=lambda _: None)
        with pytest.raises(LinkFailed) as failed:
            await link.open()
        assert failed.value.trouble.fault is fault
        assert failed.value.trouble.sentence.endswith(".")


@pytest.mark.parametrize(
    ("code", "fault"),
    [(1008, Fault.TAKEN), (1009, Fault.TOO_LARGE), (1001, Fault.CLOSED), (None, Fault.AWAY)],
)
async def test_ends_of_a_link_are_told_apart(code: int | None, fault: Fault) -> None:
    async with running(FakeServer()) as server:
        link = Link(Endpoint(server.url), hear=lambda _: None)
        await link.open()
        await eventually(lambda: server.sockets)
        await server.drop(code, "because")
        trouble = await asyncio.wait_for(link.ended(), 5)
        assert trouble.fault is fault
        with pytest.raises(LinkFailed):
            await link.send("{}")
        await link.close()
        await link.close()


async def test_what_is_no_websocket_server_is_told_apart() -> None:
    gone = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"SSH-2.0-OpenSSH\r\n\r\n")
        writer.close()
        await writer.wait_closed()
        gone.set()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        link = Link(Endpoint(f"ws://127.0.0.1:{port}"), hear=lambda _: None)
        with pytest.raises(LinkFailed, match="is no App Server"):
            await link.open()
        await gone.wait()


async def test_a_server_that_dies_while_it_greets_is_away() -> None:
    gone = asyncio.Event()

    async def die(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()
        await writer.wait_closed()
        gone.set()

    async with await asyncio.start_server(die, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        link = Link(Endpoint(f"ws://127.0.0.1:{port}"), hear=lambda _: None)
        with pytest.raises(LinkFailed) as failed:
            await link.open()
        assert failed.value.trouble.fault is Fault.AWAY
        await gone.wait()


async def test_a_server_that_does_not_answer_the_upgrade_is_away() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"ws://127.0.0.1:{deaf.getsockname()[1]}"
        link = Link(Endpoint(url, open_timeout_s=0.05), hear=lambda _: None)
        with pytest.raises(LinkFailed, match="did not answer in time"):
            await link.open()


def test_an_address_that_is_none_is_told_apart() -> None:
    assert diagnose(ValueError("x"), "nonsense").fault is Fault.NOT_SUITABLE


async def test_g8_what_a_newer_server_may_add_changes_nothing() -> None:
    """Fields and frames that later servers send (docs/architecture.md)."""
    status = {
        "status": "EXECUTING",
        "failure": {"kind": "provider", "message": "x"},
        "execution_lease": {"holder": "h", "expires_at": "2027-01-01T00:00:00Z"},
    }
    later = [
        {"type": "update_loop_status", "runtime": REF, "loop_status": status, "event_seq": 1},
        {"type": "turn_finished_ack", "runtime": REF, "event_seq": 2},
        {"type": "abort_message_response", "request_id": "none", "wait_for_settlement": True},
    ]
    with capture_logs() as logs:
        async with running(FakeServer()) as server, linked(server) as (connection, recorder):
            await up(connection)
            for frame in later:
                await server.push(frame)
            await server.push(words("goes on", 3))
            await eventually(lambda: recorder.texts == ["goes on"])
            assert connection.state is LinkState.UP
            assert (len(recorder.events), recorder.missed) == (2, 0)
    said = [entry for entry in logs if entry["event"] == "frame not understood"]
    assert [entry["type"] for entry in said] == ["turn_finished_ack"]
