"""A scripted model and real App Servers, for tests marked `appserver`.

`scripted_model` and `app_server` are started once per test process and shared: use a new agent
or conversation in each test. `app_servers` starts servers that a test has for itself.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

HERE = Path(__file__).parent
LETTA = Path(sys.executable).parent / "letta"
MODEL = "openai-compatible/scripted"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for_http(url: str, process: subprocess.Popen[bytes], *, within_s: float = 60.0) -> None:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        assert process.poll() is None, f"{process.args!r} ended with {process.returncode}"
        with contextlib.suppress(OSError, urllib.error.URLError):
            urllib.request.urlopen(url, timeout=5).close()
            return
        time.sleep(0.02)
    raise AssertionError(f"{url} did not answer within {within_s} s")


def end(process: subprocess.Popen[bytes], number: int = signal.SIGTERM) -> None:
    """Signal the process's group and wait for the process."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(5)


@dataclass
class RealServer:
    """A real `letta server` with a HOME of its own."""

    home: Path
    cwd: Path
    model_url: str
    arguments: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it is ready. May be called again after `stop` or `kill`."""
        if not (self.home / ".connected").exists():
            self._letta("connect", "openai-compatible", "--base-url", self.model_url,
                        "--api-key", "x").wait(60)  # fmt: skip
            (self.home / ".connected").touch()
        self.process = self._letta("server", "--listen", self.url, *self.arguments)
        wait_for_http(f"http://127.0.0.1:{self.port}/readyz", self.process)

    def stop(self) -> None:
        if self.process is not None:
            end(self.process)

    def kill(self) -> None:
        """End it without a word, as a power failure would."""
        if self.process is not None:
            end(self.process, signal.SIGKILL)

    def _letta(self, *arguments: str) -> subprocess.Popen[bytes]:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "LETTA_CODE_TELEM": "0",
            "DISABLE_AUTOUPDATER": "1",
        }
        return subprocess.Popen(
            [str(LETTA), "--backend", "local", *arguments],
            cwd=self.cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )


@pytest.fixture(scope="session")
def scripted_model() -> Iterator[str]:
    """Base address (without `/v1`) of a model that does what the user's message says."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, str(HERE / "scripted_model.py"), "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_for_http(f"http://127.0.0.1:{port}/v1/models", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        end(process)


def _server(folder: Path, model: str, *arguments: str) -> RealServer:
    home, cwd = folder / "home", folder / "project"
    home.mkdir()
    cwd.mkdir()
    return RealServer(home, cwd, f"{model}/v1", arguments)


@pytest.fixture(scope="session")
def app_server(
    scripted_model: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RealServer]:
    """A real App Server that all tests of this process share."""
    server = _server(tmp_path_factory.mktemp("app_server"), scripted_model)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def app_servers(scripted_model: str, tmp_path: Path) -> Iterator[Callable[..., RealServer]]:
    """Starts a real App Server of the test's own, with more command line arguments if given."""
    started: list[RealServer] = []

    def begin(*arguments: str) -> RealServer:
        folder = tmp_path / f"server-{len(started)}"
        folder.mkdir()
        server = _server(folder, scripted_model, *arguments)
        started.append(server)
        server.start()
        return server

    try:
        yield begin
    finally:
        for server in started:
            server.stop()
