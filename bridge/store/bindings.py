"""Bindings (thread key, teammate) → runtime, and the agents created for teammates."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bridge.domain.bindings import Binding
from bridge.domain.ids import (
    AgentId,
    BindingId,
    ConversationId,
    MessageId,
    MessageTs,
    Runtime,
    ThreadKey,
)
from bridge.store.database import Database
from bridge.store.rows import binding_of, thread_params
from bridge.store.schema import bindings, messages, spare_conversations, teammates

_param = sa.bindparam

_OF_THREAD = (
    sa.select(bindings)
    .where(
        bindings.c.team == _param("team"),
        bindings.c.channel == _param("channel"),
        bindings.c.thread_ts == _param("thread_ts"),
    )
    .order_by(bindings.c.last_addressed.desc(), bindings.c.binding_id)
)
_FIRST = sa.select(sa.func.min(messages.c.ts)).where(
    messages.c.team == _param("team"),
    messages.c.channel == _param("channel"),
    messages.c.thread_ts == _param("thread_ts"),
)
"""What is said in a thread is stored from the first message on that addresses somebody."""

_GET = sa.select(bindings).where(bindings.c.binding_id == _param("binding"))
_BY_RUNTIME = (
    sa.select(bindings)
    .where(
        bindings.c.conversation_id == _param("conversation"),
        bindings.c.agent_id == _param("agent"),
    )
    .order_by(bindings.c.binding_id.desc())
    .limit(1)
)
_THIS = bindings.c.binding_id == _param("binding")
_SET_RUNTIME = (
    sa.update(bindings)
    .where(_THIS)
    .values(
        agent_id=_param("agent"),
        conversation_id=_param("conversation"),
        cwd=_param("directory"),
        last_started_at=_param("at"),
        server=_param("on_server"),
    )
)
_SEEN = sa.update(bindings).where(_THIS).values(last_seen=_param("message"))


class Bindings:
    """Bindings are made by `TurnQueue.accept`, when a teammate is first addressed in a thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_thread(
        self, thread: ThreadKey, *, as_of: MessageTs | None = None
    ) -> list[Binding]:
        """The thread's bindings, the most recently addressed first.

        With `as_of` none if that message was said before anybody was addressed there.
        """

        def work(connection: Connection) -> list[Binding]:
            values = thread_params(thread)
            if as_of is not None:
                first = connection.execute(_FIRST, values).scalar()
                if first is None or first > as_of:
                    return []
            rows = connection.execute(_OF_THREAD, values)
            return [binding_of(row) for row in rows]

        return await self._database.read(work)

    async def get(self, binding_id: BindingId) -> Binding | None:
        """The binding; None when there is none of that id."""
        return await self._one(_GET, binding=binding_id)

    async def by_runtime(self, runtime: Runtime) -> Binding | None:
        """The binding that a runtime belongs to; None for a runtime of somebody else."""
        return await self._one(
            _BY_RUNTIME, agent=runtime.agent_id, conversation=runtime.conversation_id
        )

    async def set_runtime(
        self,
        binding_id: BindingId,
        runtime: Runtime,
        cwd: str | None,
        started_at: datetime,
        *,
        server: str,
    ) -> None:
        """Tie the binding to the runtime that was started there, in the directory in force."""
        await self._change(
            _SET_RUNTIME,
            binding=binding_id,
            agent=runtime.agent_id,
            conversation=runtime.conversation_id,
            directory=cwd,
            at=started_at,
            on_server=server,
        )

    async def set_last_seen(self, binding_id: BindingId, message_id: MessageId) -> None:
        """Note the newest stored message that the teammate was told."""
        await self._change(_SEEN, binding=binding_id, message=message_id)

    async def count(self) -> int:
        """How many bindings there are."""

        def work(connection: Connection) -> int:
            counted = connection.execute(sa.select(sa.func.count()).select_from(bindings))
            return counted.scalar_one()

        return await self._database.read(work)

    async def _one(self, statement: sa.Select[tuple[object]], **values: object) -> Binding | None:
        def work(connection: Connection) -> Binding | None:
            row = connection.execute(statement, values).first()
            return None if row is None else binding_of(row)

        return await self._database.read(work)

    async def _change(self, statement: sa.Update, **values: object) -> None:
        def work(connection: Connection) -> None:
            connection.execute(statement, values)

        await self._database.write(work)


_THIS_AGENT = sa.and_(
    teammates.c.server == sa.bindparam("on_server"), teammates.c.name == sa.bindparam("called")
)
_AGENT = sa.select(teammates.c.agent_id).where(_THIS_AGENT)
_FORGET = sa.delete(teammates).where(_THIS_AGENT)
_THIS_SPARE = sa.and_(
    spare_conversations.c.server == sa.bindparam("on_server"),
    spare_conversations.c.name == sa.bindparam("called"),
)
_TAKEN = (
    sa.exists()
    .where(
        bindings.c.conversation_id == spare_conversations.c.conversation_id,
        bindings.c.agent_id == spare_conversations.c.agent_id,
    )
    .correlate(spare_conversations)
)
_SPARE = sa.select(spare_conversations.c.agent_id, spare_conversations.c.conversation_id).where(
    _THIS_SPARE, ~_TAKEN
)
_FORGET_SPARE = sa.delete(spare_conversations).where(_THIS_SPARE)


class Teammates:
    """Created agents and spare conversations, so that none is created twice."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def agent_of(self, server: str, name: str) -> AgentId | None:
        """The teammate's agent; None when none was created yet."""

        def work(connection: Connection) -> AgentId | None:
            found = connection.execute(_AGENT, {"on_server": server, "called": name}).scalar()
            return None if found is None else AgentId(found)

        return await self._database.read(work)

    async def remember(self, server: str, name: str, agent_id: AgentId, now: datetime) -> None:
        """Note the agent that was created; replaces an earlier one."""

        def work(connection: Connection) -> None:
            connection.execute(_FORGET, {"on_server": server, "called": name})
            values = {"server": server, "name": name, "agent_id": agent_id, "created_at": now}
            connection.execute(sa.insert(teammates), values)

        await self._database.write(work)

    async def forget(self, server: str, name: str) -> None:
        """The agent is gone from the server. May be called twice."""

        def work(connection: Connection) -> None:
            connection.execute(_FORGET, {"on_server": server, "called": name})

        await self._database.write(work)

    async def spare(self, server: str, name: str) -> Runtime | None:
        """The conversation that was made ready last; None when a thread has taken it."""

        def work(connection: Connection) -> Runtime | None:
            row = connection.execute(_SPARE, {"on_server": server, "called": name}).first()
            if row is None:
                return None
            return Runtime(AgentId(row.agent_id), ConversationId(row.conversation_id))

        return await self._database.read(work)

    async def keep_spare(self, server: str, name: str, spare: Runtime) -> None:
        """Note the conversation that is ready for the teammate's next thread."""

        def work(connection: Connection) -> None:
            connection.execute(_FORGET_SPARE, {"on_server": server, "called": name})
            values = {
                "server": server,
                "name": name,
                "agent_id": spare.agent_id,
                "conversation_id": spare.conversation_id,
            }
            connection.execute(sa.insert(spare_conversations), values)

        await self._database.write(work)

    async def forget_spare(self, server: str, name: str) -> None:
        """The conversation is in use, or gone. May be called twice."""

        def work(connection: Connection) -> None:
            connection.execute(_FORGET_SPARE, {"on_server": server, "called": name})

        await self._database.write(work)
