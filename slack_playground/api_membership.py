"""conversations.create, invite, join, leave, kick: which channels there are, and who is in them."""

import re

from slack_playground.api_conversations import scope_for
from slack_playground.context import Context
from slack_playground.methods import Method, find_channel, need_scope
from slack_playground.objects import api_channel
from slack_playground.rate_limits import TIER_2, TIER_3
from slack_playground.request_arguments import Args
from slack_playground.seed_data import BOT_USER_ID
from slack_playground.slack_types import ApiError, Json
from slack_playground.workspace import Channel, has_app

NAME_LIMIT = 80
INVITED_AT_ONCE = 1000
_SPECIALS = re.compile(r"[^\w-]|[A-Z]")


def check_name(context: Context, name: str) -> None:
    """Raise Slack's word for a name that no channel may have, or that one has."""
    if not name:
        raise ApiError("invalid_name_required")
    if len(name) > NAME_LIMIT:
        raise ApiError("invalid_name_maxlength")
    if not name.strip("-_"):
        raise ApiError("invalid_name_punctuation")
    if _SPECIALS.search(name):
        raise ApiError("invalid_name_specials")
    if any(channel.name == name for channel in context.workspace.channels.values()):
        raise ApiError("name_taken")


def create(context: Context, args: Args) -> Json:
    """conversations.create: the app is its first member."""
    private = args.flag("is_private")
    need_scope(context, "groups:write" if private else "channels:manage")
    check_name(context, args.text("name"))
    channel = context.workspace.create(args.text("name"), BOT_USER_ID, private=private)
    return {"ok": True, "channel": api_channel(channel)}


def invite(context: Context, args: Args) -> Json:
    """conversations.invite: nobody joins if one may not, but with `force` all the others do."""
    channel = _managed(context, args)
    if not has_app(channel):
        raise ApiError("not_in_channel")
    users = list(dict.fromkeys(args.names("users")))
    if not users:
        raise ApiError("no_user")
    if len(users) > INVITED_AT_ONCE:
        raise ApiError("too_many_users")
    refused = {user: error for user in users if (error := _uninvitable(context, channel, user))}
    errors = [{"user": user, "ok": False, "error": error} for user, error in refused.items()]
    if len(refused) == len(users) or (refused and not args.flag("force")):
        raise ApiError(next(iter(refused.values())), errors=errors)
    for user in users:
        if user not in refused:
            context.workspace.join(channel, user, inviter=BOT_USER_ID)
    answer: Json = {"ok": True, "channel": api_channel(channel)}
    return {**answer, "errors": errors} if errors else answer


def _uninvitable(context: Context, channel: Channel, user_id: str) -> str:
    user = context.workspace.users.get(user_id)
    if user is None:
        return "user_not_found"
    if user_id == BOT_USER_ID:
        return "cant_invite_self"
    if user_id in channel.members:
        return "already_in_channel"
    return "cant_invite" if user.deleted else ""


def join(context: Context, args: Args) -> Json:
    """conversations.join: a public channel."""
    channel = find_channel(context, args.text("channel"))
    if channel.kind != "channel":
        raise ApiError("method_not_supported_for_channel_type")
    if channel.is_archived:
        raise ApiError("is_archived")
    already = has_app(channel)
    context.workspace.join(channel, BOT_USER_ID)
    answer: Json = {"ok": True, "channel": api_channel(channel)}
    return {**answer, "warning": "already_in_channel"} if already else answer


def leave(context: Context, args: Args) -> Json:
    """conversations.leave: the app goes."""
    channel = _managed(context, args)
    if channel.name == "general":
        raise ApiError("cant_leave_general")
    if not has_app(channel):
        return {"ok": True, "not_in_channel": True}
    if channel.is_private and len(channel.members) == 1:
        raise ApiError("last_member")
    context.workspace.leave(channel, BOT_USER_ID)
    return {"ok": True}


def kick(context: Context, args: Args) -> Json:
    """conversations.kick: the app takes somebody out of a channel that it is in."""
    channel = _managed(context, args)
    user = args.text("user")
    if not user:
        raise ApiError("no_user")
    if user == BOT_USER_ID:
        raise ApiError("cant_kick_self")
    context.workspace.user(user)
    if channel.name == "general":
        raise ApiError("cant_kick_from_general")
    if not has_app(channel):
        raise ApiError("not_in_channel")
    context.workspace.leave(channel, user, actor=BOT_USER_ID)
    return {"ok": True, "errors": {}}


def _managed(context: Context, args: Args) -> Channel:
    """A channel whose members can change, if the app may change those of its kind."""
    channel = find_channel(context, args.text("channel"))
    if channel.is_im or channel.is_mpim:
        raise ApiError("method_not_supported_for_channel_type")
    need_scope(context, scope_for(channel, "manage"))
    if channel.is_archived:
        raise ApiError("is_archived")
    return channel


MANAGE = ("channels:manage", "groups:write")
METHODS = {
    "conversations.create": Method(
        run=create, per_minute=TIER_2, scopes=MANAGE, required=("name",)
    ),
    "conversations.invite": Method(
        run=invite, per_minute=TIER_3, scopes=MANAGE, required=("channel",)
    ),
    "conversations.join": Method(
        run=join, per_minute=TIER_3, scopes=("channels:join",), required=("channel",)
    ),
    "conversations.leave": Method(
        run=leave, per_minute=TIER_3, scopes=MANAGE, required=("channel",)
    ),
    "conversations.kick": Method(run=kick, per_minute=TIER_3, scopes=MANAGE, required=("channel",)),
}
