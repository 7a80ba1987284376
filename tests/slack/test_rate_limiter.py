"""The queue in front of Slack, with a real loop and a clock that the test moves."""

import asyncio

import pytest

from bridge.slack.rate_limit.edit_pacing import YOUNG_S
from bridge.slack.rate_limit.rate_limiter import RateLimiter
from bridge.slack.rate_limit.windows import Priority


@pytest.fixture
def clock():
    return [1_000.0]


@pytest.fixture
def budget(clock):
    return RateLimiter(monotonic=lambda: clock[0])


async def fill(budget, method="reactions.remove", count=19):
    for _ in range(count):
        async with budget.permit(method, priority=Priority.URGENT):
            pass


class Caller:
    """Waits for a permit and notes when it got one."""

    def __init__(self, budget, order, name, priority, method="reactions.remove"):
        self.task = asyncio.get_running_loop().create_task(
            self._run(budget, order, name, priority, method)
        )

    async def _run(self, budget, order, name, priority, method):
        async with budget.permit(method, priority=priority):
            order.append(name)


async def free_up(budget, clock):
    """Let a minute pass and wake the queue by one more call of another method."""
    clock[0] += 61.0
    async with budget.permit("views.open", priority=Priority.URGENT):
        pass


async def test_the_more_important_goes_first_and_equals_in_order(budget, clock):
    await fill(budget)
    order = []
    callers = [
        Caller(budget, order, "quiet", Priority.QUIET),
        Caller(budget, order, "edit 1", Priority.EDIT),
        Caller(budget, order, "edit 2", Priority.EDIT),
        Caller(budget, order, "final", Priority.URGENT),
    ]
    await asyncio.sleep(0)
    assert order == []
    await free_up(budget, clock)
    await asyncio.gather(*(caller.task for caller in callers))
    assert order == ["final", "edit 1", "edit 2", "quiet"]


async def test_a_cancelled_wait_gives_its_place_back(budget, clock):
    await fill(budget, count=1)
    clock[0] += 30.0
    await fill(budget, count=18)
    order = []
    first = Caller(budget, order, "cancelled", Priority.URGENT)
    second = Caller(budget, order, "next", Priority.URGENT)
    third = Caller(budget, order, "never", Priority.URGENT)
    await asyncio.sleep(0)
    clock[0] += 31.0
    async with budget.permit("views.open", priority=Priority.URGENT):
        first.task.cancel()  # it was let through, but has not run yet
        third.task.cancel()  # it still waits
    await second.task
    await asyncio.gather(first.task, third.task, return_exceptions=True)
    assert order == ["next"]
    await free_up(budget, clock)
    async with asyncio.timeout(5):
        await fill(budget, count=19)


async def test_a_waiter_wakes_by_itself_when_its_time_has_come():
    budget = RateLimiter(monotonic=asyncio.get_running_loop().time)
    budget.refused("views.open", retry_after_s=0.05)
    async with asyncio.timeout(2), budget.permit("views.open", priority=Priority.URGENT):
        pass


async def test_an_error_during_the_call_still_ends_it(budget, clock):
    async def fail():
        async with budget.permit("reactions.remove", priority=Priority.URGENT):
            clock[0] += 60.0
            raise RuntimeError("boom")

    for _ in range(40):
        with pytest.raises(RuntimeError, match="boom"):
            await fail()


async def test_growing_replies_share_the_edits_and_get_them_back(budget, clock):
    with budget.live_reply() as share:
        alone = share.interval_s()
        with budget.live_reply() as second, budget.live_reply() as third:
            assert second.interval_s() > alone
            young = second.interval_s()
            clock[0] += YOUNG_S
            assert second.interval_s() > young
            clock[0] += 60.0
            third.interval_s()
            assert share.interval_s() < 2.5  # the second has not changed for a minute
        assert share.interval_s() == alone


async def test_a_reply_that_is_taken_over_counts_what_the_process_before_may_have_sent(budget):
    async def edits(count):
        for _ in range(count):
            async with budget.permit("chat.update", priority=Priority.URGENT):
                pass

    with budget.live_reply(resumed=True), budget.live_reply(resumed=True):
        await edits(24)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await edits(1)
