"""App manifests: what a Slack app's bot is called and what it asks for.

The shape is Slack's (https://docs.slack.dev/reference/app-manifest), as YAML or JSON.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml


class InvalidManifest(Exception):
    """The file is no app manifest; `str(error)` says why."""


@dataclass(frozen=True, slots=True)
class AppManifest:
    """What of a manifest the playground heeds. `scopes` are those of the bot token, `events`
    those that the bot subscribes to; an agent has `features.agent_view` (or `assistant_view`).
    """

    bot_name: str
    scopes: tuple[str, ...]
    events: frozenset[str]
    is_agent: bool = False


def read_manifest(path: Path) -> AppManifest:
    """Read the manifest of an app with a bot user.

    Raises:
        InvalidManifest: the file cannot be read, or lacks what every app with a bot needs.
    """
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))  # JSON is YAML
    except (OSError, UnicodeError, yaml.YAMLError) as error:
        raise InvalidManifest(f"{path} cannot be read as YAML or JSON: {error}") from error
    bot_name = _at(found, "features", "bot_user", "display_name")
    scopes = _at(found, "oauth_config", "scopes", "bot")
    if not isinstance(bot_name, str):
        raise InvalidManifest(f"{path} has no features.bot_user.display_name.")
    if not isinstance(scopes, list) or not all(isinstance(scope, str) for scope in scopes):
        raise InvalidManifest(f"{path} has no list oauth_config.scopes.bot.")
    events = _at(found, "settings", "event_subscriptions", "bot_events") or []
    if not isinstance(events, list) or not all(isinstance(event, str) for event in events):
        raise InvalidManifest(f"{path} has no list settings.event_subscriptions.bot_events.")
    is_agent = any(
        _at(found, "features", view) is not None for view in ("agent_view", "assistant_view")
    )
    return AppManifest(bot_name, tuple(scopes), frozenset(events), is_agent)


def _at(value: Any, *keys: str) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value
