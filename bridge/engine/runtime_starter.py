"""Runtime starter: agent, conversation, directory and mode of a binding; spare conversations."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from bridge.domain.bindings import Binding, RuntimeRequest
from bridge.domain.errors import AgentError, RuntimeGone, StoreError
from bridge.domain.ids import AgentId, BindingId, ConversationId, Runtime
from bridge.domain.ports import StartedRuntime
from bridge.domain.teammates import Teammate
from bridge.engine.context import EngineContext
from bridge.telemetry import Tasks, get_logger

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
        """The teammate's spare, which leaves the pool; None when there is none just now."""
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


log = get_logger("engine.runtime_starter")

KEPT = 500
"""As many bindings are known to be started; one that was used longer ago is started again."""


class WrongDirectory(AgentError):
    """The server works in another directory than the one configured: that one does not exist.

    Args:
        wanted: the configured directory.
        actual: the one in force instead.
    """

    def __init__(self, wanted: str, actual: str) -> None:
        super().__init__(f"cwd missing: {wanted} does not exist, the server would use {actual}")


@dataclass(frozen=True, slots=True)
class Ready:
    """A started runtime. `fresh`: its conversation knows nothing of the thread yet; `replaced`:
    because the one before is gone.
    """

    started: StartedRuntime
    fresh: bool
    replaced: bool = False


class RuntimeStarter:
    """Starts runtimes and remembers which were lately started on the present connection.

    Args:
        tools: the engine's.
        tasks: own the background work.
        kept: how many started bindings are remembered.
    """

    def __init__(self, context: EngineContext, tasks: Tasks, *, kept: int = KEPT) -> None:
        self._context = context
        self._kept = kept
        self._connection = 0
        self._started: OrderedDict[BindingId, None] = OrderedDict()
        self._spares = ConversationPool(context, tasks, start=self._start, agent_of=self._agent_of)
        self._creating: dict[str, asyncio.Lock] = {}

    def connection_changed(self) -> None:
        """Forget what was started: a new connection is subscribed to nothing."""
        self._connection += 1
        self._started.clear()
        self._spares.connection_changed()

    def fill_pool(self) -> None:
        """Make a spare conversation for each teammate, in the background."""
        for teammate in self._context.options.team.teammates:
            self._spares.prepare(teammate)

    def pooled(self) -> frozenset[str]:
        """Teammates with a spare conversation ready."""
        return self._spares.names()

    async def ensure_started(
        self, binding: Binding, teammate: Teammate, *, again: bool = False
    ) -> Ready:
        """Make the binding's runtime ready for input.

        Args:
            binding: as stored now.
            teammate: whose runtime it is.
            again: ask the server even when the runtime is started already (to learn its state).

        Raises:
            AgentError: the server is away, refused, or lacks agent or directory.
        """
        if binding.runtime is not None and binding.binding_id in self._started and not again:
            self._started.move_to_end(binding.binding_id)
            known = StartedRuntime(
                runtime=binding.runtime,
                cwd=binding.cwd,
                is_processing=False,
                pending_request_ids=frozenset(),
            )
            return Ready(known, fresh=False)
        await self._context.agent.ready(within_s=self._context.options.link_wait_s)
        connection = self._connection
        ready = await self._resume(binding, teammate)
        await self._remember(binding, ready.started, connection)
        return ready

    async def move(self, binding: Binding) -> Runtime:
        """Fork a stuck conversation and move the binding to the copy (PROTOCOL §15)."""
        if binding.runtime is None:
            raise RuntimeGone("conversation", "none")
        runtime = await self._context.agent.fork(binding.runtime)
        await self._context.store.bindings.set_runtime(
            binding.binding_id,
            runtime,
            binding.cwd,
            self._context.clock.now(),
            server=self._context.options.server,
        )
        self._started.pop(binding.binding_id, None)
        return runtime

    async def _resume(self, binding: Binding, teammate: Teammate) -> Ready:
        elsewhere = binding.server != self._context.options.server  # its ids mean nothing here
        if binding.runtime is None or elsewhere:
            started = await self._new_conversation(teammate)
            return Ready(started, fresh=True, replaced=binding.runtime is not None)
        try:
            started = await self._start(
                teammate, binding.runtime.agent_id, binding.runtime.conversation_id
            )
        except RuntimeGone as gone:
            log.warning("runtime is gone", what=gone.what, ident=gone.ident)
            await self._forget(gone, teammate)
            return Ready(await self._new_conversation(teammate), fresh=True, replaced=True)
        return Ready(started, fresh=False)

    async def _forget(self, gone: RuntimeGone, teammate: Teammate) -> None:
        """Replace an agent that is gone; the teammate may have another one already."""
        server, teammates = self._context.options.server, self._context.store.teammates
        if gone.what == "agent" and await teammates.agent_of(server, teammate.name) == gone.ident:
            await teammates.forget(server, teammate.name)

    async def _new_conversation(self, teammate: Teammate) -> StartedRuntime:
        started = self._spares.take(teammate)
        if started is None:
            started = await self._start(teammate, await self._agent_of(teammate), None)
        self._spares.prepare(teammate)
        return started

    async def _start(
        self, teammate: Teammate, agent_id: AgentId, conversation_id: ConversationId | None
    ) -> StartedRuntime:
        started = await self._context.agent.start(
            RuntimeRequest(agent_id, conversation_id, teammate.cwd, teammate.permission_mode)
        )
        if teammate.cwd and started.cwd and started.cwd.rstrip("/") != teammate.cwd.rstrip("/"):
            raise WrongDirectory(teammate.cwd, started.cwd)
        return started

    async def _agent_of(self, teammate: Teammate) -> AgentId:
        if teammate.agent_id is not None:
            return teammate.agent_id
        server, teammates = self._context.options.server, self._context.store.teammates
        async with self._creating.setdefault(teammate.name, asyncio.Lock()):
            known = await teammates.agent_of(server, teammate.name)
            if known is not None and await self._context.agent.agent_exists(known):
                return known
            created = await self._context.agent.create_agent(teammate)
            await teammates.remember(server, teammate.name, created, self._context.clock.now())
            log.info("agent created", teammate=teammate.name, agent=created)
            return created

    async def _remember(self, binding: Binding, started: StartedRuntime, connection: int) -> None:
        await self._context.store.bindings.set_runtime(
            binding.binding_id,
            started.runtime,
            started.cwd,
            self._context.clock.now(),
            server=self._context.options.server,
        )
        if connection == self._connection:
            self._started[binding.binding_id] = None
            self._started.move_to_end(binding.binding_id)
            if len(self._started) > self._kept:
                self._started.popitem(last=False)
