"""The reducer on the real orders of events (PROTOCOL §7 to §17)."""

from dataclasses import replace
from typing import get_args

import pytest

from bridge.domain import effects as fx
from bridge.domain import events as ev
from bridge.domain.approvals import digest
from bridge.domain.errors import IllegalTransition
from bridge.domain.ids import RunId, UserId
from bridge.domain.transitions import OUR_OWN, TRANSITIONS, step
from bridge.domain.turn import Phase, Turn, resumed, unprompted
from tests.domain.turns import (
    ACCEPTED,
    BUSY,
    IDLE,
    RUNNING,
    STOP,
    STUCK,
    SUBMITTED,
    Played,
    asks,
    began,
    failed,
    kinds,
    over,
    ready,
    replayed,
    said,
    settles,
    tool_ends,
    tool_starts,
)

R1 = RunId("r1")

# --- the table -------------------------------------------------------------------------------

COLUMNS = tuple(Phase)
LETTERS = dict(zip(COLUMNS, "QSURABCE", strict=True))
SPECIMENS: dict[Phase, Turn] = {
    Phase.QUEUED: Turn(),
    Phase.STARTING: Played(ev.Claimed()).turn,
    Phase.SUBMITTING: Played(*SUBMITTED).turn,
    Phase.RUNNING: Played(*RUNNING).turn,
    Phase.AWAITING_APPROVAL: Played(*RUNNING, asks()).turn,
    Phase.ABORTING: Played(*RUNNING, STOP).turn,
    Phase.RECONCILING: Played(*RUNNING, asks(), ev.LinkLost()).turn,
    Phase.ENDED: Played(*RUNNING, over()).turn,
}
# Q queued, S starting, U submitting, R running, A awaiting, B aborting, C reconciling, E ended;
# "." stays, "!" raises. One column a phase, in that order.
TABLE: tuple[tuple[ev.TurnEvent, str], ...] = (
    (ev.Claimed(), "S!!!!!!."),
    (ready(), "!U!!!!!."),
    (ACCEPTED, "!.R....."),
    (ev.Refused("no"), "!EEEEEE."),
    (began(), "..R....."),
    (said("x"), "..R....."),
    (ev.ReasoningArrived(R1), "..R....."),
    (ev.ToolCalled(R1, "c1", "Bash", "{}"), "..R....."),
    (tool_starts("c9"), "........"),
    (tool_ends("c9"), "........"),
    (ev.SubagentChanged(("explore",)), "........"),
    (asks("p2", "c2"), "..AA...."),
    (ev.RunDropped(R1), "........"),
    (ev.RetryScheduled(1, 3, 2.0), "........"),
    (ev.ContextCompacted(), "........"),
    (failed("boom"), "........"),
    (ev.UsageReported(R1, 3, 4), "........"),
    (over(), "...EEEE."),
    (ev.InputsDropped(frozenset({"turn-t1-1"})), "..E....."),
    (IDLE, "........"),
    (settles(), "....R..."),
    (STOP, "EEBBB..."),
    (ev.DeadlinePassed(), "EEBBB..."),
    (ev.ShuttingDown(), "EEBBB.E."),
    (ev.WaitTimedOut(), ".....EE."),
    (ev.LinkLost(), "..CCCC.."),
    (replayed("p1", running=True), "......A."),
    (ev.EndReported("end_turn"), "...EEEE."),
    (ev.InputRestarted(), "......A."),
    (ev.RunsForgotten(), "........"),
    (ev.InputMissing(), ".....EU."),
)
EVENTS = tuple(event for event, _ in TABLE)
AGENT_EVENTS = tuple(event for event in EVENTS if isinstance(event, ev.AgentEvent))


def name_of(event: ev.TurnEvent) -> str:
    return type(event).__name__


@pytest.mark.parametrize(("event", "row"), TABLE, ids=map(name_of, EVENTS))
@pytest.mark.parametrize("phase", COLUMNS)
def test_each_event_moves_each_phase_as_the_table_says(
    phase: Phase, event: ev.TurnEvent, row: str
) -> None:
    expected = row[COLUMNS.index(phase)]
    if expected == "!":
        with pytest.raises(IllegalTransition) as caught:
            step(SPECIMENS[phase], event)
        assert (caught.value.phase, caught.value.event) == (phase, type(event).__name__)
        return
    after, _ = step(SPECIMENS[phase], event)
    assert LETTERS[after.phase] == (LETTERS[phase] if expected == "." else expected)


WAITS = fx.ShowStatus("is waiting for a decision")
THINKS = fx.ShowStatus("is thinking…")


def test_the_table_knows_every_event() -> None:
    known = set(get_args(ev.TurnEvent))
    assert known == set(TRANSITIONS) == set(map(type, EVENTS))
    assert set(OUR_OWN) <= known


@pytest.mark.parametrize("event", EVENTS, ids=name_of)
def test_late_words_change_nothing_after_the_end(event: ev.TurnEvent) -> None:
    ended = SPECIMENS[Phase.ENDED]
    assert step(ended, event) == (ended, ())


