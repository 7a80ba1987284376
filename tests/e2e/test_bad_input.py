"""Mistakes as an operator meets them: a clear sentence and the right exit code, or a degraded
state that recovers; never a traceback.
"""

import asyncio
import socket
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.appserver_fixtures import RealServer
from tests.e2e.conftest import Worlds
from tests.e2e.world import World
from tests.support import eventually

pytestmark = [
    pytest.mark.appserver,
    pytest.mark.timeout(120),
    pytest.mark.asyncio(loop_scope="session"),
]

NOWHERE = "ws://127.0.0.1:9"


async def refused(world: World) -> tuple[int, str]:
    """Start the bridge and return its exit code and all that it said."""
    world.bridge.start()
    code = await world.bridge.ended()
    return code, world.bridge.said()


@pytest.mark.parametrize(
    ("environ", "code", "sentence"),
    [
        (
            {"SLACK_BOT_TOKEN": "xoxb-wrong-one"},
            2,
            "Slack does not know the bot token. Copy the xoxb- token again.",
        ),
        (
            {"SLACK_APP_TOKEN": "xapp-wrong-one"},
            2,
            "Slack does not know the app-level token. Copy the xapp- token again.",
        ),
        ({"SLACK_BOT_TOKEN": "secret-thing"}, 2, "SLACK_BOT_TOKEN does not look right"),
        ({"SLACK_APP_TOKEN": ""}, 2, "SLACK_APP_TOKEN is not set"),
        ({"BRIDGE_WEB__PROT": "1"}, 2, "Did you mean BRIDGE_WEB__PORT?"),
        ({"BRIDGE_TEAMMATES": "[{}]"}, 2, "teammate number 1: name is missing."),
        (
            {"BRIDGE_APPSERVER__TOKEN_FILE": "/no/such/token"},
            2,
            "The file /no/such/token that appserver.token_file names cannot be read",
        ),
        (
            {"BRIDGE_DATABASE__URL": "sqlite+aiosqlite:////no/such/directory/bridge.db"},
            2,
            "/no/such/directory",
        ),
    ],
)
async def test_a_mistake_in_the_settings_is_one_sentence(
    worlds: Worlds, environ: dict[str, str], code: int, sentence: str
) -> None:
    world = await worlds(**{"BRIDGE_APPSERVER__URL": NOWHERE, **environ})
    ended, said = await refused(world)
    assert ended == code
    assert sentence in said
    assert "Traceback" not in said
    assert "secret-thing" not in said
    assert "wrong-one" not in said


async def test_a_port_in_use_is_named_with_the_key_that_changes_it(worlds: Worlds) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        world = await worlds(BRIDGE_APPSERVER__URL=NOWHERE, BRIDGE_WEB__PORT=port)
        code, said = await refused(world)
    assert code == 2, said
    assert f"Port {port} on 127.0.0.1 is in use" in said
    assert "BRIDGE_WEB__PORT" in said
    assert "Traceback" not in said


async def test_a_database_that_cannot_be_written_is_named(worlds: Worlds) -> None:
    world = await worlds(BRIDGE_APPSERVER__URL=NOWHERE)
    path = world.bridge.folder / "bridge.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE t (x)")
    # What a file without write permission is to everybody but root.
    world.bridge.environ["BRIDGE_DATABASE__URL"] = (
        f"sqlite+aiosqlite:///file:{path}?mode=ro&uri=true"
    )
    code, said = await refused(world)
    assert code in (2, 4)
    assert "cannot be written" in said
    assert "Traceback" not in said


async def test_a_directory_that_does_not_exist_is_named(worlds: Worlds) -> None:
    world = await worlds(BRIDGE_APPSERVER__URL="")
    world.project.rmdir()
    code, said = await refused(world)
    assert code == 2, said
    assert f"the cwd of teammate ada, {world.project}, is not a directory" in said
    assert "Traceback" not in said


async def test_a_directory_unknown_to_a_server_elsewhere_is_a_sentence_in_the_thread(
    worlds: Worlds,
) -> None:
    world = await worlds()
    world.project.rmdir()
    await world.start()
    thread = world.ask("<@U01LETTABOT> where are you?")
    text = await world.until(thread, "The directory set up for this teammate does not exist")
    assert str(world.project) not in text
    assert "Traceback" not in world.bridge.said()


async def test_a_server_that_refuses_the_login_is_named_until_the_token_is_right(
    worlds: Worlds, app_servers: Callable[..., RealServer], tmp_path: Path
) -> None:
    right, ours = tmp_path / "right", tmp_path / "ours"
    right.write_text("right-words")
    ours.write_text("other-words")
    login = ("--ws-auth", "capability-token", "--ws-token-file", str(right))
    server = await asyncio.to_thread(app_servers, *login)
    world = await worlds(BRIDGE_APPSERVER__URL=server.url, BRIDGE_APPSERVER__TOKEN_FILE=str(ours))
    world.bridge.start()

    async def says_so() -> bool:
        status, parts = await world.bridge.readiness()
        return status == 503 and "login" in parts.get("appserver", "")

    await eventually(says_so, within_s=20)
    ours.write_text("right-words")
    await world.bridge.ready()
    assert "other-words" not in world.bridge.said()
    assert "Traceback" not in world.bridge.said()
