"""Setting keys: the known ones, and the nearest to an unknown one."""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bridge.settings.secrets import SECRET_KEYS
from bridge.settings.sections import ENV_DELIMITER, ENV_PREFIX, Section, Settings, TeammateSection

_TEAMMATES = "teammates"


def known_keys() -> tuple[str, ...]:
    """Every key as it is written in docs: `slack.mode`, `teammates.name`."""
    return tuple(f"{section}.{key}" for section, keys in _tables().items() for key in sorted(keys))


def _tables() -> dict[str, frozenset[str]]:
    annotations = {name: field.annotation for name, field in Settings.model_fields.items()}
    tables = {
        name: frozenset(kind.model_fields)
        for name, kind in annotations.items()
        if isinstance(kind, type) and issubclass(kind, Section)
    }
    return {**tables, _TEAMMATES: frozenset(TeammateSection.model_fields)}


def unknown_in_file(content: Mapping[str, Any], file: str) -> Iterator[str]:
    """A sentence for every key of the file that does not exist, or that is a secret."""
    tables = _tables()
    for section, value in content.items():
        if section not in tables:
            yield _unknown(section, tables, file)
            continue
        for key in _keys_of(value):
            name = f"{section}.{key}"
            if key in SECRET_KEYS or _holds_token(_at(value, key)):
                yield _secret(name, key, file)
            elif key not in tables[section]:
                yield _unknown(name, known_keys(), file)


def unknown_in_environment(environ: Iterable[str]) -> Iterator[str]:
    """A sentence for every `BRIDGE_…` variable that stands for no key."""
    known = [variable_of(key) for key in known_keys() if not key.startswith(f"{_TEAMMATES}.")]
    known.append(ENV_PREFIX + _TEAMMATES.upper())
    for name in sorted(environ):
        if name.upper().startswith(ENV_PREFIX) and name.upper() not in known:
            yield _unknown(name, known, "the environment")


def variable_of(key: str) -> str:
    """The environment variable of a key: `slack.mode` has `BRIDGE_SLACK__MODE`."""
    return ENV_PREFIX + key.replace(".", ENV_DELIMITER).upper()


def _keys_of(value: Any) -> list[str]:
    if isinstance(value, list):
        return sorted({key for entry in value if isinstance(entry, dict) for key in entry})
    return list(value) if isinstance(value, dict) else []


def _at(value: Any, key: str) -> Any:
    if isinstance(value, list):
        return [entry.get(key) for entry in value if isinstance(entry, dict)]
    return value[key]


def _holds_token(value: Any) -> bool:
    texts = value if isinstance(value, list) else [value]
    return any(isinstance(text, str) and text.startswith(("xoxb-", "xapp-")) for text in texts)


def _secret(name: str, key: str, file: str) -> str:
    variable = SECRET_KEYS.get(key, "SLACK_BOT_TOKEN or SLACK_APP_TOKEN")
    return (
        f"{name} in {file} is a secret, and secrets do not belong in the file. Put it into "
        f"the environment variable {variable}, or into a file named by {variable}_FILE."
    )


def _unknown(name: str, known: Iterable[str], where: str) -> str:
    nearest = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    hint = f" Did you mean {nearest[0]}?" if nearest else ""
    return f"There is no setting {name} ({where}).{hint}"
