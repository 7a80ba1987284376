"""What many tests share: waiting for a state instead of sleeping."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar, overload

T = TypeVar("T")


@overload
async def eventually(
    probe: Callable[[], Awaitable[T]], *, within_s: float = ..., poll_s: float = ...
) -> T: ...


@overload
async def eventually(
    probe: Callable[[], T], *, within_s: float = ..., poll_s: float = ...
) -> T: ...


async def eventually(
    probe: Callable[[], object], *, within_s: float = 10.0, poll_s: float = 0.01
) -> object:
    """Return the first truthy result of `probe`; fail with its last result after `within_s`."""
    deadline = time.monotonic() + within_s
    while True:
        found = probe()
        result = await found if inspect.isawaitable(found) else found
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_s} s; last result: {result!r}")
        await asyncio.sleep(poll_s)
