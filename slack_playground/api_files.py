"""files.*: the three calls of an upload, and what is known of a file (PLATFORM §9.1)."""

from slack_playground.composer_text import normalize
from slack_playground.context import Context
from slack_playground.files import StoredFile, guess_type
from slack_playground.methods import Method, find_channel, looks
from slack_playground.rate_limits import TIER_4
from slack_playground.request_arguments import Args
from slack_playground.seed_data import BOT_USER_ID
from slack_playground.slack_types import ApiError, Json, new_id
from slack_playground.workspace import Channel, has_app

ALT_LIMIT = 1000


def get_upload_url(context: Context, args: Args) -> Json:
    """files.getUploadURLExternal."""
    length = args.number("length", 0)
    if length < 1:
        raise ApiError("invalid_arguments", details=["[ERROR] must be at least 1"])
    if len(args.text("alt_txt")) > ALT_LIMIT:
        raise ApiError("alt_txt_too_large")
    name = args.text("filename").replace("/", "_")
    file = StoredFile(
        id=new_id("F"),
        name=name,
        title=name,
        mimetype=guess_type(name),
        user=BOT_USER_ID,
        snippet_type=args.text("snippet_type"),
        alt_txt=args.text("alt_txt"),
    )
    path = context.files.reserve(file, length)
    return {"ok": True, "upload_url": f"{context.url}{path}", "file_id": file.id}


def complete_upload(context: Context, args: Args) -> Json:
    """files.completeUploadExternal: once per upload; the message follows the answer."""
    wanted = args.objects("files")
    if not wanted:
        raise ApiError("invalid_arguments", details=["[ERROR] missing required field: files"])
    channels = _channels(context, args)
    thread_ts = args.text("thread_ts")
    for channel in channels:
        if thread_ts and thread_ts not in channel.messages:
            raise ApiError("thread_not_found")
    files = [_uploaded(context, item) for item in wanted]
    for file, item in zip(files, wanted, strict=True):
        file.complete = True
        file.title = item.get("title") or file.title
    context.tasks.spawn(
        _share_later(context, channels, files, args.text("initial_comment"), thread_ts),
        name="share files",
    )
    return {"ok": True, "files": [context.files.shape(file) for file in files]}


def _channels(context: Context, args: Args) -> list[Channel]:
    names = args.names("channels") or args.names("channel_id")
    channels = []
    for name in names:
        try:
            channel = find_channel(context, name)
        except ApiError:
            raise ApiError("invalid_channel") from None
        if not has_app(channel):
            raise ApiError("not_in_channel")
        channels.append(channel)
    return channels


def _uploaded(context: Context, item: Json) -> StoredFile:
    file = context.files.files.get(str(item.get("id")))
    if file is None or file.complete or not file.data:
        raise ApiError("file_not_found")
    return file


async def _share_later(
    context: Context, channels: list[Channel], files: list[StoredFile], comment: str, thread_ts: str
) -> None:
    for channel in channels:
        share(
            context,
            channel,
            files,
            {**looks(context, Args({})), "text": normalize(comment)},
            thread_ts,
        )


def share(
    context: Context, channel: Channel, files: list[StoredFile], message: Json, thread_ts: str = ""
) -> Json:
    """Post the message that shows files in a channel, and note where they are shared."""
    for file in files:
        file.shares.setdefault(channel.id, [])
    message = {
        **message,
        "subtype": "file_share",
        "files": [context.files.shape(file) for file in files],
        "upload": True,
    }
    if thread_ts:
        message["thread_ts"] = thread_ts
    posted = context.workspace.post(channel, message)
    for file in files:
        place: Json = {"ts": posted["ts"], "channel_name": channel.name}
        if "thread_ts" in posted:
            place["thread_ts"] = posted["thread_ts"]
        file.shares[channel.id].append(place)
    return posted


def info(context: Context, args: Args) -> Json:
    """files.info, with the map of shares."""
    file = context.files.get(args.text("file"))
    shape = context.files.shape(file)
    channels = context.workspace.channels
    shape["channels"] = [key for key in file.shares if not channels[key].is_im]
    shape["ims"] = [key for key in file.shares if channels[key].is_im]
    shape["shares"] = {"public": dict(file.shares)}
    answer: Json = {"ok": True, "file": shape, "comments": []}
    if file.mimetype.startswith("text/"):
        answer["content"] = file.data[:10_000].decode("utf-8", "replace")
    return answer


METHODS = {
    "files.getUploadURLExternal": Method(
        run=get_upload_url,
        per_minute=TIER_4,
        scopes=("files:write",),
        required=("filename", "length"),
    ),
    "files.completeUploadExternal": Method(
        run=complete_upload, per_minute=TIER_4, scopes=("files:write",), required=("files",)
    ),
    "files.info": Method(run=info, per_minute=TIER_4, scopes=("files:read",), required=("file",)),
}
