"""How a turn finds its way back after the link was lost, or an earlier process died. Pure.

`LinkLost` asks for a look at the server. Its first word is `StateReplayed`. If the server is at
work, the turn goes on. If it is not, the turn is `quiet`: a server that was restarted begins the
input again by itself, within milliseconds, and names the new run once the model answers
(measured: PROTOCOL §16); otherwise the supervisor knows the end, or nobody does.
"""

from dataclasses import replace

from bridge.domain import effects as fx
from bridge.domain import events as ev
from bridge.domain import turn_updates
from bridge.domain.ids import RunId
from bridge.domain.turn_state import Phase, Step, Turn

_RUN_AGAIN = (
    "The agent server was restarted amid this. It begins the same message again, from the start."
)
_STOPPED = "This was stopped before it was decided."


def link_lost(turn: Turn, _: ev.LinkLost) -> Step:
    """What is true now must be learnt anew."""
    if turn.phase is Phase.STARTING:
        return turn, ()  # starting waits for the link by itself
    unsure = tuple(replace(approval, unsure=True) for approval in turn.approvals)
    lost = replace(
        turn,
        phase=Phase.RECONCILING,
        tools=(),
        approvals=unsure,
        resent=False,
        quiet=False,
        forgotten=False,
        begun=None,
        restarted=False,
    )
    words = "has lost her connection…" if turn.stopped_as is None else "is stopping…"
    return lost, (fx.ShowTools(()), fx.ShowStatus(words), fx.Reconcile())


def silent(turn: Turn, _: ev.WaitedEnough) -> Step:
    """The input was sent again and accepted, but nothing came of it: look once more."""
    if not turn.resent:
        return turn, ()
    return replace(turn, phase=Phase.RECONCILING), (fx.Reconcile(),)


def replayed(turn: Turn, event: ev.StateReplayed) -> Step:
    """The server's first word after the link is back."""
    turn = replace(turn, maps_runs=event.maps_runs and bool(turn.client_ids))
    if turn.stopped_as is not None:
        return turn_updates.abort_now(
            turn, _STOPPED
        )  # the abort was lost with the link, or never sent
    turn, effects = _without_gone(turn, event)
    if event.still_running:
        at_work, shown = turn_updates.at_work(turn)
        return at_work, (*effects, *shown)
    if turn.begun is not None:
        again, more = run_again(turn, turn.begun)
        return again, (*effects, *more)
    # The server may still begin again by itself; WaitedEnough ends it otherwise.
    return replace(turn, quiet=True), effects


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
    return replace(turn, forgotten=turn.stopped_as is None), ()


def input_missing(turn: Turn, _: ev.InputMissing) -> Step:
    """The input never arrived: send it again under its name.

    A server that cancelled it before it was stored knows its name for an hour, and swallows
    whatever comes under it (PROTOCOL §1.4). Then it is sent once more under another.
    """
    if turn.phase is Phase.ABORTING:
        return turn_updates.end(turn, ev.Outcome.CANCELLED, None)  # there is nothing to abort
    if not turn.client_ids:
        return turn, ()  # nothing was sent; WaitedEnough ends it
    afresh, effects = turn_updates.afresh(turn, "The agent server lost the question.")
    shown = (*effects, fx.ShowStatus("is thinking…"))
    if turn.resent:
        anew = replace(afresh, phase=Phase.STARTING, resent=False)
        return anew, (*shown, fx.StartRuntime())
    again = replace(afresh, phase=Phase.SUBMITTING, resent=True)
    return again, (*shown, fx.SendInput(turn.attempt, turn.client_ids[-1]))


def end_learnt(turn: Turn, event: ev.EndLearnt) -> Step:
    """The supervisor's word is surely about this turn; a cancelled one was stopped by somebody."""
    return turn_updates.end_as_said(turn, event.stop_reason, event.error, ev.Outcome.CANCELLED)


def run_again(turn: Turn, run_id: RunId) -> Step:
    """After its restart the server runs the input again, from the start (PROTOCOL §16)."""
    afresh, effects = turn_updates.afresh(turn, "The agent server was restarted.")
    again = replace(afresh, phase=Phase.RUNNING, runs=frozenset({run_id}))
    said, words = _say_again(again, seen=bool(turn.runs))
    return said, (*effects, *words)


def begun_again(turn: Turn, _: ev.BegunAgain) -> Step:
    """The server's history shows the input twice. The reply is brought to that by itself."""
    known = replace(turn, quiet=False, forgotten=False)
    said, words = _say_again(known, seen=True)
    if turn.phase is not Phase.RECONCILING:
        return said, words
    at_work, shown = turn_updates.at_work(said)
    return at_work, (*shown, *words)


def _say_again(turn: Turn, *, seen: bool) -> Step:
    """Once after each lost link, and not when nobody had seen anything of the first run."""
    if turn.restarted or not (seen or turn.taken_over):
        return turn, ()
    return replace(turn, restarted=True), (fx.SayQuietly(_RUN_AGAIN),)
