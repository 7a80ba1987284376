"""What is wrong with a value, in words: which key, where it stands, what it must be."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic_core import ErrorDetails

from bridge.settings.keys import variable_of
from bridge.telemetry import redact

_USERINFO = re.compile(r"//[^/@\s]*@")

_MUST_BE = {
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_type": "must be a whole number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "string_type": "must be text in quotes",
    "path_type": "must be a path in quotes",
    "tuple_type": "must be a list",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "greater_than": "must be more than {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than_equal": "must be at most {le:g}",
    "string_too_long": "must be at most {max_length} characters long",
    "string_too_short": "must not be empty",
    "missing": "is missing",
    "model_type": "must be a table",
    "value_error": "{error}",
}


def sentences(
    errors: Sequence[ErrorDetails],
    *,
    content: Mapping[str, Any],
    file: str,
    environ: Mapping[str, str],
) -> Iterator[str]:
    """One sentence for every error that pydantic found."""
    for error in errors:
        where = _where(error["loc"], content, file, environ)
        template = _MUST_BE.get(error["type"])
        said = template.format(**error.get("ctx", {})) if template else error["msg"]
        yield f"{where} {said}{_value(error)}."


def _value(error: ErrorDetails) -> str:
    value = error["input"]
    if error["type"] == "missing" or isinstance(value, dict):
        return ""
    return f", not {_USERINFO.sub('//[secret]@', redact(repr(value)))[:80]}"


def _where(
    loc: tuple[int | str, ...], content: Mapping[str, Any], file: str, environ: Mapping[str, str]
) -> str:
    if loc and loc[0] == "teammates":
        return f"{file}: {_teammate(loc, content)}"
    key = ".".join(str(part) for part in loc[:2])
    variable = variable_of(key)
    return variable if environ.get(variable) else f"{file}: {key}"


def _teammate(loc: tuple[int | str, ...], content: Mapping[str, Any]) -> str:
    if len(loc) < 2 or not isinstance(loc[1], int):
        return "teammates"
    entries = content.get("teammates")
    entry = entries[loc[1]] if isinstance(entries, list) and loc[1] < len(entries) else None
    name = entry.get("name") if isinstance(entry, dict) else None
    who = f"teammate {name}" if isinstance(name, str) else f"teammate number {loc[1] + 1}"
    return f"{who}: {loc[2]}" if len(loc) > 2 else who
