"""The processes that a benchmark needs: bridge, floor, model and App Server."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from tests.appserver_fixtures import MODEL, RealServer, end, free_port, wait_for_http

ROOT = Path(__file__).parent.parent


class Program:
    """A Python program in a process group of its own; `log` holds all that it writes."""

    def __init__(self, arguments: Sequence[str], folder: Path, environ: Mapping[str, str]) -> None:
        self.log = folder / "program.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=folder,
                env={
                    "PATH": os.environ["PATH"],
                    "HOME": str(folder),
                    "PYTHONPATH": str(ROOT),
                    **environ,
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.usage = psutil.Process(self.process.pid)

    def check(self) -> None:
        """Raise when it has ended."""
        if self.process.poll() is not None:
            raise RuntimeError(f"ended with {self.process.returncode}:\n{self.said()}")

    def said(self) -> str:
        """Everything that it wrote."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def cpu_s(self) -> float:
        """Processor seconds used so far, by it and by those that it started."""
        used = [process.cpu_times() for process in self.family()]
        return float(sum(each.user + each.system for each in used))

    def resident_mb(self) -> float:
        """Resident memory in megabytes, its own and that of those that it started."""
        return float(sum(each.memory_info().rss for each in self.family()) / 1_000_000)

    def family(self) -> list[psutil.Process]:
        """The process and its living descendants: for the bridge, supervisor and worker."""
        return [self.usage, *self.usage.children(recursive=True)]

    def worker_cpu_s(self) -> float:
        """Processor seconds that the bridge's worker used so far."""
        used = self._worker().cpu_times()
        return float(used.user + used.system)

    def worker_mb(self) -> float:
        """Resident memory of the bridge's worker in megabytes."""
        return float(self._worker().memory_info().rss / 1_000_000)

    def kill_worker(self) -> float:
        """Kill the bridge's worker, as nothing can be prepared for; returns the instant."""
        worker, at = self._worker(), time.monotonic()
        worker.send_signal(signal.SIGKILL)
        return at

    def _worker(self) -> psutil.Process:
        (worker,) = self.usage.children()
        return worker

    def end(self) -> None:
        """End it and its children at once."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(12)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(5)


def start_bridge(
    folder: Path, *, slack_url: str, tokens: tuple[str, str], server_url: str
) -> tuple[Program, str]:
    """`python -m bridge run` by environment alone; returns it and its web address."""
    environ, web = bridge_environ(folder, slack_url=slack_url, tokens=tokens, server_url=server_url)
    arguments = os.environ.get("BENCH_BRIDGE", "-m bridge run").split()
    return Program(arguments, folder, environ), web


def bridge_environ(
    folder: Path, *, slack_url: str, tokens: tuple[str, str], server_url: str
) -> tuple[dict[str, str], str]:
    """All that a bridge is told, and the address of its web port."""
    port = free_port()
    team = [{"name": "ada", "model": MODEL, "cwd": str(folder), "icon_emoji": ":owl:"}]
    environ = {
        "SLACK_BOT_TOKEN": tokens[0],
        "SLACK_APP_TOKEN": tokens[1],
        "BRIDGE_SLACK__BASE_URL": slack_url,
        "BRIDGE_APPSERVER__URL": server_url,
        "BRIDGE_TEAMMATES": json.dumps(team),
        "BRIDGE_WEB__PORT": str(port),
    }
    return environ, f"http://127.0.0.1:{port}"


def start_floor(
    folder: Path, *, slack_url: str, tokens: tuple[str, str], server_url: str
) -> Program:
    """The bare script, told the same things."""
    environ = {
        "FLOOR_BOT_TOKEN": tokens[0],
        "FLOOR_APP_TOKEN": tokens[1],
        "FLOOR_SLACK_URL": slack_url,
        "FLOOR_SERVER_URL": server_url,
        "FLOOR_MODEL": MODEL,
    }
    return Program(["-m", "bench.floor"], folder, environ)


class Backstage:
    """A scripted model and a real App Server, for all benchmarks of one run."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        script = ROOT / "tests" / "scripted_model.py"
        self._model = subprocess.Popen(
            [sys.executable, str(script), "--port", str(port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        home, cwd = folder / "home", folder / "project"
        home.mkdir()
        cwd.mkdir()
        self._server = RealServer(home, cwd, f"http://127.0.0.1:{port}/v1")
        try:
            wait_for_http(f"http://127.0.0.1:{port}/v1/models", self._model)
            self._server.start()
        except BaseException:
            self.end()
            raise

    @property
    def url(self) -> str:
        """The App Server's address."""
        return self._server.url

    def end(self) -> None:
        """Stop both."""
        self._server.stop()
        end(self._model)
