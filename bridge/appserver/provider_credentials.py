"""Puts a model's key where `letta connect` keeps it.

`letta connect` takes the key of an OpenAI-compatible model from its command line alone, where
every user of the machine can read it (tried with 0.34.12: no variable, no prompt). So it is given
a placeholder, and the placeholder is replaced in the record that it wrote.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from bridge.domain.errors import ConfigurationError


def put_key(key: str, *, instead_of: str, home: Path, environment: Mapping[str, str]) -> None:
    """Replace the placeholder in the server's record of providers; only we can read the file.

    Raises `ConfigurationError` when the record or the placeholder is not where it should be.
    """
    record = _record(home, environment)
    try:
        known = record.read_text(encoding="utf-8")
        if json.dumps(instead_of) not in known:
            raise ConfigurationError(_elsewhere(record))
        _replace(record, known.replace(json.dumps(instead_of), json.dumps(key)))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(_elsewhere(record)) from error


def _record(home: Path, environment: Mapping[str, str]) -> Path:
    storage = environment.get("LETTA_LOCAL_BACKEND_DIR")
    folder = Path(storage) if storage else home / ".letta" / "lc-local-backend"
    return folder / "providers" / "auth.json"


def _replace(record: Path, text: str) -> None:
    new = record.with_name(f"{record.name}.new")
    new.unlink(missing_ok=True)
    new.touch(mode=0o600)
    new.write_text(text, encoding="utf-8")
    os.replace(new, record)


def _elsewhere(record: Path) -> str:
    return (
        f"The model's key could not be stored: {record} is not as expected. Unset MODEL_API_KEY "
        "and appserver.model_base_url, and connect the model with `letta connect`."
    )
