"""The watchdog of Socket Mode: what it sees as ill, and that it gets a connection back."""

import time
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from bridge.slack.auth_check import FRESH_S, SocketAddresses
from bridge.slack.inbound.socket_mode import Health, Lost, SocketMode, SocketOptions, ailment
from bridge.telemetry import REGISTRY
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
async def linked(desk, *, web_api=None, addresses=None, handle=None, missed=None, **options):
    async def refuse(client, request):
        raise AssertionError("no envelope is sent here")

    quick = {"app_token": desk.playground.app_token, "connections": 1, "check_s": 0.02}
    quick |= {"down_s": 0.2, **options}
    calls = web_api or desk.web_api
    addresses = addresses or SocketAddresses(calls, quick["app_token"], monotonic=time.monotonic)
    link = SocketMode(
        SocketOptions(**quick),
        web_api=calls,
        addresses=addresses,
        handle=handle or refuse,
        missed=missed or (lambda *_why: None),
    )
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

        client = desk.web_api.client

        async def socket_url(self, app_token):
            addresses.append(len(addresses))
            if len(addresses) <= 2:
                return f"ws://127.0.0.1:{port}/{('mute', 'refused')[len(addresses) - 1]}"
            return await desk.web_api.socket_url(app_token)

    try:
        async with linked(desk, web_api=Deceived(), hello_s=0.2, ping_interval_s=0.1) as link:
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
    addresses = SocketAddresses(desk.web_api, desk.playground.app_token, monotonic=lambda: now[0])
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

    broken = Broken(desk.web_api, desk.playground.app_token, monotonic=time.monotonic)
    with capture_logs() as logs:
        async with linked(desk, addresses=broken) as link:
            await eventually(lambda: link.is_up)
    (failed,) = [entry for entry in logs if entry["event"] == "slack socket failed"]
    assert isinstance(failed["exc_info"], RuntimeError)


async def two(desk):
    """Wait until both connections serve."""
    await eventually(lambda: desk.playground.connections == 2)


async def test_both_connections_are_never_away_at_once_when_slack_refreshes_both(desk):
    missed = []
    async with linked(desk, connections=2, missed=lambda *why: missed.append(why)) as link:
        await two(desk)
        await eventually(lambda: len(desk.playground.calls("apps.connections.open")) == 2)
        before, seen = len(missed), len(desk.playground.entries("socket"))
        await desk.playground.disconnect("warning")
        await eventually(lambda: len(desk.playground.calls("apps.connections.open")) == 4)
        await two(desk)
        await eventually(lambda: link.is_up)
        counts = [entry["summary"] for entry in desk.playground.entries("socket")[seen:]]
        assert "1 connected" in counts
        assert "0 connected" not in counts
        assert missed[before:] == [], "somebody was always there"


async def test_a_gap_is_told_when_no_connection_was_up_and_not_when_one_was(desk):
    missed = []
    async with linked(desk, connections=2, missed=lambda *why: missed.append(why)) as link:
        await eventually(lambda: link.is_up)
        await two(desk)
        assert missed == [(Lost.DEAF, 0.0)], "the first hello of all"
        await desk.playground.set_fault("drop_socket", how="abort")
        await eventually(lambda: len(missed) > 1 and link.is_up)
        await two(desk)
        assert missed.count((Lost.DEAF, 0.0)) == 2


async def test_a_line_that_goes_silent_is_told_with_how_long_it_was_silent(desk):
    missed = []
    async with linked(
        desk, connections=2, ping_interval_s=0.1, missed=lambda *why: missed.append(why)
    ) as link:
        await two(desk)
        await desk.playground.set_fault("deaf_socket", which="one")
        await eventually(lambda: any(why is Lost.DOUBTFUL for why, _ in missed))
        await eventually(lambda: link.is_up)
        assert all(back_s >= 0.0 for _, back_s in missed)


