"""Versions, back-off, history, runtimes and commands: the small pure modules."""

import json

import pytest
from pydantic import ValidationError

from bridge.appserver import commands as c
from bridge.appserver.events import (
    DeviceStatus,
    Event,
    LoopStatus,
    TurnFinishedFrame,
    UpdateDeviceStatus,
    UpdateLoopStatus,
)
from bridge.appserver.responses import StoredMessageRecord
from bridge.appserver.started_runtimes import Difference, StartedRuntimes
from bridge.appserver.translate import to_history, without_reminders
from bridge.appserver.versions import generation, parse_version
from bridge.appserver.wire_base import RuntimeRef
from bridge.domain.bindings import RuntimeRequest
from bridge.domain.errors import AgentTooOld
from bridge.domain.ids import AgentId, ConversationId, Runtime
from bridge.domain.teammates import PermissionMode

RUNTIME = Runtime(AgentId("a"), ConversationId("c"))
ANY = RuntimeRequest(AgentId("a"), None, None, PermissionMode.STANDARD)
REF = RuntimeRef(agent_id=AgentId("a"), conversation_id=ConversationId("c"))


def described(**fields: object) -> Event:
    return UpdateDeviceStatus(runtime=REF, device_status=DeviceStatus(**fields))


def at_work(status: str) -> Event:
    return UpdateLoopStatus(runtime=REF, loop_status=LoopStatus(status=status))


@pytest.mark.parametrize(
    ("text", "number"),
    [("0.34.12", (0, 34, 12)), ("v1.2.3-beta.4", (1, 2, 3)), ("next", None), (None, None)],
)
def test_versions_are_read(text: str | None, number: tuple[int, int, int] | None) -> None:
    assert parse_version(text) == number


def test_generations_are_told_apart() -> None:
    today = generation("0.34.12", split_channels=False)
    assert (today.needs_help, today.newer_than_known) == (False, False)
    assert generation("0.35.0", split_channels=False).newer_than_known
    assert generation("0.32.13", split_channels=False).needs_help
    old = generation("0.29.6", split_channels=True)
    assert old.needs_help
    assert old.traits.split_channels
    unnamed = generation(None, split_channels=False)
    assert (unnamed.version, unnamed.needs_help) == ("unknown", False)


def test_a_version_that_is_too_old_is_refused_with_what_to_do() -> None:
    with pytest.raises(AgentTooOld, match=r"Letta Code 0\.25\.9.*needs 0\.27\.8 or newer"):
        generation("0.25.9", split_channels=False)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("hello", "hello"),
        ("<system-reminder>\nsecret\n</system-reminder>hello", "hello"),
        ("a <system-reminder>x</system-reminder> b", "a b"),
        ("<task-notification><x>1</x></task-notification>\nrest", "rest"),
        ("<system-reminder>one</system-reminder><system-reminder>two</system-reminder>z", "z"),
        ("open <system-reminder> never closed", "open"),
        ("<system-reminder>a</task-notification>b</system-reminder>c", "c"),
    ],
)
def test_what_the_server_put_in_is_taken_out(text: str, clean: str) -> None:
    assert without_reminders(text) == clean


def test_stored_messages_become_history() -> None:
    def message(**fields: object) -> StoredMessageRecord:
        return StoredMessageRecord.model_validate({"id": "m", **fields})

    user = to_history(
        message(
            message_type="user_message",
            content=[
                {"type": "text", "text": "<system-reminder>x</system-reminder>"},
                {"type": "text", "text": "hi"},
            ],
            otid="turn-1",
        )
    )
    assert (user.role, user.text, user.otid) == ("user", "hi", "turn-1")
    said = to_history(
        message(message_type="assistant_message", content="<system-reminder>", otid="provider-1")
    )
    assert (said.role, said.text, said.otid) == ("assistant", "<system-reminder>", None)
    other = to_history(message(message_type="reasoning_message"))
    assert (other.role, other.text) == ("other", "")


