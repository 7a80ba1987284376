"""The Slack app's manifest (`manifest.yml`): its text, what it asks for, and the creation link."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

import bridge

NAME = "manifest.yml"


def path() -> Path:
    """Where the manifest is: inside the package once installed, above it in a checkout."""
    package = Path(bridge.__file__).parent
    shipped = package / NAME
    return shipped if shipped.exists() else package.parent / NAME


def read() -> Mapping[str, Any]:
    """The manifest as Slack reads it (https://docs.slack.dev/reference/app-manifest)."""
    found: Mapping[str, Any] = yaml.safe_load(path().read_text(encoding="utf-8"))
    return found


def bot_scopes() -> list[str]:
    """The scopes that the bot token must have."""
    return list(read()["oauth_config"]["scopes"]["bot"])


def bot_events() -> list[str]:
    """The events to which the app subscribes."""
    return list(read()["settings"]["event_subscriptions"]["bot_events"])


def creation_link() -> str:
    """The address at which Slack creates the app from the manifest."""
    manifest = json.dumps(read(), separators=(",", ":"))
    return f"https://api.slack.com/apps?new_app=1&manifest_json={quote(manifest, safe='')}"
