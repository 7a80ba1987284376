"""Composition root of the supervisor's process, which is `letta-bridge run`.

Imports neither Slack's nor the database's libraries: the worker does that, in its own process.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from bridge.appserver.bearer_token import token_from_file
from bridge.appserver.process import AppServerProcess, ModelEndpoint, ProcessOptions
from bridge.appserver.transport import Endpoint
from bridge.settings import Settings, child_environment, reveal
from bridge.supervisor.child_process import Program
from bridge.supervisor.supervisor import ExitStatus, Supervisor, SupervisorOptions
from bridge.telemetry import Tasks

SHUTDOWN_GRACE_S = 4.0
"""What a drained worker needs beyond `turns.drain_s`: last words in Slack, the database closed."""


async def run(settings: Settings, *, config: Path | None, stop: asyncio.Event) -> ExitStatus:
    """Supervise the bridge until `stop` is set; SIGUSR1 replaces the worker.

    Args:
        settings: what the supervisor itself needs; each worker reads them anew.
        config: the file that the workers are told to read.
        stop: set to drain.

    Raises `ConfigurationError` when the App Server of our own cannot start.
    """
    server = _server(settings)
    supervisor = Supervisor(
        _program(config),
        address=lambda: _address(settings, server),
        server=server,
        options=SupervisorOptions(stop_within_s=settings.turns.drain_s + SHUTDOWN_GRACE_S),
    )
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, supervisor.renew)
    tasks = Tasks()
    tasks.spawn(_pass_on(stop, supervisor), name="stop")
    try:
        return await supervisor.run()
    finally:
        await tasks.aclose()


async def _pass_on(stop: asyncio.Event, supervisor: Supervisor) -> None:
    await stop.wait()
    supervisor.stop()


def _program(config: Path | None) -> Program:
    environ = child_environment(os.environ)
    return Program(
        command=(
            *(sys.executable, "-m", "bridge", "worker", "--supervisor-fd", "{fd}"),
            *(("--config", str(config)) if config else ()),
        ),
        environ=environ,
        secrets={name: value for name, value in os.environ.items() if name not in environ},
    )


def _server(settings: Settings) -> AppServerProcess | None:
    """An App Server of our own; None when another is configured."""
    ours = settings.appserver
    if not ours.managed:
        return None
    return AppServerProcess(
        ProcessOptions(
            home=ours.state_dir.absolute(),
            cwd=ours.workplace.absolute(),
            environment=child_environment(os.environ),
            model=_endpoint(settings),
            executable=ours.executable,
        )
    )


def _endpoint(settings: Settings) -> ModelEndpoint | None:
    base_url = settings.appserver.model_base_url
    if base_url is None:
        return None
    return ModelEndpoint(base_url, reveal(settings.secrets.model_key) or None)


def _address(settings: Settings, server: AppServerProcess | None) -> Endpoint:
    """Where the App Server is; reads the token's file, which may have changed."""
    if server is not None:
        return Endpoint(server.url, server.token)
    given = settings.appserver
    token = token_from_file(str(given.token_file))() if given.token_file else None
    return Endpoint(given.url or "", token)
