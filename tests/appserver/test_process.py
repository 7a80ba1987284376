"""The supervised server: with small stand-ins for `letta`, and once with the real one."""

import asyncio
import json
import os
import signal
import socket
import stat
import sys
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from structlog.testing import capture_logs

from bridge.appserver.bearer_token import token_from_file
from bridge.appserver.process import (
    AppServerProcess,
    ModelEndpoint,
    ProcessOptions,
    end_leftover,
    find_letta,
    free_port,
    put_key,
)
from bridge.domain.errors import ConfigurationError
from tests.support import eventually

SERVER = """
import http.server, os, subprocess, sys, time
print("token xoxb-123-secret in the output", flush=True)
open("arguments", "a").write(" ".join(sys.argv[1:]) + chr(10))
open("environment", "w").write(chr(10).join(f"{k}={v}" for k, v in os.environ.items()))
if "connect" in sys.argv:
    key = sys.argv[sys.argv.index("--api-key") + 1]
    folder = os.environ["HOME"] + "/.letta/lc-local-backend/providers"
    os.makedirs(folder, exist_ok=True)
    open(folder + "/auth.json", "w").write('{"providers":{"x":{"auth":{"key":"%s"}}}}' % key)
    sys.exit(int(os.environ.get("CONNECT_EXIT", "0")))
helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open("helper", "w").write(str(helper.pid))
if os.environ.get("STUBBORN"):
    import signal
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/readyz" else 404)
        self.end_headers()
    def log_message(self, *_):
        pass
port = int(sys.argv[sys.argv.index("--listen") + 1].rsplit(":", 1)[1])
http.server.ThreadingHTTPServer(("127.0.0.1", port), Ready).serve_forever()
"""

KEYS = ".letta/lc-local-backend/providers/auth.json"
Make = Callable[..., ProcessOptions]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def options(script: str = SERVER, *, port: int = 0, **more: object) -> ProcessOptions:
        program = tmp_path / "letta"
        program.write_text(f"#!{sys.executable}\n{script}")
        program.chmod(0o755)
        extra = more.pop("environment", {})
        return ProcessOptions(
            home=tmp_path / "state" / "home",
            cwd=tmp_path,
            environment={"PATH": os.environ["PATH"], **extra},
            port=port,
            executable=str(program),
            **more,
        )

    return options


@asynccontextmanager
async def served(options: ProcessOptions) -> AsyncIterator[AppServerProcess]:
    process = AppServerProcess(options, chance=lambda: 0.9)
    try:
        await process.start()
        yield process
    finally:
        await process.aclose()


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def test_the_server_runs_with_a_home_of_its_own(make: Make, tmp_path: Path) -> None:
    model = ModelEndpoint("http://127.0.0.1:9/v1", "sk-1")
    async with served(make(model=model)) as process:
        assert process.pid is not None
        lines = (tmp_path / "arguments").read_text().splitlines()
        connect, serve = lines
        assert connect.startswith(
            "--backend local connect openai-compatible --base-url http://127.0.0.1:9/v1 --api-key "
        )
        assert "sk-1" not in connect, "anybody can read a command line"
        record = tmp_path / "state" / "home" / KEYS
        assert json.loads(record.read_text())["providers"]["x"]["auth"]["key"] == "sk-1"
        assert stat.S_IMODE(record.stat().st_mode) == 0o600
        assert serve.startswith(f"--backend local server --listen {process.url} ")
        environment = (tmp_path / "environment").read_text().splitlines()
        assert f"HOME={tmp_path / 'state' / 'home'}" in environment
        assert "LETTA_CODE_TELEM=0" in environment
        assert "DISABLE_AUTOUPDATER=1" in environment


async def test_the_directory_of_agents_is_created(make: Make, tmp_path: Path) -> None:
    async with served(replace(make(), cwd=tmp_path / "state" / "work")):
        assert (tmp_path / "state" / "work" / "arguments").exists()


async def test_nothing_is_left_behind(make: Make, tmp_path: Path) -> None:
    async with served(make()) as process:
        server = process.pid
        helper = int((tmp_path / "helper").read_text())
        assert server is not None
        assert alive(helper)
    assert not alive(server)
    await eventually(lambda: not alive(helper))
    await process.aclose()


async def test_a_server_that_does_not_want_to_end_is_ended(make: Make) -> None:
    options = make(environment={"STUBBORN": "1"}, stop_within_s=0.1)
    async with served(options) as process:
        server = process.pid
        assert server is not None
    assert not alive(server)


async def test_a_dead_server_is_started_again_at_the_same_address(make: Make) -> None:
    async with served(make()) as process:
        first, url = process.pid, process.url
        assert first is not None
        os.kill(first, signal.SIGKILL)
        second = await eventually(lambda: process.pid if process.pid != first else None)
        assert alive(second)
        assert process.url == url
    assert not alive(second)


