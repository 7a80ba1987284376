"""Event gaps: up to where Slack's events are known, and which channels have a gap.

Instants here are Slack's own timestamps (`seconds.micros`), never our clock's: they order as
text, and a clock that jumps changes nothing.
"""

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bridge.domain.ids import ChannelId, MessageId, MessageTs, TeamId
from bridge.store.database import Database
from bridge.store.schema import (
    bindings,
    event_cursors,
    event_gaps,
    messages,
    turn_messages,
    turns,
    unfinished,
)

EVERYWHERE = ChannelId("")
"""The channel of a gap in all channels, until they are known by name."""

_param = sa.bindparam

_HEARD = sa.select(event_cursors.c.last_ts).where(event_cursors.c.team == _param("of_team"))
_BEGUN = sa.select(event_cursors.c.first_ts).where(event_cursors.c.team == _param("of_team"))
_BEGIN = sa.insert(event_cursors)
_ADVANCE = (
    sa.update(event_cursors)
    .where(event_cursors.c.team == _param("of_team"), event_cursors.c.last_ts < _param("ts"))
    .values(last_ts=_param("ts"))
)
_OPEN = sa.insert(event_gaps)
_WIDEN = (
    sa.update(event_gaps)
    .where(event_gaps.c.team == _param("of_team"), event_gaps.c.channel == _param("in_channel"))
    .values(
        since_ts=sa.case(
            (event_gaps.c.since_ts < _param("since"), event_gaps.c.since_ts), else_=_param("since")
        ),
        cause=_param("why"),
        times_opened=event_gaps.c.times_opened + 1,
    )
)
_ALL = (
    sa.select(event_gaps)
    .where(event_gaps.c.team == _param("of_team"))
    .order_by(event_gaps.c.channel)
)
_CLOSE = sa.delete(event_gaps).where(
    event_gaps.c.team == _param("of_team"),
    event_gaps.c.channel == _param("in_channel"),
    event_gaps.c.times_opened == _param("as_of"),
)
_CHANNELS = (
    sa.select(bindings.c.channel, sa.func.max(bindings.c.last_addressed).label("newest"))
    .where(bindings.c.team == _param("of_team"))
    .group_by(bindings.c.channel)
)
_ROOTS = (
    sa.select(bindings.c.thread_ts)
    .where(
        bindings.c.team == _param("of_team"),
        bindings.c.channel == _param("in_channel"),
        bindings.c.thread_ts != "",
    )
    .distinct()
)
_KNOWN = sa.select(messages.c.ts).where(
    messages.c.team == _param("of_team"),
    messages.c.channel == _param("in_channel"),
    messages.c.ts > _param("since"),
)
_OPEN_WORDS = (
    sa.select(messages.c.ts, messages.c.thread_ts)
    .select_from(turns)
    .join(turn_messages, turn_messages.c.turn_id == turns.c.turn_id)
    .join(messages, messages.c.message_id == turn_messages.c.message_id)
    .where(
        unfinished(turns),
        messages.c.team == _param("of_team"),
        messages.c.channel == _param("in_channel"),
        messages.c.deleted_at.is_(None),
        # What the bridge wrote down about an edit is no message of Slack's.
        sa.or_(messages.c.event_id.is_(None), messages.c.event_id.not_like("edit:%")),
    )
)


@dataclass(frozen=True, slots=True)
class EventGap:
    """What was said in a channel after `since` may have been missed.

    `channel` is `EVERYWHERE` while the channels are not known by name. `times_opened` counts how
    often the gap was found again; only the newest can be closed.
    """

    channel: ChannelId
    since: MessageTs
    cause: str
    times_opened: int


@dataclass(frozen=True, slots=True)
class OpenMessage:
    """A message that an unfinished turn answers; `thread_ts` is None at a DM's root."""

    ts: MessageTs
    thread_ts: MessageTs | None


