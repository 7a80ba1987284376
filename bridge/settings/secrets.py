"""Secrets: from the environment, or from a file whose path the environment gives."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

TOKEN_SHAPES = {
    "SLACK_BOT_TOKEN": "xoxb-",
    "SLACK_APP_TOKEN": "xapp-",
    "SLACK_SIGNING_SECRET": "",
}
"""The variables that hold Slack's secrets, with how each begins."""

SECRET_KEYS = {
    "bot_token": "SLACK_BOT_TOKEN",
    "app_token": "SLACK_APP_TOKEN",
    "signing_secret": "SLACK_SIGNING_SECRET",
}
"""Names under which people put a secret into the file, and where it belongs instead."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """None where nothing is set. `repr` shows stars; `reveal` gives the value."""

    bot_token: SecretStr | None = None
    app_token: SecretStr | None = None
    signing_secret: SecretStr | None = None
    appserver_token: SecretStr | None = None
    model_key: SecretStr | None = None


def read_secret(name: str, environ: Mapping[str, str], problems: list[str]) -> SecretStr | None:
    """The secret in variable `name`, or in the file that `name`_FILE gives; None without either."""
    value, path = environ.get(name, "").strip(), environ.get(f"{name}_FILE", "").strip()
    if value and path:
        problems.append(f"Both {name} and {name}_FILE are set; unset one of them.")
        return None
    if path:
        secret = read_secret_file(Path(path), f"{name}_FILE", problems)
    else:
        secret = SecretStr(value) if value else None
    shape = TOKEN_SHAPES.get(name, "")
    if secret is not None and not secret.get_secret_value().startswith(shape):
        problems.append(f"{name} does not look right: such a token begins with {shape}")
        return None
    return secret


def read_secret_file(path: Path, named_by: str, problems: list[str]) -> SecretStr | None:
    """The trimmed content of a secret's file; None, with a problem noted, when there is none."""
    try:
        content = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        problems.append(f"The file {path} that {named_by} names cannot be read: {reason}.")
        return None
    if not content:
        problems.append(f"The file {path} that {named_by} names is empty.")
        return None
    return SecretStr(content)


def reveal(secret: SecretStr | None) -> str:
    """The value, for the one place that sends it; empty when nothing is set."""
    return secret.get_secret_value() if secret is not None else ""


def child_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """What a child process inherits: everything but Slack's secrets and the bridge's settings.

    Agents run commands in the App Server's environment, and secrets are never handed to an agent
    (guarantee G9). The keys of model providers stay: the App Server needs them.
    """
    return {
        name: value
        for name, value in environ.items()
        if not name.upper().startswith(("SLACK_", "BRIDGE_"))
    }
