"""What many tests share: waiting for a state instead of sleeping."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(
    probe: Callable[[], T | Awaitable[T]], *, within_s: float = 10.0, poll_s: float = 0.01
) -> T:
    """Return the first truthy result of `probe`; fail with its last result after `within_s`."""
    deadline = time.monotonic() + within_s
    while True:
        found = probe()
        result: T = await found if inspect.isawaitable(found) else found
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_s} s; last result: {result!r}")
        await asyncio.sleep(poll_s)