@pytest.mark.parametrize("event", AGENT_EVENTS, ids=name_of)
@pytest.mark.parametrize("phase", [Phase.QUEUED, Phase.STARTING])
def test_the_agents_side_cannot_move_a_turn_that_sent_nothing(
    phase: Phase, event: ev.TurnEvent
) -> None:
    assert step(SPECIMENS[phase], event) == (SPECIMENS[phase], ())


# --- the plain life (PROTOCOL §7) ------------------------------------------------------------


def test_a_plain_turn_sends_once_says_all_and_ends() -> None:
    played = Played(
        ev.Claimed(),
        ready(),
        ACCEPTED,
        BUSY,
        began(),
        ev.ReasoningArrived(R1),
        said("Hel"),
        said("lo."),
        ev.UsageReported(R1, 100, 7),
        IDLE,
        over(),
        IDLE,
    )
    assert kinds(played.effects) == [
        fx.ShowStatus,
        fx.StartRuntime,
        fx.SendInput,
        fx.ShowStatus,
        fx.AppendReply,
        fx.AppendReply,
        fx.EndTurn,
    ]
    assert played.all_of(fx.SendInput) == [fx.SendInput(1, "turn-t1-1")]
    assert played.text == "Hello."
    assert played.end == fx.EndTurn(ev.Outcome.DONE, None, ev.Usage(100, 7))


def test_deltas_may_overtake_the_acceptance_of_their_input() -> None:
    played = Played(*SUBMITTED, began(), said("quick"), ACCEPTED)
    assert played.turn.phase is Phase.RUNNING
    played.feed(over())
    assert played.end.outcome is ev.Outcome.DONE


def test_usage_adds_up_over_the_requests_of_a_turn() -> None:
    reports = (ev.UsageReported(R1, 10, 1), ev.UsageReported(RunId("r2"), 20, 2))
    assert Played(*RUNNING, *reports, over()).end.usage == ev.Usage(30, 3)


def test_an_answer_cut_at_its_length_says_so() -> None:
    end = Played(*RUNNING, said("long"), over(reason="max_tokens_exceeded")).end
    assert (end.outcome, end.cause) == (ev.Outcome.DONE, "max_tokens_exceeded")


def test_a_tool_step_shows_its_tool_and_the_turn_ends_with_its_last_run() -> None:
    played = Played(*RUNNING, ev.ToolCalled(R1, "c1", "Bash", "{}"))
    line = ev.ToolLine("c1", "Bash", '{"command":"make"}')
    assert played.feed(tool_starts()) == (fx.ShowTools((line,)),)
    assert played.feed(tool_ends()) == (fx.ShowTools(()),)
    played.feed(began("r2"), said("Done.", "r2"), over("r2"))
    assert (played.text, played.end.outcome) == ("Done.", ev.Outcome.DONE)


def test_tools_side_by_side_are_shown_together_and_a_repeated_start_once() -> None:
    played = Played(*RUNNING, tool_starts("c1"), tool_starts("c2"), tool_starts("c1"))
    assert [tool.call_id for tool in played.turn.tools] == ["c2", "c1"]
    played.feed(tool_ends("c2"))
    assert [tool.call_id for tool in played.turn.tools] == ["c1"]


def test_the_end_of_a_tool_that_never_began_shows_nothing_new() -> None:
    assert Played(*RUNNING).feed(tool_ends("denied")) == ()


def test_helpers_are_shown_while_they_work() -> None:
    played = Played(*RUNNING)
    assert played.feed(ev.SubagentChanged(("explore", "test"))) == (
        fx.ShowStatus("is working with explore, test…"),
    )
    assert played.feed(ev.SubagentChanged(())) == (fx.ShowStatus("is thinking…"),)


def test_compaction_is_shown_not_reported() -> None:
    assert kinds(Played(*RUNNING).feed(ev.ContextCompacted())) == [fx.ShowStatus]


# --- whose end it is -------------------------------------------------------------------------


def test_the_end_of_a_foreign_run_is_not_ours() -> None:
    played = Played(*RUNNING, over("r0", "cancelled"), said("still"))
    assert played.turn.phase is Phase.RUNNING
    played.feed(over())
    assert (played.text, played.end.outcome) == ("still", ev.Outcome.DONE)


@pytest.mark.parametrize("run", ["r0", None])
def test_the_late_end_of_a_stopped_turn_is_not_taken_for_that_of_the_next(
    run: str | None,
) -> None:
    """A silent model ends its turn only long after the abort (PROTOCOL §14)."""
    on_its_way = Played(*SUBMITTED, over(run, "cancelled"))
    assert on_its_way.turn.phase is Phase.SUBMITTING
    waiting = Played(*SUBMITTED, ev.InputAccepted(queued=True), over(run, "cancelled"))
    assert waiting.turn.phase is Phase.RUNNING
    waiting.feed(began(), said("mine"), over())
    assert (waiting.text, waiting.end.outcome) == ("mine", ev.Outcome.DONE)


def test_after_the_end_ahead_of_it_the_next_end_without_a_run_is_ours() -> None:
    played = Played(*SUBMITTED, ev.InputAccepted(queued=True), over(None, "cancelled"))
    played.feed(over(None, "error", "Conversation nope not found"))
    assert played.end.outcome is ev.Outcome.FAILED


def test_runs_of_other_inputs_are_not_ours() -> None:
    played = Played(*SUBMITTED, ev.InputAccepted(queued=True), began("r0", "another"))
    assert played.turn.runs == frozenset()


