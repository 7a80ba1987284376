"""Which agent was created for which teammate, and the spare conversation; per App Server."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bridge.domain.ids import AgentId, ConversationId, Runtime
from bridge.store.database import Database
from bridge.store.schema import bindings, spares, teammates

_THIS = sa.and_(
    teammates.c.server == sa.bindparam("on_server"), teammates.c.name == sa.bindparam("called")
)
_AGENT = sa.select(teammates.c.agent_id).where(_THIS)
_FORGET = sa.delete(teammates).where(_THIS)
_THIS_SPARE = sa.and_(
    spares.c.server == sa.bindparam("on_server"), spares.c.name == sa.bindparam("called")
)
_TAKEN = (
    sa.exists()
    .where(
        bindings.c.conversation_id == spares.c.conversation_id,
        bindings.c.agent_id == spares.c.agent_id,
    )
    .correlate(spares)
)
_SPARE = sa.select(spares.c.agent_id, spares.c.conversation_id).where(_THIS_SPARE, ~_TAKEN)
_FORGET_SPARE = sa.delete(spares).where(_THIS_SPARE)


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
            connection.execute(sa.insert(spares), values)

        await self._database.write(work)

    async def forget_spare(self, server: str, name: str) -> None:
        """The conversation is in use, or gone. May be called twice."""

        def work(connection: Connection) -> None:
            connection.execute(_FORGET_SPARE, {"on_server": server, "called": name})

        await self._database.write(work)
