"""The client's rules that a real server shows rarely or never."""

import asyncio
import gc
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection

from bridge.appserver import translate
from bridge.appserver.client import AppServerClient
from bridge.appserver.commands import (
    AppServerInfo,
    ClientInfo,
    CreateMessage,
    ExternalTool,
    InputMessage,
    Sync,
    ToolResult,
)
from bridge.appserver.connection import LinkOptions
from bridge.appserver.responses import AppServerInfoResponse, SyncResponse
from bridge.appserver.rpc import runtime_id
from bridge.appserver.started_runtimes import KEPT
from bridge.domain import events as ev
from bridge.domain.bindings import ImagePart, RuntimeRequest, TextPart
from bridge.domain.errors import AgentUnreachable, CommandRefused, RuntimeGone
from bridge.domain.ids import AgentId, ConversationId, Runtime
from bridge.domain.ports import AgentListener, AgentPort, HistoryMessage, LinkState
from bridge.domain.teammates import PermissionMode, Teammate
from tests.appserver.fake_server import FakeServer, running
from tests.support import eventually

RUNTIME = Runtime(AgentId("a"), ConversationId("c"))
REF = {"agent_id": "a", "conversation_id": "c"}
REQUEST = RuntimeRequest(RUNTIME.agent_id, RUNTIME.conversation_id, "/srv", PermissionMode.STRICT)
QUESTION = {
    "type": "control_request",
    "request_id": "perm-1",
    "runtime": REF,
    "request": {"subtype": "can_use_tool", "tool_name": "Bash", "input": {}, "tool_call_id": "c1"},
}
WORDS = CreateMessage(messages=[InputMessage(content="x", client_message_id="m")])
Frames = list[dict[str, Any]]
Script = dict[str, Callable[[dict[str, Any]], Frames]]


class Deaf:
    """Hears and keeps only what the tests ask for."""

    def __init__(self) -> None:
        self.events: list[ev.AgentEvent] = []
        self.links: list[LinkState] = []

    def agent_event(self, runtime: Runtime, event: ev.AgentEvent) -> None:
        self.events.append(event)

    def events_missed(self) -> None:
        """Pushed frames of these tests need not be numbered in order."""

    def link_changed(self, state: LinkState, reason: str | None) -> None:
        self.links.append(state)


def status(**fields: Any) -> dict[str, Any]:
    body = {"is_processing": False, "current_working_directory": "/srv", **fields}
    return {"type": "update_device_status", "runtime": REF, "event_seq": 1, "device_status": body}


def ok(**fields: Any) -> Callable[[dict[str, Any]], Frames]:
    return lambda _frame: [{"success": True, **fields}]


def refuse(error: str) -> Callable[[dict[str, Any]], Frames]:
    return lambda _frame: [{"success": False, "error": error}]


def started(_frame: dict[str, Any]) -> Frames:
    return [status(), {"success": True, "runtime": REF, "created": {"conversation": True}}]


@asynccontextmanager
async def client_of(
    script: Script, **more: Any
) -> AsyncIterator[tuple[AppServerClient, FakeServer, Deaf]]:
    """A client of a server that answers each command as the script says; silence otherwise."""

    async def reply(server: FakeServer, client: ServerConnection, frame: dict[str, Any]) -> None:
        if frame["type"] == "app_server_info":
            return await server.introduce(client, frame)
        for answer in script.get(frame["type"], lambda _frame: [])(frame):
            kind = "input_accepted" if frame["type"] == "input" else f"{frame['type']}_response"
            whole = {"type": kind, "request_id": frame.get("request_id"), **answer}
            await client.send(json.dumps(whole))
        return None

    async with running(FakeServer(reply=reply)) as server:
        options = LinkOptions(server.url, first_retry_s=0.01)
        client = AppServerClient(options, client_info=ClientInfo(name="test"), **more)
        recorder = Deaf()
        listener: AgentListener = recorder
        client.listen(listener)
        client.open()
        try:
            await client.ready(within_s=10)
            yield client, server, recorder
        finally:
            await client.aclose()


