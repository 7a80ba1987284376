"""The arithmetic of Slack's limits, checked against an independent count."""

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.slack.rate_limit.channel_pacing import CHANNEL_BURST
from bridge.slack.rate_limit.windows import Priority, RateLimitWindows

LIMITS = {"chat.update": 50, "reactions.remove": 20, "chat.postMessage": 300, "undelivered.of": 20}

asked = st.lists(
    st.tuples(
        st.sampled_from(sorted(LIMITS)),
        st.sampled_from(["C1", "C2"]),
        st.sampled_from(Priority),
        st.floats(0, 2),  # seconds since the request before it
        st.floats(0, 3),  # how long Slack takes to answer
        st.floats(0, 1),  # when in between Slack counts it
    ),
    min_size=30,
    max_size=250,
)


def played(requests):
    """Send what the windows lets through; returns when Slack counted each call."""
    windows, now, flying, counted = RateLimitWindows(live=3), 0.0, [], []
    for method, channel, priority, gap_s, took_s, at in requests:
        now += gap_s
        for item in sorted(flying):
            if item[0] <= now:
                windows.ended(item[1], channel=item[2], now=item[0])
                flying.remove(item)
        if windows.take(method, channel=channel, priority=priority, now=now) == 0.0:
            counted.append((now + took_s * at, method, channel))
            flying.append((now + took_s, method, channel))
    return sorted(counted)


@given(asked)
@settings(deadline=None, max_examples=40)
def test_no_minute_ever_holds_more_calls_than_its_method_allows(requests):
    """Guarantee G10, whatever the network does between us and Slack."""
    counted = played(requests * 3)
    for method, limit in LIMITS.items():
        times = [time for time, name, _ in counted if name == method]
        for first, beyond in zip(times, times[limit:], strict=False):
            assert beyond - first >= 60.0 - 1e-6


posts = st.lists(
    st.tuples(
        st.just("chat.postMessage"),
        st.just("C1"),
        st.sampled_from(Priority),
        st.floats(0, 0.9),
        st.floats(0, 0.5),
        st.floats(0, 1),
    ),
    min_size=40,
    max_size=100,
)


@given(posts)
@settings(deadline=None, max_examples=40)
def test_posts_into_a_channel_keep_to_one_a_second_after_a_burst(requests):
    """Guarantee G10: a leaky bucket like Slack's own never overflows."""
    levels = {}
    for time, method, channel in played(requests):
        if method == "chat.postMessage":
            level, at = levels.get(channel, (0.0, 0.0))
            level = max(0.0, level - (time - at)) + 1.0
            assert level <= CHANNEL_BURST + 1e-6
            levels[channel] = (level, time)


def spent(windows, method, *, priority, now, limit=1_000):
    """How many calls go through at once."""
    for count in range(limit):
        if windows.take(method, channel=None, priority=priority, now=now) > 0.0:
            return count
        windows.ended(method, channel=None, now=now)
    return limit


@pytest.mark.parametrize("live", [1, 10, 50])
def test_edits_leave_room_for_the_end_of_every_reply(live):
    windows = RateLimitWindows(live=live)
    edits = 0
    for tenth in range(590):
        edits += spent(windows, "chat.update", priority=Priority.EDIT, now=tenth / 10)
    assert edits <= 48 - min(live, 24)
    assert spent(windows, "chat.update", priority=Priority.URGENT, now=59.0) == 48 - edits


def test_what_is_left_of_the_edits_is_spread_over_the_time_until_they_come_back():
    windows = RateLimitWindows(live=1, growing=1)
    times, now = [], 0.0
    while now < 180.0:
        if spent(windows, "chat.update", priority=Priority.EDIT, now=now, limit=1):
            times.append(now)
            now += windows.edit_interval_s(now, age_s=now)
        now += 0.01
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert max(gaps[:20]) < 1.2
    assert max(gaps) < 2.0


def test_a_429_rests_its_method_alone():
    windows = RateLimitWindows()
    windows.refused("chat.update", channel=None, retry_after_s=7.0, now=100.0)
    wait_s = windows.take("chat.update", channel=None, priority=Priority.URGENT, now=101.0)
    assert wait_s == pytest.approx(6.0)
    assert windows.take("chat.delete", channel=None, priority=Priority.QUIET, now=101.0) == 0.0
    assert windows.take("chat.update", channel=None, priority=Priority.URGENT, now=107.0) == 0.0


def test_after_a_429_one_call_goes_alone_until_it_got_through():
    windows = RateLimitWindows()
    call = {"channel": None, "priority": Priority.URGENT}
    assert windows.take("chat.update", now=0.0, **call) == 0.0
    windows.refused("chat.update", channel=None, retry_after_s=5.0, now=0.0)
    windows.ended("chat.update", channel=None, now=0.0)
    assert windows.take("chat.update", now=5.0, **call) == 0.0
    assert windows.take("chat.update", now=5.0, **call) == math.inf
    windows.ended("chat.update", channel=None, now=5.1)
    assert [windows.take("chat.update", now=5.1, **call) for _ in range(5)] == [0.0] * 5


