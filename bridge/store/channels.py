"""Channels: a channel gets another id when Slack converts it, such as when it is shared."""

from functools import partial
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bridge.domain.ids import ChannelId, TeamId
from bridge.store.database import Database
from bridge.store.schema import bindings, event_gaps, messages, outbox

_WITH_TEAM: Final = (messages, bindings, event_gaps)


class Channels:
    """What is stored under a channel's id."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def rename(self, team: TeamId, old: ChannelId, new: ChannelId) -> int:
        """Carry everything over to the new id, all or nothing; returns how many rows. May be
        called again: what is stored under the new id already stays as it is.
        """
        return await self._database.write(
            partial(_rename, team=team, old=old, new=new), durable=True
        )


def _rename(connection: Connection, *, team: TeamId, old: ChannelId, new: ChannelId) -> int:
    moved = 0
    for table in _WITH_TEAM:
        statement = sa.update(table).where(table.c.team == team, table.c.channel == old)
        moved += connection.execute(statement.prefix_with("OR IGNORE"), {"channel": new}).rowcount
    statement = sa.update(outbox).where(outbox.c.channel == old)
    moved += connection.execute(statement, {"channel": new}).rowcount
    for row in connection.execute(_OWED_CALLS, {"old": old}).all():
        payload = row.payload.replace(f'"channel":"{old}"', f'"channel":"{new}"')
        connection.execute(_REWRITE, {"entry": row.outbox_id, "words": payload})
    return moved


_OWED_CALLS = sa.select(outbox.c.outbox_id, outbox.c.payload).where(
    outbox.c.payload.is_not(None), outbox.c.payload.contains(sa.bindparam("old"))
)
_REWRITE = (
    sa.update(outbox)
    .where(outbox.c.outbox_id == sa.bindparam("entry"))
    .values(payload=sa.bindparam("words"))
)
