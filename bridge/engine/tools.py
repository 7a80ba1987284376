"""The engine's tools in one hand: store, agent, chat, clock, options and guard."""

from dataclasses import dataclass, field

from bridge.domain.ports import AgentPort, ChatPort, Clock, Guard, NoGuard
from bridge.engine.options import EngineOptions
from bridge.store.store import Store


@dataclass(frozen=True, slots=True)
class Tools:
    """What every part of the engine works with."""

    store: Store
    agent: AgentPort
    chat: ChatPort
    clock: Clock
    options: EngineOptions
    guard: Guard = field(default_factory=NoGuard)
