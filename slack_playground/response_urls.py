"""What an app answers to an interaction beside the Web API: in an ack or at a response URL."""

from slack_playground.api_chat import content
from slack_playground.context import Context
from slack_playground.interactivity import ResponseUrl
from slack_playground.methods import looks
from slack_playground.request_arguments import Args
from slack_playground.seed_data import BOT_ID
from slack_playground.slack_types import ApiError, Json


def respond(context: Context, key: ResponseUrl, body: Json) -> None:
    """Do what the answer says: delete, replace, or add a message (PLATFORM §5.1).

    Raises ApiError for what Slack would not take.
    """
    args = Args(body)
    if args.flag("delete_original"):
        _delete(context, key)
        return
    said = content(args)
    if not said:
        raise ApiError("no_text")
    if args.flag("replace_original"):
        _replace(context, key, said)
    else:
        _add(context, key, said, args)


def _delete(context: Context, key: ResponseUrl) -> None:
    if key.ephemeral:
        context.ephemerals.delete(key.user, key.message_ts)
        return
    channel = context.workspace.channels[key.channel]
    if context.workspace.message(channel, key.message_ts).get("bot_id") != BOT_ID:
        raise ApiError("cant_delete_message")
    context.workspace.delete(channel, key.message_ts)


def _replace(context: Context, key: ResponseUrl, said: Json) -> None:
    if key.ephemeral:
        context.ephemerals.change(key.user, key.message_ts, said)
        return
    channel = context.workspace.channels[key.channel]
    drop = () if "blocks" in said else ("blocks",)
    context.workspace.change(channel, key.message_ts, said, drop=drop)


def _add(context: Context, key: ResponseUrl, said: Json, args: Args) -> None:
    channel = context.workspace.channels[key.channel]
    message = {"text": "", **said, **looks(context, Args({}))}
    if args.text("thread_ts"):
        message["thread_ts"] = args.text("thread_ts")
    if args.text("response_type") == "in_channel":
        context.workspace.post(channel, message)
    else:
        context.ephemerals.show(key.user, channel, message)
