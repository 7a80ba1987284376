"""reactions.*, thread statuses and agent sessions."""

from slack_playground.agent_sessions import SESSION_STATUSES
from slack_playground.context import Context
from slack_playground.methods import Method, icons_of, need_scope, readable_channel
from slack_playground.rate_limits import STATUS_A_MINUTE, TIER_2, TIER_3
from slack_playground.request_arguments import Args
from slack_playground.seed_data import BOT_USER_ID
from slack_playground.slack_types import ApiError, Json, plain
from slack_playground.workspace import Channel

TITLE_LIMIT = 200


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


def _looks(context: Context, args: Args) -> Json:
    looks: Json = {}
    if any(args.text(name) for name in ("username", "icon_emoji", "icon_url")):
        need_scope(context, "chat:write.customize")
    if args.text("username"):
        looks["username"] = args.text("username")
    icons = icons_of(args.text("icon_emoji"), args.text("icon_url"))
    if icons:
        looks["icon"] = icons.get("emoji") or icons["image_64"]
    return looks


def _thread(channel: Channel, thread_ts: str) -> str:
    message = channel.messages.get(thread_ts)
    if message is None:
        raise ApiError("invalid_thread_ts")
    return str(message.get("thread_ts", thread_ts))


def set_thread_status(context: Context, args: Args) -> Json:
    """assistant.threads.setStatus: text under a thread; also moves the thread's session."""
    channel = readable_channel(context, args, "channel_id")
    thread_ts = _thread(channel, args.text("thread_ts"))
    hints = args.names("loading_messages")
    if len(hints) > 10 or any(not 1 <= len(hint) <= 50 for hint in hints):
        raise ApiError(
            "invalid_arguments",
            details=[
                "[ERROR] 1 to 10 items of 1 to 50 characters [json-pointer:/loading_messages]"
            ],
        )
    status = args.text("status")
    looks = _looks(context, args)
    if hints:
        looks["loading_messages"] = hints
    context.agents.set_status(channel, thread_ts, status, looks)
    context.agents.set_session(channel, thread_ts, "processing" if status else "active")
    return {"ok": True}


def set_session_status(context: Context, args: Args) -> Json:
    """agents.sessions.setStatus."""
    channel = readable_channel(context, args, "channel_id")
    status = args.text("status")
    if status not in SESSION_STATUSES:
        raise ApiError("invalid_status")
    if not args.text("thread_ts"):
        raise ApiError("thread_ts_required")
    thread_ts = _thread(channel, args.text("thread_ts"))
    if len(args.text("title")) > TITLE_LIMIT or len(args.text("username")) > TITLE_LIMIT:
        raise ApiError("invalid_arguments")
    _looks(context, args)
    session = context.agents.set_session(
        channel,
        thread_ts,
        status,
        title=args.text("title"),
        initiator=args.text("initiator_user_id"),
    )
    return {
        "ok": True,
        "session": {
            "channel_id": channel.id,
            "thread_ts": thread_ts,
            "status": session.status,
            "title": session.title,
        },
    }


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
    "assistant.threads.setStatus": Method(
        run=set_thread_status,
        per_minute=STATUS_A_MINUTE,
        scopes=("chat:write", "assistant:write"),
        required=("channel_id", "thread_ts"),
    ),
    "agents.sessions.setStatus": Method(
        run=set_session_status,
        per_minute=TIER_3,
        scopes=("chat:write",),
        required=("channel_id", "status"),
    ),
}