def test_after_a_429_progress_has_half_its_room_and_final_answers_all_of_it():
    windows = RateLimitWindows()
    assert windows.take("chat.update", channel=None, priority=Priority.QUIET, now=0.0) == 0.0
    windows.refused("chat.update", channel=None, retry_after_s=1.0, now=0.0)
    windows.ended("chat.update", channel=None, now=0.0)
    assert spent(windows, "chat.update", priority=Priority.URGENT, now=1.0, limit=1) == 1
    assert spent(windows, "chat.update", priority=Priority.QUIET, now=1.0) == 24 - 2
    assert spent(windows, "chat.update", priority=Priority.URGENT, now=1.0) == 24
    assert spent(windows, "chat.update", priority=Priority.QUIET, now=400.0) == 48


def test_a_429_of_a_post_takes_the_burst_from_its_channel_for_a_minute():
    windows = RateLimitWindows()
    post = {"priority": Priority.URGENT}
    assert windows.take("chat.postMessage", channel="C1", now=0.0, **post) == 0.0
    windows.refused("chat.postMessage", channel="C1", retry_after_s=4.0, now=0.0)
    windows.ended("chat.postMessage", channel="C1", now=0.0)
    assert windows.take("chat.postMessage", channel="C2", now=4.0, **post) == 0.0
    windows.ended("chat.postMessage", channel="C2", now=4.0)
    assert windows.take("chat.postMessage", channel="C2", now=4.0, **post) == 0.0
    assert windows.take("chat.postMessage", channel="C1", now=4.0, **post) == 0.0
    assert windows.take("chat.postMessage", channel="C1", now=5.5, **post) == math.inf
    windows.ended("chat.postMessage", channel="C1", now=5.5)
    assert windows.take("chat.postMessage", channel="C1", now=5.5, **post) == 1.0
    assert windows.take("chat.postMessage", channel="C1", now=6.5, **post) == 0.0
    windows.ended("chat.postMessage", channel="C1", now=6.5)
    for _ in range(3):  # the rest until 4.0 and a minute more are over
        assert windows.take("chat.postMessage", channel="C1", now=64.0, **post) == 0.0
        windows.ended("chat.postMessage", channel="C1", now=64.0)


def test_a_process_that_takes_over_counts_half_a_minute_of_edits_as_just_made():
    windows = RateLimitWindows()
    windows.taken_over(now=100.0)
    assert spent(windows, "chat.update", priority=Priority.URGENT, now=100.0) == 24
    assert spent(windows, "chat.update", priority=Priority.URGENT, now=139.0) == 0
    assert spent(windows, "chat.update", priority=Priority.URGENT, now=150.0) == 12


def test_a_call_counts_until_a_minute_after_its_answer():
    """Slack may have counted it at any time before; only so the sums can never differ."""
    windows = RateLimitWindows()
    call = {"channel": None, "priority": Priority.URGENT}
    for _ in range(19):
        assert windows.take("undelivered.of", now=0.0, **call) == 0.0
    for _ in range(19):
        windows.ended("undelivered.of", channel=None, now=3.0)
    assert windows.take("undelivered.of", now=61.0, **call) == pytest.approx(2.0)
    assert windows.take("undelivered.of", now=63.0, **call) == 0.0


def test_a_full_window_of_unanswered_calls_waits_for_an_answer():
    windows = RateLimitWindows()
    for _ in range(19):
        assert (
            windows.take("undelivered.of", channel=None, priority=Priority.URGENT, now=0.0) == 0.0
        )
    wait_s = windows.take("undelivered.of", channel=None, priority=Priority.URGENT, now=500.0)
    assert wait_s == math.inf
    windows.unused("undelivered.of", channel=None)
    assert windows.take("undelivered.of", channel=None, priority=Priority.URGENT, now=500.0) == 0.0


def test_an_urgent_post_finds_a_place_that_progress_left_free():
    windows = RateLimitWindows()

    def post(priority):
        return windows.take("chat.postMessage", channel="C1", priority=priority, now=0.0)

    for _ in range(2):
        assert post(Priority.EDIT) == 0.0
        windows.ended("chat.postMessage", channel="C1", now=0.0)
    assert post(Priority.EDIT) > 0.0
    assert post(Priority.URGENT) == 0.0


def test_a_burst_goes_one_by_one_and_a_slow_answer_holds_it_up_for_a_second_only():
    windows = RateLimitWindows()
    post = {"channel": "C1", "priority": Priority.URGENT}
    assert windows.take("chat.postMessage", now=0.0, **post) == 0.0
    assert windows.take("chat.postMessage", now=0.2, **post) == pytest.approx(0.8)
    windows.ended("chat.postMessage", channel="C1", now=0.3)
    assert windows.take("chat.postMessage", now=0.3, **post) == 0.0
    assert windows.take("chat.postMessage", now=1.3, **post) == 0.0


def test_one_busy_channel_does_not_hold_up_another():
    windows = RateLimitWindows()
    for _ in range(3):
        windows.take("chat.postMessage", channel="C1", priority=Priority.URGENT, now=0.0)
    post = {"priority": Priority.EDIT, "now": 0.0}
    assert windows.take("chat.postMessage", channel="C1", **post) > 0.0
    assert windows.take("chat.postMessage", channel="C2", **post) == 0.0


def test_quiet_channels_are_forgotten():
    windows = RateLimitWindows()
    for number in range(1_500):
        channel, now = f"C{number}", float(number)
        windows.take("chat.postMessage", channel=channel, priority=Priority.URGENT, now=now)
        windows.ended("chat.postMessage", channel=channel, now=now)
    assert len(windows._channels) < 1_100
