"""The demo model: an OpenAI-compatible endpoint on loopback that plays a script.

It stands in for a language model where nobody has an account, and says so in every text.
"""

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from aiohttp import web

from slack_playground.demo_model_parser import prompt_tokens, read
from slack_playground.demo_model_script import Fail, Part, Say, Think, ToolCall, plan

MODEL = "demo"
"""The model's name; an App Server calls it `openai-compatible/demo`."""

_log = logging.getLogger("slack_playground.demo_model")
_WORDS = re.compile(r"\s*\S+|\s+$")
_FAST_CHARS = 400

Delta = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """Where to listen (port 0 takes a free one) and how fast to speak: 2.0 is twice as fast."""

    host: str = "127.0.0.1"
    port: int = 0
    haste: float = 1.0


class DemoModel:
    """The endpoint. `start` once, `stop` any number of times."""

    def __init__(self, options: ModelOptions | None = None) -> None:
        self._options = options or ModelOptions()
        self._numbers = count(1)
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.add_routes(
            [
                web.get("/v1/models", self._models),
                web.post("/v1/chat/completions", self._completions),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        self._port = self._options.port

    @property
    def base_url(self) -> str:
        """What an OpenAI client takes as its base URL."""
        return f"http://{self._options.host}:{self._port}/v1"

    async def start(self) -> None:
        """Listen. Raises `OSError` when the port is taken."""
        await self._runner.setup()
        await web.TCPSite(self._runner, self._options.host, self._options.port).start()
        self._port = self._runner.addresses[0][1]
        _log.info("listening at %s", self.base_url)

    async def stop(self) -> None:
        """Stop listening; answers under way are cut off."""
        await self._runner.cleanup()

    async def _models(self, _request: web.Request) -> web.Response:
        card = {"id": MODEL, "object": "model", "owned_by": "demo", "max_model_len": 200_000}
        return web.json_response({"object": "list", "data": [card]})

    async def _completions(self, request: web.Request) -> web.StreamResponse:
        body = await _body(request)
        if body is None:
            return _error(400, "The body is not a JSON object.")
        parts = plan(read(body))
        for part in parts:
            if isinstance(part, Fail):
                return _error(part.status, part.message)
        reply = _Reply(
            number=next(self._numbers),
            parts=parts,
            prompt_tokens=prompt_tokens(body),
            haste=self._options.haste,
        )
        if not body.get("stream"):
            return web.json_response(reply.whole())
        return await _stream(request, reply)


@dataclass(frozen=True, slots=True)
class _Reply:
    """One completion, whole or in pieces."""

    number: int
    parts: list[Part]
    prompt_tokens: int
    haste: float

    @property
    def calls(self) -> list[Delta]:
        """The tool calls as the API words them."""
        made = [part for part in self.parts if isinstance(part, ToolCall)]
        return [
            {
                "index": index,
                "id": f"call_{self.number}_{index}",
                "type": "function",
                "function": {"name": call.name, "arguments": json.dumps(call.arguments)},
            }
            for index, call in enumerate(made)
        ]

    @property
    def finish_reason(self) -> str:
        """Why it ends."""
        return "tool_calls" if self.calls else "stop"

    @property
    def usage(self) -> dict[str, int]:
        """Plausible counts."""
        said = len(self.text) + len(json.dumps(self.calls))
        completion = max(1, said // 4)
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": completion,
            "total_tokens": self.prompt_tokens + completion,
        }

    @property
    def text(self) -> str:
        """All words."""
        return "".join(part.text for part in self.parts if isinstance(part, Say))

    def whole(self) -> dict[str, Any]:
        """The answer to a request without `stream`."""
        message: Delta = {"role": "assistant", "content": self.text or None}
        if self.calls:
            message["tool_calls"] = self.calls
        choice = {"index": 0, "message": message, "finish_reason": self.finish_reason}
        return {**self._head("chat.completion"), "choices": [choice], "usage": self.usage}

    def chunk(self, delta: Delta, finish_reason: str | None = None) -> dict[str, Any]:
        """One piece of a streamed answer."""
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        return {**self._head("chat.completion.chunk"), "choices": [choice]}

    def last_chunk(self) -> dict[str, Any]:
        """The piece with the counts, as `stream_options.include_usage` asks for."""
        return {**self._head("chat.completion.chunk"), "choices": [], "usage": self.usage}

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": f"demo-{self.number}", "object": kind, "created": 0, "model": MODEL}

    async def deltas(self) -> AsyncIterator[Delta]:
        """The pieces at their speed."""
        yield {"role": "assistant", "content": ""}
        for part in self.parts:
            if isinstance(part, Think):
                async for delta in self._thoughts(part.seconds):
                    yield delta
            elif isinstance(part, Say):
                for words, pause_s in _paced(part):
                    await asyncio.sleep(pause_s / self.haste)
                    yield {"content": words}
        if self.calls:
            yield {"tool_calls": self.calls}

    async def _thoughts(self, seconds: float) -> AsyncIterator[Delta]:
        for step in range(max(1, int(seconds * 4))):
            yield {"reasoning_content": f"step {step + 1} … "}
            await asyncio.sleep(0.25 / self.haste)


def _paced(part: Say) -> Iterator[tuple[str, float]]:
    """Pieces of the text, each with the pause before it in seconds."""
    if part.tokens_per_s is None:
        for start in range(0, len(part.text), _FAST_CHARS):
            yield part.text[start : start + _FAST_CHARS], 0.0
        return
    for word in _WORDS.findall(part.text):
        yield word, 1 / part.tokens_per_s


async def _stream(request: web.Request, reply: _Reply) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    try:
        async for delta in reply.deltas():
            await response.write(_event(reply.chunk(delta)))
        await response.write(_event(reply.chunk({}, reply.finish_reason)))
        await response.write(_event(reply.last_chunk()) + b"data: [DONE]\n\n")
    except ConnectionError:
        _log.debug("the listener left")
    return response


def _event(chunk: Mapping[str, Any]) -> bytes:
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


async def _body(request: web.Request) -> dict[str, Any] | None:
    try:
        body = await request.json()
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _error(status: int, message: str) -> web.Response:
    error = {"message": message, "type": "demo_error", "code": status}
    return web.json_response({"error": error}, status=status)
