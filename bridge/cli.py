"""The command `letta-bridge`: arguments in, exit codes out.

Exit codes: 0 done · 1 something failed, or `doctor` found something · 2 wrong usage or
configuration · 3 Slack or the App Server cannot be reached or refuses · 4 the database cannot be
used · 130 stopped before the end by a second signal.
"""

import asyncio
import gc
import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from typer.core import TyperGroup

from bridge import __version__
from bridge.domain.errors import (
    AgentError,
    BridgeError,
    ChatError,
    ConfigurationError,
    StoreError,
)
from bridge.settings import DEFAULT_PATH, Settings, load
from bridge.telemetry import configure_logging, get_logger, redact

_OF_TYPER = (typer.Exit, typer.Abort, typer.TyperException)

T = TypeVar("T")

FAILED, MISCONFIGURED, UNREACHABLE, NO_DATABASE, FORCED = 1, 2, 3, 4, 130


def exit_code(error: BaseException) -> int:
    """The exit code that stands for `error`."""
    match error:
        case ConfigurationError():
            return MISCONFIGURED
        case AgentError() | ChatError():
            return UNREACHABLE
        case StoreError():
            return NO_DATABASE
        case asyncio.CancelledError():
            return FORCED
        case _:
            return FAILED


def sentence(error: BaseException) -> str:
    """What to say about `error` without a traceback."""
    match error:
        case BridgeError():
            return error.sentence
        case asyncio.CancelledError():
            return "Stopped before everything was put away."
        case _:
            return (
                f"Something unexpected failed ({type(error).__name__}: {error}). "
                "Run the command again with --debug before its name to see where."
            )


class _Commands(TyperGroup):
    """Turns errors into a sentence and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except _OF_TYPER:
            raise
        except (Exception, asyncio.CancelledError) as error:
            if ctx.params.get("debug"):
                raise
            typer.echo(redact(sentence(error)), err=True)
            raise typer.Exit(exit_code(error)) from None


app = typer.Typer(
    cls=_Commands, add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False
)

Config = Annotated[
    Path | None,
    typer.Option("--config", "-c", help=f"The configuration file (default: {DEFAULT_PATH})."),
]


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"letta-bridge {__version__}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option(help="Show tracebacks.")] = False,
    show_version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Work with Letta agents in Slack as with colleagues."""


@app.command()
def run(config: Config = None) -> None:
    """Connect Slack and the App Server, until stopped by SIGINT or SIGTERM."""
    from bridge import hardening

    closed = hardening.close_to_others()
    settings = _load(config)
    get_logger("cli").debug("closed to others of the same user", closed=closed)
    from bridge import supervisor_main

    verdict = asyncio.run(
        until_stopped(lambda stop: supervisor_main.run(settings, config=config, stop=stop))
    )
    if verdict.sentence is not None:
        typer.echo(redact(verdict.sentence), err=True)
    raise typer.Exit(verdict.code)


@app.command(hidden=True)
def worker(
    supervisor_fd: Annotated[int, typer.Option(help="The pipe to the supervisor.")],
    config: Config = None,
) -> None:
    """Do the work of the bridge; started by `run`, never by hand."""
    from bridge import hardening

    hardening.close_to_others()
    import uvloop  # the worker alone: a turn costs it an eighth less, at 2 MB

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(until_stopped(lambda stop: _work(supervisor_fd, config, stop)))


async def _work(supervisor_fd: int, config: Path | None, stop: asyncio.Event) -> None:
    gc.disable()  # imported modules are never garbage; collecting during imports only costs time
    from bridge import worker_main as composition
    from bridge.supervisor_client import GONE, SupervisorClient

    gc.freeze()
    gc.enable()
    supervisor = await SupervisorClient.meet(supervisor_fd)
    try:
        settings = _load(config, environ={**os.environ, **supervisor.environ})
        supervisor.when_leaving(stop.set)
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, supervisor.leave)
        await supervisor.begin()
        await composition.run(settings, stop=stop, supervisor=supervisor)
    finally:
        await supervisor.aclose()
    if supervisor.gone:
        raise BridgeError(GONE)


@app.command()
def init(config: Config = None) -> None:
    """Write a first bridge.toml and print how to create the Slack app."""
    from bridge.commands import init as first

    typer.echo(first.write(config or DEFAULT_PATH), nl=False)


@app.command()
def doctor(config: Config = None) -> None:
    """Check tokens, scopes, App Server and database; say what to do about each."""
    from bridge.commands import doctor as examination

    findings = asyncio.run(examination.examine(_load(config)))
    for finding in findings:
        typer.echo(finding.line)
    if not all(finding.well for finding in findings):
        raise typer.Exit(FAILED)


@app.command()
def migrate(config: Config = None) -> None:
    """Bring the database's schema up to date (`run` does it at its start as well)."""
    typer.echo(asyncio.run(_migrate(_load(config, with_secrets=False))))


@app.command()
def demo(
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="The page's port (default: 3000 or free).")
    ] = None,
    directory: Annotated[
        Path, typer.Option("--dir", help="Where the demo keeps its workspace.")
    ] = Path(".demo"),
) -> None:
    """Start everything on this machine, no account needed, and print the page's address."""
    from bridge.commands import demo as world

    configure_logging(level="warning")
    chosen = world.DemoOptions(directory=directory.resolve(), port=port)
    asyncio.run(until_stopped(lambda stop: world.run(chosen, say=typer.echo, stop=stop)))


def main() -> None:
    """Run the command that the arguments name."""
    app()


def _load(
    config: Path | None,
    *,
    with_secrets: bool = True,
    environ: Mapping[str, str] = os.environ,
) -> Settings:
    settings = load(config, environ=environ, with_secrets=with_secrets)
    configure_logging(level=settings.log.level, json=settings.log.format == "json")
    return settings


async def _migrate(settings: Settings) -> str:
    from bridge.store.database import Database

    database = await Database.open(settings.database.url)
    try:
        changed = await database.migrate()
    finally:
        await database.close()
    version_now = database.schema_version
    return f"The schema is {'now' if changed else 'already'} at version {version_now}."


async def until_stopped(work: Callable[[asyncio.Event], Awaitable[T]]) -> T:
    """Run `work`; the first SIGINT, SIGTERM or SIGHUP sets its event, the second cancels it, and
    a third ends the process at once.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    running = asyncio.current_task()
    received = 0

    def on_signal() -> None:
        nonlocal received
        received += 1
        stop.set()
        if received == 2 and running is not None:
            running.cancel()
        if received > 2:
            os._exit(FORCED)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # What the caller ignores (as nohup does with SIGHUP) stays ignored.
        if signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, on_signal)
    return await work(stop)
