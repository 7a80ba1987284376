"""reactions.*."""

from slack_playground.context import Context
from slack_playground.methods import Method, readable_channel
from slack_playground.rate_limits import TIER_2, TIER_3
from slack_playground.request_arguments import Args
from slack_playground.seed_data import BOT_USER_ID
from slack_playground.slack_types import ApiError, Json, plain


def _react(context: Context, args: Args, *, add: bool) -> Json:
    channel = readable_channel(context, args)
    name = args.text("name").strip(":")
    if not name or not all(letter.isalnum() or letter in "_+-':" for letter in name):
        raise ApiError("invalid_name")
    context.workspace.react(channel, args.text("timestamp"), user=BOT_USER_ID, name=name, add=add)
    return {"ok": True}


def add_reaction(context: Context, args: Args) -> Json:
    """reactions.add."""
    return _react(context, args, add=True)


def remove_reaction(context: Context, args: Args) -> Json:
    """reactions.remove."""
    return _react(context, args, add=False)


def get_reactions(context: Context, args: Args) -> Json:
    """reactions.get."""
    channel = readable_channel(context, args)
    message = context.workspace.message(channel, args.text("timestamp"))
    return {"ok": True, "type": "message", "channel": channel.id, "message": plain(message)}


REACTION = ("channel", "timestamp", "name")
METHODS = {
    "reactions.add": Method(
        run=add_reaction, per_minute=TIER_3, scopes=("reactions:write",), required=REACTION
    ),
    "reactions.remove": Method(
        run=remove_reaction, per_minute=TIER_2, scopes=("reactions:write",), required=REACTION
    ),
    "reactions.get": Method(
        run=get_reactions,
        per_minute=TIER_3,
        scopes=("reactions:read",),
        required=("channel", "timestamp"),
    ),
}
