"""Timer of a turn: its time limit and its waits. Waiting for approvals does not count."""

import asyncio
from collections.abc import Mapping

from bridge.domain import events as ev
from bridge.domain.ports import Clock
from bridge.domain.turn import Phase
from bridge.engine.options import EngineOptions

_ANSWER_GRACE_S = 60.0


class TurnTimer:
    """Counts one turn's working time and the waits that have a limit of their own.

    `earlier_s`: since when an earlier process had the turn. It is part of how long the turn took;
    the limit counts anew, because nobody knows how much of it was waiting for people.
    """

    def __init__(self, clock: Clock, options: EngineOptions, *, earlier_s: float = 0.0) -> None:
        self._earlier_s = max(0.0, earlier_s)
        self._clock = clock
        self._limit_s = options.time_limit_s
        self._waits: Mapping[Phase, float] = {
            Phase.ABORTING: options.abort_wait_s,
            Phase.RECONCILING: options.link_wait_s + options.rerun_wait_s,
        }
        # Each question expires by itself; this is the net below, so that no turn hangs for ever.
        self._answer_s = options.approvals.expiry_s + _ANSWER_GRACE_S
        self._began_phase = clock.monotonic()
        self._worked_s = 0.0
        self._counting = True
        self._only_s: float | None = None

    def phase_changed(self, now: Phase) -> None:
        """Note that the turn moved on; call it at once."""
        self._collect()
        self._only_s = None
        self._counting = now is not Phase.AWAITING_APPROVAL

    def wait_only(self, seconds: float) -> None:
        """Wait no longer than this from now on in the present phase."""
        self._collect()
        self._only_s = seconds

    def worked_s(self) -> float:
        """Seconds worked so far; approval waits of this process are left out."""
        self._collect()
        return self._earlier_s + self._worked_s

    def due_in(self, phase: Phase) -> float:
        """Seconds until something is due in this phase."""
        if self._only_s is not None or phase in self._waits:
            wait = self._waits[phase] if self._only_s is None else self._only_s
            return max(0.0, wait - self._in_phase())
        if phase is Phase.AWAITING_APPROVAL:
            return max(0.0, self._answer_s - self._in_phase())
        return max(0.0, self._limit_s - self._worked_s - self._in_phase())

    def what_is_due(self, phase: Phase) -> ev.TurnEvent:
        """The event for the time that has come."""
        if self._only_s is not None or phase in self._waits:
            return ev.WaitTimedOut()
        return ev.DeadlinePassed()

    def _in_phase(self) -> float:
        return self._clock.monotonic() - self._began_phase

    def _collect(self) -> None:
        if self._counting:
            self._worked_s += self._in_phase()
        self._began_phase = self._clock.monotonic()


class WakeUp:
    """For one waiter at a time. `wake` may be called at any time, from the same loop."""

    def __init__(self) -> None:
        self._woken = asyncio.Event()
        self._roused = False
        self._timer: asyncio.TimerHandle | None = None

    def wake(self) -> None:
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