def test_runtimes_are_started_anew_on_each_connection() -> None:
    runtimes = StartedRuntimes()
    request = RuntimeRequest(AgentId("a"), None, "/srv/x/", PermissionMode.STRICT)
    assert runtimes.differences(RUNTIME) == ()
    runtimes.started(RUNTIME, request)
    assert runtimes.differences(RUNTIME) == ()
    runtimes.heard(
        RUNTIME,
        described(current_working_directory="/srv/x", current_permission_mode="strict"),
    )
    assert runtimes.is_started(RUNTIME)
    assert runtimes.differences(RUNTIME) == ()
    runtimes.heard(
        RUNTIME,
        described(current_working_directory="/elsewhere", current_permission_mode="unrestricted"),
    )
    assert runtimes.differences(RUNTIME) == (
        Difference("cwd", "/srv/x", "/elsewhere"),
        Difference("mode", "strict", "unrestricted"),
    )
    runtimes.starting(RUNTIME)
    assert runtimes.status(RUNTIME) is None
    runtimes.connected()
    assert not runtimes.is_started(RUNTIME)


def test_a_runtime_without_a_directory_of_its_own_has_no_difference() -> None:
    runtimes = StartedRuntimes()
    runtimes.started(RUNTIME, RuntimeRequest(AgentId("a"), None, None, PermissionMode.STANDARD))
    runtimes.heard(RUNTIME, described(current_working_directory="/"))
    assert runtimes.differences(RUNTIME) == ()


def test_a_command_leaves_out_what_is_not_set_and_keeps_null_in_free_fields() -> None:
    decision = c.Allow(updated_input={"a": None})
    payload = c.ApprovalResponse(request_id="p", decision=decision)
    sent = c.Input(
        request_id="1-1",
        runtime=c.RuntimeId(agent_id="a", conversation_id="c"),
        payload=payload,
    )
    assert json.loads(sent.encode()) == {
        "type": "input",
        "request_id": "1-1",
        "runtime": {"agent_id": "a", "conversation_id": "c"},
        "payload": {
            "kind": "approval_response",
            "request_id": "p",
            "decision": {"behavior": "allow", "updated_input": {"a": None}},
        },
    }


def test_commands_that_the_server_would_ignore_cannot_be_made() -> None:
    with pytest.raises(ValidationError):
        c.RuntimeStart(agent_id="a")  # without a mode every tool would run unasked
    with pytest.raises(ValidationError):
        c.RuntimeStart(agent_id="a", mode="yolo")
    with pytest.raises(ValidationError):
        c.Deny(message="")
    with pytest.raises(ValidationError):
        c.Sync(runtime=c.RuntimeId(agent_id="a", conversation_id="c"), typo=True)


def named(number: int) -> Runtime:
    return Runtime(AgentId("a"), ConversationId(f"c-{number}"))


def test_the_runtime_that_was_idle_longest_is_forgotten() -> None:
    runtimes = StartedRuntimes(kept=2)
    for number in (1, 2):
        runtimes.started(named(number), ANY)
        runtimes.heard(named(number), described())
    assert runtimes.forget_one() is None
    runtimes.heard(named(1), described())
    runtimes.heard(named(3), described())
    assert runtimes.forget_one() == named(2)
    assert runtimes.forget_one() is None
    assert runtimes.is_started(named(1))
    assert not runtimes.is_started(named(2))
    assert runtimes.status(named(2)) is None


@pytest.mark.parametrize("work", [described(is_processing=True), at_work("WAITING_ON_APPROVAL")])
def test_a_runtime_at_work_is_remembered_however_long_it_is_silent(work: Event) -> None:
    runtimes = StartedRuntimes(kept=2)
    runtimes.started(named(0), ANY)
    runtimes.heard(named(0), work)
    for number in range(1, 9):
        runtimes.heard(named(number), described())
        runtimes.forget_one()
    assert runtimes.is_started(named(0))
    for ends in (
        at_work("WAITING_ON_INPUT"),
        TurnFinishedFrame(runtime=REF, stop_reason="end_turn"),
    ):
        runtimes.heard(named(0), work)
        runtimes.heard(named(0), ends)
        runtimes.heard(named(10), described())
        runtimes.heard(named(11), described())
        assert named(0) in {runtimes.forget_one() for _ in range(4)}