def test_a_server_that_maps_no_runs_ends_the_turn_with_any_end() -> None:
    played = Played(ev.Claimed(), ready(maps_runs=False), said("hi", "r7"), over("r8"))
    assert played.turn.runs == {"r7"}
    assert played.end.outcome is ev.Outcome.DONE


def test_a_server_that_maps_no_runs_may_announce_them_without_inputs() -> None:
    started = ev.RunStarted(RunId("r7"), frozenset())
    played = Played(ev.Claimed(), ready(maps_runs=False), started)
    assert (played.turn.phase, played.turn.runs) == (Phase.RUNNING, {RunId("r7")})


def test_an_input_thrown_out_of_the_servers_queue_ends_in_words() -> None:
    dropped = ev.InputsDropped(frozenset({"turn-t1-1", "other"}))
    end = Played(*SUBMITTED, ev.InputAccepted(queued=True), dropped).end
    assert end.outcome is ev.Outcome.FAILED


def test_inputs_of_others_thrown_away_do_not_matter() -> None:
    played = Played(*SUBMITTED, ACCEPTED, ev.InputsDropped(frozenset({"other"})))
    assert played.turn.phase is Phase.RUNNING


# --- approvals (PROTOCOL §9) -----------------------------------------------------------------


def test_three_calls_are_asked_and_answered_one_by_one() -> None:
    played = Played(*RUNNING)
    verdicts = (ev.Verdict.ALLOW, ev.Verdict.DENY, ev.Verdict.EXPIRED)
    for number, verdict in enumerate(verdicts):
        assert played.feed(asks(f"p{number}", f"c{number}")) == (
            fx.AskApproval(asks(f"p{number}", f"c{number}")),
            WAITS,
        )
        assert played.turn.phase is Phase.AWAITING_APPROVAL
        answer, status = played.feed(settles(f"p{number}", verdict))
        assert status == THINKS
        assert isinstance(answer, fx.AnswerApproval)
        assert (answer.request_id, answer.verdict) == (f"p{number}", verdict)
        assert played.turn.phase is Phase.RUNNING
    played.feed(tool_starts("c0"), tool_ends("c0"), tool_ends("c1"), tool_ends("c2"))
    assert played.all_of(fx.VoidApprovals) == []
    played.feed(began("r2"), over("r2"))
    assert played.end.outcome is ev.Outcome.DONE


def test_the_agent_is_told_the_true_cause_of_a_denial() -> None:
    played = Played(*RUNNING, asks())
    answer, _ = played.feed(ev.ApprovalSettled("p1", ev.Verdict.DENY, "Ann", "not on Friday"))
    assert isinstance(answer, fx.AnswerApproval)
    assert answer.message == "Ann denied this action and said: not on Friday"


def test_while_one_approval_is_open_the_turn_waits() -> None:
    played = Played(*RUNNING, asks("p1", "c1"), asks("p2", "c2"), settles("p1"))
    assert played.turn.phase is Phase.AWAITING_APPROVAL
    assert played.all_of(fx.ShowStatus)[-1] == WAITS, "people see that it waits for them"
    played.feed(settles("p2"))
    assert played.turn.phase is Phase.RUNNING


def test_an_approval_asked_twice_is_shown_once() -> None:
    assert Played(*RUNNING, asks()).feed(asks()) == ()


def test_g6_a_request_that_asks_for_something_else_now_is_a_new_question() -> None:
    played = Played(*RUNNING, asks("p2", "c2"), asks())
    changed = asks(command="rm -rf /")
    assert played.feed(changed) == (fx.AskApproval(changed), WAITS)
    assert played.feed(changed) == ()
    assert [known.request_id for known in played.turn.approvals] == ["p2", "p1"]


def test_g6_a_decision_counts_only_for_what_was_shown() -> None:
    shown = digest("Bash", {"command": "make"}, ())
    late = replace(settles(), digest=shown)
    played = Played(*RUNNING, asks(), asks(command="rm -rf /"))
    assert played.feed(late) == ()
    assert played.turn.phase is Phase.AWAITING_APPROVAL
    assert kinds(Played(*RUNNING, asks()).feed(late)) == [fx.AnswerApproval, fx.ShowStatus]


def test_an_approval_is_answered_once_and_only_when_it_was_shown() -> None:
    played = Played(*RUNNING)
    assert played.feed(settles("p1")) == ()
    played.feed(asks("p1"), settles("p1"))
    assert played.feed(settles("p1"), settles("p1", ev.Verdict.DENY)) == ()


def test_a_question_answered_from_another_program_is_closed() -> None:
    for sign in (tool_starts("c1"), tool_ends("c1")):
        played = Played(*RUNNING, asks("p1", "c1"))
        voided = [e for e in played.feed(sign) if isinstance(e, fx.VoidApprovals)]
        assert [effect.request_ids for effect in voided] == [("p1",)]
        assert played.turn.phase is Phase.RUNNING
        assert played.feed(settles("p1")) == ()


def test_another_tool_leaves_the_question_open() -> None:
    played = Played(*RUNNING, asks("p1", "c1"), tool_starts("c2"), tool_ends("c2"))
    assert played.turn.phase is Phase.AWAITING_APPROVAL


