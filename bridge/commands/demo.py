"""`letta-bridge demo`: everything on this machine, with the product as its own program.

The demo model and the workspace run in this process; the bridge is started as anybody would
start it, told only by a file and the environment, and starts its App Server itself.
"""

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from bridge.commands import app_manifest
from bridge.domain.errors import BridgeError, ConfigurationError
from bridge.settings import child_environment
from bridge.telemetry import Tasks
from slack_playground import Playground, PlaygroundOptions
from slack_playground.app_manifest import read_manifest
from slack_playground.demo_model import MODEL, DemoModel

READY_S = 120.0
STOP_S = 20.0
PAGE_PORT = 3000
LAST_LINES = 12

NOTICE = (
    "This is a demo: the workspace and the language model are stand-ins on this machine. The "
    "agents, their tools and the bridge are real; approved commands really run."
)
NOTICE_WITH_MODEL = (
    "This is a demo: the workspace is a stand-in on this machine. The agents, their model ({model})"
    " and the bridge are real; approved commands really run."
)

PROVIDERS = {
    "ANTHROPIC_API_KEY": "anthropic/claude-sonnet-4-5",
    "OPENAI_API_KEY": "openai/gpt-5",
    "OPENROUTER_API_KEY": "openrouter/anthropic/claude-sonnet-4.5",
}
"""A key in the environment, and the model that the demo then uses; the first one counts."""

TEAM = (("ada", "backend engineer", ":owl:"), ("grace", "reviewer", ":ship:"))

PROJECT_README = """\
# The demo's project

The agents work in this directory. Nothing outside it belongs to the demo.
"""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """Where the demo lives, and the page's port (None: 3000 if it is free)."""

    directory: Path
    port: int | None = None


@dataclass(frozen=True, slots=True)
class _World:
    """The demo's files. Each model has agents of its own; the workspace is shared."""

    root: Path
    model: str

    @property
    def project(self) -> Path:
        return self.root / "project"

    @property
    def config(self) -> Path:
        return self.root / "bridge.toml"

    @property
    def log(self) -> Path:
        return self.root / "logs" / "bridge.log"

    def prepare(self) -> None:
        """Make the directories and write the bridge's configuration."""
        self.project.mkdir(parents=True, exist_ok=True)
        self.log.parent.mkdir(exist_ok=True)
        readme = self.project / "README.md"
        if not readme.exists():
            readme.write_text(PROJECT_README, encoding="utf-8")
        self.config.write_text(self.toml(), encoding="utf-8")

    def toml(self) -> str:
        """The bridge's configuration: what an operator would write."""
        kind = self.model.partition("/")[0]
        tables = [
            _table("[appserver]", state_dir=f"{self.root}/appserver-{kind}", cwd=f"{self.project}"),
            _table("[database]", url=f"sqlite+aiosqlite:///{self.root}/bridge-{kind}.db"),
        ]
        tables += [
            _table(
                "[[teammates]]",
                name=name,
                role=role,
                model=self.model,
                cwd=str(self.project),
                icon_emoji=icon,
            )
            for name, role, icon in TEAM
        ]
        return "# Written anew by each `letta-bridge demo`.\n\n" + "\n".join(tables)


def _table(heading: str, **entries: str) -> str:
    # A JSON string is a TOML string as well.
    lines = (f"{key} = {json.dumps(value)}\n" for key, value in entries.items())
    return f"{heading}\n{''.join(lines)}"


async def run(options: DemoOptions, *, say: Say, stop: asyncio.Event) -> None:
    """Start everything, print the page's address, and end everything when `stop` is set.

    Raises:
        ConfigurationError: the directory is in use by another demo, or the port is taken.
        BridgeError: the bridge ended by itself, or was not ready in time.
    """
    model = next((PROVIDERS[key] for key in PROVIDERS if os.environ.get(key)), None)
    world = _World(options.directory, model or f"openai-compatible/{MODEL}")
    async with AsyncExitStack() as stack:
        stack.enter_context(_only_one(options.directory))
        await asyncio.to_thread(world.prepare)
        given = {"BRIDGE_WEB__PORT": str(_free_port())}
        if model is None:
            given["BRIDGE_APPSERVER__MODEL_BASE_URL"] = await _start_model(stack, say)
        else:
            say(f"Using {model}, because its key is in the environment.")
        playground = await _start_workspace(stack, options, model, say)
        given |= {
            "SLACK_BOT_TOKEN": playground.bot_token,
            "SLACK_APP_TOKEN": playground.app_token,
            "BRIDGE_SLACK__BASE_URL": playground.api_url,
        }
        say("Starting the bridge and its agent server (some seconds)…")
        bridge = await _start_bridge(stack, world, given)
        ready = _ready(given["BRIDGE_WEB__PORT"], world.log)
        await _until(stop, bridge, world.log, ready)
        if not stop.is_set():
            say(f"\n  Open {playground.page_url}\n\n  Everything it knows is in {world.root}.")
            say("  Press Ctrl-C to stop.\n")
            await _until(stop, bridge, world.log, stop.wait())
        say("Stopping…")
    say("Stopped.")


