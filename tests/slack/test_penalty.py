"""What a 429 costs and how it is forgiven."""

from hypothesis import given
from hypothesis import strategies as st

from bridge.slack.rate_limit.windows import LOWEST, Penalty


def test_a_429_halves_the_share_which_grows_back_within_minutes() -> None:
    allowance = Penalty()
    assert allowance.share(0.0) == 1.0
    allowance.refused(rest_s=10.0, now=0.0)
    assert allowance.share(10.0) == 0.5
    assert 0.5 < allowance.share(60.0) < allowance.share(120.0) < 1.0
    assert allowance.share(160.0) == 1.0


def test_calls_that_were_under_way_together_are_one_refusal() -> None:
    allowance = Penalty()
    for _ in range(10):
        allowance.refused(rest_s=3.0, now=1.0)
    assert allowance.share(1.0) == 0.5
    assert allowance.rests_until == 4.0


def test_the_longest_of_several_rests_holds() -> None:
    allowance = Penalty()
    allowance.refused(rest_s=30.0, now=0.0)
    allowance.refused(rest_s=2.0, now=0.1)
    assert allowance.rests_until == 30.0


def test_without_a_word_from_slack_the_rests_double_until_a_call_gets_through() -> None:
    allowance, now, rests = Penalty(), 0.0, []
    for _ in range(8):
        rests.append(allowance.refused(rest_s=None, now=now))
        allowance.answered()
        now = allowance.rests_until
    assert rests == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]
    assert allowance.on_trial
    allowance.answered()
    assert not allowance.on_trial
    assert allowance.refused(rest_s=None, now=now) == 1.0


def test_no_rest_is_longer_than_an_hour() -> None:
    assert Penalty().refused(rest_s=1e12, now=0.0) == 3600.0


@given(st.lists(st.tuples(st.floats(0, 400), st.floats(1, 100)), max_size=40))
def test_the_share_stays_between_its_floor_and_the_whole(refusals: list[tuple[float, float]]):
    allowance, now = Penalty(), 0.0
    for pause_s, rest_s in refusals:
        now += pause_s
        allowance.refused(rest_s=rest_s, now=now)
        assert LOWEST <= allowance.share(now) <= 1.0
    assert allowance.share(now + 500.0) == 1.0