def test_an_end_closes_what_is_still_asked() -> None:
    played = Played(*RUNNING, asks())
    assert kinds(played.feed(over(reason="error", error="boom"))) == [fx.VoidApprovals, fx.EndTurn]


# --- stop, deadline, shutdown (PROTOCOL §14) -------------------------------------------------

STOPPERS = {
    STOP: ev.Outcome.CANCELLED,
    ev.DeadlinePassed(): ev.Outcome.TIMED_OUT,
    ev.ShuttingDown(): ev.Outcome.INTERRUPTED,
}
AT_WORK = {
    "submitting": SUBMITTED,
    "running": RUNNING,
    "awaiting approval": (*RUNNING, asks()),
}


@pytest.mark.parametrize("stopper", STOPPERS, ids=name_of)
@pytest.mark.parametrize("before", AT_WORK.values(), ids=AT_WORK)
@pytest.mark.parametrize(
    "last",
    [
        over("r1", "cancelled"),
        over("r1"),
        over("r1", "error", "boom"),
        over("r1", "error", STUCK),
        over(None, "cancelled"),
        ev.WaitTimedOut(),
        ev.EndReported("end_turn"),
        ev.EndReported("error", STUCK),
        ev.Refused("no"),
    ],
    ids=str,
)
def test_what_was_stopped_ends_as_stopped_however_it_then_ends(
    stopper: ev.TurnEvent, before: tuple[ev.TurnEvent, ...], last: ev.TurnEvent
) -> None:
    played = Played(*before, stopper)
    assert played.turn.phase is Phase.ABORTING
    assert played.all_of(fx.AbortRun) == [fx.AbortRun()]
    assert played.feed(stopper, STOP, ev.DeadlinePassed()) == ()
    played.feed(last)
    assert played.end.outcome is STOPPERS[stopper]


@pytest.mark.parametrize("stopper", STOPPERS, ids=name_of)
def test_before_anything_was_sent_a_stop_ends_at_once(stopper: ev.TurnEvent) -> None:
    for before in ((), (ev.Claimed(),)):
        played = Played(*before, stopper)
        assert played.end.outcome is STOPPERS[stopper]
        assert played.all_of(fx.AbortRun) == []


def test_a_stop_with_the_link_lost_is_delivered_once_the_link_is_back() -> None:
    """The supervisor keeps the turn alive, so the server would work on unseen."""
    played = Played(*RUNNING, asks(), ev.LinkLost())
    assert played.feed(STOP) == (fx.ShowStatus("is stopping…"),)
    effects = played.feed(replayed("p1", running=True))
    assert kinds(effects) == [fx.VoidApprovals, fx.ShowStatus, fx.AbortRun]
    played.feed(over(reason="cancelled"))
    assert played.end.outcome is ev.Outcome.CANCELLED


@pytest.mark.parametrize("running", [True, False])
def test_an_abort_that_may_be_lost_with_the_link_is_repeated(running: bool) -> None:
    played = Played(*RUNNING, STOP, ev.LinkLost())
    assert played.turn.phase is Phase.RECONCILING
    assert fx.AbortRun() in played.feed(replayed(running=running))
    played.feed(ev.WaitTimedOut())
    assert played.end.outcome is ev.Outcome.CANCELLED
    assert len(played.all_of(fx.AbortRun)) == 2


def test_an_input_that_begins_again_although_it_was_stopped_is_stopped_again() -> None:
    played = Played(*RUNNING, STOP, ev.LinkLost(), replayed(running=False))
    assert played.feed(began("run-1")) == (fx.AbortRun(),)
    assert played.feed(began("run-1")) == ()


def test_what_was_stopped_and_never_arrived_is_over_at_once() -> None:
    played = Played(*SUBMITTED, STOP, ev.LinkLost(), replayed(running=False), ev.InputMissing())
    assert played.end.outcome is ev.Outcome.CANCELLED
    assert len(played.all_of(fx.SendInput)) == 1


def test_a_stop_of_a_turn_that_the_server_does_not_work_on_ends_at_once() -> None:
    played = Played(*RUNNING, ev.LinkLost(), replayed(running=False))
    assert kinds(played.feed(STOP)) == [fx.AbortRun, fx.EndTurn]


def test_a_bridge_that_stops_does_not_wait_for_a_lost_link() -> None:
    played = Played(*RUNNING, ev.LinkLost())
    assert kinds(played.feed(ev.ShuttingDown())) == [fx.AbortRun, fx.EndTurn]
    assert played.end.outcome is ev.Outcome.INTERRUPTED


def test_the_cause_of_a_stop_is_kept_to_the_end() -> None:
    played = Played(*RUNNING, ev.StopAsked(UserId("U1"), "the message was deleted"))
    played.feed(STOP, over(reason="cancelled"))
    assert played.end.cause == "the message was deleted"


def test_a_stop_closes_open_cards_and_asks_nothing_more() -> None:
    played = Played(*RUNNING, asks("p1"))
    assert kinds(played.feed(STOP)) == [fx.VoidApprovals, fx.ShowStatus, fx.AbortRun]
    assert played.feed(asks("p2"), settles("p1"), settles("p2")) == ()


