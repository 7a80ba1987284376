from typing import Any

from bridge.appserver import commands as c
from bridge.appserver import deltas, frames
from bridge.appserver.events import StreamDelta, TurnFinishedFrame, UpdateLoopStatus
from bridge.appserver.frames import Frame
from bridge.appserver.legacy import LegacyAdapter
from bridge.appserver.responses import InputAcceptedResponse

REF = {"agent_id": "a", "conversation_id": "c"}
ID = c.RuntimeId(agent_id="a", conversation_id="c")


def frame(kind: str, **fields: Any) -> Frame:
    found = frames.read({"type": kind, "runtime": REF, **fields})
    assert not isinstance(found, frames.MalformedFrame), found
    return found


def loop(status: str, *active: str) -> Frame:
    return frame("update_loop_status", loop_status={"status": status, "active_run_ids": active})


def queue(*idents: str) -> Frame:
    return frame("update_queue", queue=[{"id": f"q-{i}", "client_message_id": i} for i in idents])


def delta(message_type: str, **fields: Any) -> Frame:
    return frame("stream_delta", delta={"message_type": message_type, **fields})


def words(ident: str, request_id: str | None = "r1") -> c.Input:
    message = c.InputMessage(content="hi", client_message_id=ident)
    return c.Input(request_id=request_id, runtime=ID, payload=c.CreateMessage(messages=[message]))


def verdict(ident: str, request_id: str = "r9") -> c.Input:
    payload = c.ApprovalResponse(request_id=ident, decision=c.Allow())
    return c.Input(request_id=request_id, runtime=ID, payload=payload)


def question(ident: str) -> Frame:
    request = {"subtype": "can_use_tool", "tool_name": "Bash", "tool_call_id": "t"}
    return frame("control_request", request_id=ident, request=request)


def play(helper: LegacyAdapter, *received: Frame) -> list[Frame]:
    return [out for each in received for out in helper.received(each)]


def ends(out: list[Frame]) -> list[tuple[str, str | None, str | None]]:
    return [(f.stop_reason, f.run_id, f.error) for f in out if isinstance(f, TurnFinishedFrame)]


def accepted(out: list[Frame]) -> list[tuple[str, bool, str | None]]:
    found = [f for f in out if isinstance(f, InputAcceptedResponse)]
    return [(f.request_id, f.accepted, f.disposition) for f in found]


def test_the_first_word_after_an_input_accepts_it() -> None:
    helper = LegacyAdapter()
    assert helper.sent(words("m")) == ()
    out = play(helper, loop("SENDING_API_REQUEST"), loop("PROCESSING_API_RESPONSE", "r"))
    assert accepted(out) == [("r1", True, "started")]
    assert isinstance(out[0], InputAcceptedResponse), "before the event that shows it"


def test_an_input_behind_another_is_queued() -> None:
    helper = LegacyAdapter()
    helper.sent(words("m", "r1"))
    helper.sent(words("n", "r2"))
    out = play(helper, loop("SENDING_API_REQUEST"))
    helper.sent(words("o", "r3"))
    out += play(helper, queue("n", "o"))
    assert accepted(out) == [
        ("r1", True, "started"),
        ("r2", True, "queued"),
        ("r3", True, "queued"),
    ]


def test_a_commands_other_than_inputs_is_left_alone() -> None:
    helper = LegacyAdapter()
    assert helper.sent(c.Sync(request_id="s", runtime=ID)) == ()
    assert helper.sent(words("m", None)) == ()
    assert accepted(play(helper, loop("SENDING_API_REQUEST"))) == []


def test_an_answer_to_nothing_is_refused_at_once() -> None:
    helper = LegacyAdapter()
    (refusal,) = helper.sent(verdict("perm-1"))
    assert isinstance(refusal, InputAcceptedResponse)
    assert not refusal.accepted
    assert "no longer pending" in (refusal.error or "")


def test_an_answer_to_a_question_is_accepted_once() -> None:
    helper = LegacyAdapter()
    play(helper, question("perm-1"))
    assert helper.sent(verdict("perm-1")) == ()
    assert accepted(play(helper, loop("WAITING_ON_APPROVAL", "r"))) == [("r9", True, None)]
    assert helper.sent(verdict("perm-1")) != ()


def test_a_stop_reason_and_idleness_end_the_turn() -> None:
    helper = LegacyAdapter()
    out = play(
        helper,
        loop("PROCESSING_API_RESPONSE", "r"),
        delta("stop_reason", stop_reason="requires_approval"),
        delta("stop_reason", stop_reason="end_turn"),
        loop("WAITING_ON_INPUT"),
        loop("WAITING_ON_INPUT"),
    )
    assert ends(out) == [("end_turn", "r", None)]


def test_a_tool_steps_boundary_does_not_end_the_turn() -> None:
    helper = LegacyAdapter()
    out = play(
        helper,
        loop("PROCESSING_API_RESPONSE", "r"),
        delta("stop_reason", stop_reason="requires_approval"),
        loop("EXECUTING_CLIENT_SIDE_TOOL", "r"),
    )
    assert ends(out) == []


