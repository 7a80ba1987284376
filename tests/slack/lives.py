"""Whole lives of a bridge between the loopback Slack and an agent that answers at once."""

import secrets
import time
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import sqlalchemy as sa

from bridge.domain.ids import MessageTs
from bridge.domain.permissions import ApprovalPolicy
from bridge.domain.routing import Team
from bridge.domain.teammates import Teammate
from bridge.engine.context import EngineContext
from bridge.engine.dispatcher import Dispatcher
from bridge.engine.options import EngineOptions
from bridge.engine.recovery import recover
from bridge.retry import RetryPolicy
from bridge.slack.auth_check import SocketAddresses
from bridge.slack.backfill.backfill import BackfillOptions
from bridge.slack.backfill.history_reader import HistoryReaderOptions
from bridge.slack.inbound.receiver import ReceiverOptions, SlackReceiver
from bridge.slack.inbound.socket_mode import SocketOptions
from bridge.store import schema
from tests.engine.fakes import FakeAgent
from tests.queue_oracle import turn_counts
from tests.slack.conftest import RealClock
from tests.support import eventually

LATE = "reached me late"
QUICKLY = BackfillOptions(
    grace_s=0.05,
    note_s=0.05,
    retry=RetryPolicy(0.05, 0.05),
    past=HistoryReaderOptions(burst=1_000, retry=RetryPolicy(0.05, 0.05)),
)
SOCKET = {"check_s": 0.02, "down_s": 0.2, "close_s": 1.0}


class Life:
    """One process's life: everything from the sockets to the engine."""

    def __init__(
        self,
        desk,
        agent,
        *,
        catch_up=QUICKLY,
        wrap=lambda engine: engine,
        web_api=None,
        **socket,
    ):
        clock, web_api = RealClock(), web_api or desk.web_api
        options = EngineOptions(
            server="local",
            lease=secrets.token_hex(4),
            team=Team((Teammate("ada"), Teammate("grace"))),
            approvals=ApprovalPolicy(frozenset(), 900.0),
            stop_wait_s=1.0,
        )
        self.desk = desk
        self.tools = EngineContext(desk.store, agent, desk.chat, clock, options)
        self.dispatcher = Dispatcher(self.tools)
        agent.listen(self.dispatcher)
        app_token = desk.playground.app_token
        self.intake = SlackReceiver(
            ReceiverOptions(
                SocketOptions(**{"app_token": app_token, **SOCKET, **socket}), catch_up=catch_up
            ),
            web_api=web_api,
            addresses=SocketAddresses(web_api, app_token, monotonic=time.monotonic),
            event_gaps=desk.store.event_gaps,
            us=desk.us,
            intake=wrap(self.dispatcher),
            chat=desk.chat,
            clock=clock,
        )

    async def begin(self):
        await recover(self.dispatcher, self.tools)
        await self.intake.start()
        await eventually(lambda: self.intake.reason is None)

    async def kill(self):
        """Cut everything off where it is."""
        await self.intake.stop()
        await self.dispatcher.abandon()


class Lives:
    """What tests work with: the desk, the agent, and who lives now."""

    def __init__(self, desk):
        self.desk = desk
        self.agent = FakeAgent()
        self.agent.answer_with("Here you are.")
        self.now = None

    async def begin(self, **options):
        self.now = Life(self.desk, self.agent, **options)
        await self.now.begin()

    async def die(self):
        """The process is gone, and what it heard last is written down (it always is, soon)."""
        heard = await self.desk.store.event_gaps.heard(self.desk.us.team)
        assert heard is not None
        await self.now.kill()
        self.now = None
        await eventually(lambda: self.desk.playground.connections == 0)

    async def event_gaps(self):
        """Wait until a first start has begun to hear."""

        async def begun():
            return await self.desk.store.event_gaps.heard(self.desk.us.team)

        return await eventually(begun)

    async def caught_up(self):
        await eventually(lambda: not self.now.intake.behind, within_s=30.0)

    async def answered(self, channel, root, *, times=1):
        """Wait for so many replies in a thread (or DM); returns all that is shown there."""

        async def said():
            shown = self.shown(channel, root)
            quiet = await turn_counts(self.desk.store) == {"waiting": 0, "active": 0}
            return quiet and len(answers(shown)) >= times and shown

        return await eventually(said, within_s=40.0)

    async def quiet(self):
        """Wait until nobody works and nothing waits."""

        async def nothing_left():
            return await turn_counts(self.desk.store) == {"waiting": 0, "active": 0}

        await eventually(nothing_left)

    def shown(self, channel, root=None):
        """What the app shows in a thread or DM."""
        messages = self.desk.playground.messages(channel, root)
        return [message for message in messages if message.get("bot_id")]

    def asked(self):
        """Every input that the agent got, as text."""
        return [given.text for given in self.agent.inputs]


def answers(shown):
    return [message for message in shown if "Here you are." in str(message["blocks"])]


def late_lines(shown):
    return [message for message in shown if LATE in str(message.get("blocks"))]


@asynccontextmanager
async def lives_on(desk):
    lives = Lives(desk)
    desk.chat.start()
    try:
        yield lives
    finally:
        if lives.now is not None:
            await lives.now.kill()


async def remember(desk, roots):
    """Make these roots known: ada has taken part in their threads, and the last one was heard."""
    key = {"team": desk.us.team, "channel": desk.channel()}

    def work(connection):
        said = [
            {
                **key,
                "message_id": number,
                "ts": root,
                "thread_ts": root,
                "speaker": "person",
                "author": "U01MAYACHEN",
                "trusted": True,
                "received_at": datetime.now(UTC),
                "body": "",
                "files": "",
            }
            for number, root in enumerate(roots, 1)
        ]
        bound = [
            {
                **key,
                "thread_ts": root,
                "teammate": "ada",
                "server": "local",
                "last_addressed": number,
            }
            for number, root in enumerate(roots, 1)
        ]
        connection.execute(sa.insert(schema.messages), said)
        connection.execute(sa.insert(schema.bindings), bound)

    await desk.store.database.write(work)
    await desk.store.event_gaps.advance(desk.us.team, MessageTs(roots[-1]))
