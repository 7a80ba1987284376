"""A running playground, a Web API client, and an app that listens over Socket Mode."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pytest_aiohttp import AiohttpServer
from slack_sdk.errors import SlackApiError
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient

from slack_playground import Playground, PlaygroundOptions
from slack_playground.app_manifest import read_manifest

QUICK = PlaygroundOptions(
    rate_limits=False,
    ack_timeout_s=0.15,
    redelivery_scale=0.0,
    save_after_s=0.01,
    verify_delay_s=0.01,
)


@pytest.fixture
async def playground(aiohttp_server: AiohttpServer) -> Playground:
    place = Playground(QUICK)
    server = await aiohttp_server(place.application())
    place.listens(str(server.make_url("")).rstrip("/"))
    return place


@pytest.fixture
async def start() -> AsyncIterator[Callable[[PlaygroundOptions], Awaitable[Playground]]]:
    """Start playgrounds with options of the test's own; they stop after it."""
    running: list[Playground] = []

    async def begin(options: PlaygroundOptions) -> Playground:
        place = Playground(options)
        await place.start()
        running.append(place)
        return place

    yield begin
    for place in running:
        await place.stop()


def web_client(place: Playground, token: str | None = None) -> AsyncWebClient:
    client = AsyncWebClient(token=token or place.bot_token, base_url=place.api_url)
    client.retry_handlers.clear()
    return client


@pytest.fixture
def client(playground: Playground) -> AsyncWebClient:
    return web_client(playground)


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


Answer = Callable[[SocketModeRequest], dict[str, Any] | None]


@dataclass(slots=True)
class App:
    """A Socket Mode app that records envelopes; `acks` off leaves them unanswered."""

    socket: SocketModeClient
    requests: list[SocketModeRequest] = field(default_factory=list)
    acks: bool = True
    answer: Answer = lambda request: None

    def events(self, kind: str, subtype: str | None = None) -> list[dict[str, Any]]:
        """The inner events of one type (and subtype) so far."""
        return [
            event
            for event in (request.payload.get("event", {}) for request in self.requests)
            if event.get("type") == kind and event.get("subtype") == subtype
        ]

    def interactions(self, kind: str) -> list[dict[str, Any]]:
        """The interactive payloads of one type so far."""
        return [r.payload for r in self.requests if r.payload.get("type") == kind]

    async def hear(self, socket: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        self.requests.append(request)
        if self.acks:
            await self.ack(request)

    async def ack(self, request: SocketModeRequest) -> None:
        """Acknowledge one envelope with what `answer` gives."""
        response = SocketModeResponse(envelope_id=request.envelope_id, payload=self.answer(request))
        await self.socket.send_socket_mode_response(response)


@pytest.fixture
async def connect() -> AsyncIterator[Callable[[Playground], Awaitable[App]]]:
    """Connect apps to playgrounds; they close after the test."""
    apps: list[App] = []

    async def open_(place: Playground) -> App:
        client = web_client(place, place.app_token)
        socket = SocketModeClient(app_token=place.app_token, web_client=client, ping_interval=0.2)
        app = App(socket)
        socket.socket_mode_request_listeners.append(app.hear)  # type: ignore[arg-type]
        await socket.connect()
        apps.append(app)
        return app

    yield open_
    for app in apps:
        await app.socket.close()


@pytest.fixture
async def app(playground: Playground, connect: Callable[[Playground], Awaitable[App]]) -> App:
    return await connect(playground)


Start = Callable[[PlaygroundOptions], Awaitable[Playground]]
Connect = Callable[[Playground], Awaitable[App]]


def for_manifest(folder: Path, **parts: Any) -> PlaygroundOptions:
    """Quick options for an app whose manifest has these `features` and `settings`."""
    scopes = parts.pop("scopes", ["chat:write", "commands", "im:history", "channels:history"])
    features = {"bot_user": {"display_name": "helper"}, **parts.pop("features", {})}
    whole = {"features": features, "oauth_config": {"scopes": {"bot": scopes}}, **parts}
    path = folder / "manifest.json"
    path.write_text(json.dumps(whole))
    return QUICK.for_app(read_manifest(path))


async def refusal(call: Awaitable[Any]) -> str:
    """Slack's word for why `call` was refused."""
    with pytest.raises(SlackApiError) as refused:
        await call
    return str(refused.value.response["error"])
