"""Thread history: what was said before in a thread or DM, for the prompt."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from bridge.domain.ids import MessageTs, ThreadKey
from bridge.domain.messages import Speaker, ThreadMessage
from bridge.slack.event_parser import Installation
from bridge.slack.json_values import JsonObject, as_mapping, as_objects, as_string
from bridge.slack.message_reader import SAID, bot_name, is_bot, read_content
from bridge.slack.mrkdwn import plain_text
from bridge.slack.rate_limit.windows import Priority
from bridge.slack.web_api import WebApi
from bridge.store.outbox import Outbox

PAGE: Final = 200
MOST_PAGES: Final = 20


class ThreadHistory:
    """Reads threads. The bridge's own replies are recognised by the outbox."""

    def __init__(self, web_api: WebApi, outbox: Outbox, us: Installation) -> None:
        self._web_api = web_api
        self._outbox = outbox
        self._us = us

    async def read(
        self, thread: ThreadKey, *, before: MessageTs, limit: int
    ) -> list[ThreadMessage]:
        """Root and the newest `limit` messages before `before`, oldest first.

        The app's own notices and cards are left out, and so are joins and other small news.
        Raises `ChatError`.
        """
        if thread.thread_ts is None:
            messages = await self._of_channel(thread, before, limit)
        else:
            messages = await self._of_thread(thread, thread.thread_ts, before)
        ours = [MessageTs(as_string(item.get("ts"))) for item in messages if self._is_ours(item)]
        authors = await self._outbox.authors(thread.team, thread.channel, ours)
        told = [said for item in messages if (said := self._said(item, authors)) is not None]
        root = [said for said in told if said.ts == thread.thread_ts]
        newest = [said for said in told if said.ts != thread.thread_ts]
        return root + newest[max(len(newest) - limit, 0) :]

    async def _of_thread(
        self, thread: ThreadKey, root: MessageTs, before: MessageTs
    ) -> list[JsonObject]:
        asked = {"channel": thread.channel, "ts": root, "latest": before, "limit": PAGE}
        # Slack gives the oldest first and the root on every page (PLATFORM, by report).
        by_ts: dict[str, JsonObject] = {}
        cursor = ""
        for _ in range(MOST_PAGES):
            answer = await self._page("conversations.replies", asked, cursor)
            by_ts.update((as_string(item.get("ts")), item) for item in _messages(answer))
            cursor = as_string(as_mapping(answer.get("response_metadata")).get("next_cursor"))
            if not cursor:
                break
        return _sorted_before(by_ts.values(), before)

    async def _of_channel(
        self, thread: ThreadKey, before: MessageTs, limit: int
    ) -> list[JsonObject]:
        asked = {"channel": thread.channel, "latest": before, "limit": min(limit, PAGE)}
        answer = await self._page("conversations.history", asked, "")
        return _sorted_before(_messages(answer), before)

    async def _page(self, method: str, asked: dict[str, Any], cursor: str) -> JsonObject:
        more = {"cursor": cursor} if cursor else {}
        return await self._web_api.read(method, {**asked, **more}, priority=Priority.FIRST)

    def _is_ours(self, item: JsonObject) -> bool:
        return item.get("bot_id") == self._us.bot_id or item.get("user") == self._us.bot_user

    def _said(self, item: JsonObject, authors: dict[MessageTs, str]) -> ThreadMessage | None:
        ts = MessageTs(as_string(item.get("ts")))
        if as_string(item.get("subtype")) not in SAID or item.get("hidden"):
            return None
        if self._is_ours(item):
            if ts not in authors:
                return None
            return ThreadMessage(ts, Speaker.TEAMMATE, authors[ts], _own_text(item))
        bot, user = as_string(item.get("bot_id")), as_string(item.get("user"))
        content = read_content(item)
        if not (bot or user) or content.is_empty:
            return None
        speaker, author = Speaker.PERSON, user
        if is_bot(item):
            speaker, author = Speaker.BOT, user or bot_name(item) or bot
        return ThreadMessage(ts, speaker, author, content.text, content.files)


def _own_text(item: JsonObject) -> str:
    """A reply as its teammate wrote it: from its markdown blocks, else from the plain text."""
    blocks = as_objects(item.get("blocks"))
    written = [as_string(b.get("text")) for b in blocks if b.get("type") == "markdown"]
    return "\n".join(written) if written else plain_text(as_string(item.get("text")))


def _messages(answer: JsonObject) -> Sequence[JsonObject]:
    return as_objects(answer.get("messages"))


def _sorted_before(items: Iterable[JsonObject], before: MessageTs) -> list[JsonObject]:
    earlier = (item for item in items if "" < as_string(item.get("ts")) < before)
    return sorted(earlier, key=lambda item: as_string(item.get("ts")))
