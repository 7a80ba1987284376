"""Names of things."""

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.domain.ids import TurnId, client_message_id

turn_ids = st.text("abcXYZ019_-", min_size=1, max_size=8).map(TurnId)


@settings(max_examples=50)
@given(turn_ids, turn_ids, st.integers(0, 99), st.integers(0, 99))
def test_an_input_has_one_name_per_turn_and_attempt(
    one: TurnId, other: TurnId, first: int, second: int
) -> None:
    same = (one, first) == (other, second)
    assert (client_message_id(one, first) == client_message_id(other, second)) == same


def test_the_name_of_an_input_does_not_change_between_versions() -> None:
    """A new version may have to recognise what an old one sent."""
    assert client_message_id(TurnId("Ab1"), 2) == "turn-Ab1-2"
