"""The client against a real App Server driven by a scripted model."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pytest

from bridge.appserver.bearer_token import token_from_file
from bridge.appserver.client import AppServerClient
from bridge.appserver.commands import ClientInfo, ExternalTool, TextContent, ToolResult
from bridge.appserver.connection import LinkOptions
from bridge.domain import events as ev
from bridge.domain.bindings import RuntimeRequest, TextPart
from bridge.domain.errors import AgentUnreachable, RuntimeGone
from bridge.domain.ids import AgentId, ConversationId, Runtime
from bridge.domain.ports import AgentPort, LinkState
from bridge.domain.teammates import PermissionMode, Teammate
from tests.appserver_fixtures import MODEL, RealServer
from tests.support import eventually

pytestmark = pytest.mark.appserver

E = TypeVar("E")


@dataclass
class Heard:
    """Remembers what the client says."""

    events: list[tuple[Runtime, ev.AgentEvent]] = field(default_factory=list)
    links: list[tuple[LinkState, str | None]] = field(default_factory=list)

    def agent_event(self, runtime: Runtime, event: ev.AgentEvent) -> None:
        self.events.append((runtime, event))

    def events_missed(self) -> None:
        raise AssertionError("no event may be missed here")

    def link_changed(self, state: LinkState, reason: str | None) -> None:
        self.links.append((state, reason))

    def of(self, runtime: Runtime, kind: type[E]) -> list[E]:
        return [event for at, event in self.events if at == runtime and isinstance(event, kind)]

    def text(self, runtime: Runtime) -> str:
        return "".join(piece.text for piece in self.of(runtime, ev.TextArrived))

    async def end(self, runtime: Runtime, count: int = 1) -> ev.TurnFinished:
        found = await eventually(lambda: self.of(runtime, ev.TurnFinished)[count - 1 :])
        return found[0]

    async def question(self, runtime: Runtime) -> ev.ApprovalAsked:
        found = await eventually(lambda: self.of(runtime, ev.ApprovalAsked))
        return found[-1]


@asynccontextmanager
async def connected(
    server: RealServer, *, token_file: Path | None = None, **more: object
) -> AsyncIterator[tuple[AppServerClient, Heard]]:
    token = token_from_file(str(token_file)) if token_file else None
    client = AppServerClient(
        LinkOptions(server.url, token, operator_retry_s=0.2),
        client_info=ClientInfo(name="test"),
        **more,
    )
    heard = Heard()
    client.listen(heard)
    client.open()
    try:
        await client.ready(within_s=20)
        yield client, heard
    finally:
        await client.aclose()


async def begin(
    client: AgentPort, server: RealServer, mode: PermissionMode = PermissionMode.STANDARD
) -> Runtime:
    agent = await client.create_agent(Teammate("ada", role="engineer", model=MODEL))
    started = await client.start(RuntimeRequest(agent, None, str(server.cwd), mode))
    assert started.cwd == str(server.cwd)
    assert not started.is_processing
    return started.runtime


async def say(client: AgentPort, runtime: Runtime, words: str, ident: str = "turn-a-1") -> bool:
    return await client.send(runtime, client_message_id=ident, parts=[TextPart(words)])


async def test_a_turn_streams_its_text_and_ends(app_server: RealServer) -> None:
    async with connected(app_server) as (client, heard):
        runtime = await begin(client, app_server)
        assert not await say(client, runtime, "Hi [[text Hello there, friend.]]")
        finished = await heard.end(runtime)
        assert finished.stop_reason == "end_turn"
        assert heard.text(runtime) == "Hello there, friend."
        assert heard.of(runtime, ev.RunStarted) == [
            ev.RunStarted(finished.run_id, frozenset({"turn-a-1"}))
        ]
        assert client.traits is not None
        assert not client.traits.split_channels
        history = await client.history(runtime, back_to="turn-a-1")
        assert [(m.role, m.text) for m in history] == [
            ("user", "Hi [[text Hello there, friend.]]"),
            ("assistant", "Hello there, friend."),
        ]
        assert await client.history(runtime, back_to="turn-nobody-1") == []


async def test_an_allowed_tool_runs(app_server: RealServer) -> None:
    async with connected(app_server) as (client, heard):
        runtime = await begin(client, app_server)
        command = '{"command": "touch allowed.txt", "description": "Create a file"}'
        await say(client, runtime, f"Go [[tool Bash {command}]][[then]][[text Done.]]")
        asked = await heard.question(runtime)
        assert asked.tool_name == "Bash"
        assert asked.arguments["command"] == "touch allowed.txt"
        assert await client.answer(
            runtime, request_id=asked.request_id, verdict=ev.Verdict.ALLOW, message=""
        )
        assert (await heard.end(runtime)).stop_reason == "end_turn"
        assert (app_server.cwd / "allowed.txt").exists()
        assert heard.of(runtime, ev.ToolEnded) == [ev.ToolEnded(asked.call_id, True)]
        assert not await client.answer(
            runtime, request_id=asked.request_id, verdict=ev.Verdict.ALLOW, message=""
        )


async def test_an_allowed_tool_runs_with_the_reviewers_input(app_server: RealServer) -> None:
    async with connected(app_server) as (client, heard):
        runtime = await begin(client, app_server)
        command = '{"command": "touch wrong.txt", "description": "Create a file"}'
        await say(client, runtime, f"Go [[tool Bash {command}]][[then]][[text Done.]]")
        asked = await heard.question(runtime)
        changed = {"command": "touch right.txt", "description": "Create a file"}
        await client.answer(
            runtime,
            request_id=asked.request_id,
            verdict=ev.Verdict.ALLOW,
            message="",
            updated_input=changed,
        )
        await heard.end(runtime)
        assert (app_server.cwd / "right.txt").exists()
        assert not (app_server.cwd / "wrong.txt").exists()


async def test_a_denied_tool_does_not_run_and_the_model_learns_why(app_server: RealServer) -> None:
    async with connected(app_server) as (client, heard):
        runtime = await begin(client, app_server)
        command = '{"command": "touch denied.txt", "description": "Create a file"}'
        await say(client, runtime, f"Go [[tool Bash {command}]][[then]][[model-echo]]")
        asked = await heard.question(runtime)
        assert await client.answer(
            runtime,
            request_id=asked.request_id,
            verdict=ev.Verdict.DENY,
            message="Maya said: not today",
        )
        await heard.end(runtime)
        assert "not today" in heard.text(runtime)
        assert not (app_server.cwd / "denied.txt").exists()


async def test_an_abort_ends_the_turn(app_server: RealServer) -> None:
    async with connected(app_server) as (client, heard):
        runtime = await begin(client, app_server)
        await say(client, runtime, "Long [[say 400 tokens at 20/s]]")
        await eventually(lambda: heard.text(runtime))
        assert await client.abort(runtime)
        assert (await heard.end(runtime)).stop_reason == "cancelled"
        assert not await client.abort(runtime)
        await say(client, runtime, "Again [[text Still here.]]", "turn-b-1")
        assert (await heard.end(runtime, 2)).stop_reason == "end_turn"
        assert heard.text(runtime).endswith("Still here.")


async def test_an_aborted_input_that_only_waited_never_runs(app_server: RealServer) -> None:
    async with connected(app_server) as (client, heard):
        runtime = await begin(client, app_server)
        await say(client, runtime, "Long [[say 400 tokens at 20/s]]")
        await eventually(lambda: heard.text(runtime))
        await say(client, runtime, "Waits [[text Should never be said.]]", "turn-b-1")
        assert await client.abort(runtime)
        assert (await heard.end(runtime)).stop_reason == "cancelled"
        await say(client, runtime, "Third [[text Only this.]]", "turn-c-1")
        assert (await heard.end(runtime, 2)).stop_reason == "end_turn"
        assert heard.text(runtime).endswith("Only this.")
        assert "never be said" not in heard.text(runtime)


async def test_a_failing_model_is_reported_in_its_own_words(app_server: RealServer) -> None:
    async with connected(app_server) as (client, heard):
        runtime = await begin(client, app_server)
        await say(client, runtime, "Fail [[fail 500 says Out of order]]")
        finished = await heard.end(runtime)
        assert finished.stop_reason == "error"
        failed = heard.of(runtime, ev.ModelFailed)
        assert failed[-1].client_message_ids == {"turn-a-1"}
        assert "Out of order" in failed[-1].message
        assert "{\n" not in (finished.error or "")


async def test_a_fork_knows_the_past_and_goes_on(app_server: RealServer) -> None:
    async with connected(app_server) as (client, heard):
        runtime = await begin(client, app_server)
        await say(client, runtime, "First [[text One.]]")
        await heard.end(runtime)
        copy = await client.fork(runtime)
        assert copy != runtime
        request = RuntimeRequest(
            copy.agent_id, copy.conversation_id, str(app_server.cwd), PermissionMode.STANDARD
        )
        assert (await client.start(request)).runtime == copy
        await say(client, copy, "Second [[text Two.]]")
        await heard.end(copy)
        assert heard.text(copy) == "Two."
        texts = [message.text for message in await client.history(copy, back_to=None)]
        assert texts[-4:] == ["First [[text One.]]", "One.", "Second [[text Two.]]", "Two."]


async def test_unknown_agents_and_conversations_are_gone(app_server: RealServer) -> None:
    async with connected(app_server) as (client, _heard):
        runtime = await begin(client, app_server)
        assert await client.agent_exists(runtime.agent_id)
        assert not await client.agent_exists(AgentId("agent-none"))
        nowhere = RuntimeRequest(
            runtime.agent_id, ConversationId("nope"), str(app_server.cwd), PermissionMode.STANDARD
        )
        with pytest.raises(RuntimeGone) as gone:
            await client.start(nowhere)
        assert (gone.value.what, gone.value.ident) == ("conversation", "nope")
        nobody = RuntimeRequest(AgentId("agent-none"), None, None, PermissionMode.STANDARD)
        with pytest.raises(RuntimeGone) as gone:
            await client.start(nobody)
        assert (gone.value.what, gone.value.ident) == ("agent", "agent-none")


async def test_a_missing_directory_shows_in_the_answer(app_server: RealServer) -> None:
    async with connected(app_server) as (client, _heard):
        agent = await client.create_agent(Teammate("ada", model=MODEL))
        missing = str(app_server.cwd / "missing")
        started = await client.start(RuntimeRequest(agent, None, missing, PermissionMode.STRICT))
        assert started.cwd == str(app_server.cwd)


async def test_an_external_tool_is_called_here(app_server: RealServer) -> None:
    tool = ExternalTool(
        name="lookup",
        description="Look a ticket up.",
        parameters={"type": "object", "properties": {"id": {"type": "string"}}},
        timeout_ms=20_000,
    )
    calls: asyncio.Queue[object] = asyncio.Queue()
    more = {"tools": [tool], "tool_called": lambda _runtime, call: calls.put_nowait(call)}
    async with connected(app_server, **more) as (client, heard):
        runtime = await begin(client, app_server, PermissionMode.UNRESTRICTED)
        await say(client, runtime, 'Look [[tool lookup {"id": "T-1"}]][[then]][[model-echo]]')
        call = await asyncio.wait_for(calls.get(), 20)
        assert call.input == {"id": "T-1"}
        result = ToolResult(content=[TextContent(text="T-1 is open")])
        await client.calls.external_tool_result(call.request_id, result)
        await heard.end(runtime)
        assert "T-1 is open" in heard.text(runtime)


async def test_a_second_subscriber_takes_an_approval_over(app_server: RealServer) -> None:
    """A supervisor's subscription keeps the turn alive; the next client finds it and answers."""
    async with connected(app_server) as (supervisor, _):
        async with connected(app_server) as (worker, heard):
            runtime = await begin(worker, app_server)
            request = RuntimeRequest(
                runtime.agent_id,
                runtime.conversation_id,
                str(app_server.cwd),
                PermissionMode.STANDARD,
            )
            await supervisor.start(request)
            command = '{"command": "touch taken.txt", "description": "Create a file"}'
            await say(worker, runtime, f"Go [[tool Bash {command}]][[then]][[text Done.]]")
            asked = await heard.question(runtime)
        async with connected(app_server) as (heir, heard):
            started = await heir.start(request)
            assert started.is_processing
            assert started.pending_request_ids == {asked.request_id}
            assert await heard.question(runtime) == asked
            await heir.answer(
                runtime, request_id=asked.request_id, verdict=ev.Verdict.ALLOW, message=""
            )
            finished = await heard.end(runtime)
            assert heard.text(runtime) == "Done."
            run = ev.RunStarted(finished.run_id, frozenset({"turn-a-1"}))
            assert run in heard.of(runtime, ev.RunStarted)