async def test_a_jump_of_the_wall_clock_leaves_a_healthy_line_alone(desk):
    """`slack_sdk` notes pongs by the wall clock; only that there are new ones counts."""
    clients = []

    async def handle(client, request):
        clients.append(client)

    async with linked(desk, handle=handle, ping_interval_s=0.1) as link:
        await eventually(lambda: link.is_up)
        desk.say("an event shows the client")
        client = (await eventually(lambda: clients))[0]
        pong = await eventually(lambda: client.last_ping_pong_time)
        client.last_ping_pong_time = pong - 3600.0  # as if the clock had jumped by an hour
        await eventually(lambda: client.last_ping_pong_time > pong)
        assert link.is_up
        assert len(desk.playground.calls("apps.connections.open")) == 1


async def test_the_gauge_is_one_while_any_connection_is_up(desk):
    async with linked(desk, connections=2) as link:
        await two(desk)
        await eventually(lambda: link.is_up)
        await desk.playground.set_fault("deaf_socket", which="one")
        assert REGISTRY.get_sample_value("bridge_link_up", {"link": "slack"}) == 1.0
    assert REGISTRY.get_sample_value("bridge_link_up", {"link": "slack"}) == 0.0


async def test_another_program_on_the_same_app_is_noticed_and_said_after_a_second_look(desk):
    missed = []
    quick = {"census_s": 0.1, "confirm_s": 0.05, "connections": 2}
    async with linked(desk, missed=lambda *why: missed.append(why), **quick) as link:
        await two(desk)
        await eventually(lambda: len(desk.playground.calls("apps.connections.open")) > 3)
        assert link.warning is None, "our own connections are no strangers"
        async with linked(desk, connections=1):
            await eventually(lambda: link.others == 1)
            assert "another program" in link.warning
            assert link.reason is None, "ready, but said"
            assert REGISTRY.get_sample_value("bridge_slack_other_connections") == 1.0
            await eventually(lambda: (Lost.SHARED, 0.05) in missed)
        await eventually(lambda: link.warning is None)


async def test_connections_that_linger_for_a_moment_are_no_other_program(desk):
    stranger = linked(desk, connections=1)
    await stranger.__aenter__()
    await eventually(lambda: desk.playground.connections == 1)
    async with linked(desk, connections=1, census_s=60.0, confirm_s=0.2) as link:
        await eventually(lambda: link.is_up)
        await stranger.__aexit__(None, None, None)
        looks = len(desk.playground.calls("apps.connections.open"))
        await eventually(lambda: len(desk.playground.calls("apps.connections.open")) > looks)
        await eventually(lambda: desk.playground.connections == 1)
        assert link.warning is None


async def test_a_reconnect_of_the_sdk_that_gets_no_hello_is_rebuilt(desk):
    """The first connection serves; what the SDK puts in its place only looks as if it did."""
    mute = []

    async def greet(request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"type": "hello", "num_connections": 1})
        await socket.send_json({"type": "disconnect", "reason": "refresh_requested"})
        async for _ in socket:
            pass
        return socket

    async def stay_mute(request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        mute.append(socket)
        async for _ in socket:
            pass
        return socket

    app = web.Application()
    app.router.add_get("/greets", greet)
    app.router.add_get("/mute", stay_mute)
    runner = web.AppRunner(app, shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    place = f"ws://127.0.0.1:{runner.addresses[0][1]}"

    class Api:
        """What the SDK asks for the address of a successor."""

        ssl = None

        async def apps_connections_open(self, *, app_token):
            return {"url": f"{place}/mute"}

    class Deceived:
        client = Api()
        session = desk.web_api.session
        asked = 0

        async def socket_url(self, app_token):
            self.asked += 1
            if self.asked == 1:
                return f"{place}/greets"
            return await desk.web_api.socket_url(app_token)

    try:
        async with linked(desk, web_api=Deceived(), hello_s=0.3, turn_s=0.3) as link:
            await eventually(lambda: mute)
            assert not link.is_up, "connected, and yet deaf"
            await eventually(lambda: desk.playground.connections == 1 and link.is_up)
    finally:
        await runner.cleanup()
