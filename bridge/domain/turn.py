"""State of one turn, and the phases that it goes through."""

from dataclasses import dataclass, field
from enum import StrEnum

from bridge.domain import effects as fx
from bridge.domain import events as ev
from bridge.domain.ids import RunId


class Phase(StrEnum):
    """Where a turn stands."""

    QUEUED = "queued"
    STARTING = "starting"
    SUBMITTING = "submitting"
    RUNNING = "running"
    AWAITING_APPROVAL = "awaiting_approval"
    ABORTING = "aborting"
    RECONCILING = "reconciling"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class OpenApproval:
    """A question the server waits for, and the tool call it is about.

    `digest` is the hash of what it asks for. `unsure`: the link was lost since the server asked.
    """

    request_id: str
    call_id: str
    digest: str
    unsure: bool = False


class ServerSaid(StrEnum):
    """What the server has said since the link was lost."""

    NOTHING = "nothing"
    RESTARTED = "restarted"
    """It names none of the runs that it named before: what it begins now is the input once more."""
    IDLE = "idle"
    """It is not at work: what it begins now is the input once more."""


@dataclass(frozen=True, slots=True)
class Reconnect:
    """What a turn has learnt since it last lost the link.

    `run_begun`: a run that began before the server said whether it is at work. `input_resent`:
    the input was sent again under its name, and the server may have swallowed it as a repeat.
    `rerun_announced`: people were told that the input is answered again from the start.
    """

    server_said: ServerSaid = ServerSaid.NOTHING
    run_begun: RunId | None = None
    input_resent: bool = False
    rerun_announced: bool = False

    @property
    def expects_rerun(self) -> bool:
        """Whether the next run is the input once more, from the start (PROTOCOL §16)."""
        return self.server_said is not ServerSaid.NOTHING


@dataclass(frozen=True, slots=True)
class RequestedStop:
    """The turn is to end, whatever the server still does: as `outcome`, because of `cause`."""

    outcome: ev.Outcome
    cause: str | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """The newest reason why the model failed, technical. `of_our_input`: the server said so."""

    message: str
    of_our_input: bool


@dataclass(frozen=True, slots=True)
class Turn:
    """State of one turn.

    `client_ids` are the names under which the input was sent, the newest last; `runs` those
    runs of the server that serve it. `maps_runs`: the server names the inputs that a run serves.
    `queued_behind`: the server put the input behind work of its own. `forked`: its conversation
    was copied once. `taken_over`: an earlier process began the turn. `reconnect` is None until
    the link is lost for the first time, `failure` until the model fails, `stop` until the turn
    is stopped.
    """

    phase: Phase = Phase.QUEUED
    attempt: int = 0
    client_ids: tuple[str, ...] = ()
    maps_runs: bool = True
    queued_behind: bool = False
    runs: frozenset[RunId] = frozenset()
    tools: tuple[ev.ToolLine, ...] = ()
    approvals: tuple[OpenApproval, ...] = ()
    usage: ev.Usage = field(default_factory=ev.Usage)
    forked: bool = False
    taken_over: bool = False
    reconnect: Reconnect | None = None
    failure: Failure | None = None
    stop: RequestedStop | None = None

    @property
    def expects_rerun(self) -> bool:
        """Whether the next run answers the input from the start."""
        return self.reconnect is not None and self.reconnect.expects_rerun

    @property
    def input_resent(self) -> bool:
        """Whether the input was sent again under its name since the link was lost."""
        return self.reconnect is not None and self.reconnect.input_resent

    @property
    def cause(self) -> str | None:
        """The newest technical reason of a failure."""
        return self.failure.message if self.failure is not None else None


Step = tuple[Turn, tuple[fx.Effect, ...]]

LIVE = frozenset(
    {Phase.SUBMITTING, Phase.RUNNING, Phase.AWAITING_APPROVAL, Phase.ABORTING, Phase.RECONCILING}
)
"""Phases in which the server may be at work on the input."""


def resumed(client_message_id: str | None, attempt: int) -> Turn:
    """A turn that an earlier process had begun: what became of it must be learnt.

    `client_message_id` is the newest one, None for a turn that the server began by itself.
    """
    sent = () if client_message_id is None else (client_message_id,)
    return Turn(
        phase=Phase.RECONCILING,
        attempt=attempt,
        client_ids=sent,
        maps_runs=bool(sent),
        taken_over=True,
        reconnect=Reconnect(),
    )


def unprompted() -> Turn:
    """A turn that the server began by itself (PROTOCOL §1.10)."""
    return Turn(phase=Phase.RUNNING, maps_runs=False)