def test_the_client_is_an_agent_port() -> None:
    client = AppServerClient(LinkOptions("ws://h"), client_info=ClientInfo(name="test"))
    port: AgentPort = client
    assert port.state is LinkState.CONNECTING
    assert port.traits is None
    assert client.reason is None


async def test_a_start_names_mode_directory_and_tools() -> None:
    tool = ExternalTool(name="t", description="d", parameters={}, timeout_ms=1000)
    async with client_of({"runtime_start": started}, tools=[tool]) as (client, server, _):
        answer = await client.start(REQUEST)
        assert (answer.runtime, answer.cwd) == (RUNTIME, "/srv")
        sent = server.heard[-1]
        assert sent["mode"] == "strict"
        assert sent["cwd"] == "/srv"
        assert sent["wait_for_replay"] is True
        assert "create_conversation" not in sent
        (registered,) = sent["external_tools"][0]["tools"]
        assert registered["auto_background"] is False
        await client.start(RuntimeRequest(AgentId("a"), None, None, PermissionMode.STANDARD))
        assert server.heard[-1]["create_conversation"] == {"body": {}}


async def test_a_state_replayed_after_the_answer_is_waited_for() -> None:
    def late(frame: dict[str, Any]) -> Frames:
        pending = [{"request_id": "p1"}]
        return [*started(frame)[1:], status(is_processing=True, pending_control_requests=pending)]

    async with client_of({"runtime_start": late}) as (client, _server, recorder):
        answer = await client.start(REQUEST)
        assert answer.is_processing
        assert answer.pending_request_ids == {"p1"}
        assert isinstance(recorder.events[0], ev.RuntimeStatus)


async def test_a_question_is_heard_again_with_every_start() -> None:
    """A decision may not have arrived although the connection lives: the replay asks again."""

    def asking(frame: dict[str, Any]) -> Frames:
        return [QUESTION, *started(frame), QUESTION]

    async with client_of({"runtime_start": asking}) as (client, server, recorder):
        await server.push(QUESTION)  # as to every new connection of a busy runtime (§4)
        await eventually(lambda: len(recorder.events) == 1)
        for _ in range(2):
            await client.start(REQUEST)
        await client.calls.call(AppServerInfo(), AppServerInfoResponse)  # comes after the replay
        asked = [event for event in recorder.events if isinstance(event, ev.ApprovalAsked)]
        assert len(asked) == 3


async def test_a_state_of_before_does_not_count_for_a_new_start() -> None:
    answers = iter([started, lambda frame: started(frame)[1:]])
    script: Script = {"runtime_start": lambda frame: next(answers)(frame)}
    async with client_of(script) as (client, server, _), asyncio.TaskGroup() as group:
        assert not (await client.start(REQUEST)).is_processing
        again = group.create_task(client.start(REQUEST))
        await eventually(lambda: [f["type"] for f in server.heard].count("runtime_start") == 2)
        await client.calls.call(AppServerInfo(), AppServerInfoResponse)  # after the start
        assert not again.done()
        await server.push(status(is_processing=True))
        assert (await again).is_processing


async def test_a_link_lost_while_the_state_is_awaited_is_an_error() -> None:
    async with client_of({"runtime_start": lambda f: started(f)[1:]}) as (client, server, _):

        async def start() -> None:
            with pytest.raises(AgentUnreachable):
                await client.start(REQUEST)

        async with asyncio.TaskGroup() as group:
            group.create_task(start())
            await eventually(lambda: server.heard[-1]["type"] == "runtime_start")
            await server.drop()


async def test_a_runtime_must_be_started_on_this_connection() -> None:
    script: Script = {"runtime_start": started, "input": lambda _f: [{"accepted": True}]}
    async with client_of(script) as (client, server, recorder):
        words = [TextPart("hi")]
        with pytest.raises(AgentUnreachable, match="not started"):
            await client.send(RUNTIME, client_message_id="m", parts=words)
        await client.start(REQUEST)
        await client.send(RUNTIME, client_message_id="m", parts=words)
        await server.drop()
        await eventually(lambda: recorder.links == [LinkState.UP, LinkState.DOWN, LinkState.UP])
        for call in (
            client.send(RUNTIME, client_message_id="m", parts=words),
            client.answer(RUNTIME, request_id="p", verdict=ev.Verdict.ALLOW, message=""),
            client.abort(RUNTIME),
        ):
            with pytest.raises(AgentUnreachable, match="not started"):
                await call


