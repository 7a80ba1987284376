"""The alarm of a turn: news, or a time."""

import asyncio

import pytest

from bridge.engine.turn_timer import WakeUp


def started(work):
    return asyncio.get_running_loop().create_task(work)


async def test_news_end_the_wait_also_when_they_came_before_it():
    alarm = WakeUp()
    waiting = started(alarm.wait(60.0))
    await asyncio.sleep(0)
    alarm.wake()
    assert await waiting is True
    alarm.wake()
    assert await alarm.wait(60.0) is True
    assert await alarm.wait(0.0) is False
    alarm.close()


@pytest.mark.parametrize("before_s", [60.0, 0.01])
async def test_the_time_is_up_when_it_is_and_not_when_an_earlier_wait_would_have_ended(before_s):
    alarm, loop = WakeUp(), asyncio.get_running_loop()
    alarm.wake()
    earlier = started(alarm.wait(before_s))
    await asyncio.sleep(0)
    assert earlier.done()
    second = started(alarm.wait(before_s))
    await asyncio.sleep(0)
    alarm.wake()
    assert await second is True
    began = loop.time()
    assert await alarm.wait(0.05) is False
    assert loop.time() - began >= 0.05
    alarm.close()


class CountingLoop(asyncio.SelectorEventLoop):
    """Counts the timers that are set."""

    timers = 0

    def call_at(self, when, callback, *args, context=None):
        self.timers += 1
        return super().call_at(when, callback, *args, context=context)


def test_waits_that_do_not_come_to_their_end_share_one_timer():
    async def wait_often():
        alarm = WakeUp()
        for _ in range(100):
            waiting = started(alarm.wait(60.0))
            await asyncio.sleep(0)
            alarm.wake()
            assert await waiting
        alarm.close()
        alarm.close()
        return asyncio.get_running_loop().timers

    with asyncio.Runner(loop_factory=CountingLoop) as runner:
        assert runner.run(wait_often()) == 1


async def test_a_cancelled_wait_loses_no_news():
    alarm = WakeUp()
    waiting = started(alarm.wait(60.0))
    await asyncio.sleep(0)
    alarm.wake()
    waiting.cancel()
    await asyncio.wait([waiting])
    assert await alarm.wait(0.0) is True
    alarm.close()
