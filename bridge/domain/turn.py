"""The turn's reducer: `step(turn, event)` gives the next turn and the effects to perform.

Nothing here knows Slack, the wire, a clock or a database. `TRANSITIONS` is the table; what is not
in it is either a late word of the agent's side, which changes nothing (G8), or a mistake of ours,
which raises `IllegalTransition`.
"""

from collections.abc import Callable, Mapping
from typing import TypeVar, cast

from bridge.domain import events as ev
from bridge.domain import reconnect
from bridge.domain import transitions as how
from bridge.domain.errors import IllegalTransition
from bridge.domain.turn_state import LIVE, Phase, Step, Turn, resumed, unprompted

__all__ = [
    "LIVE",
    "OUR_OWN",
    "TRANSITIONS",
    "Phase",
    "Step",
    "Turn",
    "resumed",
    "step",
    "unprompted",
]


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
        _on(ev.Claimed, frozenset({Phase.QUEUED}), how.claimed),
        _on(ev.RuntimeReady, frozenset({Phase.STARTING}), how.runtime_ready),
        _on(ev.InputAccepted, frozenset({Phase.STARTING, *LIVE}), how.input_accepted),
        _on(ev.Refused, frozenset({Phase.STARTING, *LIVE}), how.refused),
        _on(ev.RunStarted, LIVE, how.run_started),
        _on(ev.RunsForgotten, frozenset({Phase.RECONCILING}), reconnect.runs_forgotten),
        _on(ev.TextArrived, LIVE, how.text),
        _on(ev.ReasoningArrived, _AT_WORK, how.reasoning),
        _on(ev.ToolCalled, LIVE, how.tool_called),
        _on(ev.ToolStarted, LIVE, how.tool_started),
        _on(ev.ToolEnded, LIVE, how.tool_ended),
        _on(ev.SubagentChanged, _AT_WORK, how.subagents),
        _on(ev.ApprovalAsked, LIVE - {Phase.ABORTING}, how.asked),
        _on(ev.RunDropped, LIVE, how.run_dropped),
        _on(ev.RetryScheduled, _AT_WORK, how.retry),
        _on(ev.ContextCompacted, _AT_WORK, how.compacted),
        _on(ev.ModelFailed, LIVE, how.model_failed),
        _on(ev.UsageReported, LIVE, how.usage),
        _on(ev.TurnFinished, LIVE, how.finished),
        _on(ev.InputsDropped, LIVE, how.inputs_dropped),
        _on(ev.RuntimeStatus, LIVE, how.status),
        _on(ev.ApprovalSettled, _ANY, how.settled),
        _on(ev.StopAsked, _ANY, how.stop),
        _on(ev.DeadlinePassed, _ANY, how.deadline),
        _on(ev.ShuttingDown, _ANY, how.shutdown),
        _on(ev.WaitedEnough, _WAITING, how.waited),
        _on(ev.LinkLost, LIVE | {Phase.STARTING}, reconnect.link_lost),
        _on(ev.StateReplayed, frozenset({Phase.RECONCILING}), reconnect.replayed),
        _on(ev.BegunAgain, LIVE - {Phase.SUBMITTING}, reconnect.begun_again),
        _on(ev.EndLearnt, LIVE - {Phase.SUBMITTING}, reconnect.end_learnt),
        _on(
            ev.InputMissing,
            frozenset({Phase.RECONCILING, Phase.ABORTING}),
            reconnect.input_missing,
        ),
    )
)

OUR_OWN = (ev.Claimed, ev.RuntimeReady, ev.InputAccepted, ev.Refused)
"""Events of the worker itself: in a wrong phase they are a mistake of ours."""
