"""Many replies under Slack's published limits, in virtual time.

The budget is the real one, the judge is the playground's own limiter, and what writes is the
rhythm of a live reply: post, wait for its interval, edit, and end when the text ends.
"""

import asyncio
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest

from bridge.slack.rate_limit.edit_pacing import EditPacing
from bridge.slack.rate_limit.rate_limiter import RateLimiter
from bridge.slack.rate_limit.windows import Priority
from slack_playground.rate_limits import RateLimits
from tests.slack.virtual import run_virtually

SLACK_S = 0.12
PER_MINUTE = {"chat.postMessage": 300, "chat.update": 50}


@dataclass
class Told:
    """One reply's life; times in seconds from its beginning."""

    shown: list[float] = field(default_factory=list)
    ended: float = 0.0


class Crowd:
    """Replies of `seconds` each, `channels` apart; `every_s` between their beginnings."""

    def __init__(
        self, *, seconds: float, channels: int = 1, every_s: float = 0.0, burst: int = 5
    ) -> None:
        self.seconds, self.channels, self.every_s = seconds, channels, every_s
        self.limits = RateLimits(channel_burst=burst)
        self.waits: dict[Priority, list[float]] = {}
        self.slow: list[bool] = []

    async def play(self, count: int, *, resumed: bool = False) -> list[Told]:
        self.clock = asyncio.get_running_loop().time
        self.budget = RateLimiter(monotonic=self.clock)
        self.budget.watch_slow(lambda: self.slow.append(self.budget.slow))
        return list(await asyncio.gather(*(self.reply(number, resumed) for number in range(count))))

    async def reply(self, number: int, resumed: bool) -> Told:
        await asyncio.sleep(number * self.every_s)
        began, told, method = self.clock(), Told(), "chat.postMessage"
        channel = f"C{number % self.channels}"
        with self.budget.live_reply(resumed=resumed) as share:
            while True:
                urgent = await self.write(method, channel, began, told)
                if urgent:
                    told.ended = told.shown[-1]
                    return told
                method = "chat.update"
                pause_s = min(share.interval_s(), began + self.seconds - self.clock())
                await asyncio.sleep(max(0.0, pause_s))

    async def write(self, method: str, channel: str, began: float, told: Told) -> bool:
        """One call until Slack takes it, urgent from the end of the text on.

        Returns whether it showed that end.
        """
        usual = Priority.FIRST if method == "chat.postMessage" else Priority.EDIT
        at = channel if method == "chat.postMessage" else None

        def over() -> bool:
            return self.clock() - began >= self.seconds - 1e-6

        timer = asyncio.get_running_loop().call_later(
            max(0.0, began + self.seconds - self.clock()), self.budget.reconsider
        )
        asked, refused = self.clock(), True
        while refused:
            async with self.budget.permit(
                method, channel=at, priority=lambda: Priority.URGENT if over() else usual
            ):
                complete, sent_at = over(), self.clock()
                await asyncio.sleep(SLACK_S / 2)
                rest_s = self.limits.refuse(
                    method, per_minute=PER_MINUTE[method], channel=at, now=self.clock()
                )
                await asyncio.sleep(SLACK_S / 2)
                if refused := rest_s is not None:
                    self.budget.refused(method, channel=at, retry_after_s=rest_s)
        self.waits.setdefault(usual, []).append(sent_at - asked)
        told.shown.append(sent_at - began)
        timer.cancel()
        return complete


def play(
    count: int, *, resumed: bool = False, refusals: int = 0, **options: Any
) -> tuple[Crowd, list[Told]]:
    crowd = Crowd(**options)
    told = run_virtually(crowd.play(count, resumed=resumed))
    assert crowd.limits.refused.total() <= refusals
    return crowd, told


def largest_gap(told: list[Told], *, after_s: float = 0.0) -> float:
    """Between two revisions of one reply that both lie within its text's time."""
    return max(
        later - earlier
        for one in told
        for earlier, later in pairwise(one.shown)
        if earlier >= after_s
    )


def test_g10_fifty_replies_of_a_minute_provoke_no_429_and_end_within_what_slack_allows():
    crowd, told = play(50, seconds=60.0, channels=50)
    assert max(one.shown[0] for one in told) < 0.1
    late = sorted(one.ended - 60.0 for one in told)
    # 50 last edits and those of the minute before are more than a minute allows: the last ones
    # must wait for the minute after.
    assert late[23] < 1.5
    assert late[-1] < 61.0
    assert max(crowd.waits[Priority.FIRST]) < 0.1


