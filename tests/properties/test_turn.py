"""Laws of the turn's reducer, for any events in any order."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from hypothesis import example, given
from hypothesis import strategies as st

from bridge.domain import effects as fx
from bridge.domain import events as ev
from bridge.domain.errors import IllegalTransition
from bridge.domain.ids import RunId, UserId
from bridge.domain.transitions import step
from bridge.domain.turn import LIVE, Phase, Turn, resumed, unprompted
from bridge.domain.user_messages import explain

STUCK = "Conversation c1 already has an active run (local-run-67)"

runs = st.sampled_from(["r1", "r2", "r3"]).map(RunId)
maybe_run = st.none() | runs
inputs = st.frozensets(st.sampled_from(["in-1", "in-2", "foreign"]), max_size=2)
requests = st.sampled_from(["p1", "p2", "p3"])
arguments = st.sampled_from([{}, {"command": "ls"}])
calls = st.sampled_from(["c1", "c2", "c3"])
words = st.text(max_size=3)
causes = st.sampled_from([STUCK, "429: rate limit", "boom", ""])
reasons = st.sampled_from(
    ["end_turn", "error", "llm_api_error", "cancelled", "max_tokens_exceeded", "new"]
)
pending = st.frozensets(requests, max_size=3)
verdicts = st.sampled_from(ev.Verdict)

agent_events: st.SearchStrategy[ev.TurnEvent] = st.one_of(
    st.builds(ev.RunStarted, runs, inputs),
    st.just(ev.RunsForgotten()),
    st.builds(ev.TextArrived, runs, st.sampled_from(["m1", "m2"]), words),
    st.builds(ev.ReasoningArrived, runs),
    st.builds(ev.ToolCalled, runs, calls, st.just("Bash"), st.just("{}")),
    st.builds(ev.ToolStarted, calls, st.just("Bash"), st.just("{}")),
    st.builds(ev.ToolEnded, calls, st.booleans()),
    st.builds(ev.SubagentChanged, st.just(("explore",)) | st.just(())),
    st.builds(ev.ApprovalAsked, requests, calls, st.just("Bash"), arguments),
    st.builds(ev.RunDropped, runs),
    st.builds(ev.RetryScheduled, st.just(1), st.just(3), st.just(1.0)),
    st.builds(ev.ModelFailed, causes, inputs),
    st.builds(ev.UsageReported, runs, st.integers(0, 9), st.integers(0, 9)),
    st.builds(ev.TurnFinished, maybe_run, reasons, st.none() | causes),
    st.builds(ev.InputsDropped, inputs),
    st.builds(ev.RuntimeStatus, st.booleans(), st.none(), st.none(), pending),
    st.just(ev.ContextCompacted()),
)
peoples_events: st.SearchStrategy[ev.TurnEvent] = st.one_of(
    st.builds(ev.ApprovalSettled, requests, verdicts, st.none() | st.just("Ann")),
    st.just(ev.StopAsked(UserId("U1"))),
    st.sampled_from([ev.DeadlinePassed(), ev.WaitTimedOut(), ev.ShuttingDown()]),
)
workers_events: st.SearchStrategy[ev.TurnEvent] = st.one_of(
    st.just(ev.Claimed()),
    st.builds(ev.RuntimeReady, st.sampled_from(["in-1", "in-2"]), st.booleans()),
    st.builds(ev.InputAccepted, st.booleans()),
    st.builds(ev.Refused, causes),
    st.just(ev.LinkLost()),
    st.builds(ev.StateReplayed, st.booleans(), pending, st.booleans()),
    st.builds(ev.EndReported, reasons, st.none() | causes),
    st.just(ev.InputMissing()),
    st.just(ev.InputRestarted()),
)
any_event = agent_events | peoples_events | workers_events
beginnings = st.sampled_from([Turn(), resumed("in-1", 1), resumed(None, 0), unprompted()])
PLAIN_START: list[ev.TurnEvent] = [
    ev.Claimed(),
    ev.RuntimeReady("in-1", maps_runs=True),
    ev.InputAccepted(),
    ev.RunStarted(RunId("r1"), frozenset({"in-1"})),
]
SAID = ev.TextArrived(RunId("r1"), "m1", "x")
histories = st.builds(
    lambda head, tail: PLAIN_START[:head] + tail,
    st.integers(0, len(PLAIN_START)),
    st.lists(any_event, max_size=25),
)


@dataclass
class Witness:
    """Sees every step and what it lets out; knows the laws, not the reducer."""

    turn: Turn
    said: list[str] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    open: dict[str, Mapping[str, object]] = field(default_factory=dict)
    attempts: set[int] = field(default_factory=set)
    moves: int = 0
    ends: list[fx.EndTurn] = field(default_factory=list)

    def take(self, event: ev.TurnEvent) -> None:
        """One step as the worker does it: a mistake of ours ends the turn."""
        before = self.turn
        try:
            self.turn, effects = step(before, event)
        except IllegalTransition:
            event = ev.Refused("a mistake of ours")
            try:
                self.turn, effects = step(before, event)
            except IllegalTransition:
                return
        assert step(before, event) == (self.turn, effects), "step is pure"
        if isinstance(event, ev.TextArrived) and before.phase in LIVE:
            self.said.append(event.text)
        for number, effect in enumerate(effects):
            assert not self.ends, "nothing follows the end"
            self._look(effect, event, before)
            assert not self.ends or number == len(effects) - 1, "the end comes last"
        self._check(before, effects)

    def _look(self, effect: fx.Effect, event: ev.TurnEvent, before: Turn) -> None:
        match effect:
            case fx.AppendReply(_, _, text):
                self.shown.append(text)
            case fx.SendInput(attempt, name):
                if isinstance(event, ev.InputMissing):
                    assert attempt == before.attempt
                else:
                    assert attempt == before.attempt + 1
                    assert attempt not in self.attempts, "an attempt is sent once"
                assert name == self.turn.client_ids[-1]
                self.attempts.add(attempt)
            case fx.AskApproval(asked):
                known = self.open.get(asked.request_id)
                assert known != asked.arguments, "one card for one question"
                self.open[asked.request_id] = asked.arguments
            case fx.AnswerApproval(request_id):
                del self.open[request_id]  # only an open one, and only once
            case fx.VoidApprovals(request_ids):
                for request_id in request_ids:
                    self.open.pop(request_id, None)
            case fx.ForkConversation():
                self.moves += 1
            case fx.EndTurn():
                self.ends.append(effect)
            case _:
                pass

    def _check(self, before: Turn, effects: tuple[fx.Effect, ...]) -> None:
        turn = self.turn
        assert {a.request_id for a in turn.approvals} == set(self.open)
        assert self.moves <= 1
        assert "".join(self.shown) == "".join(self.said)
        if turn.phase is not Phase.RECONCILING:
            assert (turn.phase is Phase.AWAITING_APPROVAL) == bool(turn.approvals)
        assert (turn.phase is Phase.ENDED) == bool(self.ends)
        assert turn.phase is not Phase.ABORTING or turn.stop
        assert turn.phase is not Phase.RECONCILING or turn.reconnect
        if self.ends:
            end = self.ends[0]
            assert turn.usage == end.usage
            assert end.outcome is ev.Outcome.DONE or explain(end.outcome, end.cause)
            assert turn.stop is None or end.outcome is turn.stop.outcome
        if before.phase is Phase.RUNNING and turn.phase is Phase.ABORTING:
            assert fx.AbortRun() in effects


def witnessed(turn: Turn, history: list[ev.TurnEvent]) -> Witness:
    witness = Witness(turn)
    for event in history:
        witness.take(event)
    return witness


@example(Turn(), [*PLAIN_START, ev.LinkLost(), ev.StopAsked(UserId("U1")), SAID])
@example(
    Turn(),
    [
        *PLAIN_START,
        *(ev.LinkLost(), ev.StateReplayed(True, frozenset(), True)),
        *(SAID, ev.StopAsked(UserId("U1")), SAID),
    ],
)
@given(beginnings, histories)
def test_the_laws_hold_for_any_events_in_any_order(turn: Turn, history: list[ev.TurnEvent]) -> None:
    witnessed(turn, history)


@given(beginnings, histories)
def test_from_anywhere_the_clock_alone_ends_a_turn(turn: Turn, history: list[ev.TurnEvent]) -> None:
    """The timer tells `DeadlinePassed` or, where a wait has a limit of its own, `WaitTimedOut`."""
    witness = witnessed(turn, history)
    if witness.turn.phase is Phase.AWAITING_APPROVAL:  # here each approval's own expiry counts
        for request in sorted(witness.open):
            witness.take(ev.ApprovalSettled(request, ev.Verdict.EXPIRED))
    for _ in range(2):
        waits = witness.turn.phase in (Phase.ABORTING, Phase.RECONCILING)
        witness.take(ev.WaitTimedOut() if waits else ev.DeadlinePassed())
    assert witness.turn.phase is Phase.ENDED
    assert len(witness.ends) == 1


@given(beginnings, histories)
def test_from_anywhere_a_stop_ends_a_turn_as_stopped(
    turn: Turn, history: list[ev.TurnEvent]
) -> None:
    witness = witnessed(turn, history)
    over, stop = bool(witness.ends), witness.turn.stop
    witness.take(ev.StopAsked(UserId("U1")))
    witness.take(ev.WaitTimedOut())
    assert len(witness.ends) == 1
    expected = stop.outcome if stop else ev.Outcome.CANCELLED
    assert over or witness.ends[0].outcome is expected


late_ends = st.lists(
    st.builds(
        ev.TurnFinished, st.none() | st.just(RunId("r0")), reasons, st.none() | st.just("boom")
    ),
    max_size=4,
)


@given(late_ends, late_ends.map(lambda ends: ends[:1]), late_ends)
def test_late_ends_of_an_earlier_turn_never_end_this_one(
    on_the_way: list[ev.TurnEvent], waiting: list[ev.TurnEvent], running: list[ev.TurnEvent]
) -> None:
    mine = RunId("r1")
    foreign = [end for end in running if isinstance(end, ev.TurnFinished) and end.run_id]
    witness = witnessed(Turn(), [*PLAIN_START[:2], *on_the_way, ev.InputAccepted(queued=True)])
    for event in (*waiting, PLAIN_START[3], ev.TextArrived(mine, "m1", "mine"), *foreign):
        witness.take(event)
    assert witness.turn.phase is Phase.RUNNING
    witness.take(ev.TurnFinished(mine, "end_turn"))
    assert witness.ends == [fx.EndTurn(ev.Outcome.DONE)]
    assert witness.shown == ["mine"]
