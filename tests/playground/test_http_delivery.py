"""An app with an address gets signed requests: a real Bolt app that verifies them."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from pytest_aiohttp import AiohttpServer
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.async_app import AsyncApp
from slack_sdk.signature import SignatureVerifier
from slack_sdk.web.async_client import AsyncWebClient

from slack_playground import Playground, PlaygroundOptions
from slack_playground.slack_types import ApiError
from tests.playground.conftest import QUICK, Start, for_manifest
from tests.playground.test_interactivity import VALUES, modal, text_input
from tests.playground.test_invocations import FEATURES, SETTINGS
from tests.support import eventually

SECRET = "a-secret-of-the-test"
GENERAL = "C01GENERAL1"
Respond = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class Address:
    """Where the app is reached: notes each request and answers as it is told."""

    url: str = ""
    respond: Respond | None = None
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.append((headers, await request.read()))
        if self.respond is None:
            return web.Response(status=503)
        return await self.respond(request)

    def retries(self) -> list[tuple[str, str]]:
        """Number and reason of every redelivery so far."""
        return [
            (headers["x-slack-retry-num"], headers["x-slack-retry-reason"])
            for headers, _ in self.requests
            if "x-slack-retry-num" in headers
        ]


@pytest.fixture
async def address(aiohttp_server: AiohttpServer) -> Address:
    found = Address()
    application = web.Application()
    application.router.add_post("/slack/events", found.serve)
    server = await aiohttp_server(application)
    found.url = str(server.make_url("/slack/events"))
    return found


def options(address: Address, base: PlaygroundOptions = QUICK, **more: Any) -> PlaygroundOptions:
    fields = {"events_url": address.url, "signing_secret": SECRET, "ack_timeout_s": 2.0, **more}
    return replace(base, **fields)


def bolt(place: Playground, address: Address, secret: str = SECRET) -> AsyncApp:
    """A Bolt app behind the address."""
    client = AsyncWebClient(token=place.bot_token, base_url=place.api_url)
    app = AsyncApp(client=client, signing_secret=secret)

    async def dispatch(request: web.Request) -> web.StreamResponse:
        answer: web.StreamResponse = await to_aiohttp_response(
            await app.async_dispatch(await to_bolt_request(request))
        )
        return answer

    address.respond = dispatch
    return app


async def verified(place: Playground) -> None:
    await eventually(lambda: place.connections == 1)


async def test_the_app_answers_the_handshake_and_then_hears_events(
    start: Start, address: Address
) -> None:
    place = await start(options(address))
    heard: list[dict[str, Any]] = []
    app = bolt(place, address)

    @app.event("app_mention")
    async def mentioned(event: dict[str, Any], say: Any) -> None:
        heard.append(event)
        await say("hello", thread_ts=event["ts"])

    @app.event("message")
    async def ignored() -> None: ...

    await verified(place)
    ts = place.post("maya", "#general", "<@U01LETTABOT> hi")
    await eventually(lambda: len(place.messages("#general", ts)) == 2)
    assert heard[0]["ts"] == ts
    await eventually(lambda: place.undelivered == 0)
    assert address.retries() == []


async def test_what_was_said_before_the_app_was_there_arrives_after_the_handshake(
    start: Start, address: Address
) -> None:
    place = await start(options(address))
    place.post("maya", "#general", "early")
    await eventually(lambda: len(address.requests) > 1)
    assert (place.connections, place.undelivered) == (0, 1)
    assert all(b"url_verification" in body for _, body in address.requests)
    heard: list[str] = []

    @bolt(place, address).event("message")
    async def message(event: dict[str, Any]) -> None:
        heard.append(event["text"])

    await eventually(lambda: heard == ["early"])


async def test_an_app_with_another_secret_never_passes_the_handshake(
    start: Start, address: Address
) -> None:
    place = await start(options(address))
    bolt(place, address, secret="another")
    await eventually(lambda: len(address.requests) > 2)
    assert place.connections == 0
    headers, body = address.requests[0]
    check = SignatureVerifier(SECRET)
    assert check.is_valid_request(body, headers)
    assert not check.is_valid_request(body + b" ", headers)


async def test_an_address_that_does_not_return_the_challenge_is_not_used(
    start: Start, address: Address
) -> None:
    async def deaf(request: web.Request) -> web.StreamResponse:
        return web.json_response({"challenge": "my own"})

    address.respond = deaf
    place = await start(options(address))
    await eventually(lambda: len(address.requests) > 2)
    assert place.entries("socket")[-1]["error"] == "challenge_failed"
    assert place.connections == 0


def echoing(then: Respond) -> Respond:
    """Answers the handshake, and everything else with `then`."""

    async def respond(request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if b"url_verification" in body:
            return web.Response(body=body, content_type="application/json")
        return await then(request)

    return respond


async def failing(request: web.Request) -> web.StreamResponse:
    return web.Response(status=500)


async def final(request: web.Request) -> web.StreamResponse:
    return web.Response(status=500, headers={"X-Slack-No-Retry": "1"})


async def silent(request: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


async def broken(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def circular(request: web.Request) -> web.StreamResponse:
    raise web.HTTPTemporaryRedirect(request.path)


@pytest.mark.parametrize(
    ("behaviour", "reason", "times"),
    [
        (failing, "http_error", 3),
        (final, "http_error", 0),
        (silent, "http_timeout", 3),
        (broken, "connection_failed", 3),
        (circular, "too_many_redirects", 3),
    ],
)
async def test_an_event_that_is_not_acked_comes_again_three_times_with_the_reason(
    start: Start, address: Address, behaviour: Respond, reason: str, times: int
) -> None:
    address.respond = echoing(behaviour)
    place = await start(options(address, ack_timeout_s=0.1))
    await verified(place)
    place.post("maya", "#general", "hello")
    await eventually(lambda: place.undelivered == 0)
    found = list(dict.fromkeys(address.retries()))
    assert found == [(str(number), reason) for number in range(1, times + 1)]
    ids = {body for headers, body in address.requests if b"event_callback" in body}
    assert len(ids) == 1, "every attempt is the same event"


async def test_buttons_forms_and_commands_are_signed_forms_answered_in_place(
    start: Start, address: Address, tmp_path: Path
) -> None:
    manifest = for_manifest(tmp_path, features=FEATURES, settings=SETTINGS)
    place = await start(options(address, manifest))
    place.invite("#general", "helper")
    app = bolt(place, address)

    @app.command("/ask")
    async def ask(ack: Any, command: dict[str, str]) -> None:
        await ack(f"You asked: {command['text']}")

    @app.action("open")
    async def opens(ack: Any, body: dict[str, Any], client: AsyncWebClient) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=modal(text_input()))

    @app.view("form")
    async def sent(ack: Any) -> None:
        await ack(response_action="errors", errors={"why": "Say more."})

    @app.shortcut("keep")
    async def keep(ack: Any, respond: Any) -> None:
        await ack()
        await respond("kept")

    await verified(place)
    await place.command("maya", "#general", "/ask why & how?")
    assert [note["text"] for note in place.ephemerals("maya")] == ["You asked: why &amp; how?"]
    button = {"type": "button", "action_id": "open", "text": {"type": "plain_text", "text": "Go"}}
    card = await app.client.chat_postMessage(
        channel=GENERAL, text="card", blocks=[{"type": "actions", "elements": [button]}]
    )
    await place.click("maya", "#general", str(card["ts"]), "open")
    (view,) = await eventually(lambda: place.views("maya"))
    result = await place.submit_view("maya", view["id"], VALUES)
    assert result["errors"] == {"why": "Say more."}
    await place.shortcut("maya", "keep", "#general", str(card["ts"]))
    await eventually(lambda: place.ephemerals("maya")[-1]["text"] == "kept")


async def test_an_interaction_that_the_app_refuses_or_leaves_fails_once(
    start: Start, address: Address, tmp_path: Path
) -> None:
    manifest = for_manifest(tmp_path, features=FEATURES, settings=SETTINGS)
    place = await start(options(address, manifest))
    with pytest.raises(ApiError, match="app_did_not_respond"):
        await place.command("maya", "#general", "/ask before the handshake")
    address.respond = echoing(failing)
    await verified(place)
    before = len(address.requests)
    with pytest.raises(ApiError, match="app_did_not_respond"):
        await place.command("maya", "#general", "/ask")
    assert len(address.requests) == before + 1


async def test_late_and_repeated_events_reach_an_address_too(
    start: Start, address: Address
) -> None:
    place = await start(options(address))
    heard: list[str] = []

    @bolt(place, address).event("message")
    async def message(event: dict[str, Any]) -> None:
        heard.append(event["text"])

    await verified(place)
    await place.set_fault("double_delivery", count=1)
    await place.set_fault("late_delivery", count=1, delay_s=0.01)
    place.post("maya", "#general", "twice")
    await eventually(lambda: heard == ["twice", "twice"])
    assert address.retries() == [("1", "http_timeout")]


async def test_the_signing_secret_is_shown_to_nobody(
    start: Start, address: Address, http: aiohttp.ClientSession
) -> None:
    place = await start(options(address))
    assert SECRET not in repr(place.options)
    place.post("maya", "#general", f"is it {SECRET}?")
    await eventually(lambda: address.requests)
    async with http.get(f"{place.page_url}playground/inspector?as=maya") as response:
        assert SECRET not in await response.text()
