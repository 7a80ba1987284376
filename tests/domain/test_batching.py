"""Which waiting messages become one turn."""

from dataclasses import replace

import pytest

from bridge.domain.batching import MAX_CHARS, MAX_MESSAGES, joins
from bridge.domain.ids import ChannelId, MessageTs, TeamId, TurnId, UserId
from bridge.domain.messages import InboundMessage, WaitingTurn

WAITING = WaitingTurn(TurnId("t1"), UserId("U1"), message_count=1, text_chars=10, trusted=True)
MESSAGE = InboundMessage(
    event_id="Ev1",
    team=TeamId("T1"),
    channel=ChannelId("C1"),
    ts=MessageTs("2.000100"),
    thread_ts=MessageTs("1.000100"),
    user=UserId("U1"),
    text="and also this",
    is_dm=False,
    mentions_app=False,
)


@pytest.mark.parametrize("trusted", [True, False])
def test_words_join_the_waiting_turn_of_people_of_the_same_standing(trusted: bool) -> None:
    waiting = replace(WAITING, trusted=trusted)
    assert joins(waiting, MESSAGE, trusted=trusted)
    assert not joins(waiting, MESSAGE, trusted=not trusted)


def test_a_full_turn_takes_no_more_messages() -> None:
    assert joins(replace(WAITING, message_count=MAX_MESSAGES - 1), MESSAGE, trusted=True)
    assert not joins(replace(WAITING, message_count=MAX_MESSAGES), MESSAGE, trusted=True)


def test_a_turn_never_grows_over_its_length() -> None:
    room = MAX_CHARS - len(MESSAGE.text)
    assert joins(replace(WAITING, text_chars=room), MESSAGE, trusted=True)
    assert not joins(replace(WAITING, text_chars=room + 1), MESSAGE, trusted=True)


@pytest.mark.parametrize(("author", "together"), [("U1", True), ("U2", True), ("UBOSS", False)])
def test_nobodys_words_ride_on_the_rights_of_somebody_else(author: str, together: bool) -> None:
    approvers = frozenset({UserId("UBOSS")})
    message = replace(MESSAGE, user=UserId(author))
    assert joins(WAITING, message, trusted=True, approvers=approvers) is together
    begun = replace(WAITING, author=UserId("UBOSS"))
    assert joins(begun, message, trusted=True, approvers=approvers) is not together
