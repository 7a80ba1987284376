"""chat.startStream, appendStream, stopStream (PLATFORM §2)."""

from bridge.playground.agents import SESSION_STATUSES
from bridge.playground.api_chat import WRITE, metadata, with_ids
from bridge.playground.args import Args
from bridge.playground.limits import TIER_2, TIER_4
from bridge.playground.methods import Method, looks, readable_channel, writable_channel
from bridge.playground.site import Site
from bridge.playground.streams import Content
from bridge.playground.wire import ApiError, Json


def _content(args: Args) -> Content:
    return Content(args.text("markdown_text"), args.objects("chunks"))


def start(site: Site, args: Args) -> Json:
    """chat.startStream: in a thread, and outside DMs with a recipient."""
    channel = writable_channel(site, args)
    thread_ts = args.text("thread_ts")
    if thread_ts not in channel.messages:
        raise ApiError("invalid_thread_ts")
    if not channel.is_im:
        _check_recipient(site, args)
    stream = site.streams.start(channel, looks(site, args), thread_ts, _content(args))
    root_ts = channel.messages[stream.ts]["thread_ts"]
    site.agents.set_session(channel, root_ts, "processing")
    return {"ok": True, "channel": channel.id, "ts": stream.ts}


def _check_recipient(site: Site, args: Args) -> None:
    user = args.text("recipient_user_id")
    if not user:
        raise ApiError("missing_recipient_user_id")
    if not args.text("recipient_team_id"):
        raise ApiError("missing_recipient_team_id")
    site.workspace.user(user)


def append(site: Site, args: Args) -> Json:
    """chat.appendStream."""
    channel = readable_channel(site, args)
    site.streams.append(channel, args.text("ts"), _content(args))
    return {"ok": True, "channel": channel.id, "ts": args.text("ts")}


def stop(site: Site, args: Args) -> Json:
    """chat.stopStream: the session becomes `active` unless another status is asked for."""
    channel = readable_channel(site, args)
    status = args.text("session_status") or "active"
    if status not in SESSION_STATUSES:
        raise ApiError("invalid_status")
    blocks = with_ids(args.objects("blocks") or [])
    stored_metadata = metadata(args)
    message = site.streams.stop(channel, args.text("ts"), _content(args), blocks)
    if stored_metadata:
        message["metadata"] = stored_metadata
    site.agents.set_session(channel, message["thread_ts"], status)
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
