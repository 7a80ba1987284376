"""Health, readiness and metrics over HTTP."""

import asyncio
import socket
from collections.abc import Mapping
from typing import Any

import aiohttp
import aiohttp.web
import pytest
from aiohttp.test_utils import TestClient
from pytest_aiohttp import AiohttpClient

from bridge.domain.errors import ConfigurationError
from bridge.web import Web, WebOptions, but

Client = TestClient[Any, Any]


class Parts:
    """Stands for the composition root: says how the parts are."""

    def __init__(self) -> None:
        self.state: dict[str, str | None] = {"slack": None, "appserver": None, "database": None}
        self.hangs = False

    async def __call__(self) -> Mapping[str, str | None]:
        if self.hangs:
            await asyncio.Event().wait()
        return self.state


@pytest.fixture
def parts() -> Parts:
    return Parts()


@pytest.fixture
async def client(aiohttp_client: AiohttpClient, parts: Parts) -> Client:
    return await aiohttp_client(Web(WebOptions(), readiness=parts).application)


async def get(client: Client, path: str) -> tuple[int, str]:
    response = await client.get(path)
    return response.status, await response.text()


async def test_alive_while_the_process_runs_whatever_else_is_broken(
    client: Client, parts: Parts
) -> None:
    parts.state["slack"] = "down"
    assert await get(client, "/healthz") == (200, "ok\n")


async def test_ready_when_every_part_works(client: Client) -> None:
    status, text = await get(client, "/readyz")
    assert status == 200
    assert '"ready": true' in text


@pytest.mark.parametrize("part", ["slack", "appserver", "database"])
async def test_not_ready_with_the_reason_while_one_part_does_not_work(
    client: Client, parts: Parts, part: str
) -> None:
    parts.state[part] = "The disk is full."
    status, text = await get(client, "/readyz")
    assert status == 503
    assert f'"{part}": "The disk is full."' in text
    parts.state[part] = None
    assert (await get(client, "/readyz"))[0] == 200


async def test_a_part_that_works_with_a_warning_is_ready_and_says_so(
    client: Client, parts: Parts
) -> None:
    parts.state["slack"] = but("Another program listens.")
    status, text = await get(client, "/readyz")
    assert status == 200
    assert '"slack": "ok, but: Another program listens."' in text


async def test_a_check_that_hangs_is_not_ready(aiohttp_client: AiohttpClient, parts: Parts) -> None:
    parts.hangs = True
    web = Web(WebOptions(), readiness=parts, probe_s=0.05)
    status, text = await get(await aiohttp_client(web.application), "/readyz")
    assert status == 503
    assert "did not end" in text


async def test_metrics_are_prometheus_text(client: Client) -> None:
    status, text = await get(client, "/metrics")
    assert status == 200
    assert "# TYPE bridge_turns_total counter" in text


async def test_a_port_in_use_is_a_sentence_that_names_the_setting(parts: Parts) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=rf"Port {port} .*BRIDGE_WEB__PORT"):
            await Web(WebOptions(port=port), readiness=parts).start()


async def test_a_foreign_host_is_a_sentence_that_names_the_setting(parts: Parts) -> None:
    with pytest.raises(ConfigurationError, match=r"web\.host 192\.0\.2\.1"):
        await Web(WebOptions(host="192.0.2.1", port=0), readiness=parts).start()


async def test_further_routes_are_served_beside(parts: Parts) -> None:
    async def hello(_request: aiohttp.web.Request) -> aiohttp.web.Response:
        return aiohttp.web.Response(text="hi")

    route = aiohttp.web.get("/slack/events", hello)
    server = Web(WebOptions(port=0), readiness=parts, routes=[route])
    await server.start()
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{server.url}/slack/events") as response,
        ):
            assert (response.status, await response.text()) == (200, "hi")
    finally:
        await server.stop()
        await server.stop()
