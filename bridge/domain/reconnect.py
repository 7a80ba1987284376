"""Reconnect of a turn: how it goes on after the link was lost, or an earlier process died. Pure.

`LinkLost` asks for a look at the server. Its first word is `StateReplayed`. If the server is at
work, the turn goes on. If it is idle, it may still begin by itself: a server that was restarted
runs the input again within milliseconds, and names the new run once the model answers (measured:
PROTOCOL §16). Otherwise the supervisor knows the end, or nobody does.
"""

from dataclasses import replace

from bridge.domain import effects as fx
from bridge.domain import events as ev
from bridge.domain import turn_updates
from bridge.domain.ids import RunId
from bridge.domain.turn import Phase, Reconnect, ServerSaid, Step, Turn

_RERUN = (
    "The agent server was restarted amid this. It begins the same message again, from the start."
)
_STOPPED = "This was stopped before it was decided."


def link_lost(turn: Turn, _: ev.LinkLost) -> Step:
    """What is true now must be learnt anew."""
    if turn.phase is Phase.STARTING:
        return turn, ()  # starting waits for the link by itself
    unsure = tuple(replace(approval, unsure=True) for approval in turn.approvals)
    lost = replace(turn, phase=Phase.RECONCILING, tools=(), approvals=unsure, reconnect=Reconnect())
    words = "has lost the connection…" if turn.stop is None else "is stopping…"
    return lost, (fx.ShowTools(()), fx.ShowStatus(words), fx.Reconcile())


def resend_unanswered(turn: Turn) -> Step:
    """The input was sent again and accepted, but nothing came of it: look once more."""
    if not turn.input_resent:
        return turn, ()
    return replace(turn, phase=Phase.RECONCILING), (fx.Reconcile(),)


def replayed(turn: Turn, event: ev.StateReplayed) -> Step:
    """The server's first word after the link is back."""
    turn = replace(turn, maps_runs=event.maps_runs and bool(turn.client_ids))
    if turn.stop is not None:  # the abort was lost with the link, or never sent
        return turn_updates.abort_now(turn, _STOPPED)
    turn, effects = _without_gone(turn, event)
    if event.still_running:
        continued, shown = turn_updates.continued(turn)
        return continued, (*effects, *shown)
    reconnect = _of(turn)
    if reconnect.run_begun is not None:
        again, more = rerun(turn, reconnect.run_begun)
        return again, (*effects, *more)
    # The server may still begin again by itself; WaitTimedOut ends it otherwise.
    idle = replace(reconnect, server_said=ServerSaid.IDLE)
    return replace(turn, reconnect=idle), effects


def _of(turn: Turn) -> Reconnect:
    return turn.reconnect or Reconnect()


def _without_gone(turn: Turn, event: ev.StateReplayed) -> Step:
    """Without the questions from before the link was lost that the server asks no more."""
    gone = tuple(
        a.request_id
        for a in turn.approvals
        if a.unsure and a.request_id not in event.pending_request_ids
    )
    if not gone:
        return turn, ()
    cause = "The agent no longer waits for this: its connection was interrupted."
    return turn_updates.without_approvals(turn, frozenset(gone)), (fx.VoidApprovals(gone, cause),)


def runs_forgotten(turn: Turn, _: ev.RunsForgotten) -> Step:
    """What the server begins next is the input once more, even if it is at work already."""
    reconnect = _of(turn)
    if turn.stop is not None or reconnect.expects_rerun:
        return turn, ()
    restarted = replace(reconnect, server_said=ServerSaid.RESTARTED)
    return replace(turn, reconnect=restarted), ()


def run_begun(turn: Turn, run_id: RunId) -> Turn:
    """A run began before the server said whether it is at work."""
    return replace(turn, reconnect=replace(_of(turn), run_begun=run_id))


def input_missing(turn: Turn, _: ev.InputMissing) -> Step:
    """The input never arrived: send it again under its name.

    A server that cancelled it before it was stored knows its name for an hour, and swallows
    whatever comes under it (PROTOCOL §1.4). Then it is sent once more under another.
    """
    if turn.phase is Phase.ABORTING or turn.stop is not None:
        return turn_updates.end(turn, ev.Outcome.CANCELLED, None)  # there is nothing to abort
    if not turn.client_ids:
        return turn, ()  # nothing was sent; WaitTimedOut ends it
    emptied, effects = turn_updates.start_over(turn, "The agent server lost the question.")
    shown = (*effects, fx.ShowStatus("is thinking…"))
    reconnect = replace(_of(emptied), input_resent=not turn.input_resent)
    if turn.input_resent:
        anew = replace(emptied, phase=Phase.STARTING, reconnect=reconnect)
        return anew, (*shown, fx.StartRuntime())
    again = replace(emptied, phase=Phase.SUBMITTING, reconnect=reconnect)
    return again, (*shown, fx.SendInput(turn.attempt, turn.client_ids[-1]))


def end_learnt(turn: Turn, event: ev.EndReported) -> Step:
    """The supervisor's word is surely about this turn; a cancelled one was stopped by somebody."""
    return turn_updates.end_as_reported(turn, event.stop_reason, event.error, ev.Outcome.CANCELLED)


def rerun(turn: Turn, run_id: RunId) -> Step:
    """After its restart the server runs the input again, from the start (PROTOCOL §16)."""
    emptied, effects = turn_updates.start_over(turn, "The agent server was restarted.")
    again = replace(emptied, phase=Phase.RUNNING, runs=frozenset({run_id}))
    announced, words = _announce_rerun(again, seen=bool(turn.runs))
    return announced, (*effects, *words)


def begun_again(turn: Turn, _: ev.InputRestarted) -> Step:
    """The server's history shows the input twice. The reply is brought to that by itself."""
    known = replace(turn, reconnect=turn_updates.rerun_begun(_of(turn)))
    announced, words = _announce_rerun(known, seen=True)
    if turn.phase is not Phase.RECONCILING:
        return announced, words
    continued, shown = turn_updates.continued(announced)
    return continued, (*shown, *words)


def _announce_rerun(turn: Turn, *, seen: bool) -> Step:
    """Once after each lost link, and not when nobody had seen anything of the first run."""
    reconnect = _of(turn)
    if reconnect.rerun_announced or not (seen or turn.taken_over):
        return turn, ()
    announced = replace(turn, reconnect=replace(reconnect, rerun_announced=True))
    return announced, (fx.PostNotice(_RERUN),)