def test_a_stop_that_overtook_its_input_is_said_again_once_the_input_is_in() -> None:
    played = Played(*SUBMITTED, STOP)
    assert played.feed(ACCEPTED) == (fx.AbortRun(),)
    assert played.turn.phase is Phase.ABORTING


def test_words_that_come_while_stopping_are_kept_but_status_stays() -> None:
    played = Played(*RUNNING, said("a"), STOP)
    assert played.feed(ev.ReasoningArrived(R1)) == ()
    played.feed(said("b"), over("r1", "cancelled"))
    assert (played.text, played.end.outcome) == ("ab", ev.Outcome.CANCELLED)


def test_a_stop_from_another_program_ends_as_stopped() -> None:
    assert Played(*RUNNING, over("r1", "cancelled")).end.outcome is ev.Outcome.CANCELLED


def test_an_abort_does_not_end_with_the_end_of_the_turn_ahead_of_the_input() -> None:
    played = Played(*SUBMITTED, ev.InputAccepted(queued=True), STOP, over("r0", "cancelled"))
    assert played.turn.phase is Phase.ABORTING


# --- failures (PROTOCOL §17) -----------------------------------------------------------------


def test_a_model_failure_ends_with_the_providers_words_as_its_cause() -> None:
    played = Played(*RUNNING, failed("429: quota", "turn-t1-1"), IDLE)
    played.feed(over("r1", "error", '{"error":"packed"}'))
    assert played.end.outcome is ev.Outcome.FAILED
    assert played.end.cause == "429: quota"


@pytest.mark.parametrize(
    ("event", "cause"),
    [
        (over("r1", "error", "terminated"), "terminated"),
        (over("r1", "llm_api_error"), "llm_api_error"),
        (over("r1", "a_new_reason"), "a_new_reason"),
    ],
)
def test_a_failure_without_a_terminal_error_keeps_what_is_known(
    event: ev.TurnFinished, cause: str
) -> None:
    end = Played(*RUNNING, event).end
    assert (end.outcome, end.cause) == (ev.Outcome.FAILED, cause)


def test_a_failure_before_any_run_is_ours_when_the_server_named_the_input() -> None:
    accepted = ev.InputAccepted(queued=True)
    played = Played(*SUBMITTED, accepted, failed("Agent agent-1 not found", "turn-t1-1"))
    played.feed(over(None, "error"))
    assert played.end.cause == "Agent agent-1 not found"


def test_the_failure_of_somebody_elses_input_is_not_our_cause() -> None:
    played = Played(*RUNNING, failed("401", "another"), over("r1", "error", "terminated"))
    assert played.end.cause == "terminated"
    assert played.turn.failure is None


def test_a_failure_that_names_nobody_is_a_cause_but_dooms_nobody() -> None:
    played = Played(*RUNNING, failed("fetch failed"), over("r0", "error"))
    assert played.turn.phase is Phase.RUNNING
    played.feed(over("r1", "llm_api_error"))
    assert played.end.cause == "fetch failed"


def test_a_retried_run_is_replaced_not_continued() -> None:
    played = Played(*RUNNING, said("Half an ans"))
    assert played.feed(ev.RunDropped(R1)) == (fx.DropRunText(frozenset({R1})),)
    assert played.feed(ev.RetryScheduled(1, 3, 1.0)) == (
        fx.ShowStatus("is trying again (1 of 3)…"),
    )
    played.feed(began("r2"), said("The whole answer.", "r2"), over("r2"))
    assert (played.text, played.end.outcome) == ("The whole answer.", ev.Outcome.DONE)


def test_a_refused_step_ends_in_words() -> None:
    for before in ((ev.Claimed(),), SUBMITTED):
        played = Played(*before)
        assert played.feed(ev.Refused("Agent a not found")) == (
            fx.EndTurn(ev.Outcome.FAILED, "Agent a not found"),
        )


@pytest.mark.parametrize("before", [RUNNING, (*RUNNING, asks())], ids=["running", "asking"])
def test_a_step_that_fails_while_the_server_works_stops_the_server(
    before: tuple[ev.TurnEvent, ...],
) -> None:
    """Else it would wait for an answer for ever, and all input behind it (PROTOCOL §9)."""
    played = Played(*before)
    assert played.feed(ev.Refused("disk full"))[0] == fx.AbortRun()
    assert played.end.outcome is ev.Outcome.FAILED


# --- the stuck conversation (PROTOCOL §15) ---------------------------------------------------


def stuck_at(played: Played, name: str) -> tuple[fx.Effect, ...]:
    return played.feed(ACCEPTED, failed(STUCK, name), IDLE, over(None, "error", STUCK))


def test_a_stuck_conversation_is_left_and_the_input_sent_under_a_new_name() -> None:
    played = Played(*SUBMITTED)
    assert stuck_at(played, "turn-t1-1") == (fx.DropText(), fx.ForkConversation())
    assert played.turn.phase is Phase.STARTING
    played.feed(ready("turn-t1-2"), ACCEPTED, began("r9", "turn-t1-2"), said("Here.", "r9"))
    played.feed(over("r9"))
    assert played.all_of(fx.SendInput) == [
        fx.SendInput(1, "turn-t1-1"),
        fx.SendInput(2, "turn-t1-2"),
    ]
    assert played.end == fx.EndTurn(ev.Outcome.DONE)


