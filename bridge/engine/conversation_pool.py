"""One spare conversation per teammate, because creating one takes longer than the whole way of
a message (PROTOCOL §20). It is noted in the store: the next process goes on with it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from bridge.domain.errors import AgentError, RuntimeGone, StoreError
from bridge.domain.ids import AgentId, ConversationId, Runtime
from bridge.domain.ports import StartedRuntime
from bridge.domain.teammates import Teammate
from bridge.engine.context import EngineContext
from bridge.telemetry import Tasks, get_logger

log = get_logger("runtimes")

Start = Callable[[Teammate, AgentId, ConversationId | None], Awaitable[StartedRuntime]]
"""Starts a runtime; a conversation of None is a new one."""

AgentOf = Callable[[Teammate], Awaitable[AgentId]]
"""The teammate's agent, created when there is none."""


class ConversationPool:
    """Keeps the spares of all teammates ready, in the background.

    Args:
        tools: the engine's.
        tasks: own the background work.
        start: starts a runtime.
        agent_of: finds a teammate's agent.
    """

    def __init__(
        self, context: EngineContext, tasks: Tasks, *, start: Start, agent_of: AgentOf
    ) -> None:
        self._context = context
        self._tasks = tasks
        self._start = start
        self._agent_of = agent_of
        self._connection = 0
        self._ready: dict[str, StartedRuntime] = {}
        self._stale: dict[str, Runtime] = {}
        self._recalled: set[str] = set()
        self._preparing: dict[str, asyncio.Lock] = {}

    def connection_changed(self) -> None:
        """What was ready must be started again: a new connection is subscribed to nothing."""
        self._connection += 1
        self._stale.update({name: spare.runtime for name, spare in self._ready.items()})
        self._ready.clear()

    def names(self) -> frozenset[str]:
        """Teammates with a spare conversation ready."""
        return frozenset(self._ready)

    def take(self, teammate: Teammate) -> StartedRuntime | None:
        """The teammate's spare, which is hers no longer; None when there is none just now."""
        return self._ready.pop(teammate.name, None)

    def prepare(self, teammate: Teammate) -> None:
        """See to it that there is a spare, in the background."""
        self._tasks.spawn(self._prepare(teammate), name=f"spare {teammate.name}")

    async def _prepare(self, teammate: Teammate) -> None:
        try:
            await self._context.agent.ready(within_s=self._context.options.link_wait_s)
            async with self._preparing.setdefault(teammate.name, asyncio.Lock()):
                if teammate.name not in self._ready:
                    await self._fill(teammate)
        except (AgentError, StoreError) as error:
            log.warning("no spare conversation", teammate=teammate.name, cause=str(error))

    async def _fill(self, teammate: Teammate) -> None:
        connection = self._connection
        spare = await self._again(teammate) or await self._new(teammate)
        # The supervisor stays subscribed, so that the spare's first turn need not wait for it.
        await self._context.supervisor.hold(spare.runtime)
        self._context.supervisor.release(spare.runtime)
        if connection == self._connection:
            self._ready[teammate.name] = spare
        else:
            self._stale[teammate.name] = spare.runtime

    async def _again(self, teammate: Teammate) -> StartedRuntime | None:
        """The spare from before a lost link or a restart: neither costs a conversation."""
        kept = self._stale.pop(teammate.name, None) or await self._recall(teammate)
        if kept is not None:
            with suppress(RuntimeGone):
                return await self._start(teammate, kept.agent_id, kept.conversation_id)
        return None

    async def _recall(self, teammate: Teammate) -> Runtime | None:
        """What an earlier process left. Asked once: from then on the store's is in use here."""
        if teammate.name in self._recalled:
            return None
        kept = await self._context.store.teammates.spare(
            self._context.options.server, teammate.name
        )
        self._recalled.add(teammate.name)
        if kept is None or kept.agent_id != await self._agent_of(teammate):
            return None
        return kept

    async def _new(self, teammate: Teammate) -> StartedRuntime:
        server, teammates = self._context.options.server, self._context.store.teammates
        await teammates.forget_spare(server, teammate.name)  # a thread has it now
        spare = await self._start(teammate, await self._agent_of(teammate), None)
        await teammates.keep_spare(server, teammate.name, spare.runtime)
        return spare
