"""What each kind of fault does to a stage. Every function says whether it really happened."""

import asyncio
import contextlib
import math
import signal
from collections.abc import Awaitable, Callable

import psutil

from tests.chaos.plan import Strike
from tests.chaos.proxy import Proxy
from tests.chaos.rows import lock
from tests.chaos.stage import Stage
from tests.support import eventually

POLL_S = 0.05

Inflict = Callable[[Stage, Strike], Awaitable[bool]]


async def inflict(stage: Stage, strike: Strike) -> bool:
    """Let it happen, now or at its step; False when there was no occasion. Returns when over.

    What waits for an occasion waits until the stage is `calm`: then nothing more will come.
    """
    if strike.step is not None:
        return await _at_step(stage, strike)
    return await KINDS[strike.kind](stage, strike)


async def _at_step(stage: Stage, strike: Strike) -> bool:
    """Kill the worker at a step; again at its next time when there was no worker to kill."""
    step, killed = strike.step, asyncio.Event()
    assert step is not None

    def act() -> None:
        if stage.kill_worker():
            killed.set()
        else:
            stage.wires.arm(step, 1, act)

    stage.wires.arm(step, strike.nth, act)
    await _until(killed.is_set, stage)
    return killed.is_set()


async def _until(met: Callable[[], bool], stage: Stage) -> None:
    """Wait for something that may never be; returns too when all is calm."""
    await eventually(lambda: met() or stage.calm.is_set(), within_s=math.inf, poll_s=POLL_S)


# --- processes -----------------------------------------------------------------------------


async def _kill_worker(stage: Stage, strike: Strike) -> bool:
    """At once, or as soon as there is one again."""
    killed = asyncio.Event()

    def kill() -> bool:
        if not killed.is_set() and stage.kill_worker():
            killed.set()
        return killed.is_set()

    await _until(kill, stage)
    return killed.is_set()


async def _kill_everything(stage: Stage, strike: Strike) -> bool:
    if stage.server is None:
        stage.server_kills += 1
    return stage.kill_everything()


async def _kill_guard(stage: Stage, strike: Strike) -> bool:
    if stage.server is None:
        stage.server_kills += 1  # it belongs to the supervisor
    return stage.signal_main(signal.SIGKILL)


async def _terminate(stage: Stage, strike: Strike) -> bool:
    process = stage.bridge.process
    if stage.server is None:
        stage.server_kills += 1
    if not stage.signal_main(signal.SIGTERM):
        return False
    await eventually(lambda: process.poll() is not None, within_s=30)
    return True


async def _freeze(stage: Stage, strike: Strike) -> bool:
    worker = stage.worker()
    if worker is None:
        return False
    with contextlib.suppress(psutil.Error):
        worker.suspend()
        try:
            await asyncio.sleep(strike.for_s)
        finally:
            with contextlib.suppress(psutil.Error):
                worker.resume()
        return True
    return False


async def _kill_server(stage: Stage, strike: Strike) -> bool:
    stage.server_kills += 1
    if stage.server is None:
        process = stage.own_server()
        if process is None:
            return False
        process.kill()
        return True
    await asyncio.to_thread(stage.server.kill)
    await asyncio.sleep(strike.for_s)
    await asyncio.to_thread(stage.restart_server)
    return True


# --- the link to the App Server ------------------------------------------------------------


async def _linked(stage: Stage) -> Proxy | None:
    """The proxy once a link goes through it; None when none does."""
    proxy = stage.proxy
    if proxy is None:
        return None
    await _until(lambda: proxy.links > 0, stage)
    return proxy if proxy.links else None


async def _cut(stage: Stage, strike: Strike) -> bool:
    proxy = await _linked(stage)
    if proxy is not None:
        proxy.cut(which=strike.how)
    return proxy is not None


async def _silence(stage: Stage, strike: Strike) -> bool:
    proxy = await _linked(stage)
    if proxy is None:
        return False
    proxy.silence()
    try:
        await asyncio.sleep(strike.for_s)
    finally:
        proxy.cut()
        proxy.restore()
    return True


async def _slow_link(stage: Stage, strike: Strike) -> bool:
    proxy = await _linked(stage)
    if proxy is None:
        return False
    proxy.slow()
    try:
        await asyncio.sleep(strike.for_s)
    finally:
        proxy.restore()
    return True


# --- Slack ---------------------------------------------------------------------------------


async def _drop_sockets(stage: Stage, strike: Strike) -> bool:
    await _until(lambda: stage.place.connections > 0, stage)
    if not stage.place.connections:
        return False
    how = strike.how
    params = {
        "how": "abort" if how == "abort" else "close",
        "reason": how if how in {"refresh_requested", "warning"} else "",
        "which": "one" if how == "one" else "all",
    }
    await stage.place.set_fault("drop_socket", **params)
    return True


async def _deafen_sockets(stage: Stage, strike: Strike) -> bool:
    await _until(lambda: stage.place.connections > 0, stage)
    if not stage.place.connections:
        return False
    await stage.place.set_fault("deaf_socket", which=strike.how, for_s=strike.for_s)
    return True


def _switch(name: str) -> Inflict:
    """A switch of the playground, on until it was used as often as the strike says."""

    async def turn(stage: Stage, strike: Strike) -> bool:
        given = {
            "count": strike.count,
            "method": strike.method,
            "delay_s": strike.for_s,
            "retry_after_s": max(1, round(strike.for_s)),
            "status": strike.how or 503,
        }
        await stage.place.set_fault(name, **given)
        await _until(lambda: not stage.place.fault(name)["on"], stage)
        left = stage.place.fault(name)["params"]["count"]
        await stage.place.set_fault(name, on=False)
        return left is None or int(left) < strike.count

    return turn


# --- our own house -------------------------------------------------------------------------


async def _lock_database(stage: Stage, strike: Strike) -> bool:
    return await lock(stage.database, for_s=strike.for_s)


KINDS: dict[str, Inflict] = {
    "kill at random": _kill_worker,
    "kill everything": _kill_everything,
    "kill the supervisor": _kill_guard,
    "terminate": _terminate,
    "freeze": _freeze,
    "server killed": _kill_server,
    "link cut": _cut,
    "link silent": _silence,
    "link slow": _slow_link,
    "socket dropped": _drop_sockets,
    "socket deaf": _deafen_sockets,
    "events twice": _switch("double_delivery"),
    "events late": _switch("late_delivery"),
    "acks lost": _switch("hold_acks"),
    "429": _switch("rate_limited"),
    "5xx": _switch("server_error"),
    "5xx after the write": _switch("late_error"),
    "slack slow": _switch("slow"),
    "answer lost": _switch("lost_answer"),
    "call lost": _switch("lost_call"),
    "database locked": _lock_database,
}
