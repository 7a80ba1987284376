"""Settings loader: reads file and environment, and reports every mistake at once."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource

from bridge.domain.errors import ConfigurationError
from bridge.settings.keys import unknown_in_environment, unknown_in_file
from bridge.settings.secrets import Secrets, read_secret, read_secret_file
from bridge.settings.sections import Settings
from bridge.settings.validation import conflicts, missing_secrets, sentences

DEFAULT_PATH = Path("bridge.toml")


class _Environment(EnvSettingsSource):
    """The variables handed in, instead of the process's own."""

    def __init__(self, settings_cls: type[BaseSettings], environ: Mapping[str, str]) -> None:
        self._environ = environ
        super().__init__(settings_cls)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {name.lower(): value for name, value in self._environ.items() if value}


def load(path: Path | None, *, environ: Mapping[str, str], with_secrets: bool = True) -> Settings:
    """Read and check all settings; a variable in the environment goes before the file.

    Args:
        path: the file. None means `bridge.toml` here, which need not exist.
        environ: the environment's variables.
        with_secrets: False where nothing outside will be called, so that no token is needed.

    Raises:
        ConfigurationError: one sentence a line for each mistake.
    """
    file = str(path or DEFAULT_PATH)
    content = _content(path)
    problems = [*unknown_in_file(content, file), *unknown_in_environment(environ)]
    try:
        settings = Settings(**_merged(content, _Environment(Settings, environ)()))
    except ValidationError as error:
        problems += sentences(error.errors(), content=content, file=file, environ=environ)
        raise ConfigurationError("\n".join(problems)) from None
    if with_secrets:
        secrets = _secrets(settings, environ, problems)
        settings = settings.model_copy(update={"secrets": secrets})
    problems += conflicts(settings, file=file)
    if with_secrets:
        problems += missing_secrets(settings, environ)
    if problems:
        raise ConfigurationError("\n".join(problems))
    return settings


def _content(path: Path | None) -> dict[str, Any]:
    try:
        return tomllib.loads((path or DEFAULT_PATH).read_text(encoding="utf-8"))
    except FileNotFoundError:
        if path is None:
            return {}
        raise ConfigurationError(
            f"There is no file {path}. Create it with `letta-bridge init`, or name another with "
            "--config."
        ) from None
    except OSError as error:
        raise ConfigurationError(
            f"{path or DEFAULT_PATH} cannot be read: {error.strerror}."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path or DEFAULT_PATH} is not valid TOML: {error}.") from None


def _merged(content: Mapping[str, Any], environment: Mapping[str, Any]) -> dict[str, Any]:
    merged = {name: value for name, value in content.items() if name != "secrets"}
    for name, value in environment.items():
        below = merged.get(name)
        if isinstance(value, dict) and isinstance(below, dict):
            merged[name] = {**below, **value}
        else:
            merged[name] = value
    return merged


def _secrets(settings: Settings, environ: Mapping[str, str], problems: list[str]) -> Secrets:
    server = settings.appserver
    return Secrets(
        bot_token=read_secret("SLACK_BOT_TOKEN", environ, problems),
        app_token=read_secret("SLACK_APP_TOKEN", environ, problems),
        signing_secret=read_secret("SLACK_SIGNING_SECRET", environ, problems),
        appserver_token=read_secret_file(server.token_file, "appserver.token_file", problems)
        if server.token_file
        else None,
        model_key=read_secret("MODEL_API_KEY", environ, problems),
    )
