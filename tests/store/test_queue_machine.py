"""The queue as a state machine: any history of messages, workers and crashes keeps its laws."""

import asyncio
import shutil
import sqlite3
import tempfile
from collections.abc import Awaitable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from bridge.domain.events import Outcome
from bridge.domain.ids import BindingId, MessageRef, ThreadKey, TurnId
from bridge.store import Store
from tests.queue_oracle import turn_counts, waiting_before
from tests.store.world import NOW, OTHER_THREAD, THREAD, World, message, ts_of, url

T = TypeVar("T")
THREADS = (THREAD, OTHER_THREAD)
NAMES = ("ada", "bob")

threads = st.sampled_from(THREADS)
names = st.sampled_from(NAMES)


@dataclass
class Expected:
    """What one binding should hold: its turns with their messages, oldest first."""

    waiting: list[tuple[str, list[int]]] = field(default_factory=list)
    active: tuple[str, list[int]] | None = None
    lease: str = ""


class Queue(RuleBasedStateMachine):
    template: Path

    @initialize()
    def start(self) -> None:
        self.directory = tempfile.TemporaryDirectory()
        self.file = Path(shutil.copy(self.template, f"{self.directory.name}/bridge.db"))
        self.loop = asyncio.new_event_loop()
        self.processes = 1
        self.begun = 0
        self.world = World(self.wait(Store.open(url(self.file))), lease="process 1")
        self.said: dict[int, tuple[ThreadKey, tuple[str, ...]]] = {}
        self.bindings: dict[tuple[ThreadKey, str], Expected] = {}
        self.given: list[tuple[ThreadKey, str, int]] = []

    def wait(self, work: Awaitable[T]) -> T:
        return self.loop.run_until_complete(work)

    def expected(self, thread: ThreadKey, name: str) -> Expected:
        return self.bindings.setdefault((thread, name), Expected())

    def binding(self, key: tuple[ThreadKey, str]) -> BindingId:
        return self.world.bound[key]

    # --- people ---

    @rule(thread=threads, addressed=st.sets(names), join=st.booleans())
    def say(self, thread: ThreadKey, addressed: set[str], join: bool) -> None:
        number, people = len(self.said) + 10, tuple(sorted(addressed))
        self.said[number] = (thread, people)
        accepted = self.wait(self.world.say(number, *people, thread=thread, join=join))
        assert not accepted.duplicate
        for placed in accepted.placed:
            queue = self.expected(thread, placed.teammate)
            assert placed.joined == bool(join and queue.waiting)
            if placed.joined:
                queue.waiting[-1][1].append(number)
            else:
                queue.waiting.append((f"{number}-{placed.teammate}", [number]))
            assert placed.turn_id == queue.waiting[-1][0]
            assert placed.must_wait == (len(queue.waiting) > 1 or queue.active is not None)

    @precondition(lambda self: self.said)
    @rule(data=st.data(), twin=st.booleans())
    def redeliver(self, data: st.DataObject, twin: bool) -> None:
        number = data.draw(st.sampled_from(sorted(self.said)))
        thread, people = self.said[number]
        event_id = f"Twin{number}" if twin else None
        again = message(number, thread=thread, event_id=event_id)
        accepted = self.wait(self.world.accept(again, people or ("ada",), thread=thread))
        assert accepted.duplicate
        assert accepted.placed == ()

    @precondition(lambda self: self.said)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.said)))
        thread, _people = self.said[number]
        removal = self.wait(
            self.world.store.turn_queue.remove_message(
                thread.team, thread.channel, ts_of(number), NOW
            )
        )
        touched = set()
        for queue in self.bindings.values():
            for turn, numbers in list(queue.waiting):
                if number in numbers:
                    touched.add(turn)
                    numbers.remove(number)
                    if not numbers:
                        queue.waiting.remove((turn, numbers))
        assert set(removal.dropped + removal.shortened) == touched

    # --- workers ---

    @precondition(lambda self: self.bindings)
    @rule(data=st.data())
    def claim(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(list(self.bindings)))
        queue = self.bindings[key]
        turn = self.wait(self.world.claim(key[1], key[0]))
        if queue.active is not None or not queue.waiting:
            assert turn is None
            return
        assert turn is not None
        name, numbers = queue.waiting.pop(0)
        assert turn.turn_id == name
        assert [stored.said.ts for stored in turn.messages] == [ts_of(n) for n in numbers]
        queue.active, queue.lease = (name, numbers), self.world.lease
        self.given += [(key[0], key[1], number) for number in numbers]

    @precondition(lambda self: self.bindings)
    @rule(data=st.data())
    def begin_unprompted(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(list(self.bindings)))
        queue, name = self.bindings[key], f"own-{self.begun}"
        self.begun += 1
        turn = self.wait(
            self.world.store.turn_queue.claim_unprompted(
                self.binding(key), turn_id=TurnId(name), lease=self.world.lease, now=NOW
            )
        )
        assert (turn is None) == (queue.active is not None)
        if turn is not None:
            queue.active, queue.lease = (name, []), self.world.lease

    @precondition(lambda self: any(queue.active for queue in self.bindings.values()))
    @rule(data=st.data(), back=st.booleans())
    def let_go(self, data: st.DataObject, back: bool) -> None:
        key = data.draw(st.sampled_from([k for k, q in self.bindings.items() if q.active]))
        queue = self.bindings[key]
        assert queue.active is not None
        name, numbers = queue.active
        back = back and bool(numbers)
        lease = self.world.lease
        work = (
            self.world.store.turn_queue.put_back(TurnId(name), lease=lease, now=NOW)
            if back
            else self.world.end(name)
        )
        assert self.wait(work) == (queue.lease == lease)
        if queue.lease == lease:
            queue.active = None
            if back:
                queue.waiting.insert(0, (name, numbers))
                self.given = [g for g in self.given if g[2] not in numbers or g[:2] != key]

    @precondition(lambda self: any(queue.waiting for queue in self.bindings.values()))
    @rule(data=st.data(), everything=st.booleans())
    def drop(self, data: st.DataObject, everything: bool) -> None:
        key = data.draw(st.sampled_from([k for k, q in self.bindings.items() if q.waiting]))
        queue, turns = self.bindings[key], self.world.store.turn_queue
        if everything:
            said: list[MessageRef] = []
            self.wait(
                turns.drop_waiting_of(
                    self.binding(key), now=NOW, on_dropped=lambda refs: said.extend(refs) or ()
                )
            )
            numbers = [number for _name, numbers in queue.waiting for number in numbers]
            assert {ref.ts for ref in said} == {ts_of(number) for number in numbers}
            queue.waiting.clear()
        else:
            name, _numbers = queue.waiting.pop()
            drop = turns.drop_waiting(TurnId(name), outcome=Outcome.CANCELLED, now=NOW)
            assert self.wait(drop) is not None

    @precondition(lambda self: any(queue.waiting for queue in self.bindings.values()))
    @rule()
    def ask_how_many_go_first(self) -> None:
        for queue in self.bindings.values():
            for ahead, (name, _numbers) in enumerate(queue.waiting):
                before = self.wait(waiting_before(self.world.store, TurnId(name)))
                assert before == ahead + (queue.active is not None)

    # --- the process dies and another begins ---

    @rule(take_over=st.booleans())
    def crash(self, take_over: bool) -> None:
        self.wait(self.world.store.database.close())
        self.processes += 1
        bound = self.world.bound
        self.world = World(
            self.wait(Store.open(url(self.file))), f"process {self.processes}", bound
        )
        lease = self.world.lease
        left = self.wait(self.world.store.turn_queue.left_active(not_lease=lease))
        assert {turn.turn.turn_id for turn in left} == {
            queue.active[0] for queue in self.bindings.values() if queue.active
        }
        if not take_over:
            return
        for turn in left:
            turn_id = turn.turn.turn_id
            assert self.wait(self.world.store.turn_queue.take_over(turn_id, lease=lease))
        for queue in self.bindings.values():
            queue.lease = lease

    # --- the laws ---

    @invariant()
    def the_queue_holds_what_is_expected(self) -> None:
        counts = self.wait(turn_counts(self.world.store))
        queues = self.bindings.values()
        assert counts == {
            "waiting": sum(len(queue.waiting) for queue in queues),
            "active": sum(queue.active is not None for queue in queues),
        }
        waiting = self.wait(self.world.store.turn_queue.bindings_waiting())
        assert sorted(waiting) == sorted(
            self.binding(key) for key, queue in self.bindings.items() if queue.waiting
        )

    @invariant()
    def nobody_is_given_a_message_twice(self) -> None:
        assert len(self.given) == len(set(self.given))

    @invariant()
    def a_message_has_at_most_one_turn_per_teammate(self) -> None:
        with closing(sqlite3.connect(self.file)) as raw:
            most = raw.execute(
                "SELECT max(n) FROM (SELECT count(*) AS n FROM turn_messages"
                " GROUP BY message_id, binding_id)"
            ).fetchone()[0]
        assert most in (None, 1)

    def teardown(self) -> None:
        if hasattr(self, "loop"):
            self.wait(self.world.store.close())
            self.loop.close()
            self.directory.cleanup()


@pytest.mark.timeout(120)
def test_g3_the_queue_keeps_its_laws_through_any_history(empty_database: Path) -> None:
    machine = type("QueueMachine", (Queue,), {"template": empty_database})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=25,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
