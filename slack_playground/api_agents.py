"""assistant.threads.* and agents.sessions.*: what the app says of its work in a thread."""

from slack_playground.agent_sessions import SESSION_STATUSES, AgentSession
from slack_playground.context import Context
from slack_playground.methods import Method, icons_of, need_scope, readable_channel
from slack_playground.rate_limits import STATUS_A_MINUTE, TIER_3, TIER_4
from slack_playground.request_arguments import Args
from slack_playground.slack_types import ApiError, Json
from slack_playground.workspace import Channel

TITLE_LIMIT = 200
PROMPTS_LIMIT = 4
STOP_EVENT = "agent_session_stopped"


def _invalid(problem: str, where: str) -> ApiError:
    return ApiError("invalid_arguments", details=[f"[ERROR] {problem} [json-pointer:/{where}]"])


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


# ---- assistant.threads


def set_thread_status(context: Context, args: Args) -> Json:
    """assistant.threads.setStatus: text under a thread; also moves the thread's session."""
    channel = readable_channel(context, args, "channel_id")
    thread_ts = _thread(channel, args.text("thread_ts"))
    hints = args.names("loading_messages")
    if len(hints) > 10 or any(not 1 <= len(hint) <= 50 for hint in hints):
        raise _invalid("1 to 10 items of 1 to 50 characters", "loading_messages")
    status = args.text("status")
    looks = _looks(context, args)
    if hints:
        looks["loading_messages"] = hints
    context.agents.set_status(channel, thread_ts, status, looks)
    context.agents.imply_session(channel, thread_ts, "processing" if status else "active")
    return {"ok": True}


def set_title(context: Context, args: Args) -> Json:
    """assistant.threads.setTitle: also the title of the thread's session."""
    channel = readable_channel(context, args, "channel_id")
    thread_ts = _thread(channel, args.text("thread_ts"))
    context.agents.set_title(channel, thread_ts, _title(args))
    return {"ok": True}


def set_prompts(context: Context, args: Args) -> Json:
    """assistant.threads.setSuggestedPrompts: in a thread, or without one on top of a DM."""
    channel = readable_channel(context, args, "channel_id")
    thread_ts = args.text("thread_ts")
    if thread_ts or not channel.is_im:
        thread_ts = _thread(channel, thread_ts)
    prompts = args.objects("prompts") or []
    if not 1 <= len(prompts) <= PROMPTS_LIMIT:
        raise _invalid(f"1 to {PROMPTS_LIMIT} items", "prompts")
    for index, prompt in enumerate(prompts):
        for name in ("title", "message"):
            if not isinstance(prompt.get(name), str) or not prompt[name]:
                raise _invalid(f"missing required field: {name}", f"prompts/{index}")
    kept = [{"title": prompt["title"], "message": prompt["message"]} for prompt in prompts]
    context.agents.set_prompts(channel, thread_ts, args.text("title"), kept)
    return {"ok": True}


# ---- agents.sessions


def _session_place(context: Context, args: Args) -> tuple[Channel, str]:
    """Channel and thread of a session, for an app that is declared an agent."""
    if not context.options.is_agent:
        raise ApiError("not_authorized")
    try:
        channel = readable_channel(context, args, "channel_id")
    except ApiError as error:
        if error.error == "not_in_channel":
            raise ApiError("not_authorized") from None
        raise
    if args.text("thread_ts") in {"", "0"}:
        raise ApiError("thread_ts_required")
    return channel, _thread(channel, args.text("thread_ts"))


def _title(args: Args) -> str:
    title = args.text("title")
    if not 1 <= len(title) <= TITLE_LIMIT:
        raise _invalid(f"1 to {TITLE_LIMIT} characters", "title")
    return title


def set_session_status(context: Context, args: Args) -> Json:
    """agents.sessions.setStatus."""
    channel, thread_ts = _session_place(context, args)
    status, initiator = args.text("status"), args.text("initiator_user_id")
    if status not in SESSION_STATUSES:
        raise ApiError("invalid_status")
    for name in ("title", "username"):
        if len(args.text(name)) > TITLE_LIMIT:
            raise _invalid(f"no more than {TITLE_LIMIT} characters", name)
    if initiator and initiator not in channel.members:
        raise ApiError("user_not_found")
    _looks(context, args)
    session = context.agents.set_session(
        channel, thread_ts, status, title=args.text("title"), initiator=initiator
    )
    return _session(context, session)


def _session(context: Context, session: AgentSession) -> Json:
    answer: Json = {
        "ok": True,
        "status": session.status,
        "agent_status": session.status,
        "title": session.title,
    }
    events = context.options.events
    if session.status == "processing" and events is not None and STOP_EVENT not in events:
        warning = f"missing_{STOP_EVENT}_event_subscription"
        answer |= {"warning": warning, "response_metadata": {"warnings": [warning]}}
    return answer


def rename_session(context: Context, args: Args) -> Json:
    """agents.sessions.rename."""
    channel, thread_ts = _session_place(context, args)
    title = _title(args)
    if (channel.id, thread_ts) not in context.agents.sessions:
        raise ApiError("session_not_found")
    context.agents.set_title(channel, thread_ts, title)
    return {"ok": True, "title": title}


METHODS = {
    "assistant.threads.setStatus": Method(
        run=set_thread_status,
        per_minute=STATUS_A_MINUTE,
        scopes=("chat:write", "assistant:write"),
        required=("channel_id", "thread_ts"),
    ),
    "assistant.threads.setTitle": Method(
        run=set_title,
        per_minute=TIER_4,
        scopes=("assistant:write",),
        required=("channel_id", "thread_ts", "title"),
    ),
    "assistant.threads.setSuggestedPrompts": Method(
        run=set_prompts,
        per_minute=TIER_4,
        scopes=("assistant:write",),
        required=("channel_id", "prompts"),
    ),
    "agents.sessions.setStatus": Method(
        run=set_session_status,
        per_minute=TIER_3,
        scopes=("chat:write",),
        required=("channel_id", "status"),
    ),
    "agents.sessions.rename": Method(
        run=rename_session,
        per_minute=TIER_3,
        scopes=("chat:write",),
        required=("channel_id", "title"),
    ),
}
