"""The queue as tests see it: straight from the table, not through the product's statements."""

from sqlalchemy import Connection

from bridge.domain.ids import TurnId
from bridge.store.store import Store


async def unfinished(store: Store) -> list[str]:
    """The states of all turns that have not ended."""

    def work(connection: Connection) -> list[str]:
        rows = connection.exec_driver_sql("SELECT state FROM turns WHERE state <> 'ended'")
        return [row.state for row in rows]

    return await store.database.read(work)


async def waiting_before(store: Store, turn_id: TurnId) -> int:
    """How many unfinished turns of the same binding come before a waiting one."""

    def work(connection: Connection) -> int:
        counted = connection.exec_driver_sql(
            "SELECT count(*) FROM turns AS earlier JOIN turns AS this USING (binding_id)"
            " WHERE this.turn_id = ? AND this.state = 'waiting'"
            " AND earlier.state <> 'ended' AND earlier.place <> this.place"
            # One that the server began by itself goes first, wherever it stands.
            " AND (earlier.place < this.place OR earlier.state = 'active')",
            (turn_id,),
        )
        return int(counted.scalar_one())

    return await store.database.read(work)


async def turn_counts(store: Store) -> dict[str, int]:
    """How many turns are `waiting` and `active`."""
    states = await unfinished(store)
    return {state: states.count(state) for state in ("waiting", "active")}
