"""conversations.*: what was said, where, and who is there."""

from slack_playground.context import Context
from slack_playground.methods import Method, find_channel, need_scope, readable_channel
from slack_playground.objects import api_channel
from slack_playground.pagination import page, with_cursor
from slack_playground.rate_limits import TIER_2, TIER_3, TIER_4
from slack_playground.request_arguments import Args
from slack_playground.seed_data import BOT_USER_ID
from slack_playground.slack_types import ApiError, Json, plain
from slack_playground.workspace import Channel, has_app

READ = ("channels:read", "groups:read", "im:read", "mpim:read")
GROUP_LIMIT = 8
HISTORY = ("channels:history", "groups:history", "im:history", "mpim:history")


def scope_for(channel: Channel, verb: str) -> str:
    """The scope to `read`, to read the `history` of, or to `manage` channels of this kind."""
    kinds = {"im": "im", "mpim": "mpim", "group": "groups", "channel": "channels"}
    if verb == "manage" and channel.kind != "channel":
        verb = "write"  # so it is called for private channels only
    return f"{kinds[channel.kind]}:{verb}"


def _between(messages: list[Json], args: Args) -> list[Json]:
    """The messages between `oldest` and `latest`, exclusive unless `inclusive` is set."""
    inclusive = args.flag("inclusive")
    for name, later in (("oldest", True), ("latest", False)):
        bound = args.text(name)
        if not bound or (name == "latest" and bound == "now"):
            continue
        limit = _moment(bound, name)
        messages = [
            m
            for m in messages
            if (_moment(m["ts"]) > limit if later else _moment(m["ts"]) < limit)
            or (inclusive and _moment(m["ts"]) == limit)
        ]
    return messages


def _moment(ts: str, name: str = "latest") -> int:
    seconds, _, micros = ts.partition(".")
    try:
        return int(seconds) * 1_000_000 + int(micros[:6].ljust(6, "0"))
    except ValueError:
        raise ApiError(f"invalid_ts_{name}") from None


def _shown(messages: list[Json], args: Args) -> list[Json]:
    return messages if args.flag("include_all_metadata") else [plain(m) for m in messages]


def _ts(message: Json) -> str:
    return str(message["ts"])


def history(context: Context, args: Args) -> Json:
    """conversations.history: newest first, without the replies in threads."""
    channel = readable_channel(context, args)
    need_scope(context, scope_for(channel, "history"))
    messages = _between(list(channel.roots()), args)[::-1]
    limit = context.options.history_limit
    shown, cursor = page(messages, args, key=_ts, most=limit, default=min(100, limit))
    answer: Json = {
        "ok": True,
        "messages": _shown(shown, args),
        "has_more": bool(cursor),
        "pin_count": 0,
    }
    return with_cursor(answer, cursor) if cursor else answer


def replies(context: Context, args: Args) -> Json:
    """conversations.replies: the parent first on every page, then replies, oldest first."""
    channel = readable_channel(context, args)
    need_scope(context, scope_for(channel, "history"))
    parent = channel.messages.get(args.text("ts"))
    if parent is None:
        raise ApiError("thread_not_found")
    thread = _between(channel.thread(parent["ts"]), args)
    limit = context.options.history_limit
    shown, cursor = page(thread, args, key=_ts, most=limit, default=limit)
    answer: Json = {
        "ok": True,
        "messages": _shown([parent, *shown], args),
        "has_more": bool(cursor),
    }
    return with_cursor(answer, cursor) if cursor else answer


def info(context: Context, args: Args) -> Json:
    """conversations.info, also for public channels the app has not joined."""
    channel = context.workspace.channels.get(args.text("channel"))
    if channel is None or (channel.is_closed and not has_app(channel)):
        raise ApiError("channel_not_found")
    need_scope(context, scope_for(channel, "read"))
    shape = api_channel(channel)
    if args.flag("include_num_members"):
        shape["num_members"] = len(channel.members)
    return {"ok": True, "channel": shape}