def test_a_copy_that_is_stuck_as_well_is_not_left_again() -> None:
    played = Played(*SUBMITTED)
    stuck_at(played, "turn-t1-1")
    played.feed(ready("turn-t1-2"))
    stuck_at(played, "turn-t1-2")
    assert len(played.all_of(fx.ForkConversation)) == 1
    assert (played.end.outcome, played.end.cause) == (ev.Outcome.FAILED, STUCK)


def test_an_acceptance_overtaken_by_the_stuck_end_is_no_mistake() -> None:
    played = Played(*SUBMITTED, failed(STUCK, "turn-t1-1"), over(None, "error", STUCK))
    assert played.feed(ev.InputAccepted(queued=True)) == ()
    played.feed(ready("turn-t1-2"))
    assert not played.turn.queued_behind


def test_what_was_said_and_asked_before_the_move_does_not_stay() -> None:
    played = Played(*RUNNING, said("old"), tool_starts("c7"), asks(), over("r1", "error", STUCK))
    assert kinds(played.effects[-3:]) == [fx.DropText, fx.VoidApprovals, fx.ForkConversation]
    assert played.turn == Turn(
        phase=Phase.STARTING, attempt=1, client_ids=("turn-t1-1",), forked=True
    )


# --- the lost link (PROTOCOL §15, §16) -------------------------------------------------------


@pytest.mark.parametrize("before", AT_WORK.values(), ids=AT_WORK)
def test_a_lost_link_is_reconciled(before: tuple[ev.TurnEvent, ...]) -> None:
    played = Played(*before, tool_starts("c5"))
    effects = played.feed(ev.LinkLost())
    assert kinds(effects) == [fx.ShowTools, fx.ShowStatus, fx.Reconcile]
    assert played.turn.tools == ()
    assert fx.Reconcile() in played.feed(ev.LinkLost())


def test_a_link_lost_while_starting_is_waited_out() -> None:
    assert Played(ev.Claimed()).feed(ev.LinkLost()) == ()


def test_a_turn_that_goes_on_goes_on() -> None:
    played = Played(*RUNNING, said("a"), ev.LinkLost(), replayed(running=True), said("b"), over())
    assert (played.text, played.end.outcome) == ("ab", ev.Outcome.DONE)


def test_an_approval_still_waited_for_stays_open_without_a_second_card() -> None:
    played = Played(*RUNNING, asks(), ev.LinkLost(), asks(), replayed("p1", running=True))
    assert played.turn.phase is Phase.AWAITING_APPROVAL
    assert len(played.all_of(fx.AskApproval)) == 1
    assert kinds(played.feed(settles())) == [fx.AnswerApproval, fx.ShowStatus]


def test_an_approval_no_longer_waited_for_is_closed() -> None:
    played = Played(*RUNNING, asks("p1", "c1"), asks("p2", "c2"), ev.LinkLost())
    effects = played.feed(replayed("p2", running=True))
    voided = [effect for effect in effects if isinstance(effect, fx.VoidApprovals)]
    assert [effect.request_ids for effect in voided] == [("p1",)]
    assert played.turn.phase is Phase.AWAITING_APPROVAL


def test_an_approval_asked_after_the_replay_was_taken_is_not_closed_by_it() -> None:
    played = Played(*RUNNING, ev.LinkLost(), asks("p2", "c2"), replayed(running=True))
    assert played.all_of(fx.VoidApprovals) == []
    assert played.turn.phase is Phase.AWAITING_APPROVAL


def test_an_answer_lost_with_the_link_is_asked_for_and_given_again() -> None:
    played = Played(*RUNNING, asks(), ev.LinkLost(), settles())
    played.feed(asks(), replayed("p1", running=True), settles())
    assert len(played.all_of(fx.AskApproval)) == len(played.all_of(fx.AnswerApproval)) == 2


def test_an_input_that_runs_again_after_a_restart_is_answered_from_the_start() -> None:
    played = Played(*RUNNING, said("Half"), asks("p1"), ev.LinkLost(), replayed(running=False))
    assert played.turn.phase is Phase.RECONCILING
    voided = [e for e in played.effects if isinstance(e, fx.VoidApprovals)]
    assert [effect.request_ids for effect in voided] == [("p1",)]
    assert kinds(played.feed(began("run-1"))) == [fx.DropText, fx.PostNotice]
    played.feed(said("Whole.", "run-1"), over("run-1"))
    assert (played.text, played.end.outcome) == ("Whole.", ev.Outcome.DONE)
    assert len(played.all_of(fx.SendInput)) == 1


def test_a_model_that_thinks_long_after_a_restart_is_waited_for() -> None:
    """The server works from its first status on, but names the run only when words come."""
    played = Played(*RUNNING, said("Half"), ev.LinkLost(), replayed(running=False), BUSY)
    assert played.turn.phase is Phase.RUNNING
    assert kinds(played.feed(began("run-1"))) == [fx.DropText, fx.PostNotice]


