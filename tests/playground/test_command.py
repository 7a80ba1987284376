"""The command `slack-playground`: any app's manifest, and what the app needs to be told."""

import asyncio
import json
import signal
import sys
from pathlib import Path

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

MANIFEST = {
    "display_information": {"name": "Other App"},
    "features": {"bot_user": {"display_name": "other"}},
    "oauth_config": {"scopes": {"bot": ["chat:write"]}},
}


async def started(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "slack_playground", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def exports(process: asyncio.subprocess.Process) -> dict[str, str]:
    """The variables that the command prints."""
    assert process.stdout is not None
    found: dict[str, str] = {}
    async for line in process.stdout:
        text = line.decode().strip()
        if text.startswith("export "):
            name, _, value = text.removeprefix("export ").partition("=")
            found[name] = value
        elif text.startswith("Press"):
            return found
    raise AssertionError("the command ended")


async def test_an_app_gets_the_name_and_the_scopes_of_its_manifest(tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps(MANIFEST))
    process = await started("--manifest", str(manifest), "--port", "0")
    told = await exports(process)
    assert told["SLACK_APP_TOKEN"].startswith("xapp-")
    client = AsyncWebClient(token=told["SLACK_BOT_TOKEN"], base_url=told["SLACK_API_URL"])
    assert (await client.auth_test())["user"] == "other"
    with pytest.raises(SlackApiError, match="missing_scope"):
        await client.users_list()
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: [", "cannot be read as YAML or JSON"),
        ("just words", "has no features.bot_user.display_name"),
        ("features: {bot_user: {display_name: x}}", "has no list oauth_config.scopes.bot"),
    ],
)
async def test_a_file_that_is_no_manifest_is_refused_in_a_sentence(
    tmp_path: Path, text: str, sentence: str
) -> None:
    manifest = tmp_path / "manifest.yml"
    manifest.write_text(text)
    process = await started("--manifest", str(manifest), "--port", "0")
    _, words = await process.communicate()
    assert process.returncode == 2
    assert sentence in words.decode()


async def test_an_app_with_an_address_is_told_the_signing_secret_and_no_socket() -> None:
    process = await started("--port", "0", "--events-url", "http://127.0.0.1:9/slack/events")
    told = await exports(process)
    assert told["SLACK_SIGNING_SECRET"] == "playground-signing-secret"
    assert "SLACK_APP_TOKEN" not in told
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0


async def test_an_address_that_is_none_is_refused_in_a_sentence() -> None:
    process = await started("--port", "0", "--events-url", "slack/events")
    _, words = await process.communicate()
    assert process.returncode == 2
    assert "must be an http:// or https:// address" in " ".join(words.decode().split())
