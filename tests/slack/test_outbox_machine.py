"""Any sequence of faults ends with every write that must happen shown once, the last one last.

Hypothesis makes up what a bridge does and what goes wrong meanwhile: refusals, errors, lost and
late answers, and kills. In the end Slack is well again and the next process is left alone.
"""

import asyncio
import tempfile
from dataclasses import dataclass, field

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bridge.domain.approvals import Approval, ApprovalState
from bridge.domain.events import Outcome, Usage
from bridge.domain.ids import MessageRef, MessageTs
from bridge.domain.ports import ReplyEnding
from bridge.domain.teammates import Persona
from bridge.retry import RetryPolicy
from bridge.slack.chat_adapter import ChatAdapterOptions
from bridge.slack.outbound.live_reply import DeliveryOptions
from bridge.slack.outbound.outbox_worker import OutboxWorkerOptions
from bridge.slack.web_api_errors import CODES
from bridge.telemetry import Tasks
from tests.slack.conftest import open_desk
from tests.slack.samples import approval
from tests.slack.test_live_reply import stop_buttons

APP = Persona("App")
DONE = ReplyEnding(Outcome.DONE, None, 3.0, Usage())
OPTIONS = ChatAdapterOptions(
    names={"Ada": "ada"},
    delivery=DeliveryOptions(finish_s=0.6, seal_s=0.2),
    outbox_worker=OutboxWorkerOptions(first_try_s=0.3, retry=RetryPolicy(0.02, 0.1)),
)
FAULTS = ("server_error", "late_error", "lost_answer", "lost_call", "slow", "rate_limited")
METHODS = ("chat.postMessage", "chat.update", "reactions.add", "reactions.remove")

DEEDS = ("say", "end", "notice", "ask", "decide", "wait", "take", "kill")

faults = st.tuples(
    st.sampled_from(FAULTS),
    st.sampled_from((*METHODS, "conversations.replies")),
    st.integers(1, 3),
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("fault"), faults),
        st.tuples(
            st.sampled_from(("say", "end", "notice", "ask", "decide", "wait", "take", "kill")),
            st.none(),
        ),
    ),
    max_size=12,
)


@dataclass
class Life:
    """What a bridge did in one thread, over all its processes, and what must be seen of it."""

    desk: object
    target: object = None
    reply: object = None
    said: str = ""
    replies: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    asked: list[Approval] = field(default_factory=list)
    decided: int = 0
    signs: set[str] = field(default_factory=set)
    tasks: Tasks = field(default_factory=Tasks)

    async def begin(self):
        self.root = self.root if self.target else self.desk.say("please")
        self.target = await self.desk.target(self.root)
        self.reply, self.said = self.desk.chat.open_reply(self.target), ""

    async def say(self, _):
        piece = f"piece{len(self.replies)}x{len(self.said)} "
        self.said += piece
        self.reply.append("1", "m", piece)
        await asyncio.sleep(0.02)

    async def end(self, _):
        if not self.said:
            await self.say(None)
        last = await self.reply.conclude(DONE)
        await self.desk.store.outbox.owe(last.owed)
        self.replies.append(self.said.strip())
        self.tasks.spawn(self.reply.deliver(stored=True), name="deliver")
        await self.begin()

    async def notice(self, _):
        text = f"notice {len(self.notices)}"
        self.notices.append(text)
        self.tasks.spawn(self.desk.chat.notice(self.target.thread, text), name="notice")
        await self.stored()

    async def ask(self, _):
        asked = approval(self.target.turn_id, self.target.thread)
        self.asked.append(asked)
        card = self.desk.chat.card(asked, persona=APP, thread_ts=self.target.thread_ts)
        await self.desk.store.approvals.create(asked, card)
        self.tasks.spawn(self.desk.chat.show_card(asked, new=True), name="card")
        await asyncio.sleep(0.02)

    async def decide(self, _):
        """The oldest question that is still open."""
        for asked in self.asked[self.decided : self.decided + 1]:
            self.decided += 1
            settled = await self.desk.store.approvals.settle(
                asked.approval_id,
                state=ApprovalState.ALLOWED,
                by=asked.requester,
                cause=None,
                now=asked.asked_at,
            )
            self.tasks.spawn(self.desk.chat.show_card(settled), name="decided card")
            await asyncio.sleep(0.02)

    async def wait(self, _):
        await self.sign(self.desk.chat.mark_waiting(self.ref))
        self.signs.add("hourglass_flowing_sand")

    async def take(self, _):
        await self.sign(self.desk.chat.mark_taken(self.ref, was_waiting=True))
        self.signs = {"eyes"}

    async def sign(self, marking):
        self.tasks.spawn(marking, name="sign")
        await self.stored()

    async def stored(self):
        """What was asked for is in the file: from here on it must be shown."""
        await asyncio.sleep(0)
        await self.desk.store.outbox.owed()
        await self.desk.store.database.check_writable()

    async def fault(self, fault):
        name, method, count = fault
        more = {"slow": {"delay_s": 0.4}, "rate_limited": {"retry_after_s": 1}}.get(name, {})
        await self.desk.playground.set_fault(name, method=method, count=count, **more)

    async def kill(self, _):
        """The process dies; the turn that runs is taken up by the next one."""
        await self.tasks.aclose()
        await self.desk.restart(OPTIONS)
        self.reply = self.desk.chat.open_reply(self.target, resumed=True)
        if self.said:
            self.reply.set_text("1", "m", self.said)

    @property
    def ref(self):
        return MessageRef(self.desk.channel(), MessageTs(self.root))

    def shown(self):
        return self.desk.playground.messages(self.ref.channel, self.root)[1:]