def test_a_rerun_that_is_seen_before_the_replay_is_a_rerun_all_the_same() -> None:
    played = Played(*RUNNING, asks("p1"), ev.LinkLost(), began("run-1"))
    assert played.turn.phase is Phase.RECONCILING
    effects = played.feed(replayed(running=False))
    assert kinds(effects) == [fx.VoidApprovals, fx.DropText, fx.PostNotice]
    assert (played.turn.phase, played.turn.runs) == (Phase.RUNNING, {"run-1"})


def test_the_next_step_of_a_turn_that_goes_on_is_no_rerun() -> None:
    played = Played(*RUNNING, said("a"), ev.LinkLost(), began("r2"), replayed(running=True))
    played.feed(said("b", "r2"), over("r2"))
    assert (played.text, played.end.outcome) == ("ab", ev.Outcome.DONE)
    assert played.all_of(fx.PostNotice) == []


def test_a_rerun_of_which_nothing_was_seen_needs_no_words() -> None:
    played = Played(*SUBMITTED, ev.LinkLost(), replayed(running=False))
    assert kinds(played.feed(began("run-1"))) == [fx.DropText]


def test_a_restarted_server_that_works_already_has_begun_anew() -> None:
    lost = (*RUNNING, said("Half"), asks(), ev.LinkLost(), ev.RunsForgotten())
    for before_replay in (True, False):
        middle = (replayed(running=True), began("r9"))
        played = Played(*lost, *(reversed(middle) if before_replay else middle))
        assert len(played.all_of(fx.DropText)) == len(played.all_of(fx.PostNotice)) == 1
        played.feed(said("Whole", "r9"), began("r10"), over("r10"))
        assert (played.text, played.end.outcome) == ("Whole", ev.Outcome.DONE)
        assert len(played.all_of(fx.DropText)) == 1


def test_a_rerun_that_the_guard_let_begin_before_us_is_said_once() -> None:
    """Whoever subscribes first makes the restarted server begin (PROTOCOL §16)."""
    for running in (True, False):
        played = Played(*RUNNING, said("Half"), ev.LinkLost(), replayed(running=running))
        played.feed(ev.InputRestarted(), began("r9"), ev.InputRestarted(), over("r9"))
        assert len(played.all_of(fx.PostNotice)) == 1
        assert played.end.outcome is ev.Outcome.DONE
    late = Played(
        *RUNNING, ev.LinkLost(), replayed(running=False), began("r9"), ev.InputRestarted()
    )
    assert len(late.all_of(fx.PostNotice)) == 1


# --- the end that only the supervisor heard -------------------------------------------------------


@pytest.mark.parametrize(
    ("learnt", "outcome"),
    [
        (ev.EndReported("end_turn"), ev.Outcome.DONE),
        (ev.EndReported("cancelled"), ev.Outcome.CANCELLED),
        (ev.EndReported("error", "boom"), ev.Outcome.FAILED),
    ],
    ids=str,
)
@pytest.mark.parametrize("running", [True, False])
def test_an_end_that_only_the_guard_heard_is_the_true_one(
    learnt: ev.EndReported, outcome: ev.Outcome, running: bool
) -> None:
    played = Played(ev.LinkLost(), replayed(running=running), turn=resumed("turn-t1-1", 1))
    played.feed(learnt)
    assert played.end.outcome is outcome


def test_a_server_of_another_version_is_believed_after_the_reconnect() -> None:
    played = Played(*RUNNING, ev.LinkLost(), ev.StateReplayed(True, maps_runs=False), over("r9"))
    assert played.end.outcome is ev.Outcome.DONE


def test_an_input_that_never_arrived_is_sent_again_under_the_same_name() -> None:
    played = Played(*SUBMITTED, ev.LinkLost(), ev.InputMissing())
    assert played.turn.phase is Phase.SUBMITTING
    assert played.all_of(fx.SendInput) == [fx.SendInput(1, "turn-t1-1")] * 2
    played.feed(ACCEPTED, began(), said("ok"), over())
    assert played.end.outcome is ev.Outcome.DONE


LOST_INPUT = (*SUBMITTED, ACCEPTED, ev.LinkLost(), replayed(running=False), ev.InputMissing())


def test_a_repeat_that_the_server_swallowed_is_sent_once_more_under_another_name() -> None:
    """Cancelled before it was stored, its name is known all the same (PROTOCOL §1.4)."""
    played = Played(*LOST_INPUT, ACCEPTED)
    assert played.turn.phase is Phase.SUBMITTING, "accepted proves nothing: it may be swallowed"
    assert kinds(played.feed(ev.WaitTimedOut())) == [fx.Reconcile]
    played.feed(replayed(running=False), ev.InputMissing())
    played.feed(ready("turn-t1-2"), ACCEPTED)
    sent = [effect.client_message_id for effect in played.all_of(fx.SendInput)]
    assert sent == ["turn-t1-1", "turn-t1-1", "turn-t1-2"]
    played.feed(began("r9", "turn-t1-2"), said("ok", "r9"), over("r9"))
    assert (played.text, played.end.outcome) == ("ok", ev.Outcome.DONE)


@pytest.mark.parametrize("sign", [BUSY, began(), said("a"), asks()], ids=name_of)
def test_a_repeat_that_shows_a_sign_of_life_is_waited_for(sign: ev.TurnEvent) -> None:
    played = Played(*LOST_INPUT, ACCEPTED, sign)
    assert fx.Reconcile() not in played.feed(ev.WaitTimedOut())
    played.feed(began(), over())
    assert played.end.outcome is ev.Outcome.DONE


