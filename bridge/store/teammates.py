"""Which agent was created for which teammate, per App Server."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bridge.domain.ids import AgentId
from bridge.store.database import Database
from bridge.store.schema import teammates

_THIS = sa.and_(
    teammates.c.server == sa.bindparam("on_server"), teammates.c.name == sa.bindparam("called")
)
_AGENT = sa.select(teammates.c.agent_id).where(_THIS)
_FORGET = sa.delete(teammates).where(_THIS)


class Teammates:
    """Created agents, so that none is created twice."""

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
