"""Is a post of ours in Slack? Found by its outbox id, however many messages came after it."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, Final

from bridge.domain.errors import ChatRefused
from bridge.domain.ids import MessageTs, OutboxId
from bridge.domain.outbox_entry import OutboxEntry
from bridge.render import action_ids
from bridge.slack.event_parser import JsonObject, as_mapping, as_string
from bridge.slack.rate_limit.windows import Priority
from bridge.slack.web_api import WebApi

EVENT_TYPE: Final = "bridge_post"
"""The metadata's name on our posts; its payload holds `outbox_id`."""

LOOK_BACK: Final = timedelta(minutes=10)
"""A post is looked for from so long before it was planned on: our clock may be ahead of Slack's."""

PAGE: Final = 999
MOST_PAGES: Final = 100


async def lookup(web_api: WebApi, entry: OutboxEntry) -> MessageTs | None:
    """The message's ts; None when it is not there.

    Raises:
        ChatError: Slack could not be asked.
    """
    async for message in _since(web_api, entry):
        if _is_from(message, entry.outbox_id):
            return MessageTs(as_string(message.get("ts")))
    return None


async def _since(web_api: WebApi, entry: OutboxEntry) -> AsyncIterator[JsonObject]:
    """What was posted since shortly before the row was planned, page by page.

    A thread comes with its oldest messages first, a channel with its newest (PLATFORM §1.2).
    """
    asked: dict[str, Any] = {
        "channel": entry.channel,
        "include_all_metadata": True,
        "limit": PAGE,
        "oldest": f"{(entry.planned_at - LOOK_BACK).timestamp():.6f}",
    }
    method = "conversations.history"
    if entry.thread_ts is not None:
        method, asked["ts"] = "conversations.replies", entry.thread_ts
    for _ in range(MOST_PAGES):
        try:
            answer = await web_api.read(method, asked, priority=Priority.URGENT)
        except ChatRefused as refusal:
            if refusal.code == "thread_not_found":
                return  # its root was deleted, and all that is in it is gone
            raise
        listed = answer.get("messages")
        for item in listed if isinstance(listed, list) else ():
            yield as_mapping(item)
        cursor = as_string(as_mapping(answer.get("response_metadata")).get("next_cursor"))
        if not cursor:
            return
        asked["cursor"] = cursor


def _is_from(message: JsonObject, outbox_id: OutboxId) -> bool:
    metadata = as_mapping(message.get("metadata"))
    if metadata.get("event_type") == EVENT_TYPE:
        return as_mapping(metadata.get("event_payload")).get("outbox_id") == outbox_id
    blocks = message.get("blocks")
    return any(
        action_ids.is_from(as_string(as_mapping(block).get("block_id")), outbox_id)
        for block in (blocks if isinstance(blocks, list) else ())
    )
