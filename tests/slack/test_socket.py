"""The watchdog of Socket Mode: what it sees as ill, and that it gets a connection back."""

import time
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from bridge.slack.preflight import FRESH_S, SocketAddresses
from bridge.slack.socket import Health, SocketLink, SocketOptions, ailment
from tests.support import eventually

OPTIONS = SocketOptions(app_token="xapp-x")
WELL = Health(age_s=100.0, said_hello=True, down_for_s=0.0, silent_for_s=3.0)


@pytest.mark.parametrize(
    ("health", "word"),
    [
        (WELL, None),
        (replace(WELL, silent_for_s=None), None),
        (replace(WELL, said_hello=False, age_s=5.0, down_for_s=5.0), None),
        (replace(WELL, said_hello=False, age_s=21.0), "hello"),
        (replace(WELL, down_for_s=2.0), None),
        (replace(WELL, down_for_s=4.0), "down"),
        (replace(WELL, silent_for_s=45.0), None),
        (replace(WELL, silent_for_s=51.0), "silent"),
    ],
)
def test_what_the_watchdog_calls_ill(health, word):
    reason = ailment(health, OPTIONS)
    assert reason is None if word is None else word in reason


@asynccontextmanager
async def linked(desk, *, gateway=None, addresses=None, **options):
    async def handle(client, request):
        raise AssertionError("no envelope is sent here")

    quick = {"app_token": desk.playground.app_token, "connections": 1, "check_s": 0.02}
    quick |= {"down_s": 0.2, **options}
    calls = gateway or desk.gateway
    addresses = addresses or SocketAddresses(calls, quick["app_token"], monotonic=time.monotonic)
    link = SocketLink(SocketOptions(**quick), gateway=calls, addresses=addresses, handle=handle)
    await link.start()
    try:
        yield link
    finally:
        await link.stop()


async def test_the_link_is_up_after_hello_and_down_after_a_stop(desk):
    async with linked(desk) as link:
        assert not link.is_up
        assert link.reason
        await eventually(lambda: link.is_up)
        assert link.reason is None
    assert not link.is_up
    await eventually(lambda: desk.playground.connections == 0)
    await link.stop()


async def test_a_wrong_token_gives_the_reason_and_goes_on_trying(desk):
    async with linked(desk, app_token="xapp-wrong") as link:
        reason = await eventually(lambda: "app-level" in (link.reason or "") and link.reason)
        assert "Copy the xapp- token again" in reason


async def test_a_connection_without_hello_is_rebuilt_from_a_fresh_address(desk):
    """A one-time address that was used up would otherwise be tried for ever."""
    addresses, silent = [], []

    async def mute(request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        silent.append(socket)
        async for _ in socket:
            pass
        return socket

    async def refuse(request):
        return web.Response(status=408)

    app = web.Application()
    app.router.add_get("/mute", mute)
    app.router.add_get("/refused", refuse)
    runner = web.AppRunner(app, shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]

    class Deceived:
        """Gives two addresses that lead nowhere, then the right one."""

        client = desk.gateway.client

        async def socket_url(self, app_token):
            addresses.append(len(addresses))
            if len(addresses) <= 2:
                return f"ws://127.0.0.1:{port}/{('mute', 'refused')[len(addresses) - 1]}"
            return await desk.gateway.socket_url(app_token)

    try:
        async with linked(desk, gateway=Deceived(), hello_s=0.2, ping_interval_s=0.1) as link:
            await eventually(lambda: link.is_up)
            assert len(addresses) == 3
            assert len(silent) == 1
    finally:
        await runner.cleanup()


async def test_a_connection_that_breaks_is_replaced(desk):
    async with linked(desk) as link:
        await eventually(lambda: link.is_up)
        await desk.playground.set_fault("drop_socket", abort=True)
        await eventually(lambda: desk.playground.connections == 0)
        await eventually(lambda: desk.playground.connections == 1 and link.is_up)


async def test_the_address_that_was_checked_is_used_while_it_is_fresh(desk):
    now = [0.0]
    addresses = SocketAddresses(desk.gateway, desk.playground.app_token, monotonic=lambda: now[0])
    await addresses.check()
    async with linked(desk, addresses=addresses) as link:
        await eventually(lambda: link.is_up)
    assert len(desk.playground.calls("apps.connections.open")) == 1
    await addresses.check()
    now[0] = FRESH_S
    await addresses.take()
    assert len(desk.playground.calls("apps.connections.open")) == 3


async def test_a_failure_that_nobody_foresaw_does_not_end_the_line(desk):
    class Broken(SocketAddresses):
        asked = 0

        async def take(self):
            self.asked += 1
            if self.asked == 1:
                raise RuntimeError("never seen before")
            return await super().take()

    broken = Broken(desk.gateway, desk.playground.app_token, monotonic=time.monotonic)
    with capture_logs() as logs:
        async with linked(desk, addresses=broken) as link:
            await eventually(lambda: link.is_up)
    (failed,) = [entry for entry in logs if entry["event"] == "slack socket failed"]
    assert isinstance(failed["exc_info"], RuntimeError)
