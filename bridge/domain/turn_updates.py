"""Changes of a turn that several transitions share. Pure."""

from dataclasses import replace

from bridge.domain import effects as fx
from bridge.domain import events as ev
from bridge.domain.turn import Phase, Reconnect, RequestedStop, ServerSaid, Step, Turn
from bridge.domain.user_messages import is_stuck

_DONE_REASONS = frozenset({"end_turn", "tool_rule", "no_tool_call", "max_tokens_exceeded"})


def running(turn: Turn) -> Turn:
    """Deltas may overtake the acceptance of their input."""
    return replace(turn, phase=Phase.RUNNING) if turn.phase is Phase.SUBMITTING else turn


def continued(turn: Turn) -> Step:
    """The server works; whether on the same run or from the start shows at the next run."""
    phase = Phase.AWAITING_APPROVAL if turn.approvals else Phase.RUNNING
    reconnect = turn.reconnect and replace(turn.reconnect, run_begun=None)
    going_on = replace(turn, phase=phase, reconnect=reconnect)
    return going_on, (status_of(going_on),)


def status_of(turn: Turn) -> fx.ShowStatus:
    """What the agent does while nothing else is to be said of it."""
    return fx.ShowStatus("is waiting for a decision" if turn.approvals else "is thinking…")


def without_approvals(turn: Turn, request_ids: frozenset[str]) -> Turn:
    """Without these questions; work goes on when none is left."""
    left = tuple(a for a in turn.approvals if a.request_id not in request_ids)
    phase = turn.phase
    if phase is Phase.AWAITING_APPROVAL and not left:
        phase = Phase.RUNNING
    return replace(turn, approvals=left, phase=phase)


def void(turn: Turn, cause: str) -> tuple[fx.Effect, ...]:
    """Close all open cards."""
    if not turn.approvals:
        return ()
    return (fx.VoidApprovals(tuple(a.request_id for a in turn.approvals), cause),)


def start_over(turn: Turn, cause: str) -> Step:
    """Forget what earlier runs said and asked: the input is answered from the start."""
    emptied = replace(
        turn,
        runs=frozenset(),
        approvals=(),
        tools=(),
        queued_behind=False,
        reconnect=turn.reconnect and rerun_begun(turn.reconnect),
    )
    return emptied, (fx.DropText(), *void(turn, cause))


def rerun_begun(reconnect: Reconnect) -> Reconnect:
    """The rerun that was expected is there; the next run is a run like any other."""
    return replace(reconnect, server_said=ServerSaid.NOTHING, run_begun=None)


def fork_conversation(turn: Turn) -> Step:
    """Go on in a copy of the conversation, which is stuck (PROTOCOL §15)."""
    emptied, effects = start_over(turn, "The agent's conversation was stuck.")
    forked = replace(emptied, phase=Phase.STARTING, forked=True, failure=None)
    return forked, (*effects, fx.ForkConversation())


def abort_now(turn: Turn, cause: str) -> Step:
    """Ask the server to stop; `turn.stop` is set already."""
    aborting = replace(turn, phase=Phase.ABORTING, approvals=())
    return aborting, (*void(turn, cause), fx.ShowStatus("is stopping…"), fx.AbortRun())


def end(turn: Turn, outcome: ev.Outcome, cause: str | None) -> Step:
    """End as `outcome`; what was stopped ends as stopped, however it then came about."""
    if turn.stop is not None:
        outcome, cause = turn.stop.outcome, turn.stop.cause or cause
    closing = void(turn, "The turn has ended.")
    ended = replace(turn, phase=Phase.ENDED, approvals=(), tools=())
    return ended, (*closing, fx.EndTurn(outcome, cause, turn.usage))


def end_without_server(turn: Turn, stop: RequestedStop) -> Step:
    """End without waiting for the server; in case that it is there and works, it is told."""
    ended, effects = end(turn, stop.outcome, stop.cause)
    return ended, (fx.AbortRun(), *effects)


def end_as_reported(
    turn: Turn, stop_reason: str, error: str | None, cancelled_as: ev.Outcome
) -> Step:
    """End as the server says that it ended."""
    if stop_reason in _DONE_REASONS:
        cut = stop_reason if stop_reason == "max_tokens_exceeded" else None
        return end(turn, ev.Outcome.DONE, cut)
    cause = turn.cause or error or stop_reason
    if is_stuck(error or cause) and not turn.forked and turn.stop is None:
        return fork_conversation(turn)
    if stop_reason == "cancelled":
        return end(turn, cancelled_as, error)
    return end(turn, ev.Outcome.FAILED, cause)
