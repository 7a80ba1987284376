from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bridge.appserver import frames, protocol
from bridge.appserver.frames import Frame
from bridge.appserver.protocol import Session, Silence
from bridge.domain.errors import AgentUnreachable

RUNTIME = {"agent_id": "a", "conversation_id": "c"}


def opened() -> Session:
    session = Session()
    session.opened()
    return session


def event(seq: int | None, kind: str = "turn_finished", **fields: Any) -> Frame:
    body = {"stop_reason": "end_turn"} if kind == "turn_finished" else {}
    raw = {"type": kind, "runtime": RUNTIME, "event_seq": seq, **body, **fields}
    frame = frames.read(raw)
    assert not isinstance(frame, frames.MalformedFrame), frame
    return frame


def question(call: str, *, ident: str | None = None, runtime: dict[str, str] = RUNTIME) -> Frame:
    request = {"subtype": "can_use_tool", "tool_name": "Bash", "tool_call_id": call}
    return event(
        None, "control_request", request_id=ident or f"perm-{call}", request=request,
        runtime=runtime,
    )  # fmt: skip


def answer(ident: str) -> Frame:
    return frames.read({"type": "sync_response", "request_id": ident, "success": True})


def test_an_answer_reaches_the_one_who_waits() -> None:
    session = opened()
    first = session.ask("sync", deadline=1.0)
    second = session.ask("sync", deadline=2.0)
    assert first != second
    assert session.received(answer(second)) == (protocol.Answered(second, answer(second)),)
    assert session.next_deadline == 1.0


def test_nothing_can_be_asked_without_a_connection() -> None:
    with pytest.raises(AgentUnreachable):
        Session().ask("sync", deadline=1.0)
    session = opened()
    session.closed()
    with pytest.raises(AgentUnreachable):
        session.ask("sync", deadline=1.0)


def test_a_late_or_repeated_answer_changes_nothing() -> None:
    session = opened()
    ident = session.ask("sync", deadline=1.0)
    assert session.expired(0.5) == ()
    assert session.expired(1.0) == (protocol.Unanswered(ident, "sync", Silence.TIMED_OUT),)
    assert session.next_deadline is None
    assert isinstance(session.received(answer(ident))[0], protocol.Late)
    again = session.ask("sync", deadline=1.0)
    session.received(answer(again))
    assert isinstance(session.received(answer(again))[0], protocol.Late)


def test_a_forgotten_answer_is_late() -> None:
    session = opened()
    ident = session.ask("sync", deadline=1.0)
    session.forget(ident)
    session.forget(ident)
    assert isinstance(session.received(answer(ident))[0], protocol.Late)


def test_an_answer_of_an_earlier_connection_is_not_taken_for_one_of_this() -> None:
    session = opened()
    old = session.ask("sync", deadline=1.0)
    assert session.closed() == (protocol.Unanswered(old, "sync", Silence.LINK_LOST),)
    assert session.closed() == ()
    session.opened()
    new = session.ask("sync", deadline=1.0)
    assert isinstance(session.received(answer(old))[0], protocol.Late)
    assert isinstance(session.received(answer(new))[0], protocol.Answered)


def test_an_unreadable_answer_is_an_answer() -> None:
    session = opened()
    for raw in ({"type": "sync_response", "success": 5}, {"type": "holo_response"}):
        ident = session.ask("sync", deadline=1.0)
        frame = frames.read({**raw, "request_id": ident})
        assert session.received(frame) == (protocol.Answered(ident, frame),)


def test_missing_events_are_reported_with_the_event_that_shows_it() -> None:
    session = opened()
    assert len(session.received(event(1))) == 1
    gap, pushed = session.received(event(4))
    assert gap == protocol.SequenceGap(2, 4)
    assert isinstance(pushed, protocol.Pushed)
    assert len(session.received(event(5))) == 1


def test_frames_that_cannot_be_read_are_counted_too() -> None:
    session = opened()
    unknown = frames.read({"type": "hologram", "event_seq": 1})
    malformed = frames.read({"type": "turn_finished", "event_seq": 2})
    assert session.received(unknown) == (protocol.Unreadable(unknown),)
    assert session.received(malformed) == (protocol.Unreadable(malformed),)
    assert len(session.received(event(3))) == 1


