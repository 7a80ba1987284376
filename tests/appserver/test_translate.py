from typing import Any

import pytest

from bridge.appserver import frames
from bridge.appserver.events import Event
from bridge.appserver.translate import Translator, readable
from bridge.domain import events as ev
from bridge.domain.ids import AgentId, ConversationId, Runtime

REF = {"agent_id": "a", "conversation_id": "c"}
RUNTIME = Runtime(AgentId("a"), ConversationId("c"))


def frame(kind: str, **fields: Any) -> Event:
    found = frames.read({"type": kind, "runtime": REF, **fields})
    assert isinstance(found, Event), found
    return found


def loop(active: list[str], served: dict[str, list[str]] | None = None, status: str = "X") -> Event:
    body = {
        "status": status,
        "active_run_ids": active,
        "client_message_ids_by_run_id": served or {},
    }
    return frame("update_loop_status", loop_status=body)


def say(*sent: Event) -> list[ev.AgentEvent]:
    translator = Translator()
    return [event for each in sent for event in translator.translate(RUNTIME, each)]


def delta(message_type: str, **fields: Any) -> Event:
    return frame("stream_delta", delta={"message_type": message_type, **fields})


def started(run_id: str, *idents: str) -> ev.RunStarted:
    return ev.RunStarted(run_id, frozenset(idents))


def test_a_run_is_announced_once_with_the_inputs_it_serves() -> None:
    assert say(
        loop([]), loop(["r1"], {"r1": ["m"]}), loop(["r1"], {"r1": ["m"]}), loop([], {"r1": ["m"]})
    ) == [started("r1", "m")]


def test_a_run_that_nobody_asked_for_is_announced_without_inputs() -> None:
    assert say(loop([]), loop(["r1"]), loop(["r1"]), loop([])) == [started("r1")]


def test_a_run_that_takes_up_another_input_is_announced_again() -> None:
    assert say(loop([]), loop(["r1"], {"r1": ["m"]}), loop(["r1"], {"r1": ["m", "n"]})) == [
        started("r1", "m"),
        started("r1", "m", "n"),
    ]


def test_a_server_that_names_no_run_of_before_was_restarted() -> None:
    translator = Translator()
    for known in (loop([]), loop(["r7"], {"r7": ["m"]})):
        translator.translate(RUNTIME, known)
    translator.connected()
    assert translator.translate(RUNTIME, loop([])) == (ev.RunsForgotten(),)
    assert translator.translate(RUNTIME, loop(["r1"], {"r1": ["m"]})) == (started("r1", "m"),)


def test_a_server_that_names_a_run_of_before_has_lived_on() -> None:
    translator = Translator()
    for known in (loop([]), loop(["r7"], {"r7": ["m"]})):
        translator.translate(RUNTIME, known)
    translator.connected()
    assert translator.translate(RUNTIME, loop([], {"r6": ["l"], "r7": ["m"]})) == ()
    translator.connected()
    translator.connected()
    assert translator.translate(RUNTIME, loop([], {"r7": ["m"]})) == ()


def test_a_run_that_goes_on_is_not_announced_as_new() -> None:
    assert say(loop(["r1"], {"r1": ["m"]}), loop(["r1"], {"r1": ["m"]})) == []


def test_a_run_begun_undelivered_is_announced_before_its_end() -> None:
    end = frame("turn_finished", stop_reason="end_turn", run_id="r1")
    assert say(loop(["r1"], {"r1": ["m"]}), end) == [
        started("r1", "m"),
        ev.TurnFinished("r1", "end_turn"),
    ]
    assert say(end) == [ev.TurnFinished("r1", "end_turn")]


def test_after_a_reconnect_the_same_run_number_is_another_run() -> None:
    translator = Translator()
    translator.translate(RUNTIME, loop([]))
    translator.translate(RUNTIME, loop(["r1"], {"r1": ["m"]}))
    translator.connected()
    translator.translate(RUNTIME, loop([]))
    assert translator.translate(RUNTIME, loop(["r1"], {"r1": ["m"]})) == (started("r1", "m"),)


def test_a_helpers_words_stay_out_of_the_transcript() -> None:
    piece = {"message_type": "assistant_message", "id": "m", "run_id": "r", "content": "secret"}
    assert say(frame("stream_delta", delta=piece, subagent_id="s1")) == []


def test_helpers_at_work_are_named_when_they_change() -> None:
    def helpers(*statuses: str) -> Event:
        return frame(
            "update_subagent_state",
            subagents=[
                {"subagent_id": str(n), "subagent_type": f"type{n}", "status": status}
                for n, status in enumerate(statuses)
            ],
        )

    assert say(
        helpers(),
        helpers("pending"),
        helpers("running"),
        helpers("completed", "running"),
        helpers(),
    ) == [
        ev.SubagentChanged(("type0",)),
        ev.SubagentChanged(("type1",)),
        ev.SubagentChanged(()),
    ]


