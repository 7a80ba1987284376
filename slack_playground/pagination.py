"""Cursor pagination, as Slack's `conversations.*` and list methods do it."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import TypeVar

from slack_playground.request_arguments import Args
from slack_playground.slack_types import ApiError, Json

T = TypeVar("T")


def page(
    items: Sequence[T], args: Args, *, key: Callable[[T], str], most: int = 1000, default: int = 100
) -> tuple[list[T], str]:
    """One page of `items` and the cursor of the next one, empty at the end.

    `limit` is cut to `most`. Raises `invalid_cursor` for a cursor that names no item.
    """
    limit = args.number("limit", default)
    limit = min(limit if limit > 0 else default, most)
    start = 0
    cursor = args.text("cursor")
    if cursor:
        wanted = _decode(cursor)
        start = next((i for i, item in enumerate(items) if key(item) == wanted), -1)
        if start < 0:
            raise ApiError("invalid_cursor")
    rest = items[start + limit :]
    next_cursor = _encode(key(rest[0])) if rest else ""
    return list(items[start : start + limit]), next_cursor


def with_cursor(answer: Json, next_cursor: str) -> Json:
    """The answer with its `response_metadata`."""
    return {**answer, "response_metadata": {"next_cursor": next_cursor}}


def _encode(key: str) -> str:
    return base64.b64encode(f"next:{key}".encode()).decode()


def _decode(cursor: str) -> str:
    try:
        kind, _, key = base64.b64decode(cursor, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise ApiError("invalid_cursor") from None
    if kind != "next":
        raise ApiError("invalid_cursor")
    return key
