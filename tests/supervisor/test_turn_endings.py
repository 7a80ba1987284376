"""What the supervisor remembers, and what it forgets."""

import json
from typing import Any

import pytest

from bridge.supervisor.turn_endings import (
    ENDINGS_KEPT,
    RUNS_KEPT,
    RuntimeIds,
    TurnEnding,
    TurnEndings,
)

ONE, OTHER = RuntimeIds("agent-1", "conv-1"), RuntimeIds("agent-1", "conv-2")


def frame(kind: str, runtime: RuntimeIds = ONE, **fields: Any) -> str:
    return json.dumps({"type": kind, "runtime": runtime._asdict(), "event_seq": 1, **fields})


def runs(runtime: RuntimeIds = ONE, **inputs: list[str]) -> str:
    status = {"status": "WAITING", "client_message_ids_by_run_id": inputs}
    return frame("update_loop_status", runtime, loop_status=status)


def finished(run: str | None, reason: str = "end_turn", **more: Any) -> str:
    return frame("turn_finished", stop_reason=reason, run_id=run, **more)


@pytest.fixture
def memory() -> TurnEndings:
    memory = TurnEndings()
    memory.hold(ONE, by=1)
    return memory


def test_an_end_is_told_with_the_inputs_of_its_run(memory: TurnEndings) -> None:
    memory.hear(runs(r1=["old"], r2=["turn-a-1", "turn-b-1"]))
    ending = memory.hear(finished("r2"))
    assert ending == TurnEnding(("turn-a-1", "turn-b-1"), "r2", "end_turn", None)
    assert memory.endings() == [ending]


def test_an_end_without_a_run_is_that_of_the_inputs_since_the_last_end(memory: TurnEndings) -> None:
    memory.hear(runs(r1=["first"]))
    memory.hear(finished("r1"))
    memory.hear(runs(r1=["first"], r2=["second"]))
    ending = memory.hear(finished(None, "error", error="x" * 5000))
    assert ending is not None
    assert ending.client_message_ids == ("second",)
    assert ending.error is not None
    assert len(ending.error) == 2000


def test_run_numbers_that_begin_anew_name_their_new_inputs(memory: TurnEndings) -> None:
    memory.hear(runs(r1=["before the server's restart"]))
    memory.hear(runs(r1=["after"]))
    ending = memory.hear(finished("r1"))
    assert ending is not None
    assert ending.client_message_ids == ("after",)


def test_only_held_runtimes_are_remembered(memory: TurnEndings) -> None:
    memory.hear(runs(OTHER, r1=["a"]))
    assert memory.hear(frame("turn_finished", OTHER, stop_reason="end_turn", run_id="r1")) is None
    memory.hear(runs(r1=["a"]))
    memory.hear(finished("r1"))
    memory.release(ONE)
    assert memory.endings() == []
    assert memory.held == ()


def test_the_same_end_heard_on_two_connections_is_one(memory: TurnEndings) -> None:
    memory.hear(runs(r1=["a"]))
    assert memory.hear(finished("r1")) is not None
    assert memory.hear(finished("r1")) is None
    assert len(memory.endings()) == 1


def test_what_a_new_worker_does_not_ask_for_is_let_go(memory: TurnEndings) -> None:
    memory.hold(OTHER, by=1)
    memory.hold(OTHER, by=2)
    assert memory.let_go(before=2) == 1
    assert memory.held == (OTHER,)


@pytest.mark.parametrize(
    "message",
    [
        '{"turn_finished"',
        '["turn_finished"]',
        '{"type": "turn_finished"}',
        frame("turn_finished", runtime=ONE).replace('"agent-1"', "7"),
        '{"type": "update_loop_status", "x": "client_message_ids_by_run_id"}',
        frame("update_loop_status", loop_status={"client_message_ids_by_run_id": [1]}),
        frame("stream_delta", text="turn_finished"),
        b"\xff turn_finished",
    ],
)
def test_g8_what_cannot_be_read_changes_nothing(memory: TurnEndings, message: str | bytes) -> None:
    assert memory.hear(message) is None
    assert memory.endings() == []


def test_an_end_with_unknown_fields_is_still_an_end(memory: TurnEndings) -> None:
    ending = memory.hear(finished("r9", new_field={"a": [1]}, turn_id=7).encode())
    assert ending == TurnEnding((), "r9", "end_turn", None)


def test_memory_is_bounded(memory: TurnEndings) -> None:
    for number in range(500):
        memory.hear(runs(**{f"r{number}": [f"input {number}"]}))
        memory.hear(finished(f"r{number}"))
    assert len(memory.endings()) == ENDINGS_KEPT
    assert memory.endings()[-1].client_message_ids == ("input 499",)
    memory.hear(runs(**{f"s{number}": ["x"] for number in range(500)}))
    ending = memory.hear(finished(f"s{499 - RUNS_KEPT}"))
    assert ending is not None
    assert ending.client_message_ids == ("x",), "of the runs that it still knows"
