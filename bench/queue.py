"""Benchmark of the queue: what a turn costs in a database of a million turns."""

import itertools
import random
import shutil
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from bench.figures import Row, median, ms
from bench.parts import Backstage
from bench.past import multiply
from bench.place import CHANNELS
from bench.stage import bridge_stage
from bench.talk import ECHO
from bridge.domain.ids import ChannelId, MessageTs, TeamId, ThreadKey, TurnId, UserId
from bridge.domain.messages import InboundMessage, WaitingTurn
from bridge.store import Store

FEW, MANY = 1_000, 1_000_000
FIRST = 20
"""Turns that a real bridge runs; the others are copies of them."""

SAMPLES, WARM_UP = 400, 40


async def queue(backstage: Backstage) -> list[Row]:
    """Enqueue and claim, in turns on a file of a thousand and one of a million turns."""
    async with bridge_stage(backstage) as stage:
        for number in range(FIRST):
            await stage.turn(ECHO, channel=CHANNELS[number % len(CHANNELS)])
        await stage.stop_bridge()
        first = stage.folder / "bridge.db"
        few, many = stage.folder / "few.db", stage.folder / "many.db"
        for path, turns in ((few, FEW), (many, MANY)):
            shutil.copy(first, path)
            multiply(path, turns // FIRST)
        small, large = await _Queue.open(few), await _Queue.open(many)
        try:
            for number in range(WARM_UP + SAMPLES):
                for each in (small, large) if number % 2 else (large, small):
                    await each.turn()
        finally:
            await small.close()
            await large.close()
    return [_row(small, large)]


@dataclass(slots=True)
class _Queue:
    """One of the two databases, with the threads in which people go on talking."""

    store: Store
    threads: list[tuple[ThreadKey, str]]
    enqueued: list[float] = field(default_factory=list)
    claimed: list[float] = field(default_factory=list)
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    @classmethod
    async def open(cls, path: Path) -> "_Queue":
        with closing(sqlite3.connect(path)) as file:
            rows = file.execute("SELECT team, channel, thread_ts, teammate FROM bindings")
            threads = [
                (ThreadKey(TeamId(team), ChannelId(channel), MessageTs(root)), teammate)
                for team, channel, root, teammate in rows
            ]
        threads = random.Random(7).sample(threads, min(len(threads), WARM_UP + SAMPLES))
        return cls(await Store.open(f"sqlite+aiosqlite:///{path}"), threads)

    async def turn(self) -> None:
        """Somebody says something in a known thread, and its turn is taken up."""
        number = next(self._numbers)
        thread, teammate = self.threads[number % len(self.threads)]
        now = datetime.now(UTC)
        began = time.monotonic()
        accepted = await self.store.turn_queue.accept(
            _message(thread, number),
            thread=thread,
            teammates=[teammate],
            server="bench",
            new_turn_ids=[TurnId(f"bench-{number}")],
            now=now,
            joins=_never,
            trusted=True,
        )
        stored = time.monotonic()
        taken = await self.store.turn_queue.claim(
            accepted.placed[0].binding_id, lease="bench", now=now
        )
        ended = time.monotonic()
        assert taken is not None
        self.enqueued.append(stored - began)
        self.claimed.append(ended - stored)

    async def close(self) -> None:
        await self.store.close()


def _message(thread: ThreadKey, number: int) -> InboundMessage:
    return InboundMessage(
        event_id=f"Ev{number}",
        team=thread.team,
        channel=thread.channel,
        ts=MessageTs(f"1{number:09}.000100"),
        thread_ts=thread.thread_ts,
        user=UserId("U1"),
        text="and what about the other one?",
        is_dm=False,
        mentions_app=True,
    )


def _never(_waiting: WaitingTurn, _message: InboundMessage) -> bool:
    return False


def _row(small: _Queue, large: _Queue) -> Row:
    enqueue, claim = _ratio(small.enqueued, large.enqueued), _ratio(small.claimed, large.claimed)
    return Row(
        what="enqueue and claim at 1,000,000 stored turns ÷ at 1,000",
        figure=f"{enqueue:.2f}, {claim:.2f}",
        goal="≤ 1.5",
        ok=max(enqueue, claim) <= 1.5,
        note=f"{SAMPLES} on each, by turns; enqueue {_pair(small.enqueued, large.enqueued)}, "
        f"claim {_pair(small.claimed, large.claimed)}",
    )


def _ratio(few: list[float], many: list[float]) -> float:
    return median(many[WARM_UP:]) / median(few[WARM_UP:])


def _pair(few: list[float], many: list[float]) -> str:
    return f"{ms(median(few[WARM_UP:]))} and {ms(median(many[WARM_UP:]))}"
