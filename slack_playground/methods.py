"""What a Web API method is, and how methods find the channel they speak of."""

from collections.abc import Callable
from dataclasses import dataclass

from slack_playground.context import Context
from slack_playground.objects import bot_profile
from slack_playground.rate_limits import TIER_3
from slack_playground.request_arguments import Args
from slack_playground.seed_data import APP_ID, BOT_ID, BOT_USER_ID, TEAM_ID
from slack_playground.slack_types import ApiError, Json
from slack_playground.workspace import Channel, has_app

Handler = Callable[[Context, Args], Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One method: its handler, rate, scopes (any one is enough) and required arguments.

    `per_channel` marks posting methods, limited to about one a second in each channel.
    `token` is `bot`, `app` or `none`.
    """

    run: Handler
    per_minute: int = TIER_3
    scopes: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    per_channel: bool = False
    token: str = "bot"


def find_channel(context: Context, name: str) -> Channel:
    """A channel the app may know of, by id or `#name`; a user id means the DM with that user.

    Raises `channel_not_found`, also for private conversations without the app.
    """
    workspace = context.workspace
    if name in workspace.users and name != BOT_USER_ID:
        return workspace.open_dm(name, BOT_USER_ID)
    channel = workspace.channels.get(name)
    if channel is None and not name.startswith(("C", "D", "G")):
        wanted = name.removeprefix("#")
        channel = next(
            (c for c in workspace.channels.values() if c.name and c.name == wanted), None
        )
    if channel is None or (channel.is_closed and not has_app(channel)):
        raise ApiError("channel_not_found")
    return channel


def readable_channel(context: Context, args: Args, name: str = "channel") -> Channel:
    """A channel the app may read: raises `not_in_channel` for a public one not joined."""
    channel = context.workspace.channels.get(args.text(name))
    if channel is None or (channel.is_closed and not has_app(channel)):
        raise ApiError("channel_not_found")
    if not has_app(channel):
        raise ApiError("not_in_channel")
    return channel


def writable_channel(context: Context, args: Args, name: str = "channel") -> Channel:
    """A channel the app may post to: joined, or public with `chat:write.public`.

    DMs need the app's Messages tab: `messages_tab_disabled`.
    """
    channel = find_channel(context, args.text(name))
    if channel.is_im and not context.options.has_messages:
        raise ApiError("messages_tab_disabled")
    if channel.is_archived:
        raise ApiError("is_archived")
    if not has_app(channel) and "chat:write.public" not in context.options.scopes:
        raise ApiError("not_in_channel")
    return channel


def need_scope(context: Context, scope: str) -> None:
    """Raise `missing_scope` with `needed` and `provided` unless `scope` is granted."""
    if scope not in context.options.scopes:
        raise ApiError("missing_scope", needed=scope, provided=",".join(context.options.scopes))


def looks(context: Context, args: Args) -> Json:
    """Who a message is from: the app itself, or an override, which needs its own scope."""
    wanted = {name: args.text(name) for name in ("username", "icon_emoji", "icon_url")}
    own: Json = {"bot_id": BOT_ID, "app_id": APP_ID}
    if not any(wanted.values()):
        return {
            "user": BOT_USER_ID,
            **own,
            "team": TEAM_ID,
            "bot_profile": bot_profile(context.options.bot_name),
        }
    need_scope(context, "chat:write.customize")
    shape: Json = {
        "subtype": "bot_message",
        **own,
        "username": wanted["username"] or context.options.bot_name,
    }
    icons = icons_of(wanted["icon_emoji"], wanted["icon_url"])
    if icons:
        shape["icons"] = icons
    return shape


def icons_of(emoji: str, url: str) -> Json:
    """The `icons` of a message with an override; an emoji wins over a URL."""
    if emoji:
        return {"emoji": emoji}
    if url:
        return {f"image_{size}": url for size in (36, 48, 64, 72)}
    return {}
