"""`letta-bridge doctor`: looks at everything that a message needs, and says what to do."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from bridge import __version__
from bridge.appserver.client import AppServerClient
from bridge.appserver.commands import ClientInfo
from bridge.appserver.connection import LinkOptions
from bridge.appserver.process import find_letta
from bridge.commands import app_manifest
from bridge.domain.errors import BridgeError
from bridge.domain.ports import ServerTraits
from bridge.settings import Settings, reveal
from bridge.slack.auth_check import describe, new_socket_url
from bridge.slack.inbound.socket_mode import count_connections
from bridge.slack.rate_limit.rate_limiter import RateLimiter
from bridge.slack.web_api import WebApi, WebApiOptions, web_session
from bridge.store import Store

HELLO_S = 5.0
"""How long Slack may take to greet a connection."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `well` False: `said` tells what to do about it."""

    subject: str
    well: bool
    said: str

    @property
    def line(self) -> str:
        """The finding as a line for people."""
        return f"{'ok  ' if self.well else 'FIX '} {self.subject}: {self.said}"


async def examine(settings: Settings, *, server_wait_s: float = 15.0) -> list[Finding]:
    """Look at everything, one after another; a failure of one does not hide the others.

    `server_wait_s` is how long an App Server may take to answer.
    """
    findings = await _slack(settings)
    findings.append(await _looked("App Server", lambda: _appserver(settings, server_wait_s)))
    findings.append(await _looked("database", lambda: _database(settings)))
    return findings


async def _looked(subject: str, look: Callable[[], Awaitable[str]]) -> Finding:
    try:
        return Finding(subject, True, await look())
    except BridgeError as error:
        return Finding(subject, False, error.sentence)


async def _slack(settings: Settings) -> list[Finding]:
    async with web_session() as session:
        web_api = WebApi(
            WebApiOptions(
                token=reveal(settings.secrets.bot_token), base_url=settings.slack.api_url
            ),
            session=session,
            budget=RateLimiter(monotonic=asyncio.get_running_loop().time),
        )
        findings = [await _looked("bot token", lambda: _bot(web_api))]
        if settings.slack.mode == "socket":
            app_token = reveal(settings.secrets.app_token)
            findings.append(await _looked("app token", lambda: _socket(web_api, app_token)))
        if web_api.scopes is not None:
            findings.append(_scopes(web_api.scopes))
        findings.append(
            Finding(
                "events",
                True,
                "cannot be asked for; the app must subscribe to "
                + ", ".join(app_manifest.bot_events()),
            )
        )
        return findings


async def _bot(web_api: WebApi) -> str:
    workspace = await describe(web_api)
    return f"{workspace.bot_name} in {workspace.name} ({workspace.us.team})"


async def _socket(web_api: WebApi, app_token: str) -> str:
    address = await new_socket_url(web_api, app_token)
    counted = await count_connections(web_api.session, address, within_s=HELLO_S)
    if counted is None:
        return "Socket Mode can be opened"
    return (
        f"Socket Mode can be opened; {counted - 1} connections of this app are open (a running "
        "bridge has as many as slack.connections says; more belong to another program, which "
        "then takes part of what people say)"
    )


def _scopes(granted: frozenset[str]) -> Finding:
    missing = [scope for scope in app_manifest.bot_scopes() if scope not in granted]
    if not missing:
        return Finding("scopes", True, "all that the manifest asks for are granted")
    return Finding(
        "scopes",
        False,
        f"{', '.join(missing)} missing; add them under OAuth & Permissions and install the app "
        "to the workspace again",
    )


async def _appserver(settings: Settings, wait_s: float) -> str:
    url = settings.appserver.url
    if url is None:
        program = settings.appserver.executable or find_letta(os.environ)
        return f"the bridge starts its own ({await _program_version(program)}, {program})"
    token = reveal(settings.secrets.appserver_token)
    client = AppServerClient(
        LinkOptions(url, token=lambda: token or None),
        client_info=ClientInfo(name="letta-slack-bridge", version=__version__),
    )
    client.open()
    try:
        await client.ready(within_s=wait_s)
        return f"Letta Code {_traits(client.traits)} at {url}"
    finally:
        await client.aclose()


def _traits(traits: ServerTraits | None) -> str:
    if traits is None:
        return "of an unknown version"
    if traits.split_channels:
        return f"{traits.version} (takes one client: a crash of the bridge costs live turns)"
    return traits.version


async def _program_version(program: str) -> str:
    child = await asyncio.create_subprocess_exec(
        program,
        "--version",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    output, _ = await child.communicate()
    return output.decode(errors="replace").strip() or "version unknown"


async def _database(settings: Settings) -> str:
    url = settings.database.url
    file = Path(url.removeprefix("sqlite+aiosqlite:///"))
    existed = await asyncio.to_thread(file.exists)
    store = await Store.open(url)
    try:
        await store.database.check_writable()
        schema = store.database.schema_version
    finally:
        await store.close()
    return f"{'' if existed else 'created, '}schema {schema}, can be written ({file})"
