"""The JSON of interactions: actions, views, shortcuts and slash commands (PLATFORM §5)."""

from slack_playground.app_manifest import Shortcut
from slack_playground.context import Context
from slack_playground.event_feed import VERIFICATION
from slack_playground.interactivity import ResponseUrl
from slack_playground.seed_data import APP_ID, TEAM_DOMAIN, TEAM_ID
from slack_playground.slack_types import Json, plain
from slack_playground.workspace import Channel

_CHOSEN = {
    "static_select": "selected_option",
    "external_select": "selected_option",
    "overflow": "selected_option",
    "radio_buttons": "selected_option",
    "users_select": "selected_user",
    "conversations_select": "selected_conversation",
    "channels_select": "selected_channel",
    "datepicker": "selected_date",
    "timepicker": "selected_time",
    "checkboxes": "selected_options",
    "multi_static_select": "selected_options",
    "multi_users_select": "selected_users",
}


def action_of(block: Json, element: Json, choice: Json, action_ts: str) -> Json:
    """One entry of `actions`: the element as used, with what was chosen."""
    kind = element.get("type", "button")
    action: Json = {
        "type": kind,
        "action_id": element.get("action_id", ""),
        "block_id": block.get("block_id", ""),
        "action_ts": action_ts,
    }
    for name in ("text", "style", "placeholder"):
        if name in element:
            action[name] = element[name]
    key = _CHOSEN.get(kind, "value")
    chosen = choice.get(key, choice.get("value"))
    if chosen is None and key == "value":
        chosen = element.get("value")
    if key == "selected_option" and isinstance(chosen, str):
        chosen = _option(element, chosen)
    if chosen is not None:
        action[key] = chosen
    return action


def _option(element: Json, value: str) -> Json:
    options = list(element.get("options") or [])
    for group in element.get("option_groups") or []:
        options += group.get("options", [])
    found: Json = next((option for option in options if option.get("value") == value), {})
    return found or {"text": {"type": "plain_text", "text": value}, "value": value}


def block_actions(
    context: Context,
    user: str,
    actions: list[Json],
    *,
    channel: Channel | None = None,
    message: Json | None = None,
    ephemeral: bool = False,
    view: Json | None = None,
) -> Json:
    """A `block_actions` payload: of a message in `channel`, or of a `view`."""
    payload = {**_common(context, user, "block_actions"), "actions": actions}
    if view is not None:
        payload["view"] = view
        payload["container"] = {"type": "view", "view_id": view["id"]}
        payload["state"] = view["state"]
        return payload
    assert channel is not None
    assert message is not None
    response_url = context.keys.new_response_url(
        user=user, channel=channel.id, message_ts=message["ts"], ephemeral=ephemeral
    )
    container: Json = {
        "type": "message",
        "message_ts": message["ts"],
        "channel_id": channel.id,
        "is_ephemeral": ephemeral,
    }
    if "thread_ts" in message:
        container["thread_ts"] = message["thread_ts"]
    payload |= {
        "container": container,
        "channel": _place(channel),
        "state": {"values": {}},
        "response_url": _address(context, response_url),
    }
    if not ephemeral:
        payload["message"] = plain(message)
    return payload


def view_submission(context: Context, user: str, view: Json) -> Json:
    """A `view_submission` payload."""
    return {**_common(context, user, "view_submission"), "view": view, "response_urls": []}


def view_closed(user: str, view: Json, *, cleared: bool) -> Json:
    """A `view_closed` payload; it carries no trigger."""
    return {
        "type": "view_closed",
        "team": {"id": TEAM_ID, "domain": TEAM_DOMAIN},
        "user": {"id": user, "team_id": TEAM_ID},
        "api_app_id": APP_ID,
        "token": VERIFICATION,
        "view": view,
        "is_cleared": cleared,
    }


def global_shortcut(context: Context, user: str, shortcut: Shortcut) -> Json:
    """A `shortcut` payload; it is about no channel and has no response URL."""
    return {
        **_common(context, user, "shortcut"),
        "callback_id": shortcut.callback_id,
        "action_ts": context.workspace.clock.next(),
    }


def message_action(
    context: Context,
    user: str,
    shortcut: Shortcut,
    channel: Channel,
    message: Json,
    response_url: ResponseUrl,
) -> Json:
    """A `message_action` payload: a message shortcut."""
    return {
        **_common(context, user, "message_action"),
        "callback_id": shortcut.callback_id,
        "action_ts": context.workspace.clock.next(),
        "channel": _place(channel),
        "message_ts": message["ts"],
        "message": plain(message),
        "response_url": _address(context, response_url),
    }


def slash_command(
    context: Context,
    user_id: str,
    channel: Channel,
    command: str,
    text: str,
    response_url: ResponseUrl,
) -> Json:
    """What a slash command sends: flat, all of it text."""
    user = context.workspace.users[user_id]
    return {
        "token": VERIFICATION,
        "team_id": TEAM_ID,
        "team_domain": TEAM_DOMAIN,
        "channel_id": channel.id,
        "channel_name": _place(channel)["name"],
        "user_id": user.id,
        "user_name": user.name,
        "command": command,
        "text": text,
        "api_app_id": APP_ID,
        "is_enterprise_install": "false",
        "response_url": _address(context, response_url),
        "trigger_id": context.keys.new_trigger(user.id),
    }


def _place(channel: Channel) -> Json:
    names = {"im": "directmessage", "group": "privategroup"}
    return {"id": channel.id, "name": names.get(channel.kind, channel.name)}


def _address(context: Context, response_url: ResponseUrl) -> str:
    return f"{context.url}/response/{response_url.id}"


def _common(context: Context, user_id: str, kind: str) -> Json:
    user = context.workspace.users[user_id]
    return {
        "type": kind,
        "user": {
            "id": user.id,
            "username": user.name,
            "name": user.name,
            "team_id": user.team_id,
        },
        "api_app_id": APP_ID,
        "token": VERIFICATION,
        "trigger_id": context.keys.new_trigger(user.id),
        "team": {"id": TEAM_ID, "domain": TEAM_DOMAIN},
        "enterprise": None,
        "is_enterprise_install": False,
    }