def test_g10_fifty_replies_in_one_channel_begin_one_a_second_and_provoke_no_429():
    _, told = play(50, seconds=60.0)
    assert max(one.shown[0] for one in told) < 49.0
    assert max(one.ended for one in told) < 121.0


def test_g10_fifty_replies_at_any_time_begin_and_end_without_delay():
    """A minute's edits are enough when not all end at once."""
    _, told = play(50, seconds=60.0, channels=50, every_s=1.5)
    assert max(one.shown[0] for one in told) < 0.1
    assert max(one.ended for one in told) < 61.0


def test_ten_short_replies_move_every_four_seconds():
    _, told = play(10, seconds=10.0)
    assert max(one.ended for one in told) < 11.0
    assert largest_gap(told) <= 4.1


def test_g10_a_slack_that_takes_no_bursts_refuses_one_post_and_no_more():
    for seconds in (1.0, 10.0, 30.0):
        _, told = play(10, seconds=seconds, burst=1, refusals=1)
        assert max(one.shown[0] for one in told) < 12.5


def test_a_slack_that_takes_no_bursts_is_asked_again_after_a_minute():
    _, told = play(40, seconds=3.0, every_s=4.0, burst=1, refusals=0)
    assert max(one.shown[0] for one in told) < 0.1


def test_ten_replies_of_half_a_minute_never_stand_still_for_long():
    _, told = play(10, seconds=30.0)
    assert max(one.ended for one in told) < 30.5
    assert largest_gap(told) <= 8.0


@pytest.mark.parametrize(("channels", "every_s"), [(10, 0.0), (1, 0.05), (1, 0.2), (10, 0.1)])
def test_ten_replies_of_half_a_minute_in_any_order_stand_still_little_longer(channels, every_s):
    _, told = play(10, seconds=30.0, channels=channels, every_s=every_s)
    assert max(one.ended for one in told) < 30.5
    assert largest_gap(told) <= (15.0 if (channels, every_s) == (10, 0.1) else 10.4)


@pytest.mark.parametrize("count", [1, 3, 5, 10, 15, 20, 30])
def test_long_replies_take_turns_and_none_starves(count):
    """Once the first quick minute is over, nobody waits much longer than one fair round."""
    _, told = play(count, seconds=300.0, channels=count)
    room = 48 - min(count, 24)
    fair = max(1.1, count * 60.0 / room)
    assert largest_gap(told, after_s=120.0) <= (1.7 if count == 10 else 1.3) * fair
    assert largest_gap(told) <= (46.0 if 3 < count <= 10 else max(7.0, 1.2 * fair))
    counts = [len(one.shown) for one in told]
    assert max(counts) - min(counts) <= 3


def test_a_crowd_says_that_it_is_slowed_down_and_later_that_it_is_not():
    crowd, _ = play(20, seconds=60.0, channels=20)
    assert crowd.slow[0] is True
    alone, _ = play(1, seconds=60.0)
    assert alone.slow == []


def test_a_resumed_reply_grows_again_at_once():
    _, told = play(1, seconds=30.0, resumed=True)
    assert largest_gap(told) < 3.0


def test_a_pace_is_quick_for_the_young_then_slower_and_then_lasting():
    pace = EditPacing(room=38, growing=10)
    assert pace.interval_s(0, age_s=0.0) == pytest.approx(3.7)
    assert pace.interval_s(0, age_s=10.0) == pytest.approx(7.8)
    assert pace.interval_s(9, age_s=0.0) == pytest.approx(7.8)
    assert pace.spacing_s(36, frees_in_s=40.0) == 0.0
    assert pace.interval_s(37, age_s=0.0) > 15.0
    assert pace.spacing_s(37, frees_in_s=45.0) == 22.5
    assert pace.spacing_s(37, frees_in_s=1.0) == 60.0 / 38


def test_a_crowd_asks_early_and_goes_evenly_from_the_start():
    pace = EditPacing(room=24, growing=50)
    assert pace.interval_s(0, age_s=0.0) < 2.0
    assert pace.spacing_s(0, frees_in_s=60.0) == 60.0 / 24
