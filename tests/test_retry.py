import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.retry import Backoff, RetryPolicy, retry

QUICK = RetryPolicy(first_s=0.001, longest_s=0.002)


@given(st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=60))
def test_pauses_grow_to_the_longest_and_jitter_takes_at_most_half(chances: list[float]) -> None:
    left = iter(chances)
    backoff = Backoff(RetryPolicy(first_s=0.2, longest_s=15.0), chance=lambda: next(left))
    for number, _ in enumerate(chances):
        whole = min(15.0, 0.2 * 2**number)
        assert whole / 2 <= backoff.failed() <= whole


def test_pauses_begin_again_after_a_success() -> None:
    backoff = Backoff(RetryPolicy(first_s=1.0, longest_s=8.0), chance=lambda: 0.0)
    assert [backoff.failed() for _ in range(5)] == [1, 2, 4, 8, 8]
    backoff.succeeded()
    assert backoff.failed() == 1


class Attempts:
    """Fails with these errors, one after the other, then succeeds."""

    def __init__(self, *errors: Exception) -> None:
        self.left = list(errors)
        self.made = 0

    async def __call__(self) -> str:
        self.made += 1
        if self.left:
            raise self.left.pop(0)
        return "done"


def is_os_error(error: Exception) -> bool:
    return isinstance(error, OSError)


async def test_it_tries_until_it_works_and_tells_of_each_failure() -> None:
    first, second = OSError("first"), OSError("second")
    attempts, told = Attempts(first, second), []
    result = await retry(
        attempts,
        policy=QUICK,
        may_help=is_os_error,
        failed=lambda error, pause_s: told.append((error, pause_s)),
    )
    assert (result, attempts.made) == ("done", 3)
    assert [error for error, _ in told] == [first, second]
    assert all(0 < pause_s <= 0.002 for _, pause_s in told)


async def test_what_no_attempt_can_help_is_raised_at_once() -> None:
    attempts = Attempts(OSError("passes"), ValueError("stays"))
    with pytest.raises(ValueError, match="stays"):
        await retry(attempts, policy=QUICK, may_help=is_os_error)
    assert attempts.made == 2


async def test_when_the_time_is_up_the_last_error_is_raised() -> None:
    attempts = Attempts(*(OSError(str(number)) for number in range(1000)))
    with pytest.raises(OSError, match=r"^\d+$"):
        await retry(attempts, policy=QUICK, may_help=is_os_error, within_s=0.02)
    assert 1 < attempts.made < 1000


async def test_no_attempt_begins_after_the_time_is_up() -> None:
    attempts = Attempts(OSError("once"))
    slow = RetryPolicy(first_s=60.0)
    async with asyncio.timeout(1):
        with pytest.raises(OSError, match="once"):
            await retry(attempts, policy=slow, may_help=is_os_error, within_s=1.0)
    assert attempts.made == 1
