"""Teammates and the turns that people start."""

from dataclasses import replace
from datetime import UTC, datetime

from bridge.domain.bindings import Binding, ClaimedTurn, ImagePart
from bridge.domain.ids import BindingId, ChannelId, MessageId, MessageTs, TeamId, ThreadKey, TurnId
from bridge.domain.messages import Speaker, StoredMessage, ThreadMessage
from bridge.domain.teammates import Persona, Teammate

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
THREAD = ThreadKey(TeamId("T1"), ChannelId("C1"), MessageTs("1.000100"))


def stored(number: int, author: str) -> StoredMessage:
    said = ThreadMessage(MessageTs(f"{number}.000100"), Speaker.PERSON, author, "hi")
    return StoredMessage(MessageId(number), THREAD, said, NOON)


def test_a_teammate_shows_her_name_and_picture() -> None:
    ada = Teammate("ada", icon_emoji=":crystal_ball:")
    assert ada.persona == Persona("Ada", ":crystal_ball:", None)


def test_the_one_whose_message_started_the_turn_is_its_requester() -> None:
    binding = Binding(BindingId(1), THREAD, "ada", "main", None, None, None, None)
    asked = ClaimedTurn(TurnId("t1"), binding, 0, (stored(1, "UANN"), stored(2, "UBOB")), NOON)
    assert asked.requester == "UANN"
    assert replace(asked, messages=(), unprompted=True).requester is None


def test_a_picture_does_not_fill_a_log() -> None:
    assert "AAAA" not in repr(ImagePart("image/png", "AAAA"))
