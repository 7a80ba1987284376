"""Deduplication: what makes a message the same as one that is stored already (G2)."""

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bridge.domain.ids import ChannelId, MessageId, MessageTs, TeamId
from bridge.domain.messages import InboundMessage
from bridge.store.schema import messages

_param = sa.bindparam

SAME_MESSAGE = sa.and_(
    messages.c.team == _param("of_team"),
    messages.c.channel == _param("in_channel"),
    messages.c.ts == _param("at_ts"),
)
"""Slack names a message by workspace, channel and timestamp; see `same_message`."""

_KNOWN = sa.select(messages.c.message_id).where(
    # A redelivery repeats the event's id; the twins `message` and `app_mention` of one message
    # have an id each and share its timestamp (PLATFORM §4.5).
    sa.or_(messages.c.event_id == _param("event"), SAME_MESSAGE)
)


def same_message(team: TeamId, channel: ChannelId, ts: MessageTs) -> dict[str, str]:
    """The parameters of `SAME_MESSAGE`."""
    return {"of_team": team, "in_channel": channel, "at_ts": ts}


def known(connection: Connection, message: InboundMessage) -> MessageId | None:
    """The stored message that this one repeats; None for a new one."""
    name = same_message(message.team, message.channel, message.ts)
    found = connection.execute(_KNOWN, {"event": message.event_id, **name}).first()
    return None if found is None else MessageId(found.message_id)
