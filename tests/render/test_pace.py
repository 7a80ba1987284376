import pytest

from bridge.render.pace import Pace


def simulate(turns, seconds, *, per_minute=50):
    """All turns begin at once and are shown as fast as the pace lets them; the end is not paced.

    Returns the largest gap of any turn, and the most updates within any 60 seconds.
    """
    pace = Pace(per_minute=per_minute)
    last = dict.fromkeys(range(turns), 0.0)
    written, gaps = [], []
    for tick in range(round(seconds * 20) + 1):
        now = tick / 20
        for turn, before in last.items():
            due = pace.next_write_at(before, now, turns, age_s=now)
            if due <= now or now >= seconds:
                pace.wrote(now)
                written.append(now)
                gaps.append(now - before)
                last[turn] = now
    busiest = max(sum(1 for at in written if end - 60 < at <= end) for end in written)
    return max(gaps), busiest, len(written)


def test_the_first_write_is_at_once():
    assert Pace().next_write_at(None, 7.0, 40) == 7.0


def test_one_turn_is_shown_about_once_a_second():
    gap, _, writes = simulate(1, 10)
    assert gap <= 1.2
    assert writes <= 12


@pytest.mark.parametrize("seconds", [60, 300])
def test_one_long_turn_stays_in_the_budget(seconds):
    gap, busiest, _ = simulate(1, seconds)
    assert busiest <= 50
    assert gap <= 1.5


def test_ten_turns_of_thirty_seconds_have_no_long_gap_and_stay_in_the_budget():
    gap, busiest, _ = simulate(10, 30)
    assert gap <= 8
    assert busiest <= 50


@pytest.mark.parametrize(("turns", "seconds"), [(2, 120), (3, 90), (5, 90), (10, 120), (20, 90)])
def test_many_turns_stay_in_the_budget_with_their_ends(turns, seconds):
    assert simulate(turns, seconds)[1] <= 50


def test_fifty_turns_leave_half_of_the_budget_to_their_ends():
    pace = Pace()
    last = dict.fromkeys(range(50), 0.0)
    count = 0
    for tick in range(1_200):
        for turn, before in last.items():
            if pace.next_write_at(before, tick / 20, 50, age_s=0.0) <= tick / 20:
                pace.wrote(tick / 20)
                last[turn] = tick / 20
                count += 1
    assert 20 <= count <= 25


def test_a_spent_budget_frees_itself_after_a_minute():
    pace = Pace()
    for index in range(50):
        pace.wrote(100.0 + index)
    due = pace.next_write_at(149.0, 149.0, 1)
    assert 160.0 <= due <= 165.0
    assert pace.next_write_at(149.0, 300.0, 1) == 150.0


def test_an_old_turn_with_an_empty_window_is_quick_again():
    assert Pace().next_write_at(10.0, 10.0, 1, age_s=500.0) == 11.0


def test_a_tiny_budget_still_lets_something_through():
    pace = Pace(per_minute=2)
    assert pace.next_write_at(0.0, 0.0, 9) <= 60.0
