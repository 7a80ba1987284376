"""Who is who: auth, users, user groups, bots, team, and the socket's address."""

from bridge.playground import seed
from bridge.playground.args import Args
from bridge.playground.limits import TIER_2, TIER_3, TIER_4
from bridge.playground.methods import Method
from bridge.playground.paging import page, with_cursor
from bridge.playground.seed import APP_ID, BOT_ID, BOT_USER_ID, TEAM_ID
from bridge.playground.shapes import api_user
from bridge.playground.site import Site
from bridge.playground.wire import ApiError, Json, epoch_s

SPECIAL = 600


def api_test(site: Site, args: Args) -> Json:
    """api.test: echoes its arguments, or fails as asked."""
    given = {name: value for name, value in args.values.items() if isinstance(value, str)}
    answer: Json = {"ok": True, **({"args": given} if given else {})}
    if args.text("error"):
        raise ApiError(args.text("error"), args=given)
    return answer


def auth_test(site: Site, args: Args) -> Json:
    """auth.test."""
    return {
        "ok": True,
        "url": f"https://{seed.TEAM_DOMAIN}.slack.com/",
        "team": seed.TEAM_NAME,
        "user": site.workspace.users[BOT_USER_ID].name,
        "team_id": TEAM_ID,
        "user_id": BOT_USER_ID,
        "bot_id": BOT_ID,
        "is_enterprise_install": False,
    }


def connections_open(site: Site, args: Args) -> Json:
    """apps.connections.open: an address good for one connection."""
    address = site.url.replace("http", "ws", 1)
    return {"ok": True, "url": f"{address}/link/{site.hub.new_ticket()}"}


def users_info(site: Site, args: Args) -> Json:
    """users.info."""
    return {"ok": True, "user": api_user(site.workspace.user(args.text("user")))}


def users_list(site: Site, args: Args) -> Json:
    """users.list."""
    shown, cursor = page(list(site.workspace.users.values()), args, key=lambda u: u.id)
    answer: Json = {"ok": True, "members": [api_user(u) for u in shown], "cache_ts": epoch_s()}
    return with_cursor(answer, cursor)


def usergroups_list(site: Site, args: Args) -> Json:
    """usergroups.list: this workspace has none."""
    return {"ok": True, "usergroups": []}


def bots_info(site: Site, args: Args) -> Json:
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
            "name": "letta",
            "updated": 0,
            "app_id": APP_ID,
            "user_id": BOT_USER_ID,
            "icons": {},
        },
    }


def team_info(site: Site, args: Args) -> Json:
    """team.info."""
    return {
        "ok": True,
        "team": {
            "id": TEAM_ID,
            "name": seed.TEAM_NAME,
            "domain": seed.TEAM_DOMAIN,
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
    "usergroups.list": Method(run=usergroups_list, per_minute=TIER_2, scopes=("usergroups:read",)),
    "bots.info": Method(run=bots_info, per_minute=TIER_3, scopes=USERS),
    "team.info": Method(run=team_info, per_minute=TIER_3, scopes=("team:read",)),
}
