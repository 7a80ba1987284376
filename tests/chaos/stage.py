"""The processes of one world: bridge, App Server, and what stands between them."""

import asyncio
import contextlib
import json
import signal
from pathlib import Path

import psutil

from bridge.telemetry import Tasks
from slack_playground import Playground, PlaygroundOptions
from slack_playground.hooks import HookPoint
from slack_playground.inspector import Entry
from tests.appserver_fixtures import RealServer
from tests.chaos.proxy import Proxy
from tests.chaos.rows import Rows
from tests.chaos.steps import Step, Tripwires
from tests.e2e.world import Bridge, teammates
from tests.support import eventually

ROOT = Path(__file__).parents[2]
POLL_S = 0.01
LEFTOVERS_S = 3.0
"""How long children of a killed supervisor may take to end by themselves."""


class SlackWorkspace(Playground):
    """The playground, with the timestamps of all messages whose events were acknowledged."""

    def __init__(self) -> None:
        super().__init__(PlaygroundOptions(redelivery_scale=0.02, inspector_size=20_000))
        self.acked: set[str] = set()
        self._context.inspector.watchers.append(self._noted)

    def _noted(self, entry: Entry) -> None:
        if entry.kind == "event" and entry.ok:
            event = json.loads(entry.request or "{}").get("event", {})
            self.acked.add(str(event.get("ts")))


class Stage:
    """One bridge with its workspace. `server` is None where the App Server is the bridge's own.

    Like a service manager it starts the bridge again whenever its main process has ended.
    """

    def __init__(self, folder: Path, *, model_url: str, server: RealServer | None) -> None:
        self.folder = folder
        self.model_url = model_url
        self.server = server
        self.place = SlackWorkspace()
        self.wires = Tripwires()
        self.calm = asyncio.Event()
        """Set while nothing is left to do, so that nothing more will break by itself."""
        self.proxy: Proxy | None = None
        self.bridge: Bridge
        self.exits: list[int] = []
        self.server_kills = 0
        self._tasks = Tasks()
        self._kept = True
        self._split = False

    @property
    def project(self) -> Path:
        """The directory in which the agents work."""
        return self.folder / "project"

    @property
    def database(self) -> Path:
        """The bridge's database file."""
        return self.folder / "bridge.db"

    # ---- life

    async def start(self) -> None:
        """Start everything and wait until the bridge is ready."""
        self.project.mkdir(parents=True)
        await self.place.start()
        self.place.watch(self._slack_step)
        self.bridge = Bridge(self.folder, await self._environment())
        self.bridge.start()
        await self.bridge.ready()
        self.worker()  # shows whether there is a supervisor
        self._tasks.spawn(self._keep(), name="service manager")
        self._tasks.spawn(self._watch_rows(), name="rows")

    async def _environment(self) -> dict[str, str]:
        given = {
            "PYTHONPATH": str(ROOT),
            "SLACK_BOT_TOKEN": self.place.bot_token,
            "SLACK_APP_TOKEN": self.place.app_token,
            "BRIDGE_SLACK__BASE_URL": self.place.api_url,
            "BRIDGE_TEAMMATES": teammates(self.project),
        }
        if self.server is None:
            return given | {"BRIDGE_APPSERVER__MODEL_BASE_URL": f"{self.model_url}/v1"}
        self.proxy = Proxy(self.server.url, watcher=self._wire_step)
        await self.proxy.start()
        return given | {"BRIDGE_APPSERVER__URL": self.proxy.url}

    async def end(self) -> None:
        """Leave no process behind."""
        self._kept = False
        await self._tasks.aclose()
        self.bridge.end()
        _kill(self._leftovers())
        if self.proxy is not None:
            await self.proxy.stop()
        await self.place.stop()

    # ---- instants

    def _slack_step(self, moment: HookPoint, name: str) -> None:
        self.wires.reached(Step("slack", name, moment.value))

    def _wire_step(self, kind: str, when: str) -> None:
        self.wires.reached(Step("wire", kind, when))

    async def _watch_rows(self) -> None:
        rows = Rows(self.database)
        while True:
            await asyncio.sleep(POLL_S if self.wires.await_rows else 10 * POLL_S)
            for what in rows.news():
                self.wires.reached(Step("store", what, "stored"))

    # ---- processes

    async def _keep(self) -> None:
        """Be its service manager."""
        while True:
            await asyncio.sleep(POLL_S)
            if not self._kept or self.bridge.process.poll() is None:
                continue
            self.exits.append(self.bridge.process.returncode)
            await self._leftovers_end()
            self.bridge.start()

    async def _leftovers_end(self) -> None:
        """What a supervisor leaves ends by itself, or is ended as a service manager would."""
        with contextlib.suppress(AssertionError):
            await eventually(lambda: not self._leftovers(), within_s=LEFTOVERS_S, poll_s=POLL_S)
        _kill(self._leftovers())

    def _leftovers(self) -> list[psutil.Process]:
        """Processes that work in the bridge's directory or below: worker, App Server, tools."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                inside = Path(process.cwd()).is_relative_to(self.folder)
                if inside and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def _family(self) -> list[psutil.Process]:
        with contextlib.suppress(psutil.Error):
            main = psutil.Process(self.bridge.process.pid)
            return [main, *main.children(recursive=True)]
        return []

    def worker(self) -> psutil.Process | None:
        """The process that does the work: the supervisor's child, or the only one; None without."""
        main = self.bridge.process.pid
        for pid in _children(main):
            with contextlib.suppress(psutil.Error):
                process = psutil.Process(pid)
                if "worker" in process.cmdline():
                    self._split = True
                    return process
        alone = not self._split and self.bridge.process.poll() is None
        return psutil.Process(main) if alone else None

    def restart_server(self) -> None:
        """Start the server again; once more when a strike beside this one killed it meanwhile."""
        assert self.server is not None
        try:
            self.server.start()
        except AssertionError:
            self.server.start()

    def own_server(self) -> psutil.Process | None:
        """The App Server that the bridge started; None when there is none now."""
        for process in self._family()[1:]:
            if "--listen" in _words(process):
                return process
        return None

    def kill_worker(self) -> bool:
        """End the worker without a word, at once; False when there is none."""
        worker = self.worker()
        _kill([worker] if worker else [])
        return worker is not None

    def kill_everything(self) -> bool:
        """End all of the bridge at once, as a power failure would."""
        _kill(self._family())
        return True

    def signal_main(self, number: signal.Signals) -> bool:
        """Send the main process a signal."""
        if self.bridge.process.poll() is not None:
            return False
        self.bridge.signal(number)
        return True

    async def ready(self) -> None:
        """Wait until the bridge says that all is well, however often it has to be started."""

        async def is_ready() -> bool:
            with contextlib.suppress(Exception):
                return (await self.bridge.readiness())[0] == 200
            return False

        await eventually(is_ready, within_s=30, poll_s=0.05)


def _children(pid: int) -> list[int]:
    """Ids of a process's children; the kernel's list, because the instant counts."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (OSError, ValueError):
        return []


def _words(process: psutil.Process) -> list[str]:
    with contextlib.suppress(psutil.Error):
        return list(process.cmdline())
    return []


def _kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()
