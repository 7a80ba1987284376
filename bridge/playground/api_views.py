"""views.*: modals and the Home tab."""

from bridge.playground.args import Args
from bridge.playground.limits import TIER_4
from bridge.playground.methods import Method
from bridge.playground.site import Site
from bridge.playground.wire import ApiError, Json


def _view(args: Args) -> Json:
    view = args.mapping("view")
    if view is None:
        raise ApiError("invalid_arguments", details=["[ERROR] missing required field: view"])
    return view


def open_(site: Site, args: Args) -> Json:
    """views.open."""
    view = _view(args)
    user = site.keys.exchange(args.text("trigger_id"))
    return {"ok": True, "view": site.views.open(user, view)}


def push(site: Site, args: Args) -> Json:
    """views.push."""
    view = _view(args)
    user = site.keys.exchange(args.text("trigger_id"))
    return {"ok": True, "view": site.views.push(user, view)}


def update(site: Site, args: Args) -> Json:
    """views.update."""
    view = site.views.update(
        _view(args),
        view_id=args.text("view_id"),
        external_id=args.text("external_id"),
        hash_=args.text("hash"),
    )
    return {"ok": True, "view": view}


def publish(site: Site, args: Args) -> Json:
    """views.publish."""
    user = site.workspace.user(args.text("user_id"))
    return {"ok": True, "view": site.views.publish(user.id, _view(args), hash_=args.text("hash"))}


METHODS = {
    "views.open": Method(run=open_, per_minute=TIER_4, required=("trigger_id", "view")),
    "views.push": Method(run=push, per_minute=TIER_4, required=("trigger_id", "view")),
    "views.update": Method(run=update, per_minute=TIER_4, required=("view",)),
    "views.publish": Method(run=publish, per_minute=TIER_4, required=("user_id", "view")),
}
