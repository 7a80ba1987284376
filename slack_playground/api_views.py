"""views.*: modals and the Home tab."""

from slack_playground.context import Context
from slack_playground.methods import Method
from slack_playground.rate_limits import TIER_4
from slack_playground.request_arguments import Args
from slack_playground.slack_types import ApiError, Json


def _view(args: Args) -> Json:
    view = args.mapping("view")
    if view is None:
        raise ApiError("invalid_arguments", details=["[ERROR] missing required field: view"])
    return view


def open_(context: Context, args: Args) -> Json:
    """views.open."""
    view = _view(args)
    user = context.keys.exchange(args.text("trigger_id"))
    return {"ok": True, "view": context.views.open(user, view)}


def push(context: Context, args: Args) -> Json:
    """views.push."""
    view = _view(args)
    user = context.keys.exchange(args.text("trigger_id"))
    return {"ok": True, "view": context.views.push(user, view)}


def update(context: Context, args: Args) -> Json:
    """views.update."""
    view = context.views.update(
        _view(args),
        view_id=args.text("view_id"),
        external_id=args.text("external_id"),
        hash_=args.text("hash"),
    )
    return {"ok": True, "view": view}


def publish(context: Context, args: Args) -> Json:
    """views.publish: for an app with a Home tab."""
    if not context.options.has_home:
        raise ApiError("not_enabled")
    user = context.workspace.user(args.text("user_id"))
    return {
        "ok": True,
        "view": context.views.publish(user.id, _view(args), hash_=args.text("hash")),
    }


METHODS = {
    "views.open": Method(run=open_, per_minute=TIER_4, required=("trigger_id", "view")),
    "views.push": Method(run=push, per_minute=TIER_4, required=("trigger_id", "view")),
    "views.update": Method(run=update, per_minute=TIER_4, required=("view",)),
    "views.publish": Method(run=publish, per_minute=TIER_4, required=("user_id", "view")),
}
