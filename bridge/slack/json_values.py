"""JSON values of hostile payloads, read without trust: what has another type counts as absent."""

from collections.abc import Mapping, Sequence
from typing import Any

JsonObject = Mapping[str, Any]


def as_mapping(value: object) -> JsonObject:
    """`value` if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def as_string(value: object) -> str:
    """`value` if it is a string, else an empty one."""
    return value if isinstance(value, str) else ""


def as_objects(value: object) -> Sequence[JsonObject]:
    """The items of a JSON array, each as an object; none if `value` is no array."""
    return [as_mapping(item) for item in value] if isinstance(value, list) else []