async def live(life, asked):
    await life.begin()
    for name, detail in asked:
        await getattr(life, name)(detail)
    await life.end(None)
    await life.kill(None)
    for name in FAULTS:
        await life.desk.playground.set_fault(name, False)
    await life.desk.all_shown()


def judge(life):
    replies = [message for message in life.shown() if message.get("username") == "Ada"]
    told = [
        "".join(b["text"] for b in message["blocks"] if b["type"] == "markdown").strip()
        for message in replies
    ]
    assert sorted(told) == sorted(life.replies), (told, life.replies)
    assert not any(stop_buttons(message) for message in replies)
    cards = [message for message in life.shown() if message.get("username") == "App"]
    open_cards = [message for message in cards if stop_buttons(message)]
    assert len(open_cards) == len(life.asked) - life.decided
    assert len(cards) <= len(life.asked)
    others = [*replies, *cards]
    notices = [message["text"] for message in life.shown() if message not in others]
    assert notices == life.notices, (notices, life.notices)
    root = next(m for m in life.desk.playground.messages(life.ref.channel) if m["ts"] == life.root)
    assert {sign["name"] for sign in root.get("reactions", [])} == life.signs


@settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(asked=steps)
def test_g4_whatever_fails_every_write_is_shown_once_and_the_last_revision_last(asked):
    async def world():
        web_api = {"call_timeout_s": 0.25, "patience_s": 2.0}
        with tempfile.TemporaryDirectory() as folder:
            async with open_desk(folder, surface=OPTIONS, web_api=web_api) as desk:
                life = Life(desk)
                try:
                    await live(life, asked)
                    judge(life)
                finally:
                    await life.tasks.aclose()

    asyncio.run(world())


CODES_OF_CALLS = st.sampled_from(sorted(CODES)) | st.text(
    alphabet="abcdefghijklmnopqrstuvwxyz_", min_size=3, max_size=20
)


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(method=st.sampled_from(METHODS), code=CODES_OF_CALLS)
def test_g4_whatever_slack_refuses_no_owed_write_is_left_undecided(method, code):
    """It is shown in the end, or given up: nothing is owed for ever."""

    async def world():
        web_api = {"call_timeout_s": 0.25, "patience_s": 2.0}
        with tempfile.TemporaryDirectory() as folder:
            async with open_desk(folder, surface=OPTIONS, web_api=web_api) as desk:
                life = Life(desk)
                await life.begin()
                await desk.playground.set_fault("error", method=method, code=code, count=2)
                for deed in (life.say, life.notice, life.ask, life.wait, life.decide, life.take):
                    await deed(None)
                await life.end(None)
                await desk.all_shown()
                await life.tasks.aclose()

    asyncio.run(world())
