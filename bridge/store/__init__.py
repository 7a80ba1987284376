"""Database: inbox, queue, bindings, approvals, outbox, event log.

`store` the facade · `schema` tables · `sqlite` what is particular to SQLite · `database`
transactions and migrations · `result_types` what the store hands back · `rows` rows to domain ·
`messages` the inbox · `deduplication` what is known already · `enqueue` one message becomes turns ·
`turn_queue` the queue · `turn_lock` who holds what · `turn_cancellation` stops · `message_edits`
edits and deletions · `channels` ids that change · `bindings` · `approvals` · `outbox` what Slack is
still to be shown · `event_log` · `event_gaps` what may have been missed.

Ids and instants come in as arguments; nothing here makes one (the event log stamps what it
hears). Every method raises `StoreUnavailable` when the database cannot be used just now.
"""

from bridge.store.event_gaps import EVERYWHERE, EventGap, EventGaps, OpenMessage
from bridge.store.event_log import EventLog, LoggedFrame
from bridge.store.message_edits import Edit
from bridge.store.result_types import (
    Accepted,
    Amendment,
    LeftTurn,
    Load,
    Located,
    LocatedTurn,
    Placed,
    Removal,
    TurnState,
)
from bridge.store.store import Store
from bridge.store.turn_cancellation import OnDropped

__all__ = [
    "EVERYWHERE",
    "Accepted",
    "Amendment",
    "Edit",
    "EventGap",
    "EventGaps",
    "EventLog",
    "LeftTurn",
    "Load",
    "Located",
    "LocatedTurn",
    "LoggedFrame",
    "OnDropped",
    "OpenMessage",
    "Placed",
    "Removal",
    "Store",
    "TurnState",
]
