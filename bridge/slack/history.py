"""What was said before: a thread or DM as Slack has it, told as the engine wants it."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from bridge.domain.ids import MessageTs, ThreadKey
from bridge.domain.people import Said, Speaker
from bridge.slack.entities import plain_text
from bridge.slack.gateway import Gateway
from bridge.slack.inbound import Fields, Installation, fields, shared_files, word
from bridge.slack.ledger import Priority
from bridge.store.outbox import Outbox

PAGE: Final = 200
MOST_PAGES: Final = 20

_SAID_SUBTYPES = frozenset({"", "file_share", "thread_broadcast", "me_message", "bot_message"})


class History:
    """Reads threads. The bridge's own replies are recognised by the outbox."""

    def __init__(self, gateway: Gateway, outbox: Outbox, us: Installation) -> None:
        self._gateway = gateway
        self._outbox = outbox
        self._us = us

    async def read(self, thread: ThreadKey, *, before: MessageTs, limit: int) -> list[Said]:
        """Root and the newest `limit` messages before `before`, oldest first.

        The app's own notices and cards are left out, and so are joins and other small news.
        Raises `ChatError`.
        """
        if thread.thread_ts is None:
            messages = await self._of_channel(thread, before, limit)
        else:
            messages = await self._of_thread(thread, thread.thread_ts, before)
        ours = [MessageTs(word(item.get("ts"))) for item in messages if self._is_ours(item)]
        authors = await self._outbox.authors(thread.team, thread.channel, ours)
        told = [said for item in messages if (said := self._said(item, authors)) is not None]
        root = [said for said in told if said.ts == thread.thread_ts]
        newest = [said for said in told if said.ts != thread.thread_ts]
        return root + newest[max(len(newest) - limit, 0) :]

    async def _of_thread(
        self, thread: ThreadKey, root: MessageTs, before: MessageTs
    ) -> list[Fields]:
        asked = {"channel": thread.channel, "ts": root, "latest": before, "limit": PAGE}
        # Slack gives the oldest first and the root on every page (PLATFORM, by report).
        by_ts: dict[str, Fields] = {}
        cursor = ""
        for _ in range(MOST_PAGES):
            answer = await self._page("conversations.replies", asked, cursor)
            by_ts.update((word(item.get("ts")), item) for item in _messages(answer))
            cursor = word(fields(answer.get("response_metadata")).get("next_cursor"))
            if not cursor:
                break
        return _sorted_before(by_ts.values(), before)

    async def _of_channel(self, thread: ThreadKey, before: MessageTs, limit: int) -> list[Fields]:
        asked = {"channel": thread.channel, "latest": before, "limit": min(limit, PAGE)}
        answer = await self._page("conversations.history", asked, "")
        return _sorted_before(_messages(answer), before)

    async def _page(self, method: str, asked: dict[str, Any], cursor: str) -> Fields:
        more = {"cursor": cursor} if cursor else {}
        return await self._gateway.read(method, {**asked, **more}, priority=Priority.FIRST)

    def _is_ours(self, item: Fields) -> bool:
        return item.get("bot_id") == self._us.bot_id or item.get("user") == self._us.bot_user

    def _said(self, item: Fields, authors: dict[MessageTs, str]) -> Said | None:
        ts = MessageTs(word(item.get("ts")))
        if word(item.get("subtype")) not in _SAID_SUBTYPES or item.get("hidden"):
            return None
        if self._is_ours(item):
            if ts not in authors:
                return None
            return Said(ts, Speaker.TEAMMATE, authors[ts], _own_text(item))
        bot, user = word(item.get("bot_id")), word(item.get("user"))
        text, files = plain_text(word(item.get("text"))), shared_files(item)
        if not (bot or user) or not (text.strip() or files):
            return None
        if bot:
            return Said(ts, Speaker.BOT, user or word(item.get("username")) or bot, text, files)
        return Said(ts, Speaker.PERSON, user, text, files)


def _own_text(item: Fields) -> str:
    """A reply as its teammate wrote it: from its markdown blocks, else from the plain text."""
    blocks = item.get("blocks")
    written = [
        word(fields(block).get("text"))
        for block in (blocks if isinstance(blocks, list) else ())
        if fields(block).get("type") == "markdown"
    ]
    return "\n".join(written) if written else plain_text(word(item.get("text")))


def _messages(answer: Fields) -> Sequence[Fields]:
    listed = answer.get("messages")
    return [fields(item) for item in listed] if isinstance(listed, list) else []


def _sorted_before(items: Iterable[Fields], before: MessageTs) -> list[Fields]:
    earlier = (item for item in items if "" < word(item.get("ts")) < before)
    return sorted(earlier, key=lambda item: word(item.get("ts")))
