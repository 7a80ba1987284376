"""When people are told that Slack slows us down."""

import math

from bridge.slack.rate_limit.rate_limiter import SlowNotice


def test_a_wait_of_some_seconds_is_said_and_kept_for_a_while() -> None:
    slowness = SlowNotice()
    assert slowness.judge(oldest_s=0.0, interval_s=1.1, now=100.0) == 5.0
    assert not slowness.shown
    slowness.judge(oldest_s=5.0, interval_s=1.1, now=105.0)
    assert slowness.shown
    slowness.judge(oldest_s=None, interval_s=1.1, now=114.0)
    assert slowness.shown
    assert slowness.judge(oldest_s=None, interval_s=1.1, now=115.1) == math.inf
    assert not slowness.shown


def test_a_long_interval_is_a_wait_as_well() -> None:
    slowness = SlowNotice()
    slowness.judge(oldest_s=None, interval_s=7.5, now=100.0)
    assert slowness.shown
    slowness.judge(oldest_s=None, interval_s=0.0, now=111.0)
    assert not slowness.shown