async def test_pictures_are_sent_as_parts() -> None:
    accepted: Script = {
        "runtime_start": started,
        "input": lambda _f: [{"accepted": True, "disposition": "queued"}],
    }
    async with client_of(accepted) as (client, server, _):
        await client.start(REQUEST)
        parts = [TextPart("look"), ImagePart("image/png", "QUJD")]
        assert await client.send(RUNTIME, client_message_id="m", parts=parts)
        source = {"type": "base64", "media_type": "image/png", "data": "QUJD"}
        assert server.heard[-1]["payload"]["messages"] == [
            {
                "role": "user",
                "client_message_id": "m",
                "content": [{"type": "text", "text": "look"}, {"type": "image", "source": source}],
            }
        ]


@pytest.mark.parametrize("message", ["because", ""])
async def test_a_denial_always_says_something(message: str) -> None:
    script: Script = {"runtime_start": started, "input": lambda _f: [{"accepted": True}]}
    async with client_of(script) as (client, server, _):
        await client.start(REQUEST)
        for verdict in (ev.Verdict.DENY, ev.Verdict.EXPIRED):
            assert await client.answer(RUNTIME, request_id="p", verdict=verdict, message=message)
            decision = server.heard[-1]["payload"]["decision"]
            assert decision["behavior"] == "deny"
            assert decision["message"]


async def test_a_refused_input_carries_the_servers_reason() -> None:
    reason = "Input was rejected by the queue"
    script: Script = {
        "runtime_start": started,
        "input": lambda _f: [{"accepted": False, "error": reason}],
    }
    async with client_of(script) as (client, _server, _):
        await client.start(REQUEST)
        with pytest.raises(CommandRefused) as refused:
            await client.send(RUNTIME, client_message_id="m", parts=[TextPart("hi")])
        assert (refused.value.command, refused.value.reason) == ("input", reason)
        with pytest.raises(CommandRefused):
            await client.answer(RUNTIME, request_id="p", verdict=ev.Verdict.ALLOW, message="")


async def test_answers_that_make_no_sense_are_refusals() -> None:
    odd: Script = {
        "runtime_start": lambda _f: [{"success": True}],
        "agent_create": ok(),
        "sync": lambda _f: [{"success": "perhaps"}],
        "abort_message": lambda _f: [{"type": "sync_response", "success": True}],
        "input": lambda _f: [{"type": "hologram"}],
    }
    async with client_of(odd) as (client, _server, _):
        with pytest.raises(CommandRefused, match="names no runtime"):
            await client.start(REQUEST)
        with pytest.raises(CommandRefused, match="names nothing"):
            await client.create_agent(Teammate("ada"))
        with pytest.raises(CommandRefused, match="cannot be read: success"):
            await client.calls.call(Sync(runtime=runtime_id(RUNTIME)), SyncResponse)
        with pytest.raises(CommandRefused, match="SyncResponse"):
            await client.calls.abort_message(RUNTIME)
        with pytest.raises(CommandRefused, match="UnknownFrame"):
            await client.calls.input(RUNTIME, WORDS)


async def test_refusals_are_told_apart() -> None:
    script: Script = {
        "sync": refuse("Conversation c belongs to a, not b"),
        "abort_message": refuse("Conversation c not found"),
        "agent_retrieve": refuse("Agent a not found"),
        "agent_create": lambda _f: [{"success": False}],
    }
    async with client_of(script) as (client, _server, _):
        with pytest.raises(CommandRefused, match="belongs to a"):
            await client.calls.call(Sync(runtime=runtime_id(RUNTIME)), SyncResponse)
        with pytest.raises(RuntimeGone) as gone:
            await client.calls.abort_message(RUNTIME)
        assert gone.value.what == "conversation"
        assert not await client.agent_exists(AgentId("a"))
        with pytest.raises(CommandRefused, match="no reason given"):
            await client.create_agent(Teammate("ada"))


