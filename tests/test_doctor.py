"""`doctor` against a workspace, a real App Server and real files: each line ok or what to do."""

import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridge.commands.doctor import Finding, examine
from bridge.settings import Settings, load
from slack_playground import Playground, PlaygroundOptions
from tests.appserver_fixtures import RealServer

TEAM = '[{"name": "ada", "model": "some/model"}]'


@pytest.fixture
async def workspace() -> AsyncIterator[Playground]:
    running = Playground()
    await running.start()
    yield running
    await running.stop()


def settings(workspace: Playground, folder: Path, **environ: str) -> Settings:
    path = folder / "bridge.toml"
    path.touch()
    given = {
        "BRIDGE_TEAMMATES": TEAM,
        "BRIDGE_DATABASE__URL": f"sqlite+aiosqlite:///{folder}/bridge.db",
        "BRIDGE_SLACK__BASE_URL": workspace.api_url,
        "SLACK_BOT_TOKEN": workspace.bot_token,
        "SLACK_APP_TOKEN": workspace.app_token,
    }
    return load(path, environ={**given, **environ})


def named(findings: list[Finding], subject: str) -> Finding:
    return next(finding for finding in findings if finding.subject == subject)


@pytest.mark.appserver
async def test_all_is_well_when_everything_works(
    workspace: Playground, tmp_path: Path, app_server: RealServer
) -> None:
    findings = await examine(settings(workspace, tmp_path, BRIDGE_APPSERVER__URL=app_server.url))
    assert [finding.line for finding in findings if not finding.well] == []
    assert "Letta Code 0." in named(findings, "App Server").said
    assert "Playground" in named(findings, "bot token").said


@pytest.mark.appserver
async def test_a_server_of_our_own_is_named_with_its_version(
    workspace: Playground, tmp_path: Path
) -> None:
    found = named(await examine(settings(workspace, tmp_path)), "App Server")
    assert found.well
    assert "the bridge starts its own" in found.said


async def test_wrong_tokens_are_told_apart_and_do_not_hide_the_rest(
    workspace: Playground, tmp_path: Path
) -> None:
    wrong = settings(
        workspace,
        tmp_path,
        SLACK_BOT_TOKEN="xoxb-zebra",
        SLACK_APP_TOKEN="xapp-zebra",
        BRIDGE_APPSERVER__URL="ws://127.0.0.1:1/ws",
    )
    findings = await examine(wrong, server_wait_s=0.5)
    assert "Copy the xoxb- token again" in named(findings, "bot token").said
    assert "Copy the xapp- token again" in named(findings, "app token").said
    assert not named(findings, "App Server").well
    assert named(findings, "database").well
    assert not any("zebra" in finding.line for finding in findings)


async def test_missing_scopes_are_listed_with_what_to_do(tmp_path: Path) -> None:
    scopes = tuple(s for s in PlaygroundOptions().scopes if s != "reactions:write")
    workspace = Playground(PlaygroundOptions(scopes=scopes))
    await workspace.start()
    try:
        found = named(await examine(settings(workspace, tmp_path)), "scopes")
    finally:
        await workspace.stop()
    assert found.line.startswith("FIX  scopes: reactions:write missing; add them")


async def test_a_slack_that_is_not_there_is_a_line_not_a_crash(
    workspace: Playground, tmp_path: Path
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/api/"
        findings = await examine(settings(workspace, tmp_path, BRIDGE_SLACK__BASE_URL=url))
    assert not named(findings, "bot token").well


async def test_a_file_that_is_no_database_is_a_line(workspace: Playground, tmp_path: Path) -> None:
    (tmp_path / "bridge.db").write_text("this is a letter to my aunt, and no database at all")
    found = named(await examine(settings(workspace, tmp_path)), "database")
    assert not found.well


async def test_connections_of_the_app_are_counted(workspace: Playground, tmp_path: Path) -> None:
    given = settings(workspace, tmp_path, BRIDGE_APPSERVER__URL="ws://127.0.0.1:1/ws")
    found = named(await examine(given, server_wait_s=0.2), "app token")
    assert found.well
    assert "0 connections of this app are open" in found.said
