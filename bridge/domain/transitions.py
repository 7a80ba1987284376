"""State machine of a turn: `step(turn, event)` gives the next turn and the effects to perform.

One function for each event; `TRANSITIONS` at the end says in which phases it applies. What is not
in the table is either a late word of the agent's side, which changes nothing (G8), or a mistake of
ours, which raises `IllegalTransition`. Pure: nothing here knows Slack, the wire, a clock or a
database.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar, cast

from bridge.domain import effects as fx
from bridge.domain import events as ev
from bridge.domain import reconnect, turn_updates
from bridge.domain.approvals import ASK_IN_WORDS, QUESTION_TOOL, decision_for_agent, digest
from bridge.domain.errors import IllegalTransition
from bridge.domain.ids import RunId
from bridge.domain.turn import (
    LIVE,
    Failure,
    OpenApproval,
    Phase,
    RequestedStop,
    ServerSaid,
    Step,
    Turn,
)

_STOPPED = "This was stopped before it was decided."


# --- from the queue to the server ------------------------------------------------------------


def claimed(turn: Turn, _: ev.Claimed) -> Step:
    return replace(turn, phase=Phase.STARTING), (
        fx.ShowStatus("is thinking…"),
        fx.StartRuntime(),
    )


def runtime_ready(turn: Turn, event: ev.RuntimeReady) -> Step:
    attempt = turn.attempt + 1
    ready = replace(
        turn,
        phase=Phase.SUBMITTING,
        attempt=attempt,
        maps_runs=event.maps_runs,
        client_ids=(*turn.client_ids, event.client_message_id),
    )
    return ready, (fx.SendInput(attempt, event.client_message_id),)


def input_accepted(turn: Turn, event: ev.InputAccepted) -> Step:
    if turn.phase is Phase.STARTING:
        return turn, ()  # of the attempt before: the end of the stuck one overtook it
    if turn.phase is Phase.SUBMITTING and turn.input_resent:
        return turn, ()  # a swallowed repeat is accepted as well: a sign of life is waited for
    accepted = replace(turn_updates.running(turn), queued_behind=event.queued)
    if turn.phase is Phase.ABORTING:
        return accepted, (fx.AbortRun(),)  # the first one may have come before the input
    return accepted, ()


def refused(turn: Turn, event: ev.Refused) -> Step:
    ended, effects = turn_updates.end(turn, ev.Outcome.FAILED, event.cause)
    if turn.phase in (Phase.RUNNING, Phase.AWAITING_APPROVAL):
        return ended, (fx.AbortRun(), *effects)  # nobody is left to hear or answer the server
    return ended, effects


# --- while the server works ------------------------------------------------------------------


def run_started(turn: Turn, event: ev.RunStarted) -> Step:
    if turn.maps_runs and event.client_message_ids.isdisjoint(turn.client_ids):
        return turn, ()
    if turn.expects_rerun:
        return reconnect.rerun(turn, event.run_id)
    new = event.run_id not in turn.runs
    goes_on = replace(turn_updates.running(turn), runs=turn.runs | {event.run_id})
    if turn.phase is Phase.RECONCILING and new:
        return reconnect.run_begun(goes_on, event.run_id), ()
    if turn.phase is Phase.ABORTING and new:
        return goes_on, (fx.AbortRun(),)  # it began after the abort, or because of a restart
    return goes_on, ()


def text(turn: Turn, event: ev.TextArrived) -> Step:
    goes_on = turn_updates.running(turn)
    if not (turn.maps_runs or event.run_id in turn.runs):
        goes_on = replace(goes_on, runs=turn.runs | {event.run_id})
    return goes_on, (fx.AppendReply(event.run_id, event.message_id, event.text),)


def reasoning(turn: Turn, _: ev.ReasoningArrived) -> Step:
    return turn_updates.running(turn), (fx.ShowStatus("is thinking…"),)


def tool_called(turn: Turn, _: ev.ToolCalled) -> Step:
    return turn_updates.running(turn), ()


def tool_started(turn: Turn, event: ev.ToolStarted) -> Step:
    others = tuple(tool for tool in turn.tools if tool.call_id != event.call_id)
    tools = (*others, ev.ToolLine(event.call_id, event.name, event.arguments))
    settled, effects = _answered_elsewhere(turn, event.call_id)
    return replace(settled, tools=tools), (*effects, fx.ShowTools(tools))


def tool_ended(turn: Turn, event: ev.ToolEnded) -> Step:
    tools = tuple(tool for tool in turn.tools if tool.call_id != event.call_id)
    settled, effects = _answered_elsewhere(turn, event.call_id)
    if tools == turn.tools:
        return settled, effects
    return replace(settled, tools=tools), (*effects, fx.ShowTools(tools))


def _answered_elsewhere(turn: Turn, call_id: str) -> Step:
    """A tool that runs or ended needs no answer any more: another program gave it."""
    gone = tuple(a.request_id for a in turn.approvals if a.call_id == call_id)
    if not gone:
        return turn, ()
    voided = fx.VoidApprovals(gone, "This was answered from another program.")
    return turn_updates.without_approvals(turn, frozenset(gone)), (voided,)


def subagents(turn: Turn, event: ev.SubagentChanged) -> Step:
    words = f"is working with {', '.join(event.active)}…" if event.active else "is thinking…"
    return turn, (fx.ShowStatus(words),)


def run_dropped(turn: Turn, event: ev.RunDropped) -> Step:
    return turn, (fx.DropRunText(frozenset({event.run_id})),)


def retry(turn: Turn, event: ev.RetryScheduled) -> Step:
    words = f"is trying again ({event.attempt} of {event.max_attempts})…"
    return turn, (fx.ShowStatus(words),)


def compacted(turn: Turn, _: ev.ContextCompacted) -> Step:
    return turn, (fx.ShowStatus("is summarising earlier messages…"),)


def usage(turn: Turn, event: ev.UsageReported) -> Step:
    return replace(turn, usage=turn.usage.plus(event)), ()


def model_failed(turn: Turn, event: ev.ModelFailed) -> Step:
    named = event.client_message_ids
    if named and named.isdisjoint(turn.client_ids):
        return turn, ()  # of work that is not ours
    ours = bool(named) or (turn.failure is not None and turn.failure.of_our_input)
    return replace(turn, failure=Failure(event.message, of_our_input=ours)), ()


def inputs_dropped(turn: Turn, event: ev.InputsDropped) -> Step:
    if turn.runs or event.client_message_ids.isdisjoint(turn.client_ids):
        return turn, ()
    return turn_updates.end(
        turn, ev.Outcome.FAILED, "The agent server dropped the message from its queue."
    )


def status(turn: Turn, event: ev.RuntimeStatus) -> Step:
    if turn.phase is Phase.RECONCILING:
        idle = turn.reconnect is not None and turn.reconnect.server_said is ServerSaid.IDLE
        begins = idle and event.is_processing
        return turn_updates.continued(turn) if begins else (turn, ())
    if turn.phase is Phase.SUBMITTING and turn.input_resent and event.is_processing:
        return turn_updates.continued(turn)
    if turn.client_ids or event.is_processing:
        return turn, ()
    # nobody asked for this work, so its end may have come before the turn began
    return turn_updates.end(turn, ev.Outcome.FAILED if turn.cause else ev.Outcome.DONE, turn.cause)


# --- approvals -------------------------------------------------------------------------------


def asked(turn: Turn, event: ev.ApprovalAsked) -> Step:
    if event.tool_name == QUESTION_TOOL:
        answer = fx.AnswerApproval(event.request_id, ev.Verdict.DENY, ASK_IN_WORDS)
        return turn_updates.running(turn), (answer,)
    shown = digest(event.tool_name, event.arguments, event.diffs)
    opened = OpenApproval(event.request_id, event.call_id, shown)
    same = (event.request_id, shown)
    if any((known.request_id, known.digest) == same for known in turn.approvals):
        # replayed, or overtaken by the answer to runtime_start (PROTOCOL §4)
        sure = (opened if a.request_id == event.request_id else a for a in turn.approvals)
        return replace(turn, approvals=tuple(sure)), ()
    others = (a for a in turn.approvals if a.request_id != event.request_id)
    phase = turn.phase if turn.phase is Phase.RECONCILING else Phase.AWAITING_APPROVAL
    waiting = replace(turn, phase=phase, approvals=(*others, opened))
    return waiting, (fx.AskApproval(event), turn_updates.status_of(waiting))


def settled(turn: Turn, event: ev.ApprovalSettled) -> Step:
    if not any(_decides(event, known) for known in turn.approvals):
        return turn, ()
    message = decision_for_agent(event.verdict, who=event.decided_by, reason=event.reason)
    answer = fx.AnswerApproval(event.request_id, event.verdict, message)
    answered = turn_updates.without_approvals(turn, frozenset({event.request_id}))
    return answered, (answer, turn_updates.status_of(answered))


def _decides(event: ev.ApprovalSettled, known: OpenApproval) -> bool:
    """A decision counts only for what was shown to the one who took it (G6)."""
    return event.request_id == known.request_id and event.digest in (None, known.digest)


# --- stop, time, link ------------------------------------------------------------------------


def stop(turn: Turn, event: ev.StopAsked) -> Step:
    return _abort(turn, RequestedStop(ev.Outcome.CANCELLED, event.why), _STOPPED)


def deadline(turn: Turn, _: ev.DeadlinePassed) -> Step:
    return _abort(turn, RequestedStop(ev.Outcome.TIMED_OUT), "The time for this turn was used up.")


def shutdown(turn: Turn, _: ev.ShuttingDown) -> Step:
    stop = RequestedStop(ev.Outcome.INTERRUPTED)
    if turn.phase is Phase.RECONCILING:
        return turn_updates.end_without_server(turn, stop)
    return _abort(turn, stop, "The bridge was stopped before this was decided.")


def _abort(turn: Turn, stop: RequestedStop, cause: str) -> Step:
    """Stop the turn; `cause` is what its open cards are closed with."""
    if turn.phase in (Phase.QUEUED, Phase.STARTING):
        return turn_updates.end(turn, stop.outcome, stop.cause)
    if turn.stop is not None:
        return turn, ()
    reconnect = turn.reconnect
    if turn.phase is Phase.RECONCILING and reconnect is not None:
        if reconnect.server_said is ServerSaid.IDLE:
            return turn_updates.end_without_server(turn, stop)
        return replace(turn, stop=stop), (fx.ShowStatus("is stopping…"),)  # `replayed` aborts
    return turn_updates.abort_now(replace(turn, stop=stop), cause)


def waited(turn: Turn, event: ev.WaitTimedOut) -> Step:
    if turn.phase is Phase.SUBMITTING:
        return reconnect.resend_unanswered(turn)
    return turn_updates.end(turn, ev.Outcome.INTERRUPTED, turn.cause)


# --- the end ---------------------------------------------------------------------------------


def finished(turn: Turn, event: ev.TurnFinished) -> Step:
    if not _ours(turn, event.run_id):
        return replace(turn, queued_behind=False), ()  # what was ahead of the input is over
    if turn.phase is Phase.ABORTING:
        return turn_updates.end(turn, ev.Outcome.CANCELLED, None)
    lost = turn.phase is Phase.RECONCILING  # nobody stopped it (PROTOCOL §15)
    cancelled_as = ev.Outcome.INTERRUPTED if lost else ev.Outcome.CANCELLED
    return turn_updates.end_as_reported(turn, event.stop_reason, event.error, cancelled_as)


def _ours(turn: Turn, run_id: RunId | None) -> bool:
    """Whether this end is ours; a late one of an earlier turn may come first (PROTOCOL §7).

    Before our own run is known, it is an earlier one's while the input is on its way or waits.
    """
    if not turn.maps_runs or (turn.failure is not None and turn.failure.of_our_input):
        return True
    if turn.runs:
        return run_id is None or run_id in turn.runs
    return turn.phase is not Phase.SUBMITTING and not turn.queued_behind


# --- the table -------------------------------------------------------------------------------

Handler = Callable[[Turn, ev.TurnEvent], Step]
Rule = tuple[frozenset[Phase], Handler]
E = TypeVar("E", bound=ev.TurnEvent)


def _on(
    event: type[E], phases: frozenset[Phase], handler: Callable[[Turn, E], Step]
) -> tuple[type, Rule]:
    return event, (phases, cast("Handler", handler))


_ANY = frozenset(Phase) - {Phase.ENDED}
_WAITING = frozenset({Phase.SUBMITTING, Phase.ABORTING, Phase.RECONCILING})
_AT_WORK = LIVE - {Phase.RECONCILING, Phase.ABORTING}

TRANSITIONS: Mapping[type, Rule] = dict(
    (
        _on(ev.Claimed, frozenset({Phase.QUEUED}), claimed),
        _on(ev.RuntimeReady, frozenset({Phase.STARTING}), runtime_ready),
        _on(ev.InputAccepted, frozenset({Phase.STARTING, *LIVE}), input_accepted),
        _on(ev.Refused, frozenset({Phase.STARTING, *LIVE}), refused),
        _on(ev.RunStarted, LIVE, run_started),
        _on(ev.RunsForgotten, frozenset({Phase.RECONCILING}), reconnect.runs_forgotten),
        _on(ev.TextArrived, LIVE, text),
        _on(ev.ReasoningArrived, _AT_WORK, reasoning),
        _on(ev.ToolCalled, LIVE, tool_called),
        _on(ev.ToolStarted, LIVE, tool_started),
        _on(ev.ToolEnded, LIVE, tool_ended),
        _on(ev.SubagentChanged, _AT_WORK, subagents),
        _on(ev.ApprovalAsked, LIVE - {Phase.ABORTING}, asked),
        _on(ev.RunDropped, LIVE, run_dropped),
        _on(ev.RetryScheduled, _AT_WORK, retry),
        _on(ev.ContextCompacted, _AT_WORK, compacted),
        _on(ev.ModelFailed, LIVE, model_failed),
        _on(ev.UsageReported, LIVE, usage),
        _on(ev.TurnFinished, LIVE, finished),
        _on(ev.InputsDropped, LIVE, inputs_dropped),
        _on(ev.RuntimeStatus, LIVE, status),
        _on(ev.ApprovalSettled, _ANY, settled),
        _on(ev.StopAsked, _ANY, stop),
        _on(ev.DeadlinePassed, _ANY, deadline),
        _on(ev.ShuttingDown, _ANY, shutdown),
        _on(ev.WaitTimedOut, _WAITING, waited),
        _on(ev.LinkLost, LIVE | {Phase.STARTING}, reconnect.link_lost),
        _on(ev.StateReplayed, frozenset({Phase.RECONCILING}), reconnect.replayed),
        _on(ev.InputRestarted, LIVE - {Phase.SUBMITTING}, reconnect.begun_again),
        _on(ev.EndReported, LIVE - {Phase.SUBMITTING}, reconnect.end_learnt),
        _on(
            ev.InputMissing,
            frozenset({Phase.RECONCILING, Phase.ABORTING}),
            reconnect.input_missing,
        ),
    )
)

OUR_OWN = (ev.Claimed, ev.RuntimeReady, ev.InputAccepted, ev.Refused)
"""Events of the worker itself: in a wrong phase they are a mistake of ours."""


def step(turn: Turn, event: ev.TurnEvent) -> Step:
    """The next state and what is to be done. Raises `IllegalTransition` for our own mistakes."""
    if turn.phase is Phase.ENDED:
        return turn, ()
    phases, handler = TRANSITIONS[type(event)]
    if turn.phase in phases:
        return handler(turn, event)
    if isinstance(event, OUR_OWN):
        raise IllegalTransition(turn.phase, type(event).__name__)
    return turn, ()
