"""Validation across settings, and error messages for values."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic_core import ErrorDetails

from bridge.settings.keys import variable_of
from bridge.settings.sections import Settings
from bridge.telemetry import redact


def conflicts(settings: Settings, *, file: str) -> Iterator[str]:
    """A sentence for everything that does not fit together or does not exist."""
    yield from _team(settings, file)
    yield from _directories(settings, file)


def _team(settings: Settings, file: str) -> Iterator[str]:
    entries = settings.teammates
    if not entries:
        yield (
            f"{file} names no teammate; add a [[teammates]] table with name and model, or set "
            "BRIDGE_TEAMMATES."
        )
    words = Counter(word.lower() for entry in entries for word in (entry.name, *entry.aliases))
    for word in _doubled(words):
        yield f"{file}: {word} is the name or alias of a teammate twice; each must be unique."
    for channel in _doubled(Counter(key for entry in entries for key in set(entry.channels))):
        yield f"{file}: channel {channel} has two default teammates; keep it with one of them."
    for agent in _doubled(Counter(entry.agent_id for entry in entries if entry.agent_id)):
        yield f"{file}: two teammates have the agent_id {agent}; each needs an agent of its own."
    if sum(entry.default for entry in entries) > 1:
        yield f"{file}: several teammates have default = true; keep it with one of them."


def _doubled(counted: Counter[str]) -> list[str]:
    return [name for name, count in counted.items() if count > 1]


def _directories(settings: Settings, file: str) -> Iterator[str]:
    # A server elsewhere has directories of its own; ours sees what we see (PROTOCOL §2).
    if not settings.appserver.managed:
        return
    wanted: list[tuple[str, Path | None]] = [("appserver.cwd", settings.appserver.cwd)]
    wanted += [(f"the cwd of teammate {entry.name}", entry.cwd) for entry in settings.teammates]
    for name, path in wanted:
        if path is not None and not path.is_dir():
            yield f"{file}: {name}, {path}, is not a directory; create it or name another."


def missing_secrets(settings: Settings, environ: Mapping[str, str]) -> Iterator[str]:
    """A sentence for every secret that is needed and not given."""
    for variable, what in _needed(settings):
        if not environ.get(variable) and not environ.get(f"{variable}_FILE"):
            yield f"{variable} is not set (nor {variable}_FILE): {what}."


def _needed(settings: Settings) -> Iterator[tuple[str, str]]:
    yield "SLACK_BOT_TOKEN", "the bot's token (xoxb-…), from OAuth & Permissions"
    if settings.slack.mode == "socket":
        yield (
            "SLACK_APP_TOKEN",
            "an app-level token (xapp-…) with connections:write, from Basic Information",
        )
    else:
        yield "SLACK_SIGNING_SECRET", "the signing secret, from Basic Information"


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
