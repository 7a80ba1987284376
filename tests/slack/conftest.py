"""A loopback Slack, a database file and a surface between them."""

import itertools
import secrets
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bridge.commands import app_manifest
from bridge.domain.ids import ChannelId, MessageTs, TeamId, ThreadKey, TurnId, UserId
from bridge.domain.messages import InboundMessage
from bridge.domain.ports import ReplyTarget
from bridge.domain.teammates import Persona
from bridge.slack.auth_check import describe
from bridge.slack.chat_adapter import ChatAdapter, ChatAdapterOptions
from bridge.slack.rate_limit.rate_limiter import RateLimiter
from bridge.slack.web_api import WebApi, WebApiOptions, web_session
from bridge.store.store import Store
from slack_playground import Playground, PlaygroundOptions
from slack_playground.app_manifest import read_manifest
from tests.support import eventually

MANIFEST = read_manifest(app_manifest.path())
"""What the app asks for, so that what it forgets to ask for fails here too."""

ADA = Persona("Ada", icon_emoji=":owl:")


class RealClock:
    """Real time and chance."""

    def now(self):
        return datetime.now(UTC)

    def monotonic(self):
        return time.monotonic()

    def new_id(self):
        return secrets.token_urlsafe(15)


class Desk:
    """What a test works with: the playground, the store, and our side of Slack."""

    def __init__(self, playground, store, web_api, workspace, surface, *, store_path=None):
        self.playground = playground
        self.store_path = store_path
        self.store = store
        self.web_api = web_api
        self.us = workspace.us
        self.workspace = workspace
        self.chat = surface
        self._numbers = itertools.count()

    def say(self, text, *, channel="#engineering", thread_ts=None, as_="maya"):
        """A person's message; returns its ts."""
        return self.playground.post(as_, channel, text, thread_ts)

    def channel(self, name="#engineering"):
        return ChannelId(self.playground.channel(name)["id"])

    async def target(self, root=None, *, persona=ADA, channel="#engineering", mentions=()):
        """A reply's target in the thread of `root`, with a turn in the store."""
        root = root or self.say("please look at this", channel=channel)
        where = self.channel(channel)
        thread = ThreadKey(self.us.team, where, MessageTs(root))
        message = InboundMessage(
            event_id=f"Ev{next(self._numbers)}-{secrets.token_hex(4)}",
            team=thread.team,
            channel=where,
            ts=MessageTs(f"{next(self._numbers)}.{secrets.randbelow(10**6):06d}"),
            thread_ts=thread.thread_ts,
            user=UserId("U01MAYACHEN"),
            text="please",
            is_dm=False,
            mentions_app=True,
        )
        turn_id = TurnId(secrets.token_urlsafe(12))
        await self.store.turn_queue.accept(
            message,
            thread=thread,
            teammates=[persona.name.lower() + secrets.token_hex(2)],
            server="s",
            new_turn_ids=[turn_id],
            now=datetime.now(UTC),
            joins=lambda *_: False,
            trusted=True,
        )
        return ReplyTarget(turn_id, thread, thread.thread_ts, persona, frozenset(mentions))

    async def finish(self, reply, ending):
        """Bring a reply to its end as the engine does, but for the turn; returns its first ts."""
        last = await reply.conclude(ending)
        await self.store.outbox.owe(last.owed)
        await reply.deliver(stored=True)
        turn_id = last.owed[0].turn_id
        rows = [row for row in await self.store.outbox.of_turn(turn_id) if row.state == "sent"]
        return rows[0].ts if rows else None

    async def ask(self, asked, *, thread_ts, persona=ADA):
        """Show an approval's card as the engine does; returns the approval as it is then."""
        card = self.chat.card(asked, persona=persona, thread_ts=thread_ts)
        await self.store.approvals.create(asked, card)
        await self.chat.show_card(asked, new=True)
        return await self.store.approvals.get(asked.approval_id)

    async def settle(self, asked, state, *, by=None, cause=None):
        """Settle an approval and show that, as the engine does."""
        settled = await self.store.approvals.settle(
            asked.approval_id, state=state, by=by, cause=cause, now=RealClock().now()
        )
        await self.chat.show_card(settled)
        return settled

    def thread(self, target):
        """The messages of a reply's thread, without the root."""
        return self.playground.messages(target.thread.channel, target.thread_ts)[1:]

    def markdown(self, target):
        """All Markdown of a thread, in order."""
        return "\n".join(
            block["text"]
            for message in self.thread(target)
            for block in message.get("blocks", [])
            if block["type"] == "markdown"
        )

    async def restart(self, options, *, started=True):
        """Kill the process and start the next one: what was under way is cut off where it is."""
        await self.chat.aclose()
        self.chat = ChatAdapter(self.web_api, self.store, self.us, RealClock(), options)
        if started:
            self.chat.start()

    async def all_shown(self):
        """Wait until Slack is owed nothing any more."""

        async def nothing_owed():
            return not await self.store.outbox.owed()

        await eventually(nothing_owed, within_s=20.0)


@asynccontextmanager
async def open_desk(tmp_path, *, rate_limits=False, surface=None, web_api=None, **options):
    options = {"rate_limits": rate_limits, **options}
    playground = Playground(replace(PlaygroundOptions().for_app(MANIFEST), **options))
    await playground.start()
    store = await Store.open(f"sqlite+aiosqlite:///{tmp_path}/bridge.db")
    session = web_session()
    calls = WebApi(
        WebApiOptions(token=playground.bot_token, base_url=playground.api_url, **(web_api or {})),
        session=session,
        budget=RateLimiter(monotonic=time.monotonic),
    )
    desk = None
    try:
        workspace = await describe(calls)
        shown = ChatAdapter(
            calls,
            store,
            workspace.us,
            RealClock(),
            surface or ChatAdapterOptions(names={"Ada": "ada"}),
        )
        path = f"{tmp_path}/bridge.db"
        desk = Desk(playground, store, calls, workspace, shown, store_path=path)
        yield desk
    finally:
        if desk is not None:
            await desk.chat.aclose()
        await session.close()
        await store.close()
        await playground.stop()


@pytest.fixture
async def desk(tmp_path):
    async with open_desk(tmp_path) as found:
        yield found


@pytest.fixture
def desk_with(tmp_path):
    """`async with desk_with(rate_limits=True) as desk`."""
    return lambda **options: open_desk(tmp_path, **options)


HOME = TeamId("T01PLAYGRND")
