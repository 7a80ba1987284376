"""Who is who: auth, users, bots, team, and the socket's address."""

from slack_playground import seed_data
from slack_playground.context import Context
from slack_playground.methods import Method
from slack_playground.objects import api_user
from slack_playground.pagination import page, with_cursor
from slack_playground.rate_limits import TIER_2, TIER_3, TIER_4
from slack_playground.request_arguments import Args
from slack_playground.seed_data import APP_ID, BOT_ID, BOT_USER_ID, TEAM_ID, User
from slack_playground.slack_types import ApiError, Json, epoch_s
from slack_playground.workspace import is_outside

SPECIAL = 600


def api_test(context: Context, args: Args) -> Json:
    """api.test: echoes its arguments, or fails as asked."""
    given = {name: value for name, value in args.values.items() if isinstance(value, str)}
    answer: Json = {"ok": True, **({"args": given} if given else {})}
    if args.text("error"):
        raise ApiError(args.text("error"), args=given)
    return answer


def auth_test(context: Context, args: Args) -> Json:
    """auth.test."""
    return {
        "ok": True,
        "url": f"https://{seed_data.TEAM_DOMAIN}.slack.com/",
        "team": seed_data.TEAM_NAME,
        "user": context.workspace.users[BOT_USER_ID].name,
        "team_id": TEAM_ID,
        "user_id": BOT_USER_ID,
        "bot_id": BOT_ID,
        "is_enterprise_install": False,
    }


def connections_open(context: Context, args: Args) -> Json:
    """apps.connections.open: an address good for one connection."""
    address = context.url.replace("http", "ws", 1)
    return {"ok": True, "url": f"{address}/link/{context.hub.new_ticket()}"}


def users_info(context: Context, args: Args) -> Json:
    """users.info."""
    return {"ok": True, "user": _shown(context, context.workspace.user(args.text("user")))}


def users_list(context: Context, args: Args) -> Json:
    """users.list."""
    shown, cursor = page(list(context.workspace.users.values()), args, key=lambda u: u.id)
    members = [_shown(context, user) for user in shown]
    return with_cursor({"ok": True, "members": members, "cache_ts": epoch_s()}, cursor)


def lookup_by_email(context: Context, args: Args) -> Json:
    """users.lookupByEmail: an active member of this workspace."""
    email = args.text("email").lower()
    for user in context.workspace.users.values():
        if user.email == email and not user.deleted and not is_outside(user):
            return {"ok": True, "user": _shown(context, user)}
    raise ApiError("users_not_found")


def _shown(context: Context, user: User) -> Json:
    shape = api_user(user)
    if user.email and "users:read.email" in context.options.scopes:
        shape["profile"]["email"] = user.email
    return shape


def bots_info(context: Context, args: Args) -> Json:
    """bots.info."""
    if args.text("bot") not in {BOT_ID, ""}:
        raise ApiError("bot_not_found")
    if not args.text("bot"):
        return {"ok": True}
    return {
        "ok": True,
        "bot": {
            "id": BOT_ID,
            "deleted": False,
            "name": context.options.bot_name,
            "updated": 0,
            "app_id": APP_ID,
            "user_id": BOT_USER_ID,
            "icons": {},
        },
    }


def team_info(context: Context, args: Args) -> Json:
    """team.info."""
    return {
        "ok": True,
        "team": {
            "id": TEAM_ID,
            "name": seed_data.TEAM_NAME,
            "domain": seed_data.TEAM_DOMAIN,
            "email_domain": "",
            "icon": {"image_default": True},
        },
    }


USERS = ("users:read",)
METHODS = {
    "api.test": Method(run=api_test, per_minute=SPECIAL, token="none"),
    "auth.test": Method(run=auth_test, per_minute=SPECIAL),
    "apps.connections.open": Method(run=connections_open, per_minute=TIER_3, token="app"),
    "users.info": Method(run=users_info, per_minute=TIER_4, scopes=USERS, required=("user",)),
    "users.list": Method(run=users_list, per_minute=TIER_2, scopes=USERS),
    "users.lookupByEmail": Method(
        run=lookup_by_email, per_minute=TIER_3, scopes=("users:read.email",), required=("email",)
    ),
    "bots.info": Method(run=bots_info, per_minute=TIER_3, scopes=USERS),
    "team.info": Method(run=team_info, per_minute=TIER_3, scopes=("team:read",)),
}
