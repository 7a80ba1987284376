"""chat.*: posting, updating, deleting, ephemeral messages, permalinks (PLATFORM §3)."""

from slack_playground.blocks import check_blocks
from slack_playground.composer_text import normalize
from slack_playground.context import Context
from slack_playground.methods import Method, looks, readable_channel, writable_channel
from slack_playground.rate_limits import POSTS_A_MINUTE, TIER_3, TIER_4
from slack_playground.request_arguments import Args
from slack_playground.seed_data import BOT_ID, BOT_USER_ID
from slack_playground.slack_types import ApiError, Json, epoch_s, new_id
from slack_playground.workspace import Channel

TEXT_CUT = 40_000
SPLIT_AT = 4_000
SPLIT_FROM = 4_041
UPDATE_LIMIT = 4_000
EPHEMERAL_LIMIT = 40_000
MARKDOWN_LIMIT = 12_000
ATTACHMENTS_LIMIT = 100


def content(args: Args) -> Json:
    """Text, blocks and attachments of a call, checked; only what was given.

    Raises `markdown_text_conflict`, `msg_too_long`, `invalid_blocks`, `msg_blocks_too_long`,
    `too_many_attachments`, `invalid_attachments`.
    """
    shape: Json = {}
    markdown = args.text("markdown_text")
    if markdown:
        if args.text("text") or args.has("blocks"):
            raise ApiError("markdown_text_conflict")
        if len(markdown) > MARKDOWN_LIMIT:
            raise ApiError("msg_too_long")
        return {"text": markdown, "blocks": with_ids([{"type": "markdown", "text": markdown}])}
    if args.has("text"):
        shape["text"] = normalize(args.text("text"), link=args.text("parse") != "none")
    blocks = args.objects("blocks")
    if blocks is not None:
        check_blocks(blocks)
        shape["blocks"] = with_ids(blocks)
    attachments = args.objects("attachments")
    if attachments is not None:
        if len(attachments) > ATTACHMENTS_LIMIT:
            raise ApiError("too_many_attachments")
        for index, attachment in enumerate(attachments):
            place = f"/attachments/{index}/blocks"
            check_blocks(attachment.get("blocks") or [], where=place, refusal="invalid_attachments")
        shape["attachments"] = attachments
    return shape


def with_ids(blocks: list[Json]) -> list[Json]:
    """The blocks, each with a `block_id`."""
    return [{**block, "block_id": block.get("block_id") or new_id("b")} for block in blocks]


def metadata(args: Args) -> Json | None:
    """The message metadata of a call, checked; None when absent."""
    value = args.mapping("metadata")
    if value is None or value == {}:
        return value
    if not isinstance(value.get("event_type"), str) or not isinstance(
        value.get("event_payload"), dict
    ):
        raise ApiError("invalid_metadata_schema")
    return {"event_type": value["event_type"], "event_payload": value["event_payload"]}


def thread_of(channel: Channel, args: Args) -> Json:
    """`thread_ts` of a reply, checked: `invalid_thread_ts` or `thread_not_found`."""
    thread_ts = args.text("thread_ts")
    if not thread_ts:
        return {}
    if not thread_ts.replace(".", "", 1).isdigit():
        raise ApiError("invalid_thread_ts")
    if thread_ts in channel.deleted:
        return {}  # Slack takes the reply, drops its thread and posts it in the channel
    if thread_ts not in channel.messages:
        raise ApiError("thread_not_found")
    return {"thread_ts": thread_ts}


def post_message(context: Context, args: Args) -> Json:
    """chat.postMessage."""
    channel = writable_channel(context, args)
    said = content(args)
    if not (said.get("text") or said.get("blocks") or said.get("attachments")):
        raise ApiError("no_text")
    message = {"text": "", **said, **looks(context, args), **thread_of(channel, args)}
    stored_metadata = metadata(args)
    if stored_metadata:
        message["metadata"] = stored_metadata
    cut = len(message["text"]) > TEXT_CUT
    message["text"] = message["text"][:TEXT_CUT]
    if context.options.split_long_posts and len(message["text"]) >= SPLIT_FROM:
        posted = _post_split(context, channel, message)
    else:
        broadcast = args.flag("reply_broadcast") and "thread_ts" in message
        posted = context.workspace.post(channel, message, broadcast=broadcast)
    answer: Json = {"ok": True, "channel": channel.id, "ts": posted["ts"], "message": posted}
    if cut:
        answer["warning"] = "message_truncated"
        answer["response_metadata"] = {"warnings": ["message_truncated"]}
    return answer


