"""chat.startStream, appendStream, stopStream (PLATFORM §2)."""

from slack_playground.agent_sessions import SESSION_STATUSES
from slack_playground.api_chat import WRITE, metadata, with_ids
from slack_playground.context import Context
from slack_playground.methods import Method, looks, readable_channel, writable_channel
from slack_playground.rate_limits import TIER_2, TIER_4
from slack_playground.request_arguments import Args
from slack_playground.slack_types import ApiError, Json
from slack_playground.streams import Content


def _content(args: Args) -> Content:
    return Content(args.text("markdown_text"), args.objects("chunks"))


def start(context: Context, args: Args) -> Json:
    """chat.startStream: in a thread, and outside DMs with a recipient."""
    channel = writable_channel(context, args)
    thread_ts = args.text("thread_ts")
    if thread_ts not in channel.messages:
        raise ApiError("invalid_thread_ts")
    if not channel.is_im:
        _check_recipient(context, args)
    stream = context.streams.start(channel, looks(context, args), thread_ts, _content(args))
    root_ts = channel.messages[stream.ts]["thread_ts"]
    context.agents.imply_session(channel, root_ts, "processing")
    return {"ok": True, "channel": channel.id, "ts": stream.ts}


def _check_recipient(context: Context, args: Args) -> None:
    user = args.text("recipient_user_id")
    if not user:
        raise ApiError("missing_recipient_user_id")
    if not args.text("recipient_team_id"):
        raise ApiError("missing_recipient_team_id")
    context.workspace.user(user)


def append(context: Context, args: Args) -> Json:
    """chat.appendStream."""
    channel = readable_channel(context, args)
    context.streams.append(channel, args.text("ts"), _content(args))
    return {"ok": True, "channel": channel.id, "ts": args.text("ts")}


def stop(context: Context, args: Args) -> Json:
    """chat.stopStream: the session becomes `active` unless another status is asked for."""
    channel = readable_channel(context, args)
    status = args.text("session_status") or "active"
    if status not in SESSION_STATUSES:
        raise ApiError("invalid_status")
    blocks = with_ids(args.objects("blocks") or [])
    stored_metadata = metadata(args)
    message = context.streams.stop(channel, args.text("ts"), _content(args), blocks)
    if stored_metadata:
        message["metadata"] = stored_metadata
    context.agents.imply_session(channel, message["thread_ts"], status)
    return {"ok": True, "channel": channel.id, "ts": message["ts"], "message": message}


METHODS = {
    "chat.startStream": Method(run=start, per_minute=TIER_2, scopes=WRITE, required=("channel",)),
    "chat.appendStream": Method(
        run=append, per_minute=TIER_4, scopes=WRITE, required=("channel", "ts")
    ),
    "chat.stopStream": Method(
        run=stop, per_minute=TIER_2, scopes=WRITE, required=("channel", "ts")
    ),
}
