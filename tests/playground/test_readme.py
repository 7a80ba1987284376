"""The README says what is so: its examples run, and its lists are whole."""

import ast
import asyncio
import inspect
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp.test_utils import unused_port

from slack_playground import Playground, PlaygroundOptions
from slack_playground.actions import People
from slack_playground.api import METHODS
from slack_playground.app_manifest import read_manifest
from slack_playground.cli import serve
from slack_playground.context import Context
from slack_playground.happenings import Happenings
from slack_playground.page_routes import PageRoutes
from tests.playground.conftest import QUICK, App, Start
from tests.support import eventually

README = (Path(__file__).parents[2] / "slack_playground" / "README.md").read_text()
ROOM = replace(QUICK, ack_timeout_s=5.0)


def example(language: str, holding: str) -> str:
    """The one example in that language that holds the text."""
    (found,) = (
        block
        for block in re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
        if holding in block
    )
    return str(found)


def options(folder: Path, base: PlaygroundOptions = ROOM) -> PlaygroundOptions:
    manifest = folder / "manifest.yml"
    manifest.write_text(example("yaml", "bot_user"))
    return base.for_app(read_manifest(manifest))


@asynccontextmanager
async def running(code: str, place: Playground) -> AsyncIterator[None]:
    """The example as a program of its own, until the block ends."""
    told = {
        "SLACK_BOT_TOKEN": place.bot_token,
        "SLACK_APP_TOKEN": place.app_token,
        "SLACK_API_URL": place.api_url,
        "SLACK_SIGNING_SECRET": place.signing_secret,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, env={**os.environ, **told}, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        await eventually(lambda: place.connections == 1, within_s=20)
        yield
    finally:
        process.kill()
        await process.wait()


async def test_the_example_over_socket_mode_answers_a_mention(start: Start) -> None:
    place = await start(ROOM)
    async with running(example("python", "AsyncSocketModeHandler"), place):
        ts = place.post("maya", "#general", "<@U01LETTABOT> hi")
        await eventually(lambda: len(place.messages("#general", ts)) == 2)
    assert place.messages("#general", ts)[1]["text"] == "Hello, <@U01MAYACHEN>."


async def test_the_example_with_an_address_answers_a_command(start: Start, tmp_path: Path) -> None:
    port = unused_port()
    url = f"http://127.0.0.1:{port}/slack/events"
    place = await start(options(tmp_path, replace(ROOM, events_url=url)))
    code = example("python", "signing_secret").replace("3001", str(port))
    async with running(code, place):
        await place.command("maya", "#general", "/ask why")
    assert place.ephemerals("maya")[0]["text"] == "You asked: why"


async def test_the_example_of_a_program_runs() -> None:
    code = compile(
        example("python", "from slack_playground import"),
        "README",
        "exec",
        flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT,
    )
    names: dict[str, Any] = {}
    ran = eval(code, names)
    if inspect.isawaitable(ran):
        await ran
    assert names["playground"].messages("#general")[0]["ts"] == names["ts"]
    await names["playground"].stop()


async def test_the_examples_of_the_control_api_do_what_they_say(
    start: Start,
    connect: Callable[[Playground], Awaitable[App]],
    http: aiohttp.ClientSession,
    tmp_path: Path,
) -> None:
    place = await start(options(tmp_path))
    app = await connect(place)
    for route, body in re.findall(r"curl -s http://127.0.0.1:3000/(\S+) -d '(.*)'", README):
        async with http.post(place.page_url + route, data=body) as response:
            assert (await response.json())["ok"], body
    assert place.messages("#general")[0]["text"] == "hello"
    assert place.channel("#engineering")["is_archived"]
    assert [r.type for r in app.requests if r.type != "events_api"] == [
        "slash_commands",
        "interactive",
    ]


def table(heading: str) -> set[str]:
    """The words in code in the first column of the table under a heading."""
    section = README.partition(f"{heading}\n")[2].partition("\n#")[0]
    cells = re.findall(r"^\| (`.*?) \|", section, re.M)
    return {word for cell in cells for word in re.findall(r"`([^`]+)`", cell)}


def test_every_method_is_listed_and_no_other() -> None:
    section = README.partition("## Methods\n")[2].partition("\n#")[0]
    assert set(re.findall(r"`([a-zA-Z]+\.[\w.]+)`", section)) == set(METHODS)


def test_every_happening_is_listed_and_no_other() -> None:
    happenings = Happenings(Context(QUICK)).names()
    assert table("### What happens in real workspaces") - {"what"} == set(happenings)


def test_every_route_of_the_control_api_is_listed_and_no_other() -> None:
    context = Context(QUICK)
    routes = PageRoutes(context, People(context)).routes()
    posts = {route.path.removeprefix("/playground/") for route in routes if route.method == "POST"}
    assert table("## The control API") == posts


def test_every_option_of_the_command_is_listed() -> None:
    listed = {option.partition(" ")[0] for option in table("## Start")}
    taken = {f"--{name.replace('_', '-')}" for name in inspect.signature(serve).parameters}
    assert {option.replace("--no-", "--") for option in listed} == taken


def test_the_manifest_of_the_readme_is_one(tmp_path: Path) -> None:
    found = options(tmp_path)
    assert found.has_home
    assert json.dumps([command.command for command in found.commands]) == '["/ask"]'