def stored(count: int) -> Callable[[dict[str, Any]], Frames]:
    """A history of `count` user messages, newest first, in pages as asked for."""

    def page(frame: dict[str, Any]) -> Frames:
        query = frame["query"]
        newest = int(query.get("before", str(count + 1))) - 1
        numbers = list(range(newest, max(newest - query["limit"], 0), -1))
        messages = [
            {"id": str(n), "message_type": "user_message", "content": f"say {n}", "otid": f"m-{n}"}
            for n in numbers
        ]
        more = bool(numbers) and numbers[-1] > 1
        before = str(numbers[-1]) if more else None
        return [{"success": True, "messages": messages, "has_more": more, "next_before": before}]

    return page


async def test_history_is_read_back_to_the_message_asked_for() -> None:
    async with client_of({"conversation_messages_list": stored(120)}) as (client, server, _):
        found = await client.history(RUNTIME, back_to="m-3")
        assert [message.message_id for message in found] == [str(n) for n in range(3, 121)]
        assert found[0] == HistoryMessage("3", "user", "say 3", "m-3")
        assert len([f for f in server.heard if f["type"] == "conversation_messages_list"]) == 3
        newest = await client.history(RUNTIME, back_to=None)
        assert [message.message_id for message in newest] == [str(n) for n in range(71, 121)]
        assert await client.history(RUNTIME, back_to="m-unknown") == []
        assert "agent_id" not in server.heard[-1]["query"]
        built_in = Runtime(AgentId("a"), ConversationId("default"))
        await client.history(built_in, back_to=None)
        assert server.heard[-1]["query"]["agent_id"] == "a"


async def test_a_search_in_an_endless_history_ends() -> None:
    async with client_of({"conversation_messages_list": stored(5000)}) as (client, server, _):
        assert await client.history(RUNTIME, back_to="m-1") == []
        assert len(server.heard) < 30


async def test_commands_without_an_answer_return_when_sent() -> None:
    script: Script = {"remove_queue_item": ok(item_id="q-1")}
    async with client_of(script) as (client, server, _):
        await client.calls.external_tool_result("call-1", ToolResult(content=[]))
        await eventually(lambda: server.heard[-1]["type"] == "external_tool_call_response")
        assert server.heard[-1]["request_id"] == "call-1"
        await client.calls.remove_queue_item(RUNTIME, "q-1")
        assert server.heard[-1]["item_id"] == "q-1"


async def test_a_new_agent_knows_its_name_and_role() -> None:
    script: Script = {"agent_create": ok(agent={"id": "agent-1"})}
    async with client_of(script) as (client, server, _):
        mate = Teammate("ada", role="backend engineer", model="p/m")
        assert await client.create_agent(mate) == "agent-1"
        body = server.heard[-1]["body"]
        assert (body["name"], body["model"]) == ("ada", "p/m")
        assert "backend engineer" in body["memory_blocks"][0]["value"]
        await client.create_agent(Teammate("bo"))
        assert server.heard[-1]["body"] == {"name": "bo", "memory_blocks": []}


def of_thread(number: int, **body: Any) -> dict[str, Any]:
    return {"runtime": {"agent_id": "a", "conversation_id": f"c-{number}"}, **body}


async def test_memory_does_not_grow_with_the_number_of_idle_threads() -> None:
    script: Script = {"runtime_start": started, "abort_message": ok(aborted=True)}
    async with client_of(script) as (client, server, deaf):
        await client.start(REQUEST)
        for number in range(2 * KEPT):
            loop = {"status": "WAITING_ON_INPUT", "client_message_ids_by_run_id": {"r": ["m"]}}
            await server.push(of_thread(number, type="update_loop_status", loop_status=loop))
        heard = len(deaf.events)
        await server.push(of_thread(0, **{**status(), "runtime": of_thread(0)["runtime"]}))
        await eventually(lambda: len(deaf.events) > heard)
        kept = [thing for thing in gc.get_objects() if type(thing) is translate._RuntimeNews]
        assert len(kept) <= KEPT + 1
        with pytest.raises(AgentUnreachable):
            await client.abort(RUNTIME)
        await client.start(REQUEST)
        assert await client.abort(RUNTIME)
