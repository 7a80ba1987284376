"""What is known of one turn, and the phases that it goes through."""

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


@dataclass(frozen=True, slots=True)
class Turn:
    """State of one turn.

    `client_ids` are the names under which the input was sent, the newest last; `runs` those
    runs of the server that serve it. `queued_behind`: the server put the input behind work of
    its own. `doomed`: the server said that this input fails. `moved`: its conversation was
    forked once. `resent`: the input was sent again under its name, and the server may have
    swallowed it as a repeat. `quiet`: after a lost link the server said that it is not at work;
    what it begins then is the input once more. `begun`: a run that began before that was known.
    `forgotten`: the server was restarted; `restarted`: that has been said. `taken_over`: an
    earlier process began the turn.
    `stopped_as` is the outcome once an abort was asked for, `stopped_why` its cause, if any;
    `cause` the newest technical reason of a failure.
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
    moved: bool = False
    resent: bool = False
    quiet: bool = False
    begun: RunId | None = None
    forgotten: bool = False
    restarted: bool = False
    taken_over: bool = False
    doomed: bool = False
    stopped_as: ev.Outcome | None = None
    stopped_why: str | None = None
    outcome: ev.Outcome | None = None
    cause: str | None = None


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
    )


def unprompted() -> Turn:
    """A turn that the server began by itself (PROTOCOL §1.10)."""
    return Turn(phase=Phase.RUNNING, maps_runs=False)
