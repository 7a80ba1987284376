"""Waiting for news or for a time, cheaply: a timer is moved only when it must ring earlier."""

import asyncio


class WakeUp:
    """For one waiter at a time. `rouse` may be called at any time, from the same loop."""

    def __init__(self) -> None:
        self._woken = asyncio.Event()
        self._roused = False
        self._timer: asyncio.TimerHandle | None = None

    def rouse(self) -> None:
        """There is news: the wait that is under way, or else the next, ends at once."""
        self._roused = True
        self._woken.set()

    async def wait(self, within_s: float) -> bool:
        """Wait for news; False when none came within so many seconds. May be cancelled."""
        loop = asyncio.get_running_loop()
        until = loop.time() + within_s
        while not self._roused:
            if loop.time() >= until:
                return False
            self._woken.clear()
            self._ring_by(until, loop)
            await self._woken.wait()
        self._roused = False
        return True

    def close(self) -> None:
        """Leave no timer behind. May be called twice."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring_by(self, until: float, loop: asyncio.AbstractEventLoop) -> None:
        """A timer that rings too early costs one more look; one that is set anew costs more."""
        if self._timer is not None:
            if self._timer.when() <= until:
                return
            self._timer.cancel()
        self._timer = loop.call_at(until, self._ring)

    def _ring(self) -> None:
        self._timer = None
        self._woken.set()
