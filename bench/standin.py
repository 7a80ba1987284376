"""A stand-in App Server that says what a benchmark tells it to, as fast as it is heard.

A real server cannot be made to stream a thousand answers at once on one machine; the frames have
the shape and size of a real one's.
"""

import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

AGENT = "agent-local-fa028cde-d45c-4c94-8fd5-a8b221d8aedc"
WORDS = ("Certainly ", "the ", "second ", "one ", "is ", "a ", "little ", "faster.\n")

Json = dict[str, Any]


class StandIn:
    """One server. `live` are the conversations whose turn runs; `at_once`: none does for long,
    because each is answered with a word at once.
    """

    def __init__(self, *, at_once: bool = False) -> None:
        self._at_once = at_once
        self.url = ""
        self.live: list[str] = []
        self._numbers = itertools.count(1)
        self._hearers: dict[str, dict[ServerConnection, None]] = {}
        self._seq: dict[ServerConnection, itertools.count[int]] = {}

    @asynccontextmanager
    async def running(self) -> AsyncIterator["StandIn"]:
        """Listen on a free port."""
        listener = serve(self._serve, "127.0.0.1", 0, compression=None, ping_interval=None)
        async with listener as server:
            port = next(iter(server.sockets)).getsockname()[1]
            self.url = f"ws://127.0.0.1:{port}"
            yield self

    async def pump(self, frames: int) -> None:
        """Say so many words, each in the next of the live turns; waits while nobody reads."""
        turns = itertools.cycle(self.live)
        for number in range(frames):
            await self._push(_word(next(turns), WORDS[number % len(WORDS)]))

    async def _serve(self, socket: ServerConnection) -> None:
        self._seq[socket] = itertools.count(1)
        try:
            async for message in socket:
                await self._answer(socket, json.loads(message))
        except ConnectionClosed:
            return
        finally:
            del self._seq[socket]
            for hearers in self._hearers.values():
                hearers.pop(socket, None)

    async def _answer(self, socket: ServerConnection, command: Json) -> None:
        respond = partial(self._respond, socket, command)
        match command["type"]:
            case "app_server_info":
                await respond(
                    letta_code_version="0.34.12",
                    protocol_version=1,
                    capabilities={"split_channels": False},
                )
            case "agent_create" | "agent_retrieve":
                await respond(agent={"id": AGENT})
            case "runtime_start":
                conversation = command.get("conversation_id") or f"conv-{next(self._numbers)}"
                runtime = _runtime(conversation)
                self._hear(conversation, socket)
                status = {"is_processing": False, "current_working_directory": command.get("cwd")}
                await self._push(
                    {"type": "update_device_status", "device_status": status, "runtime": runtime}
                )
                await respond(runtime=runtime)
            case "input":
                self._hear(command["runtime"]["conversation_id"], socket)
                await respond(
                    type="input_accepted",
                    runtime=command["runtime"],
                    accepted=True,
                    disposition="started",
                )
                await self._begin(command)
            case _:
                await respond()

    def _hear(self, conversation: str, socket: ServerConnection) -> None:
        self._hearers.setdefault(conversation, {})[socket] = None

    async def _begin(self, command: Json) -> None:
        runtime = command["runtime"]
        conversation = runtime["conversation_id"]
        named = command["payload"]["messages"][0]["client_message_id"]
        loop = {
            "status": "PROCESSING_API_RESPONSE",
            "active_run_ids": [_run(conversation)],
            "client_message_ids_by_run_id": {_run(conversation): [named]},
            "executing_tool_call_ids": [],
        }
        await self._push({"type": "update_loop_status", "loop_status": loop, "runtime": runtime})
        await self._push(_word(conversation, "Well: "))
        if self._at_once:
            await self._end(conversation)
        else:
            self.live.append(conversation)

    async def _end(self, conversation: str) -> None:
        end = {"turn_id": "turn", "stop_reason": "end_turn", "run_id": _run(conversation)}
        idle = {"status": "WAITING_ON_INPUT", "active_run_ids": []}
        for body in (
            {"type": "turn_finished", **end},
            {"type": "update_loop_status", "loop_status": idle},
        ):
            await self._push({**body, "runtime": _runtime(conversation)})

    async def drop(self) -> None:
        """Hang up on everybody."""
        for socket in list(self._seq):
            await socket.close()

    async def _respond(self, socket: ServerConnection, command: Json, **fields: Any) -> None:
        answer = {
            "type": f"{command['type']}_response",
            "request_id": command.get("request_id"),
            "success": True,
            **fields,
        }
        await socket.send(json.dumps(answer))

    async def _push(self, frame: Json) -> None:
        """Say it to all that started the runtime."""
        kind = frame["type"]
        for socket in list(self._hearers[frame["runtime"]["conversation_id"]]):
            number = next(self._seq[socket])
            frame |= {
                "event_seq": number,
                "emitted_at": "2026-11-22T21:46:41.622Z",
                "idempotency_key": f"{kind}:{number}:e1f4e6a4-8178-426f-89d8-a2a283aea800",
            }
            await socket.send(json.dumps(frame))


def _word(conversation: str, word: str) -> Json:
    delta = {
        "id": "ui-msg-2",
        "date": "2026-11-22T21:46:41.621Z",
        "agent_id": AGENT,
        "conversation_id": conversation,
        "message_type": "assistant_message",
        "content": [{"type": "text", "text": word}],
        "run_id": _run(conversation),
        "seq_id": 2,
        "type": "message",
    }
    return {"type": "stream_delta", "delta": delta, "runtime": _runtime(conversation)}


def _runtime(conversation: str) -> Json:
    return {"agent_id": AGENT, "conversation_id": conversation}


def _run(conversation: str) -> str:
    return f"run-of-{conversation}"
