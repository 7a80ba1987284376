"""Worlds for the tests: a shared one that is quick, and others of a test's own."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path

import pytest
import pytest_asyncio

from bridge.commands import app_manifest
from slack_playground import Playground, PlaygroundOptions
from slack_playground.app_manifest import read_manifest
from tests.appserver_fixtures import RealServer
from tests.browser.conftest import browser, open_page
from tests.e2e.world import Bridge, World, teammates

__all__ = ["browser", "open_page"]

Worlds = Callable[..., Awaitable[World]]


async def make_world(
    folder: Path, model_url: str, options: PlaygroundOptions, environ: Mapping[str, str]
) -> World:
    """A workspace that runs and a bridge, told so much more, that is not started yet."""
    project = folder / "project"
    project.mkdir()
    place = Playground(options.for_app(read_manifest(app_manifest.path())))
    await place.start()
    given = {
        "SLACK_BOT_TOKEN": place.bot_token,
        "SLACK_APP_TOKEN": place.app_token,
        "BRIDGE_SLACK__BASE_URL": place.api_url,
        "BRIDGE_TEAMMATES": teammates(project),
    }
    return World(place, Bridge(folder, {**given, **environ}), project, model_url)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def world(
    app_server: RealServer, scripted_model: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    """One workspace and one bridge for all tests that only use threads of their own."""
    folder = tmp_path_factory.mktemp("world")
    options = PlaygroundOptions(rate_limits=False)
    given = {"BRIDGE_APPSERVER__URL": app_server.url}
    shared = await make_world(folder, scripted_model, options, given)
    try:
        await shared.start()
        yield shared
    finally:
        shared.bridge.end()
        await shared.place.stop()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def playground(world: World) -> Playground:
    """The workspace that `open_page` shows."""
    return world.place


@pytest_asyncio.fixture(loop_scope="session")
async def worlds(
    app_server: RealServer, scripted_model: str, tmp_path: Path
) -> AsyncIterator[Worlds]:
    """Makes worlds of the test's own: `await worlds(BRIDGE_…="…", options=…)`, not started."""
    made: list[World] = []

    async def make(*, options: PlaygroundOptions | None = None, **environ: str) -> World:
        folder = tmp_path / f"world-{len(made)}"
        folder.mkdir()
        chosen = options or PlaygroundOptions(rate_limits=False)
        given = {"BRIDGE_APPSERVER__URL": app_server.url, **environ}
        made.append(await make_world(folder, scripted_model, chosen, given))
        return made[-1]

    try:
        yield make
    finally:
        for each in made:
            each.bridge.end()
            await each.place.stop()
