"""Chromium, a playground without any product behind it, and pages that must not complain.

All of them live on one event loop for the whole run, because starting Chromium is slow. Tests say
so with `pytestmark = pytest.mark.asyncio(loop_scope="session")`.
"""

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect
from slack_sdk.web.async_client import AsyncWebClient

from bridge.telemetry import Tasks
from slack_playground import Playground, PlaygroundOptions
from tests.support import eventually

SYSTEM_CHROMIUM = ("/usr/bin/chromium", "/usr/bin/google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

OpenPage = Callable[..., Awaitable[Page]]


def find_chromium(own: str) -> str | None:
    """The browser to use: `CHROMIUM`, a system one, or Playwright's `own`; None without any."""
    wanted = os.environ.get("CHROMIUM")
    found = [shutil.which(wanted)] if wanted else [*SYSTEM_CHROMIUM, own]
    return next((path for path in found if path and Path(path).exists()), None)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One Chromium for all tests; fails where there is none. `make test` sees to one."""
    async with async_playwright() as playwright:
        path = find_chromium(playwright.chromium.executable_path)
        if path is None:
            pytest.fail("No Chromium: set CHROMIUM, or run `make test`, which installs one")
        chromium = await playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield chromium
        await chromium.close()


@pytest_asyncio.fixture(loop_scope="session")
async def playground() -> AsyncIterator[Playground]:
    """A fresh workspace that never refuses for speed and gives up on an app after half a second."""
    place = Playground(
        PlaygroundOptions(rate_limits=False, ack_timeout_s=0.5, notice="This is a test.")
    )
    await place.start()
    yield place
    await place.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def slack(playground: Playground) -> AsyncWebClient:
    """The Web API as the app under test would call it."""
    return AsyncWebClient(token=playground.bot_token, base_url=playground.api_url)


class App:
    """The app's end of Socket Mode: collects envelopes and acks each with `answer(envelope)`."""

    def __init__(self) -> None:
        self.envelopes: list[dict[str, Any]] = []
        self.answer: Callable[[dict[str, Any]], dict[str, Any] | None] = lambda _envelope: None

    async def listen(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Read until the socket closes."""
        async for frame in socket:
            envelope = frame.json()
            if "envelope_id" not in envelope:
                continue
            self.envelopes.append(envelope)
            ack = {"envelope_id": envelope["envelope_id"]}
            payload = self.answer(envelope)
            await socket.send_json(ack | ({"payload": payload} if payload else {}))

    async def next(self, kind: str) -> dict[str, Any]:
        """The newest payload of a kind such as `block_actions`, once there is one."""
        found = await eventually(
            lambda: [e["payload"] for e in self.envelopes if e["payload"]["type"] == kind]
        )
        newest: dict[str, Any] = found[-1]
        return newest


@pytest_asyncio.fixture(loop_scope="session")
async def app(playground: Playground) -> AsyncIterator[App]:
    """A connected app that does nothing but ack."""
    opener = AsyncWebClient(token=playground.app_token, base_url=playground.api_url)
    link = (await opener.apps_connections_open(app_token=playground.app_token))["url"]
    listener, tasks = App(), Tasks()
    async with aiohttp.ClientSession() as session, session.ws_connect(link) as socket:
        tasks.spawn(listener.listen(socket), name="app under test")
        await eventually(lambda: playground.connections == 1)
        yield listener
        await tasks.aclose()


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(browser: Browser, playground: Playground) -> AsyncIterator[OpenPage]:
    """Open the page: `await open_page(channel="#general", as_="maya", width=1400)`.

    Complaints on the page's console, refused content included, fail the test; only a socket that
    was cut may be reported.
    """
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    async def start(
        *,
        channel: str = "#general",
        as_: str = "U01MAYACHEN",
        thread: str | None = None,
        width: int = 1400,
        height: int = 900,
        before: Callable[[Page], Awaitable[None]] | None = None,
    ) -> Page:
        context = await browser.new_context(viewport={"width": width, "height": height})
        contexts.append(context)
        page = await context.new_page()
        page.set_default_timeout(8000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if is_bad(said.type) else None)
        if before:
            await before(page)
        where = playground.channel(channel)["id"] if channel.startswith("#") else channel
        address = f"{playground.page_url}?as={as_}&channel={where}"
        await page.goto(f"{address}&thread={thread}" if thread else address)
        await expect(page.locator("#app:not([aria-busy])")).to_be_attached()
        return page

    yield start
    for context in contexts:
        await context.close()
    assert [said for said in complaints if "WebSocket connection" not in said] == []


def is_bad(kind: str) -> bool:
    """Whether a console message of this kind is a complaint."""
    return kind in {"error", "warning"}
