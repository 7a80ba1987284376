"""An engine on a real database file between two fake sides."""

import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bridge.domain.ids import ChannelId, MessageTs, TeamId, UserId
from bridge.domain.messages import InboundMessage, SharedFile
from bridge.domain.permissions import ApprovalPolicy, PeoplePolicy
from bridge.domain.routing import Team
from bridge.domain.teammates import Teammate
from bridge.engine.context import EngineContext
from bridge.engine.dispatcher import Dispatcher
from bridge.engine.options import EngineOptions
from bridge.engine.recovery import recover
from bridge.store.store import Store
from tests.engine.fakes import FakeAgent, FakeChat, FakeGuard, FakeReply, Input, SystemClock
from tests.support import eventually

TEAM = TeamId("T1")
CHANNEL = ChannelId("C1")
MAYA, JONAS, GUEST = UserId("UMAYA"), UserId("UJONAS"), UserId("UGUEST")
ADA, GRACE = Teammate("ada", cwd="/srv/api"), Teammate("grace", aliases=("gracie",))


@dataclass
class World:
    """One bridge's life between fakes; `restart` begins the next one on the same file."""

    path: Path
    agent: FakeAgent = field(default_factory=FakeAgent)
    chat: FakeChat = field(default_factory=FakeChat)
    supervisor: FakeGuard = field(default_factory=FakeGuard)
    clock: SystemClock = field(default_factory=SystemClock)
    expiry_s: float = 900.0
    time_limit_s: float = 3600.0
    abort_wait_s: float = 0.2
    link_wait_s: float = 2.0
    rerun_wait_s: float = 0.3
    answer_wait_s: float = 20.0
    apps: frozenset[str] = frozenset()
    server: str = "local"
    team: Team = field(default_factory=lambda: Team((ADA, GRACE)))
    lives: int = 0
    _ts: itertools.count = field(default_factory=lambda: itertools.count(1))

    def live_turns(self) -> bool:
        """Whether any worker has a turn."""
        return any(worker.current is not None for worker in self.dispatcher._workers.values())

    async def open(self) -> None:
        self.lives += 1
        self.store = await Store.open(f"sqlite+aiosqlite:///{self.path}")
        options = EngineOptions(
            server=self.server,
            lease=f"life-{self.lives}",
            team=self.team,
            people=PeoplePolicy(apps=self.apps),
            approvals=ApprovalPolicy(frozenset({JONAS}), self.expiry_s),
            time_limit_s=self.time_limit_s,
            link_wait_s=self.link_wait_s,
            abort_wait_s=self.abort_wait_s,
            rerun_wait_s=self.rerun_wait_s,
            answer_wait_s=self.answer_wait_s,
            stop_wait_s=1.0,
        )
        self.tools = EngineContext(
            self.store, self.agent, self.chat, self.clock, options, self.supervisor
        )
        self.chat.start(self.store)
        self.dispatcher = Dispatcher(self.tools)
        self.agent.listen(self.dispatcher)
        await recover(self.dispatcher, self.tools)

    async def close(self) -> None:
        await self.dispatcher.shut_down()
        await self.store.close()

    async def crash(self) -> None:
        """End without a word, as a killed process does."""
        await self.dispatcher.abandon()
        await self.store.close()

    def message(
        self,
        text: str,
        *,
        user: UserId = MAYA,
        thread: MessageTs | None = None,
        files: tuple[SharedFile, ...] = (),
        dm: bool = False,
        mention: bool = True,
        bot: bool = False,
        apps: frozenset[str] = frozenset(),
    ) -> InboundMessage:
        number = next(self._ts)
        return InboundMessage(
            event_id=f"Ev{number}",
            team=TEAM,
            channel=ChannelId("D1") if dm else CHANNEL,
            ts=MessageTs(f"1600000000.{number:06d}"),
            thread_ts=thread,
            user=user,
            text=text,
            is_dm=dm,
            mentions_app=mention and not dm,
            files=files,
            from_bot=bot,
            apps=apps,
        )

    async def say(self, text: str, **where: object) -> InboundMessage:
        message = self.message(text, **where)  # type: ignore[arg-type]
        await self.dispatcher.message(message)
        return message

    async def input(self, number: int) -> Input:
        """The n-th input that the agent got, counted from 1."""
        return (await eventually(lambda: self.agent.inputs[:number][number - 1 :]))[0]

    async def is_active(self, reply: FakeReply) -> bool:
        """Whether the reply's turn has no recorded end yet."""
        active = await self.store.turn_queue.left_active(not_lease="nobody")
        return any(left.turn.turn_id == reply.target.turn_id for left in active)

    async def ended(self, number: int) -> FakeReply:
        """The n-th reply, once it has ended and its turn is recorded."""

        async def done() -> FakeReply | None:
            replies = [reply for reply in self.chat.replies if reply.ending is not None]
            if len(replies) < number or await self.is_active(replies[number - 1]):
                return None
            return replies[number - 1]

        reply = await eventually(done)
        assert reply is not None
        return reply


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = World(tmp_path / "bridge.db")
    await world.open()
    yield world
    await world.close()