async def _start_model(stack: AsyncExitStack, say: Say) -> str:
    say("Starting the demo model (a script, not a language model)…")
    model = DemoModel()
    await model.start()
    stack.push_async_callback(model.stop)
    return model.base_url


async def _start_workspace(
    stack: AsyncExitStack, options: DemoOptions, model: str | None, say: Say
) -> Playground:
    say("Starting the workspace…")
    notice = NOTICE_WITH_MODEL.format(model=model) if model else NOTICE
    state = options.directory / "workspace.json"
    playground = Playground(
        PlaygroundOptions(
            state_file=state, notice=notice, app_authors=tuple(name for name, _, _ in TEAM)
        ).for_app(read_manifest(app_manifest.path()))
    )
    try:
        await playground.start(port=options.port or _free_port(preferred=PAGE_PORT))
    except OSError as error:
        raise ConfigurationError(
            f"Port {options.port} cannot be used for the page: {error.strerror}. Choose another "
            "with --port."
        ) from error
    stack.push_async_callback(playground.stop)
    return playground


async def _start_bridge(
    stack: AsyncExitStack, world: _World, given: Mapping[str, str]
) -> asyncio.subprocess.Process:
    # In a session of its own, so that Ctrl-C reaches only us and the order of stopping is ours.
    with world.log.open("wb") as log:
        bridge = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bridge", "run", "--config", str(world.config)),
            env={**child_environment(os.environ), **given},
            cwd=world.root,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    stack.push_async_callback(_stop, bridge)
    return bridge


async def _stop(bridge: asyncio.subprocess.Process) -> None:
    """Ask the bridge to stop (it stops its App Server); end its group when it does not."""
    _signal(bridge.pid, signal.SIGTERM)
    try:
        await asyncio.wait_for(bridge.wait(), STOP_S)
    except TimeoutError:
        _signal(bridge.pid, signal.SIGKILL)
        await bridge.wait()


def _signal(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)


async def _until(
    stop: asyncio.Event,
    bridge: asyncio.subprocess.Process,
    log: Path,
    work: Coroutine[Any, Any, object],
) -> None:
    """Wait for `work` or `stop`, whichever comes first; raise when the bridge ends meanwhile."""
    tasks = Tasks()
    working = tasks.spawn(work, name="demo")
    ended = tasks.spawn(bridge.wait(), name="demo's bridge")
    stopping = tasks.spawn(stop.wait(), name="demo's stop")
    try:
        await asyncio.wait({working, ended, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if ended.done() and not stop.is_set():
            raise BridgeError(f"The bridge ended by itself (code {ended.result()}). {_said(log)}")
        if working.done():
            working.result()
    finally:
        await tasks.aclose()


async def _ready(port: str, log: Path) -> None:
    """Wait until the bridge says that both of its legs work."""
    reasons = ""
    try:
        async with asyncio.timeout(READY_S), aiohttp.ClientSession() as session:
            while True:
                with contextlib.suppress(aiohttp.ClientError):
                    async with session.get(f"http://127.0.0.1:{port}/readyz") as response:
                        if response.status == 200:
                            return
                        reasons = await response.text()
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise BridgeError(
            f"The bridge was not ready after {READY_S:g} seconds. {reasons} {_said(log)}"
        ) from None


def _said(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-LAST_LINES:]
    return "\n".join([f"Its last words, from {log}:", *lines])


@contextlib.contextmanager
def _only_one(directory: Path) -> Iterator[None]:
    """Hold the demo's directory, so that no second demo works in it."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigurationError(
                f"A demo already runs in {directory}. Stop it, or name another with --dir."
            ) from None
        yield


def _free_port(*, preferred: int = 0) -> int:
    """The preferred port of loopback if it is free, else any other."""
    for wanted in (preferred, 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", wanted))
            port: int = probe.getsockname()[1]
            return port
    raise ConfigurationError("This machine has no free port on 127.0.0.1.")
