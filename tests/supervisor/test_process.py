"""The two processes as they are: what the supervisor's loads, how the worker's begins and ends."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.supervisor.ipc import Pipe
from slack_playground import Playground, PlaygroundOptions
from tests.appserver_fixtures import free_port

HEAVY = ("slack_bolt", "slack_sdk", "sqlalchemy", "alembic", "aiohttp", "bridge.engine")


def test_the_supervisor_process_loads_none_of_the_large_libraries() -> None:
    loaded = f"print(*sorted({set(HEAVY)} & set(sys.modules)))"
    script = f"import sys, bridge.cli, bridge.supervisor_main; {loaded}"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.split() == []


class Started:
    """`letta-bridge worker` with the test in the supervisor's place; Slack is away."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.ours, theirs = socket.socketpair()
        self.ours.setblocking(False)
        with theirs:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "bridge", "worker"),
                    *("--supervisor-fd", str(theirs.fileno()), *arguments),
                ],
                pass_fds=[theirs.fileno()],
                cwd=folder,
                env={"PATH": os.environ["PATH"], "HOME": str(folder)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )

    async def ended(self) -> tuple[int, str]:
        """Its exit code and what it wrote."""
        _, said = await asyncio.to_thread(self.process.communicate, timeout=20)
        return self.process.returncode, said

    def end(self) -> None:
        self.ours.close()
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Started]:
    worker = Started(tmp_path)
    yield worker
    worker.end()


def environ(**more: str) -> dict[str, str]:
    return {
        "SLACK_BOT_TOKEN": "xoxb-1",
        "SLACK_APP_TOKEN": "xapp-1",
        "BRIDGE_SLACK__BASE_URL": f"http://127.0.0.1:{free_port()}/api/",
        "BRIDGE_WEB__PORT": str(free_port()),
        "BRIDGE_TEAMMATES": '[{"name": "ada", "model": "m"}]',
        **more,
    }


async def greeted(worker: Started, **more: str) -> Pipe:
    pipe = await Pipe.over(worker.ours)
    pipe.send(environ=environ(**more))
    assert await pipe.receive() == {"prepared": True}
    server = {"url": f"ws://127.0.0.1:{free_port()}", "token": "t"}
    pipe.send(hello={"server": server, "ended": [], "restarts": 0})
    return pipe


async def test_a_worker_whose_supervisor_is_gone_leaves_with_another_code_than_0(
    started: Started,
) -> None:
    pipe = await greeted(started)
    pipe.close()
    code, said = await started.ended()
    assert code == 1
    assert "The supervisor process has ended" in said
    assert "Traceback" not in said


async def test_a_worker_stops_by_sigterm_with_0(started: Started) -> None:
    pipe = await greeted(started)
    started.process.terminate()
    assert (await started.ended())[0] == 0
    pipe.close()


async def test_a_wrong_configuration_ends_the_worker_with_2_before_it_is_let_in(
    started: Started,
) -> None:
    pipe = await Pipe.over(started.ours)
    wrong: dict[str, Any] = environ(BRIDGE_WEB__PORT="-1")
    pipe.send(environ=wrong)
    assert await pipe.receive() is None
    code, said = await started.ended()
    assert code == 2
    assert "WEB__PORT must be at least 0" in said
    pipe.close()


async def test_a_worker_without_a_supervisor_says_so(tmp_path: Path) -> None:
    worker = Started(tmp_path)
    worker.ours.close()
    code, said = await worker.ended()
    assert code == 1
    assert "supervisor" in said


async def test_a_token_that_slack_refuses_ends_the_supervisor_with_the_workers_code_and_sentence(
    tmp_path: Path,
) -> None:
    place = Playground(PlaygroundOptions(rate_limits=False))
    await place.start()
    given = environ(
        BRIDGE_SLACK__BASE_URL=place.api_url,
        BRIDGE_APPSERVER__URL=f"ws://127.0.0.1:{free_port()}",
        SLACK_BOT_TOKEN="xoxb-wrong",
        SLACK_APP_TOKEN=place.app_token,
    )
    try:
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "bridge", "run"],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), **given},
            capture_output=True,
            text=True,
            timeout=30,
        )
    finally:
        await place.stop()
    assert done.returncode == 2
    assert "token" in done.stderr
    assert done.stderr.count("worker started") == 1
    assert "Traceback" not in done.stderr
