"""App manifests: what a Slack app's bot is called and what it asks for.

The shape is Slack's (https://docs.slack.dev/reference/app-manifest), as YAML or JSON.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml


class InvalidManifest(Exception):
    """The file is no app manifest; `str(error)` says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlashCommand:
    """A command such as `/ask`; `should_escape`: mentions in its text come as ids."""

    command: str
    description: str = ""
    usage_hint: str = ""
    should_escape: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortcut:
    """An entry of the menu of everything (`type` is `global`) or of a message (`message`)."""

    name: str
    type: str
    callback_id: str
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppManifest:
    """What of a manifest the playground heeds. `scopes` are those of the bot token, `events`
    those that the bot subscribes to; an agent has `features.agent_view` (or `assistant_view`).
    """

    bot_name: str
    scopes: tuple[str, ...]
    events: frozenset[str]
    commands: tuple[SlashCommand, ...]
    shortcuts: tuple[Shortcut, ...]
    has_home: bool
    has_messages: bool
    takes_messages: bool
    is_interactive: bool
    is_agent: bool


def read_manifest(path: Path) -> AppManifest:
    """Read the manifest of an app with a bot user.

    Raises:
        InvalidManifest: the file cannot be read, or lacks what every app with a bot needs.
    """
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))  # JSON is YAML
    except (OSError, UnicodeError, yaml.YAMLError) as error:
        raise InvalidManifest(f"{path} cannot be read as YAML or JSON: {error}") from error
    features = _at(found, "features")
    tabs = _at(features, "app_home")
    bot_name = _at(features, "bot_user", "display_name")
    if not isinstance(bot_name, str):
        raise InvalidManifest(f"{path} has no features.bot_user.display_name.")
    scopes = _at(found, "oauth_config", "scopes", "bot")
    if not _is_list(scopes, str):
        raise InvalidManifest(f"{path} has no list oauth_config.scopes.bot.")
    events = _at(found, "settings", "event_subscriptions", "bot_events") or []
    if not _is_list(events, str):
        raise InvalidManifest(f"{path} has no list settings.event_subscriptions.bot_events.")
    commands, shortcuts = (
        _listed(path, features, name, needs)
        for name, needs in (("slash_commands", ("command",)), ("shortcuts", SHORTCUT_NEEDS))
    )
    return AppManifest(
        bot_name=bot_name,
        scopes=tuple(scopes),
        events=frozenset(events),
        commands=tuple(
            SlashCommand(**_known(item, SlashCommand.__annotations__)) for item in commands
        ),
        shortcuts=tuple(Shortcut(**_known(item, Shortcut.__annotations__)) for item in shortcuts),
        has_home=_at(tabs, "home_tab_enabled") is True,
        has_messages=_at(tabs, "messages_tab_enabled") is True,
        takes_messages=_at(tabs, "messages_tab_enabled") is True
        and _at(tabs, "messages_tab_read_only_enabled") is not True,
        is_interactive=_at(found, "settings", "interactivity", "is_enabled") is True,
        is_agent=any(_at(features, view) is not None for view in AGENT_VIEWS),
    )


AGENT_VIEWS = ("agent_view", "assistant_view")
SHORTCUT_NEEDS = ("name", "type", "callback_id")


def _listed(path: Path, features: Any, name: str, needs: tuple[str, ...]) -> list[dict[str, Any]]:
    items = _at(features, name) or []
    if not _is_list(items, dict) or not all(
        isinstance(item.get(need), str) for item in items for need in needs
    ):
        raise InvalidManifest(f"{path} has no list features.{name} with {', '.join(needs)}.")
    found: list[dict[str, Any]] = items
    return found


def _known(item: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name in fields}


def _is_list(value: Any, of: type) -> bool:
    return isinstance(value, list) and all(isinstance(item, of) for item in value)


def _at(value: Any, *keys: str) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value
