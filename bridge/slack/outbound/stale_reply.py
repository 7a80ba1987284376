"""Ending a reply that an earlier process left open, in the message that people still see."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from bridge.domain.errors import ChatRefused
from bridge.domain.ids import MessageTs, UserId
from bridge.domain.outbox_entry import OutboxEntry
from bridge.domain.ports import ReplyTarget
from bridge.render.block_kit import Rendered, rendered, section
from bridge.render.mentions import safe_mrkdwn
from bridge.slack.event_parser import JsonObject, as_mapping, as_string
from bridge.slack.outbound.message_sending import MessageSender, Post, fixed
from bridge.slack.outbound.outbox_payloads import REPLY
from bridge.slack.outbound.reply_messages import NOT_EDITABLE
from bridge.slack.rate_limit.windows import Priority
from bridge.slack.web_api import WebApi
from bridge.telemetry import get_logger

_NOT_KEPT: Final = frozenset({"actions", "context"})
"""Blocks that show progress: the stop button, the tool line, the footer."""

_log = get_logger("slack.leftovers")


async def close_leftover(
    sender: MessageSender, target: ReplyTarget, sentence: str, *, entries: Sequence[OutboxEntry]
) -> bool:
    """Take the stop button from the reply's live message and put `sentence` under its text.

    `entries` are the outbox rows of the turn that this process did not make. Returns False when
    there is no such message; then the sentence is still to be said.

    Raises:
        ChatError: it may be tried again.
        StoreError: likewise.
    """
    for entry in reversed([entry for entry in entries if entry.kind == REPLY]):
        post = sender.post(entry, persona=target.persona, known=True)
        if entry.state == "removed":
            continue
        if post.ts is None and await post.look() is None:
            await post.give_up("lost with an earlier process")
            continue
        return await _close(sender.web_api, post, sentence, target.allowed_mentions)
    return False


async def _close(web_api: WebApi, post: Post, sentence: str, allowed: frozenset[UserId]) -> bool:
    message = await _read(web_api, post)
    if message is None:
        return False
    if not _is_live(message):
        return _says(message, sentence, allowed)  # an earlier try got through
    closed = _closed(message, sentence, allowed)
    try:
        await post.update(fixed(closed), priority=Priority.URGENT)
    except ChatRefused as refusal:
        if refusal.code not in NOT_EDITABLE:
            raise
        _log.info("leftover cannot be edited", code=refusal.code)
        return False
    return True


async def _read(web_api: WebApi, post: Post) -> JsonObject | None:
    """The message as Slack has it now; None when it is gone."""
    asked: dict[str, Any] = {
        "channel": post.entry.channel,
        "oldest": post.ts,
        "latest": post.ts,
        "inclusive": True,
        "limit": 10,
    }
    method = "conversations.history"
    if post.entry.thread_ts is not None:
        method, asked["ts"] = "conversations.replies", post.entry.thread_ts
    answer = await web_api.read(method, asked, priority=Priority.URGENT)
    listed = answer.get("messages")
    for item in listed if isinstance(listed, list) else ():
        if MessageTs(as_string(as_mapping(item).get("ts"))) == post.ts:
            return as_mapping(item)
    return None


def _is_live(message: JsonObject) -> bool:
    return any(block.get("type") == "actions" for block in _blocks(message))


def _says(message: JsonObject, sentence: str, allowed: frozenset[UserId]) -> bool:
    last = section(safe_mrkdwn(sentence, allowed=allowed))
    said = [as_mapping(block.get("text")).get("text") for block in _blocks(message)[-1:]]
    return said == [last["text"]["text"]]


def _closed(message: JsonObject, sentence: str, allowed: frozenset[UserId]) -> Rendered:
    last = safe_mrkdwn(sentence, allowed=allowed)
    kept = [dict(block) for block in _blocks(message) if block.get("type") not in _NOT_KEPT]
    return rendered([*kept, section(last)], f"{as_string(message.get('text'))}\n{last}")


def _blocks(message: JsonObject) -> list[Mapping[str, Any]]:
    listed = message.get("blocks")
    return [as_mapping(block) for block in listed] if isinstance(listed, list) else []
