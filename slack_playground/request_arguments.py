"""A Web API call's arguments: query, form, JSON and multipart, merged into one mapping."""

import json
from typing import Any

from aiohttp import web

from slack_playground.slack_types import ApiError, Json

_FORMAT_ERRORS = {
    "blocks": "invalid_blocks_format",
    "metadata": "invalid_metadata_format",
    "chunks": "invalid_chunks",
}


class Args:
    """Typed access to one call's arguments; absent and null are the same.

    Only `objects` and `mapping` decode JSON text, and only the fields that Slack decodes are read
    with them (blocks, attachments, view, metadata, files, chunks): a text that looks like JSON
    stays text.
    """

    def __init__(self, values: Json) -> None:
        self.values = {name: value for name, value in values.items() if value is not None}

    def has(self, name: str) -> bool:
        """Whether the argument was given."""
        return name in self.values

    def text(self, name: str) -> str:
        """The argument as text; empty when absent."""
        value = self.values.get(name, "")
        return value if isinstance(value, str) else _as_text(value)

    def flag(self, name: str, default: bool = False) -> bool:
        """The argument as a boolean, in any of the spellings Slack takes."""
        if name not in self.values:
            return default
        value = self.values[name]
        return value if isinstance(value, bool) else str(value).lower() in {"1", "true", "t"}

    def number(self, name: str, default: int) -> int:
        """The argument as a whole number, or raise `invalid_arguments`."""
        if name not in self.values:
            return default
        try:
            return int(self.values[name])
        except (TypeError, ValueError, OverflowError):
            raise ApiError(
                "invalid_arguments", details=[f"[ERROR] must be an integer [json-pointer:/{name}]"]
            ) from None

    def objects(self, name: str) -> list[Json] | None:
        """A list of JSON objects, None when absent."""
        value = self._json(name)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise ApiError(_FORMAT_ERRORS.get(name, "invalid_arguments"))
        return value

    def mapping(self, name: str) -> Json | None:
        """One JSON object, None when absent."""
        value = self._json(name)
        if value is not None and not isinstance(value, dict):
            raise ApiError(_FORMAT_ERRORS.get(name, "invalid_arguments"))
        return value

    def names(self, name: str) -> list[str]:
        """A list of strings: a JSON array or a comma-separated text."""
        value = self.values.get(name, [])
        if isinstance(value, str):
            value = value.split(",")
        return [str(item) for item in (value if isinstance(value, list) else [value]) if item]

    def _json(self, name: str) -> Any:
        value = self.values.get(name)
        if value == "":
            return None
        if isinstance(value, str):
            try:
                return json.loads(value)
            except ValueError:
                raise ApiError(_FORMAT_ERRORS.get(name, "invalid_arguments")) from None
        return value


def _as_text(value: object) -> str:
    if isinstance(value, (dict, list, bool)):
        return json.dumps(value)
    return str(value)


async def read_args(request: web.Request) -> Json:
    """Every argument of `request`; the body wins over the query.

    Raises `invalid_json` and `json_not_object` for a JSON body that is not an object.
    """
    values: Json = dict(request.query)
    if request.method != "POST" or not request.can_read_body:
        return values
    if request.content_type == "application/json":
        values.update(_json_object(await request.text()))
    else:
        values.update(await request.post())
    return values


def _json_object(body: str) -> Json:
    if not body.strip():
        return {}
    try:
        value = json.loads(body)
    except ValueError:
        raise ApiError("invalid_json") from None
    if not isinstance(value, dict):
        raise ApiError("json_not_object")
    return value
