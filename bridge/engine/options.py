"""Options of the engine."""

from dataclasses import dataclass, field

from bridge.domain.permissions import ApprovalPolicy, PeoplePolicy
from bridge.domain.routing import Team


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """Settings of the engine. All `_s` are seconds.

    `server` names the App Server in the runtime registry, so that ids of one server are never
    used on another. `lease` names this process: turns held under another lease were left by an
    earlier one. `time_limit_s` is the longest turn, waiting for approvals not counted.
    `link_wait_s` is how long a turn waits for the App Server, `abort_wait_s` how long for the
    end of an aborted turn (the server may need long: PROTOCOL §14), `rerun_wait_s` how long for
    a restarted server to begin an interrupted input again, `answer_wait_s` how long for a sign
    that a decision was heard, before the server is asked again what it waits for. At a stop,
    turns may go on by themselves for `drain_s` and then take `stop_wait_s` to be ended.
    """

    server: str
    lease: str
    team: Team
    approvals: ApprovalPolicy
    people: PeoplePolicy = field(default_factory=PeoplePolicy)
    time_limit_s: float = 3600.0
    link_wait_s: float = 60.0
    abort_wait_s: float = 5.0
    rerun_wait_s: float = 3.0
    answer_wait_s: float = 20.0
    drain_s: float = 0.0
    stop_wait_s: float = 3.0
    history_limit: int = 50
