"""What the store's tests share: a place to talk, people who talk, and short verbs."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from bridge.domain.bindings import ClaimedTurn
from bridge.domain.events import Outcome, Usage
from bridge.domain.ids import (
    BindingId,
    ChannelId,
    MessageTs,
    TeamId,
    ThreadKey,
    TurnId,
    UserId,
)
from bridge.domain.messages import InboundMessage, SharedFile, WaitingTurn
from bridge.domain.outbox_entry import LastRevision
from bridge.store import Accepted, Amendment, Edit, Store

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TEAM = TeamId("T1")
CHANNEL = ChannelId("C1")
THREAD = ThreadKey(TEAM, CHANNEL, MessageTs("1.000000"))
OTHER_THREAD = ThreadKey(TEAM, CHANNEL, MessageTs("2.000000"))
DM = ThreadKey(TEAM, ChannelId("D1"), None)
LEASE = "this process"


def url(path: Path) -> str:
    return f"sqlite+aiosqlite:///{path}"


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def ts_of(number: int) -> MessageTs:
    return MessageTs(f"{number}.000000")


def never(_waiting: WaitingTurn, _message: InboundMessage) -> bool:
    return False


def always(_waiting: WaitingTurn, _message: InboundMessage) -> bool:
    return True


def _same(join: bool, waiting: WaitingTurn, _message: InboundMessage, *, trusted: bool) -> bool:
    return join and waiting.trusted == trusted


def message(
    number: int,
    text: str = "hello",
    *,
    thread: ThreadKey = THREAD,
    event_id: str | None = None,
    files: tuple[SharedFile, ...] = (),
) -> InboundMessage:
    return InboundMessage(
        event_id=event_id or f"Ev{number}",
        team=thread.team,
        channel=thread.channel,
        ts=ts_of(number),
        thread_ts=thread.thread_ts,
        user=UserId("U1"),
        text=text,
        is_dm=thread.thread_ts is None,
        mentions_app=True,
        files=files,
    )


@dataclass
class World:
    """A store with short verbs. Turns made by message 7 for ada are called `7-ada`."""

    store: Store
    lease: str = LEASE
    bound: dict[tuple[ThreadKey, str], BindingId] = field(default_factory=dict)
    news: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    async def say(
        self,
        number: int,
        *teammates: str,
        text: str = "hello",
        thread: ThreadKey = THREAD,
        join: bool = False,
        trusted: bool = True,
    ) -> Accepted:
        return await self.accept(
            message(number, text, thread=thread),
            teammates,
            thread=thread,
            join=join,
            trusted=trusted,
        )

    async def accept(
        self,
        said: InboundMessage,
        teammates: Sequence[str],
        *,
        thread: ThreadKey = THREAD,
        join: bool = False,
        trusted: bool = True,
    ) -> Accepted:
        stem = said.ts.split(".")[0]
        accepted = await self.store.turn_queue.accept(
            said,
            thread=thread,
            teammates=teammates,
            server="main",
            new_turn_ids=[TurnId(f"{stem}-{name}") for name in teammates],
            now=NOW,
            joins=always if join else never,
            trusted=trusted,
        )
        for placed in accepted.placed:
            self.bound[thread, placed.teammate] = placed.binding_id
        return accepted

    def binding(self, teammate: str, thread: ThreadKey = THREAD) -> BindingId:
        return self.bound[thread, teammate]

    async def claim(self, teammate: str, thread: ThreadKey = THREAD) -> ClaimedTurn | None:
        return await self.store.turn_queue.claim(
            self.binding(teammate, thread), lease=self.lease, now=NOW
        )

    async def claimed(self, teammate: str, thread: ThreadKey = THREAD) -> ClaimedTurn:
        turn = await self.claim(teammate, thread)
        assert turn is not None
        return turn

    async def edit(self, number: int, text: str, *, at: int = 100, join: bool = False) -> Amendment:
        """A person edits message `number`; turns for the news are called `news-1`, `news-2`, …"""
        return await self.store.turn_queue.edit_message(
            Edit(
                message=replace(message(number, text), edited_ts=ts_of(at)),
                told=f"it now reads: {text}",
                now=NOW,
                joins=partial(_same, join),
                new_turn_id=lambda: TurnId(f"news-{next(self.news)}"),
            )
        )

    async def end(
        self, turn_id: str, outcome: Outcome = Outcome.DONE, *, last: LastRevision | None = None
    ) -> bool:
        return await self.store.turn_queue.end(
            TurnId(turn_id),
            lease=self.lease,
            outcome=outcome,
            cause=None,
            usage=Usage(10, 3),
            seconds=1.5,
            now=later(2),
            last=last,
        )

    async def send(self, turn_id: str, attempt: int = 1) -> bool:
        return await self.store.turn_queue.record_attempt(
            TurnId(turn_id),
            lease=self.lease,
            attempt=attempt,
            client_message_id=f"turn-{turn_id}-{attempt}",
        )
