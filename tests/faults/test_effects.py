"""Every effect of a turn fails once in a way that nobody foresaw: an exception at a port.

Whatever it is, the turn ends in words, the next one in the thread is answered, the failure is
counted and no task is left.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import UnionType
from typing import Any, get_args

import pytest

from bridge.domain import effects as fx
from bridge.domain import events as ev
from bridge.domain.events import Outcome, Verdict
from bridge.domain.ids import MessageRef, MessageTs
from bridge.domain.messages import InboundMessage
from bridge.domain.ports import HistoryMessage, LinkState, NoSupervisor
from bridge.engine.dispatcher import Dispatcher
from bridge.telemetry import REGISTRY
from tests.engine.conftest import MAYA, World
from tests.engine.fakes import FakeReply, Input
from tests.queue_oracle import turn_counts
from tests.support import eventually


@dataclass
class Fuse:
    """Which method of which port raises, and how often it still will."""

    port: str
    method: str
    left: int = 1

    def blow(self) -> None:
        if self.left:
            self.left -= 1
            raise RuntimeError(f"{self.port}.{self.method} has a bug")


class Broken:
    """A port, one of whose methods raises once."""

    def __init__(self, port: Any, name: str, fuse: Fuse) -> None:
        self._port, self._name, self._fuse = port, name, fuse

    def __getattr__(self, attribute: str) -> Any:
        found = getattr(self._port, attribute)
        if attribute == "open_reply" and self._fuse.port == "reply":
            return lambda *args, **named: Broken(found(*args, **named), "reply", self._fuse)
        if (self._name, attribute) != (self._fuse.port, self._fuse.method):
            return found
        if asyncio.iscoroutinefunction(found):

            async def later(*args: Any, **named: Any) -> Any:
                self._fuse.blow()
                return await found(*args, **named)

            return later

        def now(*args: Any, **named: Any) -> Any:
            self._fuse.blow()
            return found(*args, **named)

        return now


class BrokenWorld(World):
    """A world with a fuse in it."""

    def put_in(self, fuse: Fuse) -> None:
        store = self.store
        for table in ("turn_queue", "approvals", "bindings", "messages", "outbox"):
            store = replace(store, **{table: Broken(getattr(store, table), table, fuse)})
        self.tools = replace(
            self.tools,
            store=store,
            agent=Broken(self.agent, "agent", fuse),
            chat=Broken(self.chat, "chat", fuse),
            supervisor=Broken(NoSupervisor(), "supervisor", fuse),
        )
        self.dispatcher = Dispatcher(self.tools)
        self.agent.listen(self.dispatcher)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[BrokenWorld]:
    world = BrokenWorld(tmp_path / "bridge.db")
    await world.open()
    yield world
    await world.close()


# --- what turns do, one kind of life after the other -----------------------------------------


Life = Callable[[World, Input], Awaitable[None]]


async def speaks(world: World, given: Input) -> None:
    run = world.agent.begin(given)
    world.agent.stored[given.runtime] = stored(given, "All of it.")
    world.agent.emit(given.runtime, ev.ToolStarted("c1", "Bash", "{}"), ev.ToolEnded("c1", True))
    world.agent.say(given, run, "All of ")
    world.agent.say(given, run, "it.")
    world.agent.finish(given, run)


async def starts_over(world: World, given: Input) -> None:
    """A run is dropped, and what it said with it."""
    first = world.agent.begin(given)
    world.agent.say(given, first, "Draft.")
    world.agent.emit(given.runtime, ev.RunDropped(first))
    await speaks(world, given)


async def asks(world: World, given: Input) -> None:
    starts = len(world.agent.starts)
    run = world.agent.begin(given)
    world.agent.say(given, run, "May I? ")
    world.agent.stored[given.runtime] = stored(given, "May I? ")
    world.agent.pending, world.agent.processing = frozenset({"perm-1"}), {given.runtime}
    world.agent.emit(given.runtime, ev.ApprovalAsked("perm-1", "c1", "Bash", {"command": "ls"}))
    if not await shown(lambda: world.chat.cards):
        return
    approval = world.chat.cards[0]

    async def noted() -> MessageRef | None:
        found = await world.store.approvals.get(approval.approval_id)
        return found.card if found is not None else None

    await shown(noted)
    noted_card = await noted()
    ts = noted_card.ts if noted_card is not None else MessageTs("1")
    card = MessageRef(approval.thread.channel, ts)
    await world.dispatcher.click(approval.approval_id, user=MAYA, verdict=Verdict.ALLOW, card=card)

    def is_asked() -> bool:
        later = world.agent.starts[starts:]
        return any(start.conversation_id == given.runtime.conversation_id for start in later)

    await shown(lambda: world.agent.answers or is_asked())
    if is_asked() and not world.agent.answers:  # a server that heard nothing asks again then
        again = ev.ApprovalAsked("perm-1", "c1", "Bash", {"command": "ls"})
        world.agent.emit(given.runtime, again)
        await shown(lambda: world.agent.answers)
    world.agent.pending, world.agent.processing = frozenset(), set()
    if await no_active_turn(world):
        return
    world.agent.say(given, run, "Done it.")
    world.agent.finish(given, run)


async def is_answered_elsewhere(world: World, given: Input) -> None:
    run = world.agent.begin(given)
    world.agent.emit(given.runtime, ev.ApprovalAsked("perm-1", "c1", "Bash", {"command": "ls"}))
    await shown(lambda: world.chat.cards)
    world.agent.emit(given.runtime, ev.ToolStarted("c1", "Bash", "{}"), ev.ToolEnded("c1", True))
    world.agent.say(given, run, "Somebody else allowed it.")
    world.agent.finish(given, run)


async def is_stopped(world: World, given: Input) -> None:
    run = world.agent.begin(given)
    world.agent.say(given, run, "Half of ")
    await world.dispatcher.stop(
        world.chat.replies[0].target.turn_id,
        user=MAYA,
        ref=MessageRef(world.chat.replies[0].target.thread.channel, MessageTs("1")),
    )
    if await shown(lambda: world.agent.aborts):
        world.agent.finish(given, run, "cancelled")


async def loses_its_link(world: World, given: Input) -> None:
    run = world.agent.begin(given)
    world.agent.say(given, run, "All of ")
    world.agent.stored[given.runtime] = stored(given, "All of it.")
    world.agent.processing = {given.runtime}
    world.agent.link(LinkState.DOWN)
    world.agent.link(LinkState.UP)
    await shown(lambda: len(world.agent.starts) > 1)
    world.agent.processing = set()
    world.agent.finish(given, run)


async def runs_again(world: World, given: Input) -> None:
    """The server was restarted and answers from the start."""
    run = world.agent.begin(given)
    world.agent.say(given, run, "Draft.")
    world.agent.stored[given.runtime] = stored(given, "")
    world.agent.link(LinkState.DOWN)
    world.agent.link(LinkState.UP)

    def waits_for_the_server() -> bool:
        (worker,) = world.dispatcher._workers.values()
        return worker.current is not None and worker.current._turn.expects_rerun

    await shown(waits_for_the_server)
    await speaks(world, given)


async def is_stuck(world: World, given: Input) -> None:
    stuck = "Conversation conv-1 already has an active run (local-run-67)"
    world.agent.emit(
        given.runtime,
        ev.ModelFailed(stuck, frozenset({given.client_message_id})),
        ev.TurnFinished(None, "error", stuck),
    )
    if await shown(lambda: world.agent.inputs[1:]):
        await speaks(world, world.agent.inputs[1])


def stored(given: Input, text: str) -> list[HistoryMessage]:
    return [
        HistoryMessage("m0", "user", "question", given.client_message_id),
        HistoryMessage("msg-run-1", "assistant", text, None),
    ]


async def shown(probe: Callable[[], object]) -> bool:
    """Whether it came to this: a turn that a bug ended does not get so far."""
    try:
        await eventually(probe, within_s=1.5)
    except AssertionError:
        return False
    return True


BREAKS: dict[type, tuple[Life, list[tuple[str, str]]]] = {
    fx.StartRuntime: (speaks, [("agent", "start"), ("agent", "create_agent")]),
    fx.SendInput: (
        speaks,
        [("agent", "send"), ("turn_queue", "record_attempt"), ("supervisor", "hold")],
    ),
    fx.ShowStatus: (speaks, [("reply", "show_status")]),
    fx.AppendReply: (speaks, [("reply", "append")]),
    fx.ShowTools: (speaks, [("reply", "show_tools")]),
    fx.DropRunText: (starts_over, [("reply", "drop_runs")]),
    fx.DropText: (runs_again, [("reply", "drop_runs")]),
    fx.PostNotice: (runs_again, [("chat", "notice")]),
    fx.AskApproval: (
        asks,
        [
            ("reply", "seal"),
            ("chat", "card"),
            ("chat", "show_card"),
            ("approvals", "create"),
        ],
    ),
    fx.AnswerApproval: (asks, [("agent", "answer")]),
    fx.VoidApprovals: (
        is_answered_elsewhere,
        [("approvals", "open_of_turn"), ("approvals", "settle")],
    ),
    fx.AbortRun: (is_stopped, [("agent", "abort")]),
    fx.Reconcile: (
        loses_its_link,
        [("agent", "history"), ("reply", "set_text"), ("supervisor", "ending")],
    ),
    fx.ForkConversation: (is_stuck, [("agent", "fork")]),
    fx.EndTurn: (
        speaks,
        [
            ("reply", "conclude"),
            ("reply", "deliver"),
            ("turn_queue", "end"),
            ("reply", "text"),
            ("supervisor", "release"),
        ],
    ),
}


def test_every_effect_is_broken_here() -> None:
    assert isinstance(fx.Effect, UnionType)
    assert BREAKS.keys() == set(get_args(fx.Effect))


def unforeseen() -> float:
    return REGISTRY.get_sample_value("bridge_unexpected_errors_total") or 0.0


@pytest.mark.parametrize(
    ("life", "port", "method"),
    [
        pytest.param(life, port, method, id=f"{effect.__name__}-{port}.{method}")
        for effect, (life, places) in BREAKS.items()
        for port, method in places
    ],
)
async def test_g5_a_bug_in_any_effect_ends_the_turn_in_words_and_the_next_one_is_answered(
    world: BrokenWorld, life: Life, port: str, method: str
) -> None:
    fuse, before = Fuse(port, method), unforeseen()
    world.put_in(fuse)
    root = await world.say("@ada do it")
    if await shown(lambda: world.agent.inputs):
        await life(world, world.agent.inputs[0])
    await eventually(lambda: no_active_turn(world), within_s=8.0)
    await eventually(lambda: fuse.left == 0)
    await eventually(lambda: unforeseen() > before)
    await eventually(lambda: words_of(world, 0))
    await the_next_is_answered(world, root)
    await eventually(lambda: left_running(world) <= {"expiries"})


async def test_g7_text_that_could_not_be_added_is_read_from_the_server_at_the_end(
    world: BrokenWorld,
) -> None:
    world.put_in(Fuse("reply", "append"))
    await world.say("@ada do it")
    await speaks(world, await world.input(1))
    assert (await world.ended(1)).text() == "All of it."


async def test_a_reply_without_a_last_word_is_let_go_all_the_same(world: BrokenWorld) -> None:
    """Else its writer would go on for ever, under what is said in its stead."""
    world.put_in(Fuse("reply", "conclude"))
    await world.say("@ada do it")
    await speaks(world, await world.input(1))
    await eventually(lambda: world.chat.leftovers)
    assert world.chat.replies[0].released


async def test_g6_a_decision_that_met_a_bug_is_given_when_the_server_asks_again(
    world: BrokenWorld,
) -> None:
    world.put_in(Fuse("agent", "answer"))
    await world.say("@ada do it")
    await asks(world, await world.input(1))
    assert world.agent.answers == [("perm-1", Verdict.ALLOW, "")]
    assert (await world.ended(1)).ending is not None


@pytest.mark.parametrize(("port", "method"), [("turn_queue", "claim"), ("chat", "open_reply")])
async def test_g1_a_bug_on_the_way_to_a_turn_only_delays_it(
    world: BrokenWorld, port: str, method: str
) -> None:
    fuse, before = Fuse(port, method), unforeseen()
    world.put_in(fuse)
    world.agent.answer_with("Here I am.")
    await world.say("@ada do it")
    assert (await world.ended(1)).text() == "Here I am."
    assert fuse.left == 0
    assert unforeseen() == before + 1
    await eventually(lambda: left_running(world) <= {"expiries"})


def left_running(world: World) -> set[str]:
    return {task.get_name() for task in world.dispatcher._tasks._running}


async def no_active_turn(world: World) -> bool:
    return await turn_counts(world.store) == {"waiting": 0, "active": 0}


def words_of(world: World, number: int) -> list[str]:
    """What people read in the end of the n-th turn."""
    reply: FakeReply = world.chat.replies[number]
    told = [sentence for _, sentence in world.chat.leftovers]
    if reply.last is not None:
        told.append(reply.text() or reply.last.sentence or "")
    return [words for words in told if words]


async def the_next_is_answered(world: BrokenWorld, root: InboundMessage) -> None:
    inputs, replies = len(world.agent.inputs), len(world.chat.replies)
    world.agent.pending, world.agent.processing = frozenset(), set()
    world.agent.answer_with("The next answer.")
    await world.say("@ada and now?", thread=root.ts)
    await eventually(lambda: len(world.agent.inputs) > inputs)
    await eventually(lambda: no_active_turn(world))
    reply = world.chat.replies[replies]
    ending = await eventually(lambda: reply.ending)
    assert ending is not None
    assert ending.outcome is Outcome.DONE
    assert reply.text() == "The next answer."
