"""Short ways to say turns and events in the tests of the reducer."""

from collections.abc import Iterable
from typing import TypeVar

from bridge.domain import effects as fx
from bridge.domain import events as ev
from bridge.domain.ids import RunId, UserId
from bridge.domain.transitions import step
from bridge.domain.turn import Turn

E = TypeVar("E", bound=fx.Effect)

STOP = ev.StopAsked(UserId("U1"))
IDLE = ev.RuntimeStatus(is_processing=False, cwd=None, mode=None, pending_request_ids=frozenset())
BUSY = ev.RuntimeStatus(is_processing=True, cwd=None, mode=None, pending_request_ids=frozenset())
ACCEPTED = ev.InputAccepted()
STUCK = "Conversation local-conv-20 already has an active run (local-run-67)"


def ready(name: str = "turn-t1-1", *, maps_runs: bool = True) -> ev.RuntimeReady:
    return ev.RuntimeReady(name, maps_runs)


def began(run: str = "r1", *inputs: str) -> ev.RunStarted:
    return ev.RunStarted(RunId(run), frozenset(inputs or ("turn-t1-1",)))


def said(text: str, run: str = "r1", message: str = "m1") -> ev.TextArrived:
    return ev.TextArrived(RunId(run), message, text)


def over(
    run: str | None = "r1", reason: str = "end_turn", error: str | None = None
) -> ev.TurnFinished:
    return ev.TurnFinished(RunId(run) if run else None, reason, error)


def asks(request: str = "p1", call: str = "c1", command: str = "make") -> ev.ApprovalAsked:
    return ev.ApprovalAsked(request, call, "Bash", {"command": command})


def settles(request: str = "p1", verdict: ev.Verdict = ev.Verdict.ALLOW) -> ev.ApprovalSettled:
    return ev.ApprovalSettled(request, verdict, "Ann")


def tool_starts(call: str = "c1") -> ev.ToolStarted:
    return ev.ToolStarted(call, "Bash", '{"command":"make"}')


def tool_ends(call: str = "c1") -> ev.ToolEnded:
    return ev.ToolEnded(call, succeeded=True)


def replayed(*pending: str, running: bool) -> ev.StateReplayed:
    return ev.StateReplayed(running, frozenset(pending))


def failed(message: str, *inputs: str) -> ev.ModelFailed:
    return ev.ModelFailed(message, frozenset(inputs))


SUBMITTED = (ev.Claimed(), ready())
RUNNING = (*SUBMITTED, ACCEPTED, began())


class Played:
    """A turn after some events, with all effects in order."""

    def __init__(self, *events: ev.TurnEvent, turn: Turn | None = None) -> None:
        self.turn = turn or Turn()
        self.effects: list[fx.Effect] = []
        self.feed(*events)

    def feed(self, *events: ev.TurnEvent) -> tuple[fx.Effect, ...]:
        """Take these too; returns only their effects."""
        fresh: list[fx.Effect] = []
        for event in events:
            self.turn, effects = step(self.turn, event)
            fresh.extend(effects)
        self.effects.extend(fresh)
        return tuple(fresh)

    def all_of(self, kind: type[E]) -> list[E]:
        return [effect for effect in self.effects if isinstance(effect, kind)]

    @property
    def text(self) -> str:
        """What the reply shows: appended pieces without those of dropped runs."""
        pieces: list[tuple[str, str]] = []
        for effect in self.effects:
            match effect:
                case fx.AppendReply(run, _, text):
                    pieces.append((run, text))
                case fx.DropRunText(runs):
                    pieces = [piece for piece in pieces if piece[0] not in runs]
                case fx.DropText():
                    pieces = []
                case _:
                    pass
        return "".join(text for _, text in pieces)

    @property
    def end(self) -> fx.EndTurn:
        """The one end, which is the last effect of all."""
        ends = self.all_of(fx.EndTurn)
        assert len(ends) == 1, ends
        assert self.effects[-1] is ends[0]
        return ends[0]


def kinds(effects: Iterable[fx.Effect]) -> list[type]:
    return [type(effect) for effect in effects]