ORPHAN = """
import asyncio, os, sys
from pathlib import Path
from bridge.appserver.process import AppServerProcess, ProcessOptions

async def main(home, program):
    options = ProcessOptions(home=Path(home), cwd=Path(home), environment=os.environ,
                             executable=program)
    server = AppServerProcess(options)
    await server.start()
    Path(home, "server").write_text(str(server.pid))
    await asyncio.sleep(600)

asyncio.run(main(*sys.argv[1:]))
"""


async def test_a_server_that_outlived_its_parent_is_ended_by_the_next_start(make: Make) -> None:
    options = make()
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", ORPHAN, str(options.home), str(options.executable))
    )
    try:
        note = options.home / "server"
        await eventually(lambda: note.exists() and note.read_text(), within_s=20)
        orphan = int(note.read_text())
        beside = options.home / "bridge-server"
        assert not end_leftover(beside)  # its parent is there: it is another bridge's server
    finally:
        parent.kill()
        await parent.wait()
    assert alive(orphan)
    async with served(options):
        await eventually(lambda: not alive(orphan))
    assert not end_leftover(beside)


async def test_a_server_that_ends_at_once_says_why(make: Make) -> None:
    script = "import sys; print('Refusing: bad flags'); sys.exit(1)"
    with pytest.raises(ConfigurationError, match="ended at once: Refusing: bad flags"):
        async with served(make(script)):
            pass


async def test_only_we_can_log_in_to_our_server(make: Make, tmp_path: Path) -> None:
    async with served(make()) as process:
        arguments = (tmp_path / "arguments").read_text().split()
        file = arguments[arguments.index("--ws-token-file") + 1]
        assert token_from_file(file)() == process.token
        assert stat.S_IMODE(os.stat(file).st_mode) == 0o600
        assert process.token not in " ".join(arguments), "anybody can read a command line"


async def test_a_server_that_never_gets_ready_is_given_up(make: Make) -> None:
    script = "import time; print('warming up', flush=True); time.sleep(600)"
    options = make(script, ready_within_s=0.5)
    process = AppServerProcess(options)
    with pytest.raises(ConfigurationError, match="not ready in time"):
        await process.start()
    assert process.pid is None
    await process.aclose()


async def test_a_model_that_cannot_be_connected_is_said(make: Make) -> None:
    options = make(model=ModelEndpoint("http://x/v1"), environment={"CONNECT_EXIT": "2"})
    with pytest.raises(ConfigurationError, match="model could not be connected"):
        async with served(options):
            pass


def test_a_key_that_finds_no_place_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="letta connect"):
        put_key("k", instead_of="p", home=tmp_path, environment={})
    (tmp_path / "providers").mkdir()
    (tmp_path / "providers" / "auth.json").write_text('{"key": "another"}')
    elsewhere = {"LETTA_LOCAL_BACKEND_DIR": str(tmp_path)}
    with pytest.raises(ConfigurationError, match="letta connect"):
        put_key("k", instead_of="p", home=tmp_path, environment=elsewhere)


async def test_the_output_is_logged_without_secrets(make: Make) -> None:
    with capture_logs() as logs:
        async with served(make()):
            found = await eventually(lambda: [e for e in logs if e["event"] == "output"])
    assert found[0]["line"] == "token [secret] in the output"
    assert found[0]["log_level"] == "debug"


def test_a_port_in_use_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"Port {port} .* in use"):
            free_port(port)


def test_a_missing_letta_is_said_with_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"letta-slack-bridge\[appserver\]"):
        find_letta({"PATH": str(tmp_path)}, beside=tmp_path)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "letta").write_text("#!/bin/sh\n")
    (tmp_path / "bin" / "letta").chmod(0o755)
    assert find_letta({"PATH": str(tmp_path / "bin")}, beside=tmp_path) == str(
        tmp_path / "bin" / "letta"
    )
    (tmp_path / "letta").write_text("")
    assert find_letta({}, beside=tmp_path) == str(tmp_path / "letta")


@pytest.mark.appserver
async def test_the_real_server_is_started_supervised_and_stopped(
    scripted_model: str, tmp_path: Path
) -> None:
    options = ProcessOptions(
        home=tmp_path / "home",
        cwd=tmp_path,
        environment={"PATH": os.environ["PATH"]},
        model=ModelEndpoint(f"{scripted_model}/v1", "x"),
    )
    async with served(options) as process:
        first = process.pid
        assert first is not None
        await asyncio.to_thread(ready, process.url)
        providers = json.loads((tmp_path / "home" / KEYS).read_text())["providers"]
        assert [record["auth"]["key"] for record in providers.values()] == ["x"]
        os.kill(first, signal.SIGKILL)
        await eventually(lambda: process.pid not in (first, None))
        await eventually(lambda: asyncio.to_thread(answers, process.url), within_s=30)
        second = process.pid
        assert second is not None
    assert not alive(first)
    assert not alive(second)


def ready(url: str) -> None:
    urllib.request.urlopen(url.replace("ws://", "http://") + "/readyz", timeout=5).close()


def answers(url: str) -> bool:
    try:
        ready(url)
    except OSError:
        return False
    return True