class EventGaps:
    """The stored cursor of what was heard, and the gaps. One team's rows never touch another's."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def heard(self, team: TeamId) -> MessageTs | None:
        """Up to which event everything was taken in; None when nothing was ever heard."""
        return await self._database.read(partial(_heard, team=team))

    async def advance(self, team: TeamId, ts: MessageTs) -> None:
        """Everything up to `ts` was taken in. An older `ts` changes nothing."""

        def work(connection: Connection) -> None:
            if _heard(connection, team=team) is None:
                connection.execute(_BEGIN, {"team": team, "first_ts": ts, "last_ts": ts})
            else:
                connection.execute(_ADVANCE, {"of_team": team, "ts": ts})

        await self._database.write(work)

    async def open_gap(self, team: TeamId, since: MessageTs, *, cause: str) -> None:
        """Something after `since` may have been missed, in any channel. The older gap wins.

        None reaches back to before anything was heard: that was never ours to answer.
        """

        def work(connection: Connection) -> None:
            begun = connection.execute(_BEGUN, {"of_team": team}).scalar()
            _open(connection, team, EVERYWHERE, max(since, MessageTs(begun or since)), cause)

        await self._database.write(work)

    async def spread(self, team: TeamId, gap: EventGap, channels: Collection[ChannelId]) -> None:
        """Turn the gap `EVERYWHERE` into one for each of these channels, all or none."""

        def work(connection: Connection) -> None:
            for channel in channels:
                _open(connection, team, channel, gap.since, gap.cause)
            connection.execute(_CLOSE, _named(team, gap))

        await self._database.write(work)

    async def gaps(self, team: TeamId) -> list[EventGap]:
        """Every open gap; that of all channels first."""

        def work(connection: Connection) -> list[EventGap]:
            rows = connection.execute(_ALL, {"of_team": team})
            return [
                EventGap(
                    ChannelId(row.channel), MessageTs(row.since_ts), row.cause, row.times_opened
                )
                for row in rows
            ]

        return await self._database.read(work)

    async def close(self, team: TeamId, gap: EventGap) -> bool:
        """The channel is caught up; False when the gap was found again meanwhile."""

        def work(connection: Connection) -> bool:
            return connection.execute(_CLOSE, _named(team, gap)).rowcount == 1

        return await self._database.write(work)

    async def channels(self, team: TeamId) -> list[ChannelId]:
        """Channels with known threads, the one addressed last first."""

        def work(connection: Connection) -> list[ChannelId]:
            rows = connection.execute(_CHANNELS, {"of_team": team}).all()
            newest = sorted(rows, key=lambda row: MessageId(row.newest), reverse=True)
            return [ChannelId(row.channel) for row in newest]

        return await self._database.read(work)

    async def roots(self, team: TeamId, channel: ChannelId) -> list[MessageTs]:
        """The roots of the channel's known threads, the newest first."""

        def work(connection: Connection) -> list[MessageTs]:
            rows = connection.execute(_ROOTS, {"of_team": team, "in_channel": channel})
            return sorted((MessageTs(row.thread_ts) for row in rows), reverse=True)

        return await self._database.read(work)

    async def known(
        self, team: TeamId, channel: ChannelId, *, since: MessageTs
    ) -> frozenset[MessageTs]:
        """Which messages after `since` are stored."""

        def work(connection: Connection) -> frozenset[MessageTs]:
            values = {"of_team": team, "in_channel": channel, "since": since}
            return frozenset(MessageTs(row.ts) for row in connection.execute(_KNOWN, values))

        return await self._database.read(work)

    async def open_messages(self, team: TeamId, channel: ChannelId) -> list[OpenMessage]:
        """What people said in the channel that waits or is being worked on, oldest first."""

        def work(connection: Connection) -> list[OpenMessage]:
            rows = connection.execute(_OPEN_WORDS, {"of_team": team, "in_channel": channel})
            found = {row.ts: row.thread_ts for row in rows}
            return [
                OpenMessage(MessageTs(ts), MessageTs(root) if root else None)
                for ts, root in sorted(found.items())
            ]

        return await self._database.read(work)


def _heard(connection: Connection, *, team: TeamId) -> MessageTs | None:
    found = connection.execute(_HEARD, {"of_team": team}).scalar()
    return None if found is None else MessageTs(found)


def _open(
    connection: Connection, team: TeamId, channel: ChannelId, since: MessageTs, cause: str
) -> None:
    values = {"of_team": team, "in_channel": channel, "since": since, "why": cause}
    if connection.execute(_WIDEN, values).rowcount == 0:
        connection.execute(
            _OPEN,
            {
                "team": team,
                "channel": channel,
                "since_ts": since,
                "cause": cause,
                "times_opened": 1,
            },
        )


def _named(team: TeamId, gap: EventGap) -> dict[str, object]:
    return {"of_team": team, "in_channel": gap.channel, "as_of": gap.times_opened}