def _post_split(context: Context, channel: Channel, message: Json) -> Json:
    """Post a long text as several messages; the first one is returned (PLATFORM §3.1)."""
    text = message["text"]
    parts = [text[at : at + SPLIT_AT] for at in range(0, len(text), SPLIT_AT)]
    posted = [context.workspace.post(channel, {**message, "text": part}) for part in parts]
    return posted[0]


def update(context: Context, args: Args) -> Json:
    """chat.update."""
    channel = readable_channel(context, args)
    ts = args.text("ts")
    message = context.workspace.message(channel, ts)
    if message.get("bot_id") != BOT_ID:
        raise ApiError("cant_update_message")
    if channel.is_archived:
        raise ApiError("is_inactive")
    if context.streams.is_live(channel, ts):
        raise ApiError("streaming_state_conflict")
    said = content(args)
    if not args.text("markdown_text") and len(args.text("text")) > UPDATE_LIMIT:
        raise ApiError("msg_too_long")
    stored_metadata = metadata(args)
    if not said and stored_metadata is None:
        raise ApiError("no_text")
    drop: list[str] = []
    if stored_metadata is not None:
        said["metadata"] = stored_metadata
        if not stored_metadata:
            drop.append("metadata")
    if "text" in said and "blocks" not in said:
        drop += ["blocks", *(["attachments"] if "attachments" not in said else [])]
        said["edited"] = {"user": BOT_USER_ID, "ts": f"{epoch_s()}.000000"}
    message = context.workspace.change(channel, ts, said, drop=tuple(drop))
    return {
        "ok": True,
        "channel": channel.id,
        "ts": ts,
        "text": message["text"],
        "message": message,
    }


def delete(context: Context, args: Args) -> Json:
    """chat.delete."""
    channel = readable_channel(context, args)
    ts = args.text("ts")
    if context.workspace.message(channel, ts).get("bot_id") != BOT_ID:
        raise ApiError("cant_delete_message")
    context.workspace.delete(channel, ts)
    return {"ok": True, "channel": channel.id, "ts": ts}


def post_ephemeral(context: Context, args: Args) -> Json:
    """chat.postEphemeral."""
    channel = writable_channel(context, args)
    user = args.text("user")
    if user not in channel.members:
        raise ApiError("user_not_in_channel")
    said = content(args)
    if not (said.get("text") or said.get("blocks") or said.get("attachments")):
        raise ApiError("no_text")
    if len(said.get("text", "")) > EPHEMERAL_LIMIT:
        raise ApiError("msg_too_long")
    message = {"text": "", **said, **looks(context, args), **thread_of(channel, args)}
    shown = context.ephemerals.show(user, channel, message)
    return {"ok": True, "message_ts": shown["ts"]}


def get_permalink(context: Context, args: Args) -> Json:
    """chat.getPermalink."""
    channel = readable_channel(context, args)
    ts = args.text("message_ts")
    message = context.workspace.message(channel, ts)
    link = f"{context.url}/archives/{channel.id}/p{ts.replace('.', '')}"
    thread_ts = message.get("thread_ts", ts)
    if thread_ts != ts:
        link += f"?thread_ts={thread_ts}&cid={channel.id}"
    return {"ok": True, "channel": channel.id, "permalink": link}


WRITE = ("chat:write",)
METHODS = {
    "chat.postMessage": Method(
        run=post_message,
        per_minute=POSTS_A_MINUTE,
        per_channel=True,
        scopes=WRITE,
        required=("channel",),
    ),
    "chat.update": Method(run=update, per_minute=TIER_3, scopes=WRITE, required=("channel", "ts")),
    "chat.delete": Method(run=delete, per_minute=TIER_3, scopes=WRITE, required=("channel", "ts")),
    "chat.postEphemeral": Method(
        run=post_ephemeral, per_minute=TIER_4, scopes=WRITE, required=("channel", "user")
    ),
    "chat.getPermalink": Method(
        run=get_permalink, per_minute=600, required=("channel", "message_ts")
    ),
}
