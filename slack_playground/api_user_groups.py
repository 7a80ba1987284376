"""usergroups.*: who a group's name stands for."""

import re

from slack_playground.context import Context
from slack_playground.methods import Method
from slack_playground.rate_limits import TIER_2
from slack_playground.request_arguments import Args
from slack_playground.seed_data import BOT_USER_ID, TEAM_ID
from slack_playground.slack_types import ApiError, Json, epoch_s
from slack_playground.user_groups import UserGroup

HANDLE = re.compile(r"[a-z0-9._-]{1,21}")


def _shown(group: UserGroup, args: Args) -> Json:
    shape: Json = {
        "id": group.id,
        "team_id": TEAM_ID,
        "is_usergroup": True,
        "is_subteam": True,
        "name": group.name,
        "description": group.description,
        "handle": group.handle,
        "is_external": False,
        "date_create": group.created,
        "date_update": group.updated,
        "date_delete": group.deleted,
        "auto_type": None,
        "auto_provision": False,
        "enterprise_subteam_id": "",
        "created_by": group.author,
        "updated_by": group.author,
        "deleted_by": BOT_USER_ID if group.deleted else None,
        "prefs": {"channels": group.channels, "groups": []},
    }
    if args.flag("include_users"):
        shape["users"] = list(group.users)
    if args.flag("include_users") or args.flag("include_count"):
        shape["user_count"] = len(group.users)
    return shape


def list_(context: Context, args: Args) -> Json:
    """usergroups.list: the enabled ones, with `include_disabled` all."""
    shown = [
        _shown(group, args)
        for group in context.user_groups.by_id.values()
        if args.flag("include_disabled") or not group.deleted
    ]
    return {"ok": True, "usergroups": shown}


def users(context: Context, args: Args) -> Json:
    """usergroups.users.list."""
    group = context.user_groups.get(args.text("usergroup"))
    if group.deleted and not args.flag("include_disabled"):
        raise ApiError("no_such_subteam")
    return {"ok": True, "users": list(group.users)}


def create(context: Context, args: Args) -> Json:
    """usergroups.create."""
    group = context.user_groups.create(
        args.text("name"), _handle(args), args.text("description"), _channels(context, args)
    )
    return _told(context, args, group, "subteam_created")


def update(context: Context, args: Args) -> Json:
    """usergroups.update: what is given replaces what was."""
    group = context.user_groups.get(args.text("usergroup"))
    name, handle = args.text("name") or group.name, _handle(args) or group.handle
    context.user_groups.check_free(name, handle, but=group)
    channels = _channels(context, args)
    group.name, group.handle = name, handle
    if args.has("description"):
        group.description = args.text("description")
    if args.has("channels"):
        group.channels = channels
    return _told(context, args, group, "subteam_updated")


def enable(context: Context, args: Args) -> Json:
    """usergroups.enable."""
    return _set_deleted(context, args, 0)


def disable(context: Context, args: Args) -> Json:
    """usergroups.disable."""
    return _set_deleted(context, args, epoch_s())


def _set_deleted(context: Context, args: Args, at: int) -> Json:
    group = context.user_groups.get(args.text("usergroup"))
    if bool(group.deleted) == bool(at):
        raise ApiError("already_disabled" if at else "already_enabled")
    group.deleted = at
    return _told(context, args, group, "subteam_updated")


def set_users(context: Context, args: Args) -> Json:
    """usergroups.users.update: the whole list of members."""
    group = context.user_groups.get(args.text("usergroup"))
    wanted = list(dict.fromkeys(args.names("users")))
    if not wanted:
        raise ApiError("no_users_provided")
    if any(user not in context.workspace.users for user in wanted):
        raise ApiError("invalid_users")
    group.users = wanted
    return _told(context, args, group, "subteam_updated")


def _handle(args: Args) -> str:
    handle = args.text("handle").removeprefix("@")
    if handle and not HANDLE.fullmatch(handle):
        raise ApiError("bad_handle")
    return handle


def _channels(context: Context, args: Args) -> list[str]:
    channels = args.names("channels")
    if any(channel not in context.workspace.channels for channel in channels):
        raise ApiError("invalid_channel_provided")
    return channels


def _told(context: Context, args: Args, group: UserGroup, event: str) -> Json:
    group.updated = epoch_s()
    everything = _shown(group, Args({"include_users": True}))
    context.feed.send(
        None, {"type": event, "subteam": everything, "event_ts": context.workspace.clock.next()}
    )
    return {"ok": True, "usergroup": _shown(group, args)}


READ, WRITE = ("usergroups:read",), ("usergroups:write",)
METHODS = {
    "usergroups.list": Method(run=list_, per_minute=TIER_2, scopes=READ),
    "usergroups.users.list": Method(
        run=users, per_minute=TIER_2, scopes=READ, required=("usergroup",)
    ),
    "usergroups.create": Method(run=create, per_minute=TIER_2, scopes=WRITE, required=("name",)),
    "usergroups.update": Method(
        run=update, per_minute=TIER_2, scopes=WRITE, required=("usergroup",)
    ),
    "usergroups.enable": Method(
        run=enable, per_minute=TIER_2, scopes=WRITE, required=("usergroup",)
    ),
    "usergroups.disable": Method(
        run=disable, per_minute=TIER_2, scopes=WRITE, required=("usergroup",)
    ),
    "usergroups.users.update": Method(
        run=set_users, per_minute=TIER_2, scopes=WRITE, required=("usergroup", "users")
    ),
}
