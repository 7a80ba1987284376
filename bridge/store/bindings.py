"""The stored ties (thread key, teammate) → runtime."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bridge.domain.bindings import Binding
from bridge.domain.ids import BindingId, MessageId, MessageTs, Runtime, ThreadKey
from bridge.store.database import Database
from bridge.store.rows import binding_of, thread_params
from bridge.store.schema import bindings, messages

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
