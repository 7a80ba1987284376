"""Retry policy of the whole program: exponential backoff with jitter, and the retry loop."""

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Pauses in seconds that double from `first_s` to `longest_s`.

    Each is shortened at random by up to half, so that callers who failed together do not all come
    back together.
    """

    first_s: float = 0.5
    longest_s: float = 30.0

    def pause_s(self, failures: int, *, chance: float) -> float:
        """The pause after so many failures in a row (1 or more). Pure.

        `chance` is from 0 to 1: 0 gives the whole pause, 1 half of it.
        """
        whole = min(self.longest_s, self.first_s * 2.0 ** min(failures - 1, 30))
        return whole * (1 - chance / 2)


class Backoff:
    """The pauses of one loop that tries again for as long as it lives.

    Args:
        policy: how long they are.
        chance: gives numbers from 0 to 1 (1 excluded).
    """

    def __init__(self, policy: RetryPolicy, *, chance: Callable[[], float] = random.random) -> None:
        self._policy = policy
        self._chance = chance
        self._failures = 0

    @property
    def failing(self) -> bool:
        """Whether the newest attempt failed."""
        return self._failures > 0

    def failed(self) -> float:
        """Count one more failure; returns the seconds to wait before the next attempt."""
        self._failures += 1
        return self._policy.pause_s(self._failures, chance=self._chance())

    def succeeded(self) -> None:
        """Begin again with the shortest pause.

        Call it only once the attempt has proved itself: a server that accepts a connection and
        drops it at once must not be called in a tight loop.
        """
        self._failures = 0


async def retry(
    work: Callable[[], Awaitable[T]],
    *,
    policy: RetryPolicy,
    may_help: Callable[[Exception], bool],
    within_s: float | None = None,
    attempts: int | None = None,
    failed: Callable[[Exception, float], None] = lambda _error, _pause_s: None,
) -> T:
    """Call `work` until it returns. May be cancelled.

    Args:
        work: one attempt.
        policy: the pauses between two attempts.
        may_help: whether another attempt may help after this error; any other is raised.
        within_s: the last error is raised when the next attempt would begin later than so many
            seconds from now; None sets no limit.
        attempts: the last error is raised after so many; None sets no limit.
        failed: told of each error that is followed by another attempt, and of the pause.
    """
    clock = asyncio.get_running_loop().time
    until = None if within_s is None else clock() + within_s
    backoff = Backoff(policy)
    for attempt in itertools.count(1):
        try:
            return await work()
        except Exception as error:
            pause_s = backoff.failed()
            over = attempt == attempts or (until is not None and clock() + pause_s > until)
            if over or not may_help(error):
                raise
            failed(error, pause_s)
        await asyncio.sleep(pause_s)
    raise AssertionError("unreachable")
