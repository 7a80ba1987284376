"""Reads the files on a turn's messages: pictures, and text up to a limit; the rest is named."""

import base64
from collections.abc import Iterable
from dataclasses import dataclass

from bridge.domain.bindings import ImagePart
from bridge.domain.errors import ChatError
from bridge.domain.messages import SharedFile
from bridge.domain.ports import ChatPort
from bridge.domain.prompt import Files, ReadFile
from bridge.telemetry import get_logger

log = get_logger("files")

MAX_TEXT_BYTES = 200_000
MAX_IMAGE_BYTES = 5_000_000
MAX_IMAGES = 8

_IMAGES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
_TEXTS = frozenset(
    {
        "application/json",
        "application/javascript",
        "application/toml",
        "application/x-sh",
        "application/x-yaml",
        "application/xml",
        "application/yaml",
    }
)


@dataclass(frozen=True, slots=True)
class FilesRead:
    """Files in words for the briefing, and the pictures as parts of the input."""

    files: Files
    pictures: tuple[ImagePart, ...]


async def read_files(shared: Iterable[SharedFile], chat: ChatPort) -> FilesRead:
    """Read what can be read; never raises: what failed is among the unread ones."""
    texts: list[ReadFile] = []
    names: list[str] = []
    pictures: list[ImagePart] = []
    unread: list[tuple[SharedFile, str]] = []
    for file in shared:
        try:
            if file.mimetype in _IMAGES and len(pictures) < MAX_IMAGES:
                pictures.append(await _picture(file, chat))
                names.append(file.name)
            elif _is_text(file):
                texts.append(await _text(file, chat))
            else:
                unread.append((file, _why_not(file)))
        except _Unreadable as reason:
            unread.append((file, str(reason)))
        except ChatError as error:
            log.warning("file not read", file=file.file_id, cause=str(error))
            unread.append((file, "Slack did not hand it out"))
    return FilesRead(Files(tuple(texts), tuple(names), tuple(unread)), tuple(pictures))


class _Unreadable(Exception):
    """Why one file is not read, in words for people."""


async def _picture(file: SharedFile, chat: ChatPort) -> ImagePart:
    data = await _download(file, chat, MAX_IMAGE_BYTES)
    return ImagePart(file.mimetype, base64.b64encode(data).decode("ascii"))


async def _text(file: SharedFile, chat: ChatPort) -> ReadFile:
    data = await _download(file, chat, MAX_TEXT_BYTES)
    try:
        return ReadFile(file.name, data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise _Unreadable("not UTF-8 text") from None


async def _download(file: SharedFile, chat: ChatPort, limit: int) -> bytes:
    if file.size is not None and file.size > limit:
        raise _Unreadable(f"larger than {limit // 1000} kB")
    return await chat.fetch(file, limit_bytes=limit)


def _is_text(file: SharedFile) -> bool:
    return file.mimetype.startswith("text/") or file.mimetype in _TEXTS


def _why_not(file: SharedFile) -> str:
    if file.mimetype in _IMAGES:
        return f"more than {MAX_IMAGES} pictures"
    return "neither a picture nor text"
