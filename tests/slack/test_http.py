"""Events over HTTP: Slack's signature is checked by a real server before anything is read."""

import hashlib
import hmac
import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from urllib.parse import urlencode

import aiohttp
import pytest
from aiohttp import web

from bridge.render import action_ids
from bridge.slack.inbound.listeners import Listeners
from bridge.slack.inbound.receiver import http_handler, make_app
from bridge.telemetry import Tasks
from bridge.web import Web, WebOptions
from tests.slack.test_event_parser import US, pressed, recorded
from tests.slack.test_listeners import Notebook
from tests.support import eventually

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"


@asynccontextmanager
async def served(desk):
    async def ready():
        return {}

    notebook, tasks = Notebook(), Tasks()
    app = make_app(desk.web_api, US, signing_secret=SECRET)
    Listeners(us=US, intake=notebook, forms=desk.chat, tasks=tasks).register(app)
    routes = [web.post("/slack/events", http_handler(app))]
    server = Web(WebOptions(port=0), readiness=ready, routes=routes)
    await server.start()
    try:
        yield notebook, f"{server.url}/slack/events"
    finally:
        await server.stop()
        await tasks.aclose()


async def send(url, body, *, secret=SECRET, age_s=0, kind="application/json", **headers):
    """Post as Slack does; returns the status and the text of the answer."""
    at = str(int(datetime.now(UTC).timestamp()) - age_s)
    signed = hmac.new(secret.encode(), f"v0:{at}:{body}".encode(), hashlib.sha256).hexdigest()
    given = {
        "Content-Type": kind,
        "X-Slack-Request-Timestamp": at,
        "X-Slack-Signature": f"v0={signed}",
        **headers,
    }
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=body.encode(), headers=given) as response,
    ):
        return response.status, await response.text()


def event():
    return json.dumps(recorded("plain")["payload"])


async def test_a_signed_event_is_stored_and_then_acked(desk):
    async with served(desk) as (notebook, url):
        assert (await send(url, event()))[0] == 200
        assert [message.text for message in notebook.messages()] == ["hello"]


@pytest.mark.parametrize(
    "how",
    [
        {"secret": "another"},
        {"age_s": 600},
        {"X-Slack-Signature": ""},
        {"X-Slack-Signature": "v0="},
    ],
)
async def test_what_slack_did_not_sign_just_now_is_refused_and_not_read(desk, how):
    async with served(desk) as (notebook, url):
        assert (await send(url, event(), **how))[0] == 401
        assert notebook.heard == []


async def test_g1_a_signed_event_that_cannot_be_stored_is_not_acked(desk):
    async with served(desk) as (notebook, url):
        notebook.failures = 1
        assert (await send(url, event()))[0] == 500
        assert (await send(url, event()))[0] == 200
        assert len(notebook.messages()) == 1


async def test_slacks_question_whether_the_address_is_ours_is_answered(desk):
    asked = json.dumps({"type": "url_verification", "challenge": "3eZbrw1aB", "token": "x"})
    async with served(desk) as (_, url):
        status, text = await send(url, asked)
        assert (status, json.loads(text)) == (200, {"challenge": "3eZbrw1aB"})
        assert (await send(url, asked, secret="another"))[0] == 401


async def test_a_signed_click_arrives(desk):
    body = urlencode({"payload": json.dumps(pressed(action_ids.APPROVAL_ALLOW))})
    async with served(desk) as (notebook, url):
        assert (await send(url, body, kind="application/x-www-form-urlencoded"))[0] == 200
        await eventually(lambda: ("click", "id-1", "U0ADA1", "allow", "1.2") in notebook.heard)
