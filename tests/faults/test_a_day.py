"""Hours of work in seconds: nothing grows, nothing is left running. `python -m bench day` lives a
whole day.
"""

from bench.day import Day, live

TURNS_AN_HOUR = 20
HOURS = 3


def growth(day: Day) -> dict[str, int]:
    """How many more of each kind of our objects there are than after the first hour."""
    first, last = day.counts[0].ours, day.counts[-1].ours
    return {kind: many - first.get(kind, 0) for kind, many in last.items()}


def test_hours_of_turns_refreshes_and_lost_links_leave_nothing_behind() -> None:
    day = live(hours=HOURS, turns_an_hour=TURNS_AN_HOUR)
    first, last = day.counts[0], day.counts[-1]
    assert day.done == day.asked == TURNS_AN_HOUR * (HOURS + 1), day.said
    assert len(last.tasks) <= len(first.tasks), set(last.tasks) - set(first.tasks)
    assert last.threads <= first.threads
    assert last.files <= first.files + 2, "a connection may just be made anew"
    assert last.rss_mb <= first.rss_mb * 1.05
    turns = TURNS_AN_HOUR * HOURS
    assert {kind: more for kind, more in growth(day).items() if more >= turns} == {}
    assert last.objects - first.objects < 25 * turns
