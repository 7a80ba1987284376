"""Store: one open database and all its tables."""

from dataclasses import dataclass
from datetime import timedelta

from bridge.store.approvals import Approvals
from bridge.store.bindings import Bindings, Teammates
from bridge.store.channels import Channels
from bridge.store.database import Database
from bridge.store.event_gaps import EventGaps
from bridge.store.event_log import EventLog
from bridge.store.messages import Messages
from bridge.store.outbox import Outbox
from bridge.store.turn_queue import TurnQueue


@dataclass(frozen=True, slots=True)
class Store:
    """Everything that the bridge remembers. Made by `open`; `close` it when all else stopped."""

    database: Database
    messages: Messages
    bindings: Bindings
    turn_queue: TurnQueue
    approvals: Approvals
    outbox: Outbox
    event_log: EventLog
    event_gaps: EventGaps
    teammates: Teammates
    channels: Channels

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        busy_timeout_s: float = 2.0,
        log_keep: timedelta = timedelta(days=7),
        log_max_bytes: int = 256 * 1024 * 1024,
    ) -> "Store":
        """Open or create the database file and bring its schema up to date.

        Args:
            url: `sqlite+aiosqlite:///path`.
            busy_timeout_s: how long a transaction waits for another program's lock.
            log_keep: how long the event log keeps a frame.
            log_max_bytes: how much the event log keeps in all.

        Raises:
            ConfigurationError: the address is wrong, or the file cannot be used.
            SchemaTooNew: a newer program wrote it.
            StoreUnavailable: it is locked, or the disk is full.
        """
        database = await Database.open(url, busy_timeout_s=busy_timeout_s)
        try:
            await database.migrate()
        except BaseException:
            await database.close()
            raise
        return cls(
            database=database,
            messages=Messages(database),
            bindings=Bindings(database),
            turn_queue=TurnQueue(database),
            approvals=Approvals(database),
            outbox=Outbox(database),
            event_log=EventLog(database, keep=log_keep, max_bytes=log_max_bytes),
            event_gaps=EventGaps(database),
            teammates=Teammates(database),
            channels=Channels(database),
        )

    async def close(self) -> None:
        """Write the rest of the event log and close the file. May be called twice."""
        if not self.database.closed:
            await self.event_log.flush()
            await self.database.close()
