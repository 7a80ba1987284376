"""The supervisor with workers that are real processes and do what a test tells them to."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from bridge.appserver.transport import Endpoint
from bridge.supervisor.child_process import Program
from bridge.supervisor.supervisor import ExitStatus, Supervisor, SupervisorOptions
from tests.appserver.fake_server import FakeServer, running
from tests.supervisor.test_subscription import synced, syncing
from tests.support import eventually

SCRIPT = Path(__file__).parent / "fake_child.py"
QUICK = SupervisorOptions(
    stop_within_s=2.0, first_pause_s=0.02, leave_within_s=1.0, prepare_within_s=3.0
)
WORKS = "prepared hello ready wait"
NOWHERE = Endpoint("ws://127.0.0.1:9")


@dataclass
class OurServer:
    """Stands for an App Server of our own."""

    url: str = "ws://127.0.0.1:9"
    token: str = "its token"
    failure: Exception | None = None
    did: list[str] = field(default_factory=list)

    async def start(self) -> None:
        self.did.append("start")
        if self.failure is not None:
            raise self.failure

    async def aclose(self) -> None:
        self.did.append("close")


@dataclass
class House:
    """A supervisor at work, and the diary of its workers."""

    diary: Path
    supervisor: Supervisor
    task: asyncio.Task[ExitStatus]

    def noted(self, what: str) -> list[tuple[int, Any]]:
        lines = map(json.loads, self.diary.read_text().splitlines())
        return [(pid, details) for pid, noted, details in lines if noted == what]

    def heard(self, key: str) -> list[Any]:
        return [message[key] for _, message in self.noted("heard") if key in message]

    async def until(self, what: str, count: int = 1) -> list[tuple[int, Any]]:
        await eventually(lambda: len(self.noted(what)) >= count or self.task.done())
        found = self.noted(what)
        assert len(found) >= count, self.diary.read_text()
        return found

    async def until_heard(self, key: str, count: int = 1) -> list[Any]:
        await eventually(lambda: len(self.heard(key)) >= count)
        return self.heard(key)

    @property
    def pids(self) -> list[int]:
        return [pid for pid, _ in self.noted("born")]


Houses = Callable[..., Awaitable[House]]


@pytest.fixture
async def house(tmp_path: Path) -> Any:
    built: list[House] = []

    async def build(
        *lives: str,
        server: OurServer | None = None,
        address: Endpoint = NOWHERE,
        options: SupervisorOptions = QUICK,
        deaf_s: float = 60.0,
        python: str = sys.executable,
    ) -> House:
        diary = tmp_path / "diary"
        diary.touch()
        supervisor = Supervisor(
            Program(
                command=(python, str(SCRIPT), "{fd}", str(diary), ",".join(lives)),
                environ={"PATH": os.environ["PATH"], "OPEN": "yes"},
                secrets={"SLACK_BOT_TOKEN": "xoxb-1"},
                ping_s=0.05,
                deaf_s=deaf_s,
            ),
            address=lambda: address,
            server=server,
            options=options,
        )
        task = asyncio.get_running_loop().create_task(supervisor.run())
        built.append(House(diary, supervisor, task))
        return built[-1]

    yield build
    for each in built:
        each.task.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await each.task
        assert not any(psutil.pid_exists(pid) for pid in each.pids)


async def test_a_worker_that_dies_is_started_again_and_told_how_often(house: Houses) -> None:
    home = await house(WORKS)
    for count in (1, 2, 3):
        [*_, (pid, _)] = await home.until("born", count)
        await home.until_heard("hello", count)
        os.kill(pid, signal.SIGKILL)
    await home.until_heard("hello", 4)
    assert [hello["restarts"] for hello in home.heard("hello")] == [0, 1, 2, 3]


async def test_a_machine_that_starts_nothing_for_a_while_does_not_end_the_supervisor(
    house: Houses, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    python = tmp_path / "python"
    python.symlink_to(sys.executable)
    home = await house(WORKS, python=str(python))
    [(first, _)] = await home.until("born")
    await home.until_heard("hello")
    python.unlink()
    home.supervisor.renew()
    await eventually(lambda: "the old one goes on" in capsys.readouterr().out)
    os.kill(first, signal.SIGKILL)
    await eventually(lambda: "no worker can be started just now" in capsys.readouterr().out)
    python.symlink_to(sys.executable)
    await home.until_heard("hello", 2)


async def test_a_worker_that_is_stuck_is_ended_and_one_that_is_idle_is_not(house: Houses) -> None:
    home = await house(WORKS, deaf_s=0.5)
    [(first, _)] = await home.until("born")
    await home.until_heard("hello")
    os.kill(first, signal.SIGSTOP)
    _, (second, _) = await home.until("born", 2)
    assert not psutil.pid_exists(first)
    began = asyncio.get_running_loop().time()
    await eventually(lambda: asyncio.get_running_loop().time() - began > 1.0)
    assert home.pids == [first, second]


async def test_pauses_grow_with_early_deaths_until_the_supervisor_gives_up(house: Houses) -> None:
    options = SupervisorOptions(first_pause_s=0.01, early_deaths=4)
    began = asyncio.get_running_loop().time()
    home = await house("exit:1", options=options)
    verdict = await home.task
    assert verdict.code == 1
    assert "4 times in a row before it was ready" in str(verdict.sentence)
    assert len(home.pids) == 4
    assert asyncio.get_running_loop().time() - began > 0.01 + 0.02 + 0.04


async def test_a_worker_that_gets_ready_now_and_then_is_never_given_up(house: Houses) -> None:
    bad, good = "exit:1", "prepared hello ready exit:1"
    options = SupervisorOptions(first_pause_s=0.001, longest_pause_s=0.01, early_deaths=3)
    home = await house(bad, bad, good, bad, bad, good, WORKS, options=options)
    await home.until("born", 7)
    assert not home.task.done()


@pytest.mark.parametrize("code", [2, 3, 4])
async def test_a_worker_that_cannot_start_is_not_started_again(house: Houses, code: int) -> None:
    home = await house(f"exit:{code}")
    assert await home.task == ExitStatus(code)
    assert len(home.pids) == 1


async def test_a_worker_that_had_started_is_started_again_whatever_its_code(house: Houses) -> None:
    home = await house("prepared hello ready exit:4", WORKS)
    await home.until("born", 2)
    assert not home.task.done()


async def test_a_fault_that_passes_does_not_end_a_supervisor_whose_worker_had_worked(
    house: Houses,
) -> None:
    options = SupervisorOptions(first_pause_s=0.001, longest_pause_s=0.01, early_deaths=3)
    home = await house("prepared hello ready exit:1", *["exit:4"] * 5, WORKS, options=options)
    await home.until("born", 7)
    assert not home.task.done()


async def test_a_stop_drains_the_worker_then_the_server_and_ends_with_0(house: Houses) -> None:
    server = OurServer()
    home = await house(WORKS, server=server)
    await home.until_heard("hello")
    home.supervisor.stop()
    assert await home.task == ExitStatus(0)
    assert len(home.noted("asked to stop")) == 1
    assert server.did == ["start", "close"]


async def test_a_worker_that_does_not_stop_is_ended_and_that_is_said(house: Houses) -> None:
    home = await house("deaf " + WORKS, options=SupervisorOptions(stop_within_s=0.2))
    await home.until_heard("hello")
    home.supervisor.stop()
    verdict = await home.task
    assert verdict.code == 1
    assert "not done after 0.2 s" in str(verdict.sentence)


async def test_a_worker_that_somebody_else_ends_amid_a_stop_was_not_late(house: Houses) -> None:
    home = await house("deaf " + WORKS, options=SupervisorOptions(stop_within_s=20.0))
    await home.until_heard("hello")
    home.supervisor.stop()
    await eventually(
        lambda: home.supervisor._worker is not None and home.supervisor._worker.leaving
    )
    os.kill(home.pids[0], signal.SIGKILL)
    assert await home.task == ExitStatus(1)


async def test_a_stop_amid_a_pause_starts_nothing_more(
    house: Houses, capsys: pytest.CaptureFixture[str]
) -> None:
    home = await house("exit:1", options=SupervisorOptions(first_pause_s=60))
    await eventually(lambda: "worker died" in capsys.readouterr().out)
    home.supervisor.stop()
    assert await home.task == ExitStatus(0)
    assert len(home.pids) == 1


async def test_a_cancelled_supervisor_ends_its_worker_at_once(house: Houses) -> None:
    server = OurServer()
    home = await house("deaf " + WORKS, server=server)
    await home.until_heard("hello")
    home.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await home.task
    assert server.did[-1] == "close"


async def test_a_server_that_cannot_start_ends_the_supervisor(house: Houses) -> None:
    home = await house(WORKS, server=OurServer(failure=ValueError("no such model")))
    with pytest.raises(ValueError, match="no such model"):
        await home.task


async def test_the_worker_is_told_of_our_server_only_through_the_pipe(house: Houses) -> None:
    home = await house(WORKS, server=OurServer())
    [hello] = await home.until_heard("hello")
    assert hello["server"] == {"url": "ws://127.0.0.1:9", "token": "its token"}
    [(pid, _)] = home.noted("born")
    assert "its token" not in " ".join(psutil.Process(pid).cmdline())


async def test_g9_secrets_are_in_no_environment_and_the_pipe_is_all_that_is_inherited(
    house: Houses,
) -> None:
    home = await house(WORKS)
    [(_, born)] = await home.until("born")
    assert born["environ"].get("OPEN") == "yes"
    assert "SLACK_BOT_TOKEN" not in born["environ"]
    assert home.heard("environ") == [{"SLACK_BOT_TOKEN": "xoxb-1"}]
    # Standard streams, the pipe, and the listing of the directory itself.
    assert len(born["fds"]) == 5


async def test_the_worker_has_a_session_of_its_own(house: Houses) -> None:
    home = await house(WORKS)
    [(pid, _)] = await home.until("born")
    assert os.getsid(pid) == pid != os.getsid(0)


async def test_a_hand_over_lets_the_next_worker_in_when_the_old_one_has_left(
    house: Houses,
) -> None:
    home = await house(WORKS)
    await home.until_heard("hello")
    home.supervisor.renew()
    await home.until_heard("hello", 2)
    old, new = home.pids
    order = [(pid, what) for pid, what, _ in map(json.loads, home.diary.read_text().splitlines())]
    left = order.index((old, "asked to leave"))
    assert left > order.index((new, "born"))
    assert order[left + 1 :] == [(new, "heard")]
    assert [hello["restarts"] for hello in home.heard("hello")] == [0, 0]


@pytest.mark.parametrize("useless", ["exit:2", "deaf wait"])
async def test_a_new_worker_that_is_of_no_use_changes_nothing(house: Houses, useless: str) -> None:
    options = SupervisorOptions(prepare_within_s=0.5)
    home = await house(WORKS, useless, WORKS, options=options)
    await home.until_heard("hello")
    home.supervisor.renew()
    _, (new, _) = await home.until("born", 2)
    await eventually(lambda: not psutil.pid_exists(new))
    assert home.noted("asked to leave") == []
    home.supervisor.renew()
    await home.until("asked to leave")
    assert not home.task.done()


async def test_an_old_worker_that_does_not_leave_is_ended(house: Houses) -> None:
    stuck = "prepared hello ready deaf wait"
    options = SupervisorOptions(leave_within_s=0.3)
    home = await house(stuck, WORKS, options=options)
    [(old, _)] = await home.until("born")
    await home.until_heard("hello")
    os.kill(old, signal.SIGSTOP)
    home.supervisor.renew()
    await home.until_heard("hello", 2)
    assert not psutil.pid_exists(old)


# --- holding -----------------------------------------------------------------------------------


def frame(kind: str, conversation: str, **fields: Any) -> dict[str, Any]:
    runtime = {"agent_id": "agent-1", "conversation_id": conversation}
    return {"type": kind, "runtime": runtime, **fields}


async def ends(server: FakeServer, conversation: str, *inputs: str) -> None:
    """The server says that the turn of these inputs is over."""
    status = {"status": "x", "client_message_ids_by_run_id": {"run-1": list(inputs)}}
    await server.push(frame("update_loop_status", conversation, loop_status=status))
    ended = frame("turn_finished", conversation, run_id="run-1", stop_reason="end_turn")
    await server.push(ended)


ENDED = {
    "client_message_ids": ["turn-a-1"],
    "run_id": "run-1",
    "stop_reason": "end_turn",
    "error": None,
    "runtime": {"agent_id": "agent-1", "conversation_id": "c1"},
}


async def test_a_hold_is_answered_once_the_runtime_is_subscribed(house: Houses) -> None:
    async with running(FakeServer(reply=syncing)) as server:
        home = await house("prepared hello ready hold:c1 wait", address=Endpoint(server.url))
        assert await home.until_heard("held") == [1]
        assert home.heard("trouble") == [None]
        assert server.heard[-1]["runtime"]["conversation_id"] == "c1"


async def test_a_hold_that_cannot_be_is_answered_with_the_reason(house: Houses) -> None:
    home = await house("prepared hello ready hold:c1 wait")
    [reason] = await home.until_heard("trouble")
    assert "cannot be reached" in reason


async def test_how_a_turn_ended_without_a_worker_is_told_to_the_next_one(house: Houses) -> None:
    async with running(FakeServer(reply=syncing)) as server:
        holds = "prepared hello ready hold:c1 wait"
        pause = SupervisorOptions(first_pause_s=0.5)
        home = await house(holds, WORKS, address=Endpoint(server.url), options=pause)
        await home.until_heard("held")
        os.kill(home.pids[0], signal.SIGKILL)
        await ends(server, "c1", "turn-a-1")
        hellos = await home.until_heard("hello", 2)
        assert hellos[1]["ended"] == [ENDED]
        assert len(server.sockets) == 1, "the subscription has outlived the worker"


async def test_an_end_is_told_to_a_worker_that_is_there_as_well(house: Houses) -> None:
    async with running(FakeServer(reply=syncing)) as server:
        home = await house("prepared hello ready hold:c1 wait", address=Endpoint(server.url))
        await home.until_heard("held")
        await ends(server, "c1", "turn-a-1")
        assert await home.until_heard("ended") == [[ENDED]]


async def test_what_a_worker_has_released_is_forgotten(house: Houses) -> None:
    async with running(FakeServer(reply=syncing)) as server:
        holds = "prepared hello ready hold:c1 hold:c2 release:c1 wait"
        home = await house(holds, WORKS, address=Endpoint(server.url))
        await home.until_heard("held", 2)
        await ends(server, "c1", "turn-a-1")
        await ends(server, "c2", "turn-b-1")
        await home.until_heard("ended")
        os.kill(home.pids[0], signal.SIGKILL)
        hellos = await home.until_heard("hello", 2)
        assert [e["client_message_ids"] for e in hellos[1]["ended"]] == [["turn-b-1"]]


async def test_what_no_new_worker_asks_for_is_let_go_after_a_while(house: Houses) -> None:
    async with running(FakeServer(reply=syncing)) as server:
        options = SupervisorOptions(first_pause_s=0.01, unclaimed_s=0.2)
        first = "prepared hello ready hold:c1 hold:c2 wait"
        second = "prepared hello ready hold:c2 wait"
        home = await house(first, second, address=Endpoint(server.url), options=options)
        await home.until_heard("held", 2)
        os.kill(home.pids[0], signal.SIGKILL)
        await home.until_heard("held", 3)

        async def after_a_new_connection() -> list[str]:
            server.heard.clear()
            await server.drop()
            return await eventually(lambda: synced(server))

        await eventually(lambda: _is(["c2"], after_a_new_connection()))


async def _is(wanted: list[str], found: Awaitable[list[str]]) -> bool:
    return await found == wanted
