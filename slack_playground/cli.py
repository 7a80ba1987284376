"""The command `slack-playground`: a workspace for any Slack app, until it is stopped."""

import asyncio
import signal
from pathlib import Path
from typing import Annotated

import typer

from slack_playground.app_manifest import AppManifest, InvalidManifest, read_manifest
from slack_playground.options import PlaygroundOptions
from slack_playground.playground import Playground

BAD_USAGE = 2

app = typer.Typer(add_completion=False)


@app.command()
def serve(
    manifest: Annotated[
        Path | None,
        typer.Option(help="The app's manifest (YAML or JSON); none: a bot with common scopes."),
    ] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")
    ] = 3000,
    state: Annotated[
        Path | None,
        typer.Option(help="A file that keeps the workspace over restarts; none: memory only."),
    ] = None,
    rate_limits: Annotated[bool, typer.Option(help="Whether Slack's rate limits hold.")] = True,
) -> None:
    """Run a Slack workspace on this machine, for an app that is told its address."""
    try:
        found = read_manifest(manifest) if manifest is not None else None
        asyncio.run(_serve(_options(found, state, rate_limits=rate_limits), port))
    except InvalidManifest as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(BAD_USAGE) from None
    except OSError as error:
        typer.echo(f"Port {port} cannot be used: {error.strerror}. Choose another.", err=True)
        raise typer.Exit(BAD_USAGE) from None


def _options(
    manifest: AppManifest | None, state: Path | None, *, rate_limits: bool
) -> PlaygroundOptions:
    options = PlaygroundOptions(state_file=state, rate_limits=rate_limits)
    return options if manifest is None else options.for_app(manifest)


async def _serve(options: PlaygroundOptions, port: int) -> None:
    playground = Playground(options)
    await playground.start(port=port)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        typer.echo(
            f"\n  Open {playground.page_url}\n\n"
            f"  export SLACK_BOT_TOKEN={playground.bot_token}\n"
            f"  export SLACK_APP_TOKEN={playground.app_token}\n"
            f"  export SLACK_API_URL={playground.api_url}\n\n"
            "  Press Ctrl-C to stop."
        )
        await stop.wait()
    finally:
        await playground.stop()


def main() -> None:
    """Run the command."""
    app()