def list_(context: Context, args: Args) -> Json:
    """conversations.list of the given types (default: public channels)."""
    types = _types(context, args)
    wanted = [
        channel
        for channel in context.workspace.channels.values()
        if _type(channel) in types
        and (has_app(channel) or not channel.is_closed)
        and not (channel.is_archived and args.flag("exclude_archived"))
    ]
    shown, cursor = page(wanted, args, key=lambda c: c.id)
    return with_cursor({"ok": True, "channels": [api_channel(c) for c in shown]}, cursor)


def of_user(context: Context, args: Args) -> Json:
    """users.conversations: those that a member (by default the app) is in; types as in the list.

    Each type needs its own scope, and the list names DMs without their newest message.
    """
    user = args.text("user") or BOT_USER_ID
    context.workspace.user(user)
    types = _types(context, args)
    wanted = [
        channel
        for channel in context.workspace.channels.values()
        if user in channel.members and has_app(channel) and _type(channel) in types
    ]
    shown, cursor = page(wanted, args, key=lambda c: c.id)
    return with_cursor({"ok": True, "channels": [api_channel(c) for c in shown]}, cursor)


def _types(context: Context, args: Args) -> list[str]:
    """The types of channels that are asked for; each needs its own scope."""
    types = [kind.strip() for kind in (args.text("types") or "public_channel").split(",")]
    for kind in types:
        if kind not in TYPE_SCOPES:
            raise ApiError("invalid_types")
        need_scope(context, TYPE_SCOPES[kind])
    return types


def _type(channel: Channel) -> str:
    kinds = {"im": "im", "mpim": "mpim", "group": "private_channel", "channel": "public_channel"}
    return kinds[channel.kind]


def members(context: Context, args: Args) -> Json:
    """conversations.members."""
    channel = find_channel(context, args.text("channel"))
    need_scope(context, scope_for(channel, "read"))
    shown, cursor = page(channel.members, args, key=str)
    return with_cursor({"ok": True, "members": shown}, cursor)


def open_(context: Context, args: Args) -> Json:
    """conversations.open: the DM with one user or with up to eight, by users or channel id."""
    if args.text("channel"):
        channel = find_channel(context, args.text("channel"))
    else:
        channel = _direct(context, args.names("users"))
    shape = api_channel(channel) if args.flag("return_im") else {"id": channel.id}
    return {"ok": True, "channel": shape}


def _direct(context: Context, users: list[str]) -> Channel:
    others = [user for user in dict.fromkeys(users) if user != BOT_USER_ID]
    if not others:
        raise ApiError("not_enough_users" if users else "users_list_not_supplied")
    if len(others) > GROUP_LIMIT:
        raise ApiError("too_many_users")
    if len(others) == 1:
        need_scope(context, "im:write")
        return context.workspace.open_dm(others[0], BOT_USER_ID)
    need_scope(context, "mpim:write")
    return context.workspace.open_group([BOT_USER_ID, *others])


TYPE_SCOPES = {
    "public_channel": "channels:read",
    "private_channel": "groups:read",
    "im": "im:read",
    "mpim": "mpim:read",
}
METHODS = {
    "conversations.history": Method(
        run=history, per_minute=TIER_3, scopes=HISTORY, required=("channel",)
    ),
    "conversations.replies": Method(
        run=replies, per_minute=TIER_3, scopes=HISTORY, required=("channel", "ts")
    ),
    "conversations.info": Method(run=info, per_minute=TIER_3, scopes=READ, required=("channel",)),
    "conversations.list": Method(run=list_, per_minute=TIER_2, scopes=READ),
    "users.conversations": Method(run=of_user, per_minute=TIER_3, scopes=READ),
    "conversations.members": Method(
        run=members, per_minute=TIER_4, scopes=READ, required=("channel",)
    ),
    "conversations.open": Method(run=open_, per_minute=TIER_3, scopes=("im:write", "mpim:write")),
}
