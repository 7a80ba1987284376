"""The floor: the least that a program between Slack and the App Server can do.

Mention, then input, then the first post; `slack_sdk` and `websockets`, nothing stored, nothing
limited, nothing survived. Run as a program of its own by the benchmarks.
"""

import asyncio
import itertools
import json
import os
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient
from websockets.asyncio.client import ClientConnection, connect

READY = "floor is ready"

Json = dict[str, Any]


class Floor:
    """Both sides of it, in memory."""

    def __init__(self, slack: AsyncWebClient, server: ClientConnection) -> None:
        self._slack = slack
        self._server = server
        self._numbers = itertools.count(1)
        self._answers: dict[str, asyncio.Future[Json]] = {}
        self._runtimes: dict[str, Json] = {}
        self._asked: dict[str, tuple[str, str]] = {}
        self._posts: set[asyncio.Task[Any]] = set()
        self._agent_id = ""

    async def create_agent(self, model: str) -> None:
        """Create the one agent, with a first conversation that is never used."""
        answer = await self._ask(
            {
                "type": "runtime_start",
                "create_agent": {"body": {"name": "floor", "model": model, "memory_blocks": []}},
                "create_conversation": {"body": {}},
                "mode": "standard",
            }
        )
        self._agent_id = answer["runtime"]["agent_id"]

    async def handle(self, client: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        """Ack an event; a mention becomes an input."""
        await client.send_socket_mode_response(SocketModeResponse(request.envelope_id))
        event = request.payload.get("event", {})
        if event.get("type") != "app_mention":
            return
        channel, thread = event["channel"], event.get("thread_ts") or event["ts"]
        runtime = self._runtimes.get(thread) or await self._new(thread)
        self._asked[runtime["conversation_id"]] = channel, thread
        message = {"role": "user", "content": event["text"], "client_message_id": event["ts"]}
        payload = {"kind": "create_message", "messages": [message]}
        await self._send({"type": "input", "runtime": runtime, "payload": payload})

    async def _new(self, thread: str) -> Json:
        answer = await self._ask(
            {
                "type": "runtime_start",
                "agent_id": self._agent_id,
                "create_conversation": {"body": {}},
                "mode": "standard",
            }
        )
        self._runtimes[thread] = answer["runtime"]
        return self._runtimes[thread]

    async def listen(self) -> None:
        """Post the first text of each answer."""
        async for message in self._server:
            frame = json.loads(message)
            answer = self._answers.pop(frame.get("request_id", ""), None)
            if answer is not None:
                answer.set_result(frame)
            delta = frame.get("delta") or {}
            if delta.get("message_type") == "assistant_message":
                self._said(frame["runtime"]["conversation_id"], delta["content"])

    def _said(self, conversation: str, content: Any) -> None:
        asked = self._asked.pop(conversation, None)
        if asked is None:
            return
        text = content if isinstance(content, str) else content[0]["text"]
        post = self._slack.chat_postMessage(channel=asked[0], thread_ts=asked[1], text=text)
        task = asyncio.get_running_loop().create_task(post)
        self._posts.add(task)
        task.add_done_callback(self._posts.discard)

    async def _ask(self, command: Json) -> Json:
        ident = f"r-{next(self._numbers)}"
        self._answers[ident] = asyncio.get_running_loop().create_future()
        await self._server.send(json.dumps({**command, "request_id": ident}))
        return await self._answers[ident]

    async def _send(self, command: Json) -> None:
        await self._server.send(json.dumps({**command, "request_id": f"r-{next(self._numbers)}"}))


async def main() -> None:
    """Run until the process is ended."""
    given = os.environ
    url = given["FLOOR_SERVER_URL"] + "/ws"
    async with (
        aiohttp.ClientSession() as session,
        connect(url, compression=None, max_size=None, max_queue=None, proxy=None) as server,
    ):
        slack = AsyncWebClient(
            given["FLOOR_BOT_TOKEN"], base_url=given["FLOOR_SLACK_URL"], session=session
        )
        floor = Floor(slack, server)
        listening = asyncio.get_running_loop().create_task(floor.listen())
        await floor.create_agent(given["FLOOR_MODEL"])
        client = SocketModeClient(given["FLOOR_APP_TOKEN"], web_client=slack)
        client.socket_mode_request_listeners.append(floor.handle)
        connect_slack: Callable[[], Awaitable[None]] = client.connect
        await connect_slack()
        print(READY, flush=True)
        await listening


if __name__ == "__main__":
    asyncio.run(main())