def test_an_interruption_ends_the_turn_as_cancelled() -> None:
    helper = LegacyAdapter()
    out = play(
        helper,
        loop("PROCESSING_API_RESPONSE", "r"),
        loop("WAITING_ON_INPUT"),
        delta("status", message="Model updated"),
        delta("status", message="Interrupted"),
    )
    assert ends(out) == [("cancelled", "r", None)]


def test_an_abort_during_a_question_or_a_retry_is_cancelled() -> None:
    boundaries = (
        [delta("stop_reason", stop_reason="requires_approval")],
        [delta("stop_reason", stop_reason="llm_api_error"), delta("retry", run_id="r")],
    )
    for boundary in boundaries:
        out = play(
            LegacyAdapter(),
            loop("PROCESSING_API_RESPONSE", "r"),
            *boundary,
            loop("WAITING_ON_INPUT"),
            delta("status", message="Interrupted"),
        )
        assert ends(out) == [("cancelled", "r", None)]


def test_idleness_without_a_reason_ends_the_turn_when_it_is_confirmed() -> None:
    for confirmation in (loop("WAITING_ON_INPUT"), loop("SENDING_API_REQUEST")):
        helper = LegacyAdapter()
        out = play(helper, loop("PROCESSING_API_RESPONSE", "r"), loop("WAITING_ON_INPUT"))
        assert ends(out) == []
        assert ends(play(helper, confirmation)) == [("cancelled", "r", None)]


def test_a_terminal_error_ends_the_turn_and_names_its_inputs() -> None:
    helper = LegacyAdapter()
    helper.sent(words("m"))
    out = play(
        helper,
        loop("SENDING_API_REQUEST"),
        delta("loop_error", message="not yet", is_terminal=False),
        delta("loop_error", message="broken", is_terminal=True),
        loop("WAITING_ON_INPUT"),
    )
    assert ends(out) == [("error", None, "broken")]
    failed = [f.delta for f in out if isinstance(f, StreamDelta)][-1]
    assert isinstance(failed, deltas.LoopError)
    assert failed.client_message_ids == ["m"]
    named = delta("loop_error", message="x", is_terminal=True, client_message_ids=["z"])
    assert play(helper, named)[0] == named


def test_a_retried_run_is_not_the_end() -> None:
    helper = LegacyAdapter()
    out = play(
        helper,
        loop("PROCESSING_API_RESPONSE", "r"),
        delta("stop_reason", stop_reason="llm_api_error"),
        delta("retry", run_id="r"),
        loop("PROCESSING_API_RESPONSE", "r2"),
        delta("stop_reason", stop_reason="end_turn"),
        loop("WAITING_ON_INPUT"),
    )
    assert ends(out) == [("end_turn", "r2", None)]


def test_a_change_of_mode_is_no_turn() -> None:
    helper = LegacyAdapter()
    out = play(
        helper, loop("EXECUTING_COMMAND"), loop("WAITING_ON_INPUT"), loop("WAITING_ON_INPUT")
    )
    assert ends(out) == []


def test_runs_are_mapped_to_the_inputs_they_serve() -> None:
    helper = LegacyAdapter()
    helper.sent(words("m"))
    play(helper, loop("SENDING_API_REQUEST"))
    helper.sent(words("n", "r2"))
    play(helper, queue("n"), loop("PROCESSING_API_RESPONSE", "r1"), queue())
    out = play(helper, loop("PROCESSING_API_RESPONSE", "r2"))
    assert isinstance(out[-1], UpdateLoopStatus)
    served = out[-1].loop_status.client_message_ids_by_run_id
    assert served == {"r1": ["m"], "r2": ["m", "n"]}


def test_pieces_of_a_run_share_an_id_but_a_helpers_do_not() -> None:
    helper = LegacyAdapter()

    def piece(ident: str, run_id: str | None, **more: Any) -> Frame:
        body = {"message_type": "assistant_message", "id": ident, "run_id": run_id, "content": "x"}
        return frame("stream_delta", delta=body, **more)

    out = play(
        helper,
        piece("1", "r"),
        piece("2", "r"),
        piece("3", "s"),
        piece("4", None),
        piece("5", "r", subagent_id="h"),
    )
    assert [f.delta.id for f in out] == ["1", "1", "3", "4", "5"]


def test_a_server_that_speaks_for_itself_is_not_spoken_for() -> None:
    helper = LegacyAdapter()
    helper.sent(words("m"))
    native = frame("input_accepted", request_id="r1", accepted=True, disposition="started")
    assert play(helper, native) == [native]
    helper.sent(words("n", "r2"))
    finished = frame("turn_finished", stop_reason="end_turn", run_id="r")
    assert play(
        helper,
        loop("PROCESSING_API_RESPONSE", "r"),
        delta("stop_reason", stop_reason="end_turn"),
        loop("WAITING_ON_INPUT"),
        finished,
    )[-1:] == [finished]
    assert helper.sent(verdict("perm-1")) == ()
    answers = frames.read({"type": "sync_response", "request_id": "x"})
    assert play(helper, answers) == [answers]
