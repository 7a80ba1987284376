"""Outbox entry: a write to Slack as it is stored."""

from dataclasses import dataclass
from datetime import datetime

from bridge.domain.ids import ChannelId, MessageTs, OutboxId, TurnId


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """One write to Slack: mostly a message that the bridge posts.

    `kind` is `reply`, `card`, `notice` or another word of the sender's; `seq` counts within the
    turn. `turn_id` is None for what belongs to no turn, `thread_ts` None at a channel's root.
    `state` is `planned` (what Slack made of it is not known), `sent`, `failed` or `removed`.
    `ts` is None until it is known. `payload_hash` is that of what the message shows, None while
    it may still change. `teammate` is the one who speaks, if any. `approval_id` is the approval
    that a card shows. `payload` is what Slack is still to be shown, in the sender's own spelling;
    None when nothing is owed. `planned_at` is when the row was made, by our clock.
    """

    outbox_id: OutboxId
    turn_id: TurnId | None
    kind: str
    seq: int
    channel: ChannelId
    thread_ts: MessageTs | None
    planned_at: datetime
    state: str = "planned"
    ts: MessageTs | None = None
    payload_hash: str | None = None
    teammate: str | None = None
    approval_id: str | None = None
    payload: str | None = None


@dataclass(frozen=True, slots=True)
class LastRevision:
    """What Slack is to show of a reply in the end, to be stored with the turn's end.

    `owed` are the messages that do not look like it yet. `text` is the whole reply for the
    other teammates; `first` the row of the message under which they know it, None when the
    reply has no words of its own.
    """

    owed: tuple[OutboxEntry, ...]
    first: OutboxId | None = None
    text: str = ""