def test_events_are_counted_from_1_on_each_connection() -> None:
    session = opened()
    session.received(event(1))
    session.received(event(2))
    session.closed()
    session.opened()
    assert len(session.received(event(1))) == 1


def test_with_two_sockets_the_order_proves_nothing() -> None:
    session = opened()
    session.two_sockets()
    assert len(session.received(event(2))) == 1
    assert len(session.received(event(1))) == 1


def test_a_question_is_heard_once_per_connection() -> None:
    session = opened()
    assert isinstance(session.received(question("call-1"))[0], protocol.Pushed)
    assert isinstance(session.received(question("call-1"))[0], protocol.Repeated)
    assert isinstance(session.received(question("call-2"))[0], protocol.Pushed)
    other = question("call-1", runtime={"agent_id": "a", "conversation_id": "d"})
    assert isinstance(session.received(other)[0], protocol.Pushed)
    session.closed()
    session.opened()
    assert isinstance(session.received(question("call-1"))[0], protocol.Pushed)


def test_a_call_id_that_a_model_uses_again_is_a_new_question() -> None:
    ended = {"message_type": "client_tool_end", "tool_call_id": "call-1"}
    for end in (event(None, "stream_delta", delta=ended), event(None)):
        session = opened()
        session.received(question("call-1"))
        session.received(end)
        assert isinstance(session.received(question("call-1"))[0], protocol.Pushed)


class Interleaving(RuleBasedStateMachine):
    """Asks, answers, repetitions, losses and time in any order: nobody waits for ever, and
    nobody is told twice.
    """

    def __init__(self) -> None:
        super().__init__()
        self.session = Session()
        self.waiting: dict[str, float] = {}
        self.told: set[str] = set()
        self.now = 0.0
        self.all_ids: list[str] = []

    def tell(self, ident: str) -> None:
        assert ident not in self.told, "told twice"
        assert self.waiting.pop(ident, None) is not None, "told without waiting"
        self.told.add(ident)

    @rule()
    def open(self) -> None:
        if not self.session.is_open:
            self.session.opened()

    @precondition(lambda self: self.session.is_open)
    @rule(patience=st.floats(0.1, 10))
    def ask(self, patience: float) -> None:
        ident = self.session.ask("sync", deadline=self.now + patience)
        assert ident not in self.all_ids
        self.all_ids.append(ident)
        self.waiting[ident] = self.now + patience

    @precondition(lambda self: self.all_ids)
    @rule(data=st.data())
    def hear_an_answer(self, data: Any) -> None:
        """Also answers that come twice, late, or from before a reconnect."""
        ident = data.draw(st.sampled_from(self.all_ids))
        for outcome in self.session.received(answer(ident)):
            if isinstance(outcome, protocol.Answered):
                self.tell(outcome.request_id)
            else:
                assert isinstance(outcome, protocol.Late)
                assert ident not in self.waiting

    @rule(seq=st.integers(1, 50), call=st.integers(0, 3))
    def hear_an_event(self, seq: int, call: int) -> None:
        for frame in (event(seq), question(f"call-{call}")):
            self.session.received(frame)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def give_up(self, data: Any) -> None:
        ident = data.draw(st.sampled_from(sorted(self.waiting)))
        self.session.forget(ident)
        self.tell(ident)

    @rule(seconds=st.floats(0.1, 20))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        for silent in self.session.expired(self.now):
            self.tell(silent.request_id)
        assert all(deadline > self.now for deadline in self.waiting.values())

    @rule()
    def lose_the_link(self) -> None:
        for silent in self.session.closed():
            self.tell(silent.request_id)
        assert not self.waiting

    @invariant()
    def the_next_deadline_is_the_earliest(self) -> None:
        earliest = min(self.waiting.values(), default=None)
        assert self.session.next_deadline == earliest


TestInterleaving = Interleaving.TestCase
TestInterleaving.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


@given(st.lists(st.integers(1, 30), max_size=30))
def test_gaps_tell_exactly_which_events_are_missing(sequence: list[int]) -> None:
    session = opened()
    missing: set[int] = set()
    rising = sorted(set(sequence))
    for seq in rising:
        for outcome in session.received(event(seq)):
            if isinstance(outcome, protocol.SequenceGap):
                missing |= set(range(outcome.expected, outcome.got))
    assert missing == set(range(1, max(rising, default=0))) - set(rising)