def test_text_is_joined_from_its_parts() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "image"}, {"type": "text", "text": "b"}]
    assert say(delta("assistant_message", id="m", run_id="r", content=parts)) == [
        ev.TextArrived("r", "m", "ab")
    ]


def test_the_steps_of_a_tool_are_told() -> None:
    call = {"tool_call_id": "c1", "name": "Bash", "arguments": "{}"}
    assert say(
        delta("reasoning_message", run_id="r", reasoning="hm"),
        delta("approval_request_message", run_id="r", tool_call=call),
        delta("client_tool_start", tool_call_id="c1", tool_name="Bash", tool_args='{"a": 1}'),
        delta("client_tool_end", tool_call_id="c1", status="error"),
        delta("usage_statistics", run_id="r", prompt_tokens=3, completion_tokens=4),
    ) == [
        ev.ReasoningArrived("r"),
        ev.ToolCalled("r", "c1", "Bash", "{}"),
        ev.ToolStarted("c1", "Bash", '{"a": 1}'),
        ev.ToolEnded("c1", succeeded=False),
        ev.UsageReported("r", 3, 4),
    ]


def test_boundaries_within_a_turn_mean_nothing() -> None:
    assert (
        say(
            delta("stop_reason", stop_reason="requires_approval"),
            delta("stop_reason", stop_reason="llm_api_error"),
            delta("error_message", message="oh"),
            delta("loop_error", message="oh", is_terminal=False),
            delta("status", message="Interrupted"),
            delta("hologram"),
            frame("file_ops", path="x"),
        )
        == []
    )


def test_a_failure_prefers_the_providers_words() -> None:
    packed = '{"error": {"error": {"type": "x", "message": "inner words"}}}'
    assert say(
        delta("loop_error", message=packed, is_terminal=True, client_message_ids=["m"]),
        delta("loop_error", message=packed, is_terminal=True, api_error={"message": "said"}),
    ) == [
        ev.ModelFailed("inner words", frozenset({"m"})),
        ev.ModelFailed("said", frozenset()),
    ]


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("plain", "plain"),
        ("{broken", "{broken"),
        ('{"error": "short"}', "short"),
        ('{"message": "short"}', "short"),
        ('{"detail": "short"}', "short"),
        ('{"other": "short"}', '{"other": "short"}'),
        ('["list"]', '["list"]'),
        ("[" * 100_000, "[" * 100_000),
    ],
)
def test_errors_packed_as_json_are_unpacked(message: str, words: str) -> None:
    assert readable(message) == words


def test_a_repeated_run_replaces_the_failed_one() -> None:
    assert say(delta("retry", run_id="r1", attempt=1, max_attempts=3, delay_ms=1500)) == [
        ev.RunDropped("r1"),
        ev.RetryScheduled(1, 3, 1.5),
    ]
    assert say(delta("retry", attempt=2, max_attempts=3)) == [ev.RetryScheduled(2, 3, 0.0)]


def test_a_repeated_model_request_goes_on_in_the_same_run() -> None:
    data = {"attempt": 2, "max_attempts": 3, "delay_ms": 2000}
    assert say(
        delta("event_message", event_type="retry", event_data=data),
        delta("event_message", event_type="retry", event_data={"attempt": "x"}),
        delta("event_message", event_type="compaction", event_data={}),
        delta("summary_message", summary="short"),
    ) == [
        ev.RetryScheduled(2, 3, 2.0),
        ev.RetryScheduled(1, 1, 0.0),
        ev.ContextCompacted(),
    ]


def test_inputs_that_the_server_dropped_are_named() -> None:
    removed = [
        {"client_message_id": "m", "disposition": "dequeued"},
        {"client_message_id": "n", "disposition": "cancelled"},
        {"disposition": "cancelled"},
    ]
    assert say(frame("update_queue", removed=removed), frame("update_queue", removed=[])) == [
        ev.InputsDropped(frozenset({"n"}))
    ]


def test_the_state_of_a_runtime_is_told() -> None:
    status = {
        "is_processing": True,
        "current_permission_mode": "strict",
        "current_working_directory": "/srv",
        "pending_control_requests": [{"request_id": "p1", "request": {}}],
    }
    assert say(frame("update_device_status", device_status=status)) == [
        ev.RuntimeStatus(True, "/srv", "strict", frozenset({"p1"}))
    ]


def test_a_diff_that_cannot_be_shown_says_why() -> None:
    request = {
        "subtype": "can_use_tool",
        "tool_name": "Write",
        "tool_call_id": "c",
        "input": {"a": None},
        "diffs": [
            {"mode": "unpreviewable", "fileName": "x.bin", "reason": "binary"},
            {"mode": "fallback", "fileName": "y"},
        ],
    }
    assert say(frame("control_request", request_id="p", request=request)) == [
        ev.ApprovalAsked(
            "p",
            "c",
            "Write",
            {"a": None},
            (ev.FileDiff("x.bin", (), "binary"), ev.FileDiff("y", (), "fallback")),
        )
    ]
