"""The Slack app's manifest: least scopes, exactly the events that are handled, Slack's limits."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

import bridge.slack
from bridge.commands import app_manifest
from bridge.commands.app_manifest import creation_link
from bridge.slack.auth_check import HELPFUL, NEEDED

SCOPES = {
    "app_mentions:read": ("a mention opens a thread", '"app_mention"'),
    "channels:history": ("later messages of a thread and its history", '"conversations.replies"'),
    "channels:read": ("which channels to catch up", '"users.conversations"'),
    "chat:write": ("replies, cards, edits, the status line", '"chat.postMessage"'),
    "chat:write.customize": ("each teammate under its own name and avatar", '"icon_emoji"'),
    "files:read": ("files on a message", '"files.info"'),
    "groups:history": ("the same in private channels", '"conversations.replies"'),
    "groups:read": ("which private channels to catch up", '"users.conversations"'),
    "im:history": ("direct messages", '"conversations.history"'),
    "im:read": ("which direct messages to catch up", '"users.conversations"'),
    "mpim:history": ("group messages", '"conversations.history"'),
    "mpim:read": ("which group messages to catch up", '"users.conversations"'),
    "reactions:read": ("the stop sign", '"reaction_added"'),
    "reactions:write": ("waiting messages are marked", '"reactions.add"'),
    "users:read": ("names, and who is a guest", '"users.info"'),
}
"""Every scope, why it is asked for, and what in the code shows that it is used."""

EVENTS = {
    "app_mention": "app_mentions:read",
    "channel_id_changed": "channels:read",
    "message.channels": "channels:history",
    "message.groups": "groups:history",
    "message.im": "im:history",
    "message.mpim": "mpim:history",
    "reaction_added": "reactions:read",
}
"""Every event with the scope that it needs."""


def parsed() -> dict[str, Any]:
    found = yaml.safe_load(app_manifest.path().read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def test_scopes_are_exactly_those_with_a_reason() -> None:
    scopes = parsed()["oauth_config"]["scopes"]
    assert set(scopes) == {"bot"}
    assert scopes["bot"] == sorted(SCOPES)


def test_no_scope_is_asked_for_that_the_code_does_not_use() -> None:
    source = "\n".join(
        path.read_text(encoding="utf-8") for path in Path(bridge.slack.__path__[0]).rglob("*.py")
    )
    unused = [scope for scope, (_, use) in SCOPES.items() if use not in source]
    assert not unused


def test_events_are_exactly_those_that_are_handled_and_their_scopes_are_asked_for() -> None:
    events = parsed()["settings"]["event_subscriptions"]["bot_events"]
    assert events == sorted(EVENTS)
    assert set(EVENTS.values()) <= set(SCOPES)


def test_the_manifest_asks_for_every_scope_that_the_code_knows() -> None:
    assert {*NEEDED, *HELPFUL} <= set(SCOPES)


def test_buttons_direct_messages_and_socket_mode_are_on() -> None:
    found = parsed()
    assert found["settings"]["interactivity"] == {"is_enabled": True}
    assert found["settings"]["socket_mode_enabled"] is True
    home = found["features"]["app_home"]
    assert home["messages_tab_enabled"] is True
    assert home["messages_tab_read_only_enabled"] is False


def test_shape_is_within_slacks_limits() -> None:
    found = parsed()
    assert set(found) == {
        "_metadata",
        "display_information",
        "features",
        "oauth_config",
        "settings",
    }
    display = found["display_information"]
    assert 1 <= len(display["name"]) <= 35
    assert 1 <= len(display["description"]) <= 140
    assert re.fullmatch(r"#[0-9a-f]{6}", display["background_color"])
    assert re.fullmatch(r"[a-z0-9._-]{1,80}", found["features"]["bot_user"]["display_name"])
    assert len(found["oauth_config"]["scopes"]["bot"]) <= 255
    assert len(found["settings"]["event_subscriptions"]["bot_events"]) <= 100


def test_the_link_carries_the_whole_manifest() -> None:
    link = urlsplit(creation_link())
    query = parse_qs(link.query, strict_parsing=True)
    assert link.hostname == "api.slack.com"
    assert query["new_app"] == ["1"]
    assert json.loads(query["manifest_json"][0]) == parsed()


def test_doctor_reads_the_same_lists() -> None:
    assert app_manifest.bot_scopes() == sorted(SCOPES)
    assert app_manifest.bot_events() == sorted(EVENTS)
