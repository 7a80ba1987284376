"""File downloads: only from Slack, bounded, and the token goes nowhere else."""

from typing import Final
from urllib.parse import urljoin, urlsplit

import aiohttp

from bridge.domain.errors import ChatRefused, ChatUnreachable
from bridge.domain.messages import SharedFile
from bridge.slack.json_values import as_mapping, as_string
from bridge.slack.web_api import WebApi

SLACK: Final = "slack.com"
MOST_REDIRECTS: Final = 3
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
METHOD: Final = "file download"
CHUNK: Final = 64 * 1024

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class FileDownloads:
    """Fetches files of one workspace. Rules: PLATFORM §9.2."""

    def __init__(self, web_api: WebApi, *, timeout_s: float = 60.0) -> None:
        self._web_api = web_api
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)

    async def fetch(self, file: SharedFile, *, limit_bytes: int) -> bytes:
        """The file's bytes.

        Raises:
            ChatRefused: not Slack's address, too large, gone, or no permission.
            ChatUnreachable: no clear answer.
        """
        if file.size is not None and file.size > limit_bytes:
            raise ChatRefused(METHOD, "file_too_large")
        url = file.url or await self._address_of(file)
        try:
            for _ in range(1 + MOST_REDIRECTS):
                found = await self._get(url, file, limit_bytes)
                if isinstance(found, bytes):
                    return found
                url = urljoin(url, found)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise ChatUnreachable(f"The file {file.file_id} could not be read.") from error
        raise ChatRefused(METHOD, "redirected_too_often")

    async def _get(self, url: str, file: SharedFile, limit_bytes: int) -> bytes | str:
        """The file's bytes, or where it is instead. The token goes to Slack's own hosts alone."""
        if not may_fetch(url, base_url=self._web_api.options.base_url):
            raise ChatRefused(METHOD, "foreign_address")
        headers = {"Authorization": f"Bearer {self._web_api.options.token}"}
        async with self._web_api.session.get(
            url, headers=headers, allow_redirects=False, timeout=self._timeout
        ) as response:
            if response.status in _REDIRECTS and (elsewhere := response.headers.get("Location")):
                return elsewhere
            _check(response, file)
            return await _bounded(response, limit_bytes)

    async def _address_of(self, file: SharedFile) -> str:
        """Ask for the address that Slack left out of the message (PLATFORM §4.8)."""
        answer = await self._web_api.read("files.info", {"file": file.file_id})
        found = as_mapping(answer.get("file"))
        return as_string(found.get("url_private_download")) or as_string(found.get("url_private"))


def may_fetch(url: str, *, base_url: str) -> bool:
    """Whether the bot's token may be sent to `url`: to a host of Slack or the Web API's own.

    On Enterprise Grid files are redirected from one of Slack's hosts to another. https only, except
    where the Web API itself is on loopback. Pure.
    """
    try:
        asked, own = urlsplit(url), urlsplit(base_url)
        same = (asked.scheme, asked.hostname, asked.port) == (own.scheme, own.hostname, own.port)
        host = asked.hostname or ""
        at_slack = (host == SLACK or host.endswith(f".{SLACK}")) and asked.port in (None, 443)
    except ValueError:
        return False
    if asked.username is not None or asked.password is not None:
        return False
    if own.hostname in _LOOPBACK:
        return same
    return asked.scheme == "https" and (same or at_slack)


def _check(response: aiohttp.ClientResponse, file: SharedFile) -> None:
    if response.status >= 500:
        raise ChatUnreachable(f"The file {file.file_id} could not be read.")
    if response.status != 200:
        raise ChatRefused(METHOD, f"status_{response.status}")
    # With a wrong token or without files:read Slack shows its sign-in page, status 200.
    if response.content_type == "text/html" and not file.mimetype.startswith("text/html"):
        raise ChatRefused(METHOD, "sign_in_page")


async def _bounded(response: aiohttp.ClientResponse, limit_bytes: int) -> bytes:
    content = bytearray()
    async for chunk in response.content.iter_chunked(CHUNK):
        content += chunk
        if len(content) > limit_bytes:
            raise ChatRefused(METHOD, "file_too_large")
    return bytes(content)
