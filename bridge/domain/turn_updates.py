"""Moves of a turn that several transitions share. Pure."""

from dataclasses import replace

from bridge.domain import effects as fx
from bridge.domain import events as ev
from bridge.domain.turn_state import Phase, Step, Turn
from bridge.domain.user_messages import is_stuck

_DONE_REASONS = frozenset({"end_turn", "tool_rule", "no_tool_call", "max_tokens_exceeded"})


def running(turn: Turn) -> Turn:
    """Deltas may overtake the acceptance of their input."""
    return replace(turn, phase=Phase.RUNNING) if turn.phase is Phase.SUBMITTING else turn


def at_work(turn: Turn) -> Step:
    """The server works; whether on the same run or from the start shows at the next run."""
    phase = Phase.AWAITING_APPROVAL if turn.approvals else Phase.RUNNING
    return replace(turn, phase=phase, begun=None), (fx.ShowStatus("is thinking…"),)


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


def afresh(turn: Turn, cause: str) -> Step:
    """Forget what earlier runs said and asked: the input is answered from the start."""
    forgotten = replace(
        turn,
        runs=frozenset(),
        approvals=(),
        tools=(),
        queued_behind=False,
        quiet=False,
        forgotten=False,
        begun=None,
    )
    return forgotten, (fx.DropText(), *void(turn, cause))


def leave(turn: Turn) -> Step:
    """Go on in a copy of the conversation, which is stuck (PROTOCOL §15)."""
    forgotten, effects = afresh(turn, "The agent's conversation was stuck.")
    moved = replace(forgotten, phase=Phase.STARTING, moved=True, cause=None, doomed=False)
    return moved, (*effects, fx.LeaveConversation())


def abort_now(turn: Turn, cause: str) -> Step:
    """Ask the server to stop; `stopped_as` is set already."""
    aborting = replace(turn, phase=Phase.ABORTING, approvals=())
    return aborting, (*void(turn, cause), fx.ShowStatus("is stopping…"), fx.AbortRun())


def end(turn: Turn, outcome: ev.Outcome, cause: str | None) -> Step:
    """End as `outcome`; what was stopped ends as stopped, however it then came about."""
    outcome, cause = turn.stopped_as or outcome, turn.stopped_why or cause
    closing = void(turn, "The turn has ended.")
    ended = replace(turn, phase=Phase.ENDED, outcome=outcome, cause=cause, approvals=(), tools=())
    return ended, (*closing, fx.EndTurn(outcome, cause, turn.usage))


def end_unseen(turn: Turn, outcome: ev.Outcome) -> Step:
    """End without waiting for the server; in case that it is there and works, it is told."""
    ended, effects = end(turn, outcome, None)
    return ended, (fx.AbortRun(), *effects)


def end_as_said(turn: Turn, stop_reason: str, error: str | None, cancelled_as: ev.Outcome) -> Step:
    """End as the server says that it ended."""
    if stop_reason in _DONE_REASONS:
        cut = stop_reason if stop_reason == "max_tokens_exceeded" else None
        return end(turn, ev.Outcome.DONE, cut)
    cause = turn.cause or error or stop_reason
    if is_stuck(error or cause) and not turn.moved and turn.stopped_as is None:
        return leave(turn)
    if stop_reason == "cancelled":
        return end(turn, cancelled_as, error)
    return end(turn, ev.Outcome.FAILED, cause)
