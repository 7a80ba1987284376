"""The command `slack-playground`: a workspace for any Slack app, until it is stopped."""

import asyncio
import signal
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from slack_playground.app_manifest import InvalidManifest, read_manifest
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
    events_url: Annotated[
        str | None,
        typer.Option(help="The app's address for signed requests; none: Socket Mode."),
    ] = None,
    rate_limits: Annotated[bool, typer.Option(help="Whether Slack's rate limits hold.")] = True,
) -> None:
    """Run a Slack workspace on this machine, for an app that is told its address."""
    try:
        found = read_manifest(manifest) if manifest is not None else None
        options = PlaygroundOptions(
            state_file=state, rate_limits=rate_limits, events_url=_address(events_url)
        )
        asyncio.run(_serve(options if found is None else options.for_app(found), port))
    except InvalidManifest as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(BAD_USAGE) from None
    except OSError as error:
        typer.echo(f"Port {port} cannot be used: {error.strerror}. Choose another.", err=True)
        raise typer.Exit(BAD_USAGE) from None


def _address(url: str | None) -> str | None:
    if url is None or (urlsplit(url).scheme in {"http", "https"} and urlsplit(url).hostname):
        return url
    raise typer.BadParameter("must be an http:// or https:// address", param_hint="--events-url")


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
            f"{_told(playground)}\n"
            f"  export SLACK_API_URL={playground.api_url}\n\n"
            "  Press Ctrl-C to stop."
        )
        await stop.wait()
    finally:
        await playground.stop()


def _told(playground: Playground) -> str:
    """What the app needs beside the bot token."""
    if playground.options.events_url is None:
        return f"  export SLACK_APP_TOKEN={playground.app_token}"
    return f"  export SLACK_SIGNING_SECRET={playground.signing_secret}"


def main() -> None:
    """Run the command."""
    app()
