"""Who may give work, and who may stop it."""

import pytest

from bridge.domain.ids import UserId
from bridge.domain.messages import Person
from bridge.domain.permissions import NOT_ALLOWED, PeoplePolicy, may_ask, may_stop

ANN = UserId("UANN")
EVERY_MEMBER = PeoplePolicy()
WITH_OUTSIDERS = PeoplePolicy(allow_outsiders=True)
ANN_ONLY = PeoplePolicy(allowed=frozenset({ANN}))
OTHERS_ONLY = PeoplePolicy(allowed=frozenset({UserId("UBOB")}), allow_outsiders=True)


@pytest.mark.parametrize(
    ("policy", "member", "outsider"),
    [
        (EVERY_MEMBER, True, False),
        (WITH_OUTSIDERS, True, True),
        (ANN_ONLY, True, True),
        (OTHERS_ONLY, False, False),
    ],
)
def test_who_may_ask(policy: PeoplePolicy, member: bool, outsider: bool) -> None:
    assert may_ask(Person(ANN, "Ann", trusted=True), policy) is member
    assert may_ask(Person(ANN, "Ann", trusted=False), policy) is outsider


@pytest.mark.parametrize("policy", [EVERY_MEMBER, WITH_OUTSIDERS, ANN_ONLY])
def test_no_bot_ever_asks(policy: PeoplePolicy) -> None:
    assert not may_ask(Person(ANN, "Ann", trusted=True, is_bot=True), policy)


@pytest.mark.parametrize("policy", [EVERY_MEMBER, WITH_OUTSIDERS, ANN_ONLY, OTHERS_ONLY])
def test_whoever_may_ask_may_stop(policy: PeoplePolicy) -> None:
    for trusted in (True, False):
        person = Person(ANN, "Ann", trusted=trusted)
        assert may_stop(person, policy) is may_ask(person, policy)


def test_the_note_says_what_to_do() -> None:
    assert "Ask " in NOT_ALLOWED