def test_a_repeat_that_the_server_works_on_is_not_sent_again() -> None:
    played = Played(*LOST_INPUT, ACCEPTED, ev.WaitTimedOut(), replayed(running=True))
    assert played.turn.phase is Phase.RUNNING
    assert played.feed(ev.InputMissing()) == ()


def test_when_the_server_lost_the_conversation_old_words_and_cards_go() -> None:
    """Killed while it wrote, the server forgets a whole conversation (PROTOCOL §16)."""
    played = Played(*RUNNING, said("old"), asks(), ev.LinkLost())
    effects = played.feed(ev.InputMissing())
    assert kinds(effects) == [fx.DropText, fx.VoidApprovals, fx.ShowStatus, fx.SendInput]
    assert (played.turn.approvals, played.turn.runs) == ((), frozenset())


def test_when_nothing_is_left_the_turn_ends_as_interrupted() -> None:
    played = Played(*RUNNING, said("Half"), ev.LinkLost(), replayed(running=False))
    played.feed(ev.WaitTimedOut())
    assert (played.text, played.end.outcome) == ("Half", ev.Outcome.INTERRUPTED)


def test_the_late_cancelled_end_of_a_cut_turn_is_an_interruption_not_a_stop() -> None:
    played = Played(*RUNNING, ev.LinkLost(), over("r1", "cancelled"))
    assert played.end.outcome is ev.Outcome.INTERRUPTED


def test_a_server_that_stays_away_ends_the_turn() -> None:
    played = Played(*RUNNING, ev.LinkLost(), ev.Refused("The App Server is not connected."))
    assert played.end.outcome is ev.Outcome.FAILED


# --- turns of an earlier process -------------------------------------------------------------


def test_a_resumed_turn_learns_what_became_of_it() -> None:
    played = Played(ev.LinkLost(), turn=resumed("turn-t1-1", 1))
    assert fx.Reconcile() in played.effects
    played.feed(replayed(running=True), began(), said("rest"), over())
    assert played.end.outcome is ev.Outcome.DONE


def test_a_resumed_turn_is_sent_again_under_the_name_it_had() -> None:
    played = Played(ev.LinkLost(), ev.InputMissing(), turn=resumed("turn-t1-3", 3))
    assert played.all_of(fx.SendInput) == [fx.SendInput(3, "turn-t1-3")]


def test_a_resumed_turn_that_sent_nothing_has_nothing_to_send_again() -> None:
    played = Played(ev.LinkLost(), turn=resumed(None, 0))
    assert played.feed(ev.InputMissing(), IDLE, BUSY) == ()
    played.feed(ev.WaitTimedOut())
    assert played.end.outcome is ev.Outcome.INTERRUPTED


# --- turns that nobody asked for (PROTOCOL §1.10) --------------------------------------------


def test_an_unprompted_turn_says_its_words_and_ends() -> None:
    played = Played(said("The build is done.", "r5"), BUSY, over("r5"), turn=unprompted())
    assert (played.text, played.end.outcome) == ("The build is done.", ev.Outcome.DONE)


def test_an_unprompted_turn_whose_end_was_missed_ends_when_the_server_idles() -> None:
    assert Played(said("late"), IDLE, turn=unprompted()).end.outcome is ev.Outcome.DONE


def test_an_idle_server_does_not_end_a_turn_that_somebody_asked_for() -> None:
    assert Played(*RUNNING, IDLE).turn.phase is Phase.RUNNING


def test_an_unprompted_turn_that_was_stopped_ends_as_stopped() -> None:
    """The server idles before it tells the end of an aborted turn (PROTOCOL §14)."""
    assert Played(STOP, IDLE, turn=unprompted()).end.outcome is ev.Outcome.CANCELLED


def test_an_unprompted_turn_that_failed_ends_as_failed() -> None:
    end = Played(failed("quota"), IDLE, over(None, "error"), turn=unprompted()).end
    assert (end.outcome, end.cause) == (ev.Outcome.FAILED, "quota")


def test_an_unprompted_turn_cut_by_a_lost_link_is_interrupted() -> None:
    played = Played(said("half"), ev.LinkLost(), IDLE, replayed(running=False), turn=unprompted())
    played.feed(ev.WaitTimedOut())
    assert played.end.outcome is ev.Outcome.INTERRUPTED


def test_a_question_to_people_is_sent_back_to_be_asked_in_words() -> None:
    played = Played(*RUNNING, ev.ApprovalAsked("q1", "c1", "AskUserQuestion", {"questions": []}))
    (answer,) = [effect for effect in played.effects if isinstance(effect, fx.AnswerApproval)]
    assert (answer.request_id, answer.verdict) == ("q1", ev.Verdict.DENY)
    assert "in words" in answer.message
    assert fx.AskApproval not in kinds(played.effects)
    assert played.turn.phase is Phase.RUNNING


def test_an_input_that_never_arrived_is_not_sent_again_once_the_turn_is_stopped() -> None:
    played = Played(*RUNNING, ev.LinkLost(), ev.StopAsked(UserId("U1")), ev.InputMissing())
    assert played.end.outcome is ev.Outcome.CANCELLED
