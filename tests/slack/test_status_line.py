"""The status line while Slack's limits keep replies waiting: the truth, while it is true."""

import asyncio
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace

from bridge.domain.events import Outcome, Usage
from bridge.domain.ids import ChannelId, MessageTs, TeamId, ThreadKey, TurnId
from bridge.domain.ports import ReplyEnding, ReplyTarget
from bridge.domain.teammates import Persona
from bridge.slack.chat_adapter import ChatAdapterOptions
from bridge.slack.outbound.status_line import METHOD, SLOWED, StatusBoard
from bridge.slack.rate_limit.rate_limiter import RateLimiter
from bridge.slack.rate_limit.windows import Priority
from bridge.telemetry import Tasks
from tests.slack.samples import approval
from tests.slack.virtual import run_virtually
from tests.support import eventually

WAITING = "is waiting for a decision"
THINKING = "is thinking…"
THREAD = ThreadKey(TeamId("T1"), ChannelId("C1"), MessageTs("1.0"))
TARGET = ReplyTarget(TurnId("t"), THREAD, THREAD.thread_ts, Persona("Ada"), frozenset())


@contextmanager
def crowd(budget, size=10):
    """So many further replies that each of them must wait for seconds."""
    with ExitStack() as stack:
        for _ in range(size):
            stack.enter_context(budget.live_reply())
        budget.reconsider()
        yield


@dataclass
class SocketConnection:
    """A gateway that takes every status at once."""

    budget: RateLimiter
    said: list[str] = field(default_factory=list)

    async def call(self, method, arguments, *, priority, channel=None):
        async with self.budget.permit(method, channel=channel, priority=priority):
            self.said.append(arguments()["status"])


class Plain:
    """Faces that change nothing."""

    def arguments(self, persona):
        return {}


async def told_while(work):
    """What the line said while `work(budget, board)` went on."""
    budget = RateLimiter(monotonic=asyncio.get_running_loop().time)
    line, tasks = SocketConnection(budget), Tasks()
    board = StatusBoard(line, Plain(), tasks)
    board.show(TARGET, THINKING)
    await asyncio.sleep(1.0)
    await work(budget)
    board.show(TARGET, "")
    await asyncio.sleep(1.0)
    left = len(tasks)
    await tasks.aclose()
    return line.said, left


def test_a_crowd_is_told_and_the_word_goes_when_the_pace_is_normal_again():
    async def work(budget):
        with crowd(budget):
            await asyncio.sleep(60.0)
        await asyncio.sleep(20.0)

    said, left = run_virtually(told_while(work))
    assert said == [THINKING, f"{THINKING} · {SLOWED}", THINKING, ""]
    assert left == 0


def test_a_429_that_keeps_an_edit_waiting_is_told_after_some_seconds():
    moments = []

    async def work(budget):
        now = asyncio.get_running_loop().time
        budget.watch_slow(lambda: moments.append((budget.slow, now() - began)))
        began = now()
        async with budget.permit("chat.update", priority=Priority.EDIT):
            budget.refused("chat.update", retry_after_s=30.0)
        async with budget.permit("chat.update", priority=Priority.EDIT):
            pass
        await asyncio.sleep(30.0)

    said, _ = run_virtually(told_while(work))
    assert said == [THINKING, f"{THINKING} · {SLOWED}", THINKING, ""]
    (on, after_s), (off, until_s) = moments
    assert (on, off) == (True, False)
    assert 4.9 <= after_s <= 5.1
    assert 35.0 <= until_s <= 45.0


def test_a_short_429_and_waiting_emoji_are_not_worth_a_word():
    async def work(budget):
        async with budget.permit("chat.update", priority=Priority.EDIT):
            budget.refused("chat.update", retry_after_s=3.0)
        async with budget.permit("reactions.add", priority=Priority.QUIET):
            budget.refused("reactions.add", retry_after_s=30.0)
        async with budget.permit("reactions.add", priority=Priority.QUIET):
            pass
        async with budget.permit("chat.update", priority=Priority.EDIT):
            pass

    said, _ = run_virtually(told_while(work))
    assert said == [THINKING, ""]


async def test_people_see_under_the_thread_that_slack_slows_the_updates_down(desk):
    target = await desk.target()
    reply = desk.chat.open_reply(target)
    reply.show_status(THINKING)
    where = ("#engineering", target.thread_ts)
    await eventually(lambda: desk.playground.status(*where) == THINKING)
    with crowd(desk.web_api.budget):
        await eventually(lambda: desk.playground.status(*where) == f"{THINKING} · {SLOWED}")


async def test_a_thread_in_which_a_card_waits_says_so_below_the_card(desk):
    target = await desk.target()
    desk.chat.open_reply(target).show_status(WAITING)
    where = ("#engineering", target.thread_ts)
    await eventually(lambda: desk.playground.status(*where) == WAITING)
    await desk.ask(approval(target.turn_id, target.thread), thread_ts=target.thread_ts)
    await eventually(lambda: desk.playground.calls("chat.postMessage"))
    await eventually(lambda: desk.playground.status(*where) == WAITING)
    assert len(desk.playground.calls("assistant.threads.setStatus")) == 2


async def test_g5_what_an_earlier_process_said_of_a_turn_goes_with_its_end(desk):
    target = await desk.target()
    reply = desk.chat.open_reply(target)
    reply.append("1", "m", "Half")
    reply.show_status(THINKING)
    where = ("#engineering", target.thread_ts)
    await eventually(lambda: desk.playground.status(*where) == THINKING)
    await desk.restart(ChatAdapterOptions())
    resumed = desk.chat.open_reply(target, resumed=True)
    resumed.show_status(THINKING)
    resumed.set_text("1", "m", "Whole")
    await desk.finish(resumed, ReplyEnding(Outcome.DONE, None, 3.0, Usage()))
    await eventually(lambda: not desk.playground.status(*where))


async def test_a_status_whose_end_slack_did_not_confirm_is_taken_away_again(desk):
    target = await desk.target()
    reply = desk.chat.open_reply(target)
    reply.show_status(THINKING)
    where = ("#engineering", target.thread_ts)
    await eventually(lambda: desk.playground.status(*where) == THINKING)
    await desk.playground.set_fault("server_error", method=METHOD, count=1)
    reply.show_status("")
    await eventually(lambda: not desk.playground.status(*where))


async def test_where_no_status_can_be_the_reply_says_it_itself_until_it_ends(desk):
    target = await desk.target()
    at_root = replace(target, thread=replace(target.thread, thread_ts=None), thread_ts=None)
    reply = desk.chat.open_reply(at_root)

    def shown():
        return str(desk.playground.messages("#engineering")[-1].get("blocks"))

    with crowd(desk.web_api.budget):
        reply.append("1", "m", "Hello")
        await eventually(lambda: SLOWED in shown())
        await desk.finish(reply, ReplyEnding(Outcome.DONE, None, 3.0, Usage()))
    assert "Hello" in shown()
    assert SLOWED not in shown()


async def test_g5_a_line_that_a_killed_process_left_is_cleared_by_its_thread(desk):
    target = await desk.target()
    thread = target.thread
    await desk.web_api.call(
        "assistant.threads.setStatus",
        lambda: {"channel_id": thread.channel, "thread_ts": thread.thread_ts, "status": "is…"},
        priority=Priority.QUIET,
    )
    assert desk.playground.status(thread.channel, thread.thread_ts) == "is…"
    desk.chat.clear_status(thread)
    await eventually(lambda: desk.playground.status(thread.channel, thread.thread_ts) == "")
