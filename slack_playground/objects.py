"""Users, channels and bots as Slack's Web API and as the page show them."""

from slack_playground import seed_data
from slack_playground.seed_data import APP_ID, BOT_ID, BOT_USER_ID, TEAM_ID, User
from slack_playground.slack_types import Json
from slack_playground.workspace import Channel, Workspace, has_app, is_outside


def api_user(user: User) -> Json:
    """A user object as `users.info` answers it."""
    shape: Json = {
        "id": user.id,
        "team_id": user.team_id,
        "name": user.name,
        "deleted": user.deleted,
        "color": user.color,
        "real_name": user.real_name,
        "tz": user.tz,
        "tz_label": user.tz,
        "tz_offset": 0,
        "profile": {
            "title": user.title,
            "real_name": user.real_name,
            "real_name_normalized": user.real_name,
            "display_name": user.real_name,
            "display_name_normalized": user.real_name,
            "team": user.team_id,
            "avatar_hash": "",
        },
        "is_admin": user.is_admin,
        "is_owner": user.is_admin,
        "is_primary_owner": user.is_admin,
        "is_restricted": user.is_guest,
        "is_ultra_restricted": False,
        "is_bot": user.is_bot,
        "is_app_user": False,
        "updated": 0,
    }
    if user.enterprise_teams:
        shape["enterprise_user"] = {
            "id": user.id,
            "enterprise_id": "E0PLAYORG",
            "teams": list(user.enterprise_teams),
        }
    elif is_outside(user):
        shape["is_stranger"] = True
    if user.is_bot:
        shape["profile"].update(api_app_id=APP_ID, bot_id=BOT_ID, always_active=True)
    return shape


def bot_profile(name: str) -> Json:
    """The `bot_profile` on the app's own messages."""
    return {
        "id": BOT_ID,
        "app_id": APP_ID,
        "user_id": BOT_USER_ID,
        "name": name,
        "icons": {},
        "deleted": False,
        "updated": 0,
        "team_id": TEAM_ID,
    }


def api_channel(channel: Channel) -> Json:
    """A conversation object as `conversations.info` answers it to the app."""
    if channel.is_im:
        return {
            "id": channel.id,
            "created": channel.created,
            "is_archived": False,
            "is_im": True,
            "is_org_shared": False,
            "is_open": True,
            "context_team_id": TEAM_ID,
            "user": channel.peer(BOT_USER_ID),
            "priority": 0,
        }
    shape: Json = {
        "id": channel.id,
        "name": channel.name,
        "name_normalized": channel.name,
        "created": channel.created,
        "creator": channel.creator,
        "is_channel": not channel.is_private,
        "is_group": channel.is_private,
        "is_im": False,
        "is_mpim": channel.is_mpim,
        "is_private": channel.is_private or channel.is_mpim,
        "is_archived": channel.is_archived,
        "is_general": channel.name == "general",
        "is_shared": channel.is_ext_shared,
        "is_ext_shared": channel.is_ext_shared,
        "is_org_shared": False,
        "is_pending_ext_shared": False,
        "is_member": has_app(channel),
        "context_team_id": TEAM_ID,
        "topic": {"value": channel.topic, "creator": "", "last_set": 0},
        "purpose": {"value": "", "creator": "", "last_set": 0},
        "previous_names": [],
    }
    if channel.is_ext_shared:
        shape["shared_team_ids"] = [TEAM_ID, seed_data.GUEST_TEAM_ID]
    return shape


def shown_user(user: User) -> Json:
    """A member as the page reads it."""
    return {
        "id": user.id,
        "name": user.name,
        "real_name": user.real_name,
        "display_name": user.real_name,
        "title": user.title,
        "is_bot": user.is_bot,
        "is_admin": user.is_admin,
        "team_id": user.team_id,
        "is_guest": user.is_guest,
        "is_stranger": is_outside(user),
        "color": f"#{user.color}",
        "avatar_url": f"/playground/avatar/{user.id}.svg",
        "tz": user.tz,
    }


def shown_channel(workspace: Workspace, channel: Channel, user_id: str) -> Json:
    """A channel as the page of `user_id` reads it."""
    shape: Json = {
        "id": channel.id,
        "name": channel.name,
        "is_im": channel.is_im,
        "is_private": channel.is_private or channel.is_im or channel.is_mpim,
        "is_mpim": channel.is_mpim,
        "is_archived": channel.is_archived,
        "is_ext_shared": channel.is_ext_shared,
        "members": list(channel.members),
        "is_member": user_id in channel.members,
        "topic": channel.topic,
        "unread": workspace.unread(user_id, channel),
    }
    if channel.is_im:
        peer = channel.peer(user_id)
        shape["user"] = peer
        shape["name"] = workspace.users[peer].real_name
    return shape
