"""File kinds: what a file is by its bytes, whatever its name or type claims. Pure."""

import codecs
from typing import Final

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_TAIL: Final = 4_096
"""Some cameras and programs write a little more behind a picture's end."""
_MARKED: Final = (  # the longer marks first: one begins with another
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def picture_type(data: bytes) -> str | None:
    """The media type of a whole PNG, JPEG, GIF or WebP; None for anything else, cut pictures too.

    A model's API refuses what is none, and every later turn of the conversation with it.
    """
    tail = data[-_TAIL:]
    if data.startswith(_PNG) and data[12:16] == b"IHDR" and b"IEND" in tail:
        return "image/png"
    if data.startswith(b"\xff\xd8\xff") and b"\xff\xd9" in tail:
        return "image/jpeg"
    if data[:6] in (b"GIF87a", b"GIF89a") and b"\x3b" in tail:
        return "image/gif"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp" if len(data) >= 8 + int.from_bytes(data[4:8], "little") else None
    return None


def text_of(data: bytes) -> str | None:
    """The text, if it is UTF-8, or UTF-16 or UTF-32 that says so at its start; None otherwise."""
    encoding = next((name for mark, name in _MARKED if data.startswith(mark)), "utf-8-sig")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return None
    return None if "\x00" in text else text
