"""File downloads: only from Slack, bounded, and the token goes nowhere else."""

from typing import Final
from urllib.parse import urlsplit

import aiohttp

from bridge.domain.errors import ChatRefused, ChatUnreachable
from bridge.domain.messages import SharedFile
from bridge.slack.json_values import as_mapping, as_string
from bridge.slack.web_api import WebApi

FILES_HOST: Final = "files.slack.com"
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
        url = file.url or await self._address_of(file)
        if not may_fetch(url, base_url=self._web_api.options.base_url):
            raise ChatRefused(METHOD, "foreign_address")
        if file.size is not None and file.size > limit_bytes:
            raise ChatRefused(METHOD, "file_too_large")
        headers = {"Authorization": f"Bearer {self._web_api.options.token}"}
        try:
            async with self._web_api.session.get(
                url, headers=headers, allow_redirects=False, timeout=self._timeout
            ) as response:
                _check(response, file)
                return await _bounded(response, limit_bytes)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise ChatUnreachable(f"The file {file.file_id} could not be read.") from error

    async def _address_of(self, file: SharedFile) -> str:
        """Ask for the address that Slack left out of the message (PLATFORM §4.8)."""
        answer = await self._web_api.read("files.info", {"file": file.file_id})
        found = as_mapping(answer.get("file"))
        return as_string(found.get("url_private_download")) or as_string(found.get("url_private"))


def may_fetch(url: str, *, base_url: str) -> bool:
    """Whether the bot's token may be sent to `url`: to Slack's file host or the Web API's own.

    https only, except where the Web API itself is on loopback. Pure.
    """
    try:
        asked, own = urlsplit(url), urlsplit(base_url)
        same = (asked.scheme, asked.hostname, asked.port) == (own.scheme, own.hostname, own.port)
        at_files_host = asked.hostname == FILES_HOST and asked.port in (None, 443)
    except ValueError:
        return False
    if asked.username is not None or asked.password is not None:
        return False
    if own.hostname in _LOOPBACK:
        return same
    return asked.scheme == "https" and (same or at_files_host)


def _check(response: aiohttp.ClientResponse, file: SharedFile) -> None:
    if 300 <= response.status < 400:
        raise ChatRefused(METHOD, "redirected")
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
