"""Engine context: store, agent, chat, clock, options and supervisor."""

from dataclasses import dataclass, field

from bridge.domain.ports import AgentPort, ChatPort, Clock, NoSupervisor, SupervisorPort
from bridge.engine.options import EngineOptions
from bridge.store.store import Store


@dataclass(frozen=True, slots=True)
class EngineContext:
    """What every part of the engine works with."""

    store: Store
    agent: AgentPort
    chat: ChatPort
    clock: Clock
    options: EngineOptions
    supervisor: SupervisorPort = field(default_factory=NoSupervisor)
