"""The worker's side of the pipe, with the test in the pipe's place."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from bridge.domain.errors import BridgeError
from bridge.domain.events import TurnFinished
from bridge.domain.ids import AgentId, ConversationId, RunId, Runtime
from bridge.domain.ports import SupervisorPort
from bridge.supervisor.ipc import Pipe
from bridge.supervisor_client import HOLD_S, SupervisorClient
from tests.support import eventually

RUNTIME = Runtime(AgentId("agent-1"), ConversationId("conv-1"))
IDS = {"agent_id": "agent-1", "conversation_id": "conv-1"}
ENDING = {
    "client_message_ids": ["turn-a-1", "turn-b-1"],
    "run_id": "run-1",
    "stop_reason": "end_turn",
    "error": None,
}


@dataclass
class Ends:
    client: SupervisorClient
    pipe: Pipe

    async def next(self) -> dict[str, Any]:
        message = await self.pipe.receive()
        assert message is not None
        return message

    async def greet(self, **hello: Any) -> None:
        beginning = asyncio.get_running_loop().create_task(self.client.begin())
        assert await self.next() == {"prepared": True}
        self.pipe.send(hello={"server": None, "ended": [], "restarts": 0, **hello})
        await beginning


@pytest.fixture
async def ends() -> AsyncIterator[Ends]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    pipe = await Pipe.over(ours)
    pipe.send(environ={"SLACK_BOT_TOKEN": "xoxb-1"})
    client = await SupervisorClient.meet(theirs.detach())
    yield Ends(client, pipe)
    await client.aclose()
    pipe.close()


def test_it_is_the_engines_supervisor(ends: Ends) -> None:
    pipe: SupervisorPort = ends.client
    assert pipe.ending("turn-a-1") is None


async def test_it_takes_its_secrets_from_the_pipe_and_bequeaths_the_pipe_to_nobody() -> None:
    ours, theirs = socket.socketpair()
    fd = theirs.detach()
    os.set_inheritable(fd, True)
    ours.sendall(b'{"environ": {"A": "b"}}\n')
    client = await SupervisorClient.meet(fd)
    assert client.environ == {"A": "b"}
    assert not os.get_inheritable(fd)
    await client.aclose()
    ours.close()


async def test_a_hold_returns_when_the_supervisor_has_answered(ends: Ends) -> None:
    hold = asyncio.get_running_loop().create_task(ends.client.hold(RUNTIME))
    asked = await ends.next()
    assert asked["hold"] == {"agent_id": "agent-1", "conversation_id": "conv-1"}
    assert not hold.done()
    ends.pipe.send(held=asked["number"], trouble=None)
    await hold


async def test_holds_are_answered_in_any_order(ends: Ends) -> None:
    loop = asyncio.get_running_loop()
    first, second = (loop.create_task(ends.client.hold(RUNTIME)) for _ in range(2))
    numbers = [(await ends.next())["number"] for _ in range(2)]
    ends.pipe.send(held=numbers[1], trouble="The App Server is away.")
    await second
    assert not first.done()
    ends.pipe.send(held=numbers[0], trouble=None)
    await first


async def test_a_supervisor_that_does_not_answer_costs_one_short_wait(ends: Ends) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    await ends.client.hold(RUNTIME)
    first = loop.time()
    for _ in range(20):
        await ends.client.hold(RUNTIME)
    assert HOLD_S <= first - began < HOLD_S + 0.5
    assert loop.time() - first < 0.5
    ends.pipe.send(held=1, trouble=None)
    await eventually(lambda: not ends.client._mute)


async def test_a_release_is_passed_on_but_not_by_one_who_leaves_the_turns(ends: Ends) -> None:
    ends.client.release(RUNTIME)
    assert "release" in await ends.next()
    ends.client.leave()
    ends.client.release(RUNTIME)
    ends.client.ready()
    assert await ends.next() == {"ready": True}


async def test_it_knows_how_turns_ended_before_and_since_its_start(ends: Ends) -> None:
    await ends.greet(ended=[ENDING])
    assert ends.client.ending("turn-b-1") == TurnFinished(RunId("run-1"), "end_turn")
    later = {**ENDING, "client_message_ids": ["turn-c-1"], "run_id": None, "error": "no model"}
    ends.pipe.send(ended=[later])
    found = await eventually(lambda: ends.client.ending("turn-c-1"))
    assert found == TurnFinished(None, "end_turn", "no model")
    assert ends.client.ending("turn-d-1") is None


async def test_it_knows_how_work_ended_that_nobody_asked_for_until_that_is_released(
    ends: Ends,
) -> None:
    unasked = {**ENDING, "client_message_ids": [], "runtime": IDS}
    await ends.greet(ended=[unasked])
    assert ends.client.unasked_ending(RUNTIME) == TurnFinished(RunId("run-1"), "end_turn")
    ends.client.release(RUNTIME)
    assert ends.client.unasked_ending(RUNTIME) is None


async def test_it_learns_of_the_supervisor_server_and_shows_its_token_to_nobody(ends: Ends) -> None:
    await ends.greet(server={"url": "ws://127.0.0.1:1", "token": "secret"})
    server = ends.client.server
    assert server is not None
    assert (server.url, server.token) == ("ws://127.0.0.1:1", "secret")
    assert "secret" not in repr(server)


async def test_a_supervisor_that_dies_makes_the_worker_leave(ends: Ends) -> None:
    left = asyncio.Event()
    ends.client.when_leaving(left.set)
    await ends.greet()
    ends.pipe.close()
    await asyncio.wait_for(left.wait(), 5)
    assert ends.client.gone
    assert ends.client.leaving
    await ends.client.hold(RUNTIME)
    ends.client.release(RUNTIME)


async def test_a_supervisor_that_dies_before_its_hello_is_an_error(ends: Ends) -> None:
    ends.pipe.close()
    with pytest.raises(BridgeError, match="supervisor"):
        await ends.client.begin()


async def test_it_gives_signs_of_life(ends: Ends) -> None:
    ends.pipe.send(ping=True)
    assert await ends.next() == {"pong": True}


async def test_what_a_newer_supervisor_says_besides_is_ignored(ends: Ends) -> None:
    ends.pipe.send(news={"a": 1})
    await ends.greet(mood="fine")
    ends.pipe.send(ended=[{**ENDING, "mood": "fine"}])
    await eventually(lambda: ends.client.ending("turn-a-1"))
