"""Every recorded transcript, played through the whole reading side, means what its README says.

Each expectation lists the server's turns (text, stop reason, inputs served), what was asked, what
was refused, and how the domain's reducer ends each input's turn.
"""

from dataclasses import dataclass, field

import pytest

from bridge.domain import events as ev
from bridge.domain.events import Outcome
from tests.appserver.replaying import RECORDINGS, Replay, replay

NOT_PENDING = "Approval request is no longer pending"
ONE, TWO, THREE, FOUR = (f"slack-msg-{number}" for number in range(1, 5))
DONE, FAILED, CANCELLED, INTERRUPTED = (
    Outcome.DONE,
    Outcome.FAILED,
    Outcome.CANCELLED,
    Outcome.INTERRUPTED,
)
ThreadMessage = tuple[str, str, set[str]]


def words(count: int) -> str:
    return "".join(f"w{number} " for number in range(1, count + 1))


@dataclass(frozen=True)
class Expected:
    """`says`: text, stop reason and inputs of each turn of the server; `ends`: id and outcome."""

    says: list[ThreadMessage] = field(default_factory=list)
    ends: list[tuple[str, Outcome | None]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    unsendable: list[str] = field(default_factory=list)
    unanswered: int = 0
    conn: str = "c1"


def done(*texts: str, **more: list[str]) -> Expected:
    """Turns one after another, each of one input and each done."""
    idents = [f"slack-msg-{number}" for number in range(1, len(texts) + 1)]
    return Expected(
        says=[(text, "end_turn", {ident}) for text, ident in zip(texts, idents, strict=True)],
        ends=[(ident, DONE) for ident in idents],
        **more,
    )


def legacy(text: str, ident: str, **more: list[str]) -> Expected:
    return Expected(says=[(text, "end_turn", {ident})], ends=[(ident, DONE)], **more)


EXPECTED: dict[str, Expected] = {
    "plain_turn": done("Hi! How can I help you today?", "Second answer."),
    "reasoning_turn": done("The answer is 42."),
    "approval_allow": done("I will create it.Done, the file exists.", asked=["Bash"]),
    "approval_deny": done("I will create it.Understood, I will not.", asked=["Bash"]),
    "approval_parallel_three": done("Two of three made.", asked=["Bash"] * 3),
    "approval_edit_with_diff": done("Edited.", asked=["Edit"]),
    "approval_always_allow": done("Made.", "Made without asking.", asked=["Bash"]),
    "approval_updated_input": done("Ran.", asked=["Bash"]),
    "abort_mid_stream": Expected(
        says=[(words(14), "cancelled", {ONE}), ("Fine, what next?", "end_turn", {TWO})],
        ends=[(ONE, CANCELLED), (TWO, DONE)],
    ),
    "abort_at_approval": Expected(
        says=[("", "cancelled", {ONE}), ("Going on.", "end_turn", {TWO})],
        ends=[(ONE, CANCELLED), (TWO, DONE)],
        asked=["Bash"],
        refused=[NOT_PENDING],
    ),
    "queue_of_three_merged": Expected(
        says=[
            (words(20), "end_turn", {ONE}),
            ("Answer to the last of the merged messages.", "end_turn", {TWO, THREE, FOUR}),
        ],
        ends=[(ONE, DONE), (TWO, DONE), (THREE, DONE), (FOUR, DONE)],
    ),
    "queue_injected_after_tool_step": Expected(
        says=[("Hello, and the file is made.", "end_turn", {ONE, TWO})],
        ends=[(ONE, DONE), (TWO, DONE)],
        asked=["Bash"],
    ),
    "queue_paused_removed_resumed": Expected(
        says=[(words(11), "cancelled", {ONE}), ("Answer to B", "end_turn", {THREE})],
        ends=[(ONE, CANCELLED), (TWO, FAILED), (THREE, DONE)],
    ),
    "duplicate_and_missing_client_message_id": Expected(
        says=[("Answered once.", "end_turn", {ONE}), (words(10), "end_turn", {TWO})],
        ends=[(ONE, DONE), (TWO, DONE)],
        refused=["Input was rejected by the queue or durable ledger"],
        unsendable=["input"],
    ),
    "model_failure_no_retry": Expected(
        says=[("", "error", {ONE}), ("Back to normal.", "end_turn", {TWO})],
        ends=[(ONE, FAILED), (TWO, DONE)],
    ),
    "model_failure_retried_ok": done("Third time lucky.", words(5) + "A fresh complete answer."),
    "model_failure_retries_exhausted": Expected(
        says=[("", "llm_api_error", {THREE})], ends=[(THREE, FAILED)]
    ),
    "external_tool_call": done("The ticket is open.", asked=["lookup_ticket"]),
    "external_tool_auto_background": Expected(
        says=[
            ("I will report when it is done.", "end_turn", {ONE}),
            ("Echo: <task-notification>", "end_turn", set()),
        ],
        ends=[(ONE, DONE)],
    ),
    "ask_user_question": done("I have asked.", "Echo:  your questions.</summary>"),
    "disconnect_mid_stream_sole_client": Expected(
        says=[("", "error", set()), ("Yes, in the fork.", "end_turn", {THREE})],
        ends=[(ONE, INTERRUPTED), (TWO, DONE)],
        conn="c2",
    ),
    "disconnect_at_approval_sole_client": Expected(
        says=[("Going on.", "end_turn", {TWO})],
        ends=[(ONE, INTERRUPTED), (TWO, DONE)],
        asked=["Bash"],
        refused=[NOT_PENDING],
        conn="c2",
    ),
    "two_connections_failover": Expected(
        says=[(words(30), "end_turn", {ONE})], asked=["Bash"], conn="c2"
    ),
    "server_killed_mid_stream_restart": Expected(
        says=[
            ("Answered after the restart.", "end_turn", {ONE, TWO}),
            ("New answer.", "end_turn", {THREE}),
        ],
        ends=[(ONE, DONE), (TWO, DONE), (THREE, DONE)],
        conn="c2",
    ),
    "server_killed_at_approval_restart": Expected(
        says=[("Made after the restart.", "end_turn", {ONE})],
        ends=[(ONE, DONE)],
        asked=["Bash", "Bash"],
        refused=[NOT_PENDING],
        conn="c2",
    ),
    "invalid_frames": Expected(
        says=[("", "error", set())],
        ends=[(ONE, FAILED)],
        refused=[
            "runtime_start requires an agent or conversation",
            "Agent agent-none not found",
            "Conversation nope not found",
            NOT_PENDING,
            "Agent agent-local-default not found",
        ],
        unsendable=["no_such_command", "runtime_start", "runtime_start", "input", "input", "input"],
        unanswered=5,
    ),
    "management_commands": Expected(refused=["Unknown command: nonesuch"]),
    "legacy_split_plain_turn": legacy("Hi! How can I help you today?", ONE),
    "legacy_split_approval_allow": legacy("I will.Done.", TWO, asked=["Bash"]),
    "legacy_split_queue_and_duplicate": Expected(
        says=[
            (words(15), "end_turn", {THREE}),
            ("answer twoanswer three", "end_turn", {FOUR, "slack-msg-5"}),
            ("answer two", "end_turn", {FOUR}),
        ],
        ends=[(THREE, DONE), (FOUR, DONE), ("slack-msg-5", DONE), (FOUR, DONE)],
    ),
    "legacy_split_abort_and_sync": Expected(
        says=[(words(10), "cancelled", {"slack-msg-6"})], ends=[("slack-msg-6", CANCELLED)]
    ),
    "legacy_split_ask_user_question": legacy("Thanks.", "slack-msg-7", asked=["AskUserQuestion"]),
    "legacy_single_socket_plain_turn": Expected(
        says=[("One socket is enough.", "end_turn", set())], ends=[(ONE, DONE)]
    ),
}


def test_every_recording_has_its_expectation() -> None:
    assert {path.stem for path in RECORDINGS.glob("*.jsonl")} == EXPECTED.keys()


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_recording_means_what_its_readme_says(name: str) -> None:
    expected = EXPECTED[name]
    seen = replay(name)[expected.conn]
    assert len(seen.answers) == len(expected.says)
    for said, (text, stop_reason, serves) in zip(seen.answers, expected.says, strict=True):
        assert (said.stop_reason, said.serves) == (stop_reason, serves)
        assert said.text == text if not text.startswith("Echo") else said.text.startswith(text)
    assert [(turn.ident, turn.outcome) for turn in seen.turns] == expected.ends
    assert seen.asked == expected.asked
    assert seen.refused == expected.refused
    assert seen.unsendable == expected.unsendable
    assert len(seen.waiting) == expected.unanswered
    assert seen.unreadable == []
    assert all(gap.expected == 1 for gap in seen.gaps), "only what came before the recording"


def only(name: str) -> Replay:
    (seen,) = replay(name).values()
    return seen


def test_an_edit_is_asked_about_with_its_diff() -> None:
    asked = next(
        event
        for event in only("approval_edit_with_diff").events
        if isinstance(event, ev.ApprovalAsked)
    )
    (diff,) = asked.diffs
    assert diff.path == "readme.txt"
    assert [(line.kind, line.text) for line in diff.lines] == [
        ("context", "alpha"),
        ("remove", "beta"),
        ("add", "BETA"),
        ("context", "gamma"),
    ]


def test_a_failed_models_own_words_reach_the_turn() -> None:
    failed = only("model_failure_no_retry").turns[0]
    assert failed.turn.cause is not None
    assert failed.turn.cause.startswith("500: ")
    assert "scripted failure 500" in failed.turn.cause


def test_retries_are_shown_and_the_failed_run_is_dropped() -> None:
    events = only("model_failure_retried_ok").events
    dropped = [event.run_id for event in events if isinstance(event, ev.RunDropped)]
    assert dropped == ["local-run-49"]
    retries = [event.delay_s for event in events if isinstance(event, ev.RetryScheduled)]
    assert retries == [1.0, 2.0, 1.0]
    assert not [event for event in events if isinstance(event, ev.ModelFailed)]


def test_a_question_replayed_on_the_same_connection_is_asked_once() -> None:
    assert replay("two_connections_failover")["c2"].repeated == 1


def test_the_sender_that_was_lost_leaves_its_turn_waiting_for_the_approval() -> None:
    lost = replay("two_connections_failover")["c1"]
    assert lost.asked == ["Bash"]
    assert [turn.outcome for turn in lost.turns] == [None]


def test_an_approval_that_died_with_its_server_is_void() -> None:
    seen = only("server_killed_at_approval_restart")
    assert seen.turns[0].void == ["perm-call_520_0"]


def test_the_pieces_of_a_legacy_message_share_one_id() -> None:
    pieces = [
        event
        for event in only("legacy_split_plain_turn").events
        if isinstance(event, ev.TextArrived)
    ]
    assert len(pieces) == 7
    assert len({(piece.run_id, piece.message_id) for piece in pieces}) == 1


def test_a_legacy_server_is_made_to_accept_inputs() -> None:
    assert only("legacy_split_queue_and_duplicate").dispositions == [
        "started",
        "queued",
        "queued",
        "started",
    ]
