import pytest

from bridge.render.durations import coarse, duration, tokens


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-3, "0.0 s"),
        (0.42, "0.4 s"),
        (0.96, "1 s"),
        (12.4, "12 s"),
        (59.6, "1 min"),
        (72, "1 min 12 s"),
        (3_599.4, "59 min 59 s"),
        (3_600, "1 h"),
        (7_530, "2 h 5 min"),
        (86_400, "1 d"),
        (93_600, "1 d 2 h"),
    ],
)
def test_a_duration_reads_in_at_most_two_units(seconds, words):
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(4.9, ""), (12, "10 s"), (59, "55 s"), (74, "1 min"), (76, "1 min 15 s"), (659, "10 min")],
)
def test_a_running_duration_changes_in_growing_steps(seconds, words):
    assert coarse(seconds) == words


def test_tokens_are_grouped_and_counted_in_the_right_number():
    assert tokens(1) == "1 token"
    assert tokens(0) == "0 tokens"
    assert tokens(1_234) == "1,234 tokens"
