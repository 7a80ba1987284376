"""The lanes in front of Slack, beside a plain list that is sorted whenever one looks."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from bridge.slack.rate_limit.wait_queue import Waiter, WaitQueue
from bridge.slack.rate_limit.windows import Priority

METHODS = ("chat.update", "chat.postMessage")
callers = st.tuples(
    st.sampled_from(Priority), st.sampled_from(METHODS), st.sampled_from(("C1", "C2", None))
)


def waiter(loop, number, caller, *, urgency=None):
    priority, method, channel = caller
    return Waiter(urgency or priority, number, method, channel, float(number), loop.create_future())


@given(
    st.lists(callers),
    st.dictionaries(st.sampled_from(METHODS), st.integers(0, 3)),
    st.sets(st.integers(0, 10)),
    st.sets(st.integers(0, 10)),
)
def test_the_same_go_first_as_in_a_sorted_list(everybody, places, cancelled, left):
    loop = asyncio.new_event_loop()
    lanes, waiters = WaitQueue(), [waiter(loop, *entry) for entry in enumerate(everybody)]
    for each in waiters:
        lanes.join(each)
    for number in left & set(range(len(waiters))):
        lanes.leave(waiters[number])
    for number in cancelled & set(range(len(waiters))):
        waiters[number].through.cancel()
    there = [w for w in waiters if w.number not in left and w.number not in cancelled]
    expected, free = set(), dict(places)
    for each in sorted(there, key=lambda w: (w.priority, w.number)):
        if free.get(each.method, 0) > 0:
            free[each.method] -= 1
            expected.add(each.number)

    def take(lane):
        if places.get(lane.method, 0) > 0:
            places[lane.method] -= 1
            return 0.0
        return 7.0

    soonest = lanes.let_through(take)
    through = {w.number for w in waiters if w.through.done() and not w.through.cancelled()}
    assert through == expected
    kept = [w for w in there if w.number not in expected]
    assert (soonest == 7.0) is bool(kept)
    assert lanes.oldest(lambda _: True) == min((w.since for w in kept), default=None) or cancelled
    loop.close()


def test_a_caller_whose_priority_rose_stands_by_its_age_among_the_new_ones():
    loop = asyncio.new_event_loop()
    lanes, risen = WaitQueue(), [Priority.EDIT]
    first = waiter(loop, 0, (Priority.EDIT, "chat.update", None), urgency=lambda: risen[0])
    second = waiter(loop, 1, (Priority.URGENT, "chat.update", None))
    assert [lanes.join(first), lanes.join(second)] == [True, True]
    risen[0] = Priority.URGENT
    lanes.sort_anew()
    places = [1]
    lanes.let_through(lambda _: 0.0 if places and places.pop() else 1.0)
    assert (first.through.done(), second.through.done()) == (True, False)
    loop.close()


def test_a_look_asks_once_for_each_lane_and_not_for_each_caller():
    loop = asyncio.new_event_loop()
    lanes, asked = WaitQueue(), []
    alone = [
        lanes.join(waiter(loop, number, (Priority.EDIT, "chat.update", None)))
        for number in range(1_000)
    ]
    assert alone == [True] + [False] * 999
    assert lanes.let_through(lambda lane: asked.append(lane) or 3.0) == 3.0
    assert len(asked) == 1
    assert lanes.waiting("chat.update") == 1_000
    loop.close()
