"""The engine's tools in one hand: store, agent, chat, clock and options."""

from dataclasses import dataclass

from bridge.domain.ports import AgentPort, ChatPort, Clock
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
