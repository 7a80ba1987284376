"""A seed is a round: the same one each time, and together they leave nothing out."""

from collections import Counter

from tests.chaos.kinds import KINDS
from tests.chaos.plan import Pressing, Shape, Twist
from tests.chaos.schedule import KILLS, ONCE, plan
from tests.chaos.steps import SLACK, STORE, WIRE

CAMPAIGN = [plan(seed) for seed in range(8000, 8100)]


def test_a_seed_is_the_same_round_each_time() -> None:
    assert [plan(seed) for seed in range(8000, 8100)] == CAMPAIGN
    assert plan(8000) != plan(8001)


def test_every_kind_of_fault_can_be_inflicted() -> None:
    assert set(KINDS) == set(ONCE)
    assert len({*ONCE, *KILLS}) > 20


def test_a_campaign_has_every_kind_and_every_step() -> None:
    kinds = Counter(strike.kind for round_ in CAMPAIGN for strike in round_.strikes)
    assert set(kinds) == {*ONCE, *KILLS}
    assert min(kinds.values()) > 10
    steps = {strike.step for round_ in CAMPAIGN for strike in round_.strikes if strike.step}
    assert steps == {*SLACK, *WIRE, *STORE}


def test_people_do_everything_that_people_do() -> None:
    asks = [ask for round_ in CAMPAIGN for ask in round_.asks]
    assert {ask.shape for ask in asks} == set(Shape)
    assert {ask.pressing for ask in asks} == set(Pressing)
    assert {ask.twist for ask in asks} == set(Twist)
    assert {ask.place for ask in asks} == {"#general", "#engineering", "#partners", "dm"}
    assert len({ask.key for ask in asks}) == len(asks)


def test_where_the_server_is_the_bridges_own_nothing_stands_before_it() -> None:
    managed = [round_ for round_ in CAMPAIGN if round_.managed]
    assert 0.1 < len(managed) / len(CAMPAIGN) < 0.3
    kinds = {strike.kind for round_ in managed for strike in round_.strikes}
    assert not kinds & {"kill at wire", "link cut", "link silent", "link slow"}