async def test_a_restarted_server_is_found_again_and_runs_the_input_again(
    app_servers: Callable[..., RealServer],
) -> None:
    server = app_servers()
    async with connected(server) as (client, heard):
        runtime = await begin(client, server)
        command = '{"command": "touch again.txt", "description": "Create a file"}'
        await say(client, runtime, f"Go [[tool Bash {command}]][[then]][[text Done.]]")
        await heard.question(runtime)
        server.kill()
        await eventually(lambda: client.state is LinkState.DOWN)
        with pytest.raises(AgentUnreachable):
            await client.abort(runtime)
        heard.events.clear()
        await asyncio.to_thread(server.start)
        await client.ready(within_s=30)
        with pytest.raises(AgentUnreachable):
            await say(client, runtime, "too early", "turn-c-1")
        request = RuntimeRequest(
            runtime.agent_id, runtime.conversation_id, str(server.cwd), PermissionMode.STANDARD
        )
        await client.start(request)
        asked = await heard.question(runtime)
        await client.answer(
            runtime, request_id=asked.request_id, verdict=ev.Verdict.ALLOW, message=""
        )
        assert (await heard.end(runtime)).stop_reason == "end_turn"
        assert any(
            run.client_message_ids == {"turn-a-1"} for run in heard.of(runtime, ev.RunStarted)
        )
        states = [state for state, _ in heard.links]
        assert states == [LinkState.UP, LinkState.DOWN, LinkState.UP] or (
            states[0] is LinkState.UP and states[-1] is LinkState.UP
        )


async def test_a_wrong_token_is_refused_until_the_file_is_right(
    app_servers: Callable[..., RealServer], tmp_path: Path
) -> None:
    right, ours = tmp_path / "right", tmp_path / "ours"
    right.write_text("correct-horse\n")
    ours.write_text("wrong\n")
    server = app_servers("--ws-auth", "capability-token", "--ws-token-file", str(right))
    client = AppServerClient(
        LinkOptions(server.url, token_from_file(str(ours)), operator_retry_s=0.2),
        client_info=ClientInfo(name="test"),
    )
    heard = Heard()
    client.listen(heard)
    client.open()
    try:
        await eventually(lambda: client.state is LinkState.REFUSED)
        assert "refused the login" in (client.reason or "")
        with pytest.raises(AgentUnreachable, match="refused the login"):
            await client.ready(within_s=0.05)
        ours.write_text("  correct-horse  \n")
        await client.ready(within_s=20)
        assert heard.links[-1] == (LinkState.UP, None)
    finally:
        await client.aclose()
