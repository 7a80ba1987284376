"""Last word: the sentence that ends a reply which an earlier process left open."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from bridge.domain.errors import ChatRefused
from bridge.domain.ids import MessageTs, OutboxId, UserId
from bridge.domain.outbox_entry import OutboxEntry
from bridge.domain.ports import Clock, ReplyTarget
from bridge.render.block_kit import Rendered, rendered, section
from bridge.render.blocks import notice_blocks
from bridge.render.mentions import safe_mrkdwn
from bridge.slack.json_values import JsonObject, as_mapping, as_string
from bridge.slack.outbound.kinds.kind import Delivery, OutboxKind, decode, encode, persona_of
from bridge.slack.outbound.kinds.notice import say
from bridge.slack.outbound.message_sending import MessageSender, Post, fixed
from bridge.slack.outbound.reply_messages import REPLY
from bridge.slack.outbound.status_line import StatusBoard
from bridge.slack.rate_limit.windows import Priority
from bridge.slack.web_api_errors import About, is_about
from bridge.telemetry import get_logger

_NOT_KEPT: Final = frozenset({"actions", "context"})
"""Blocks that show progress: the stop button, the tool line, the footer."""

_log = get_logger("slack.outbound.last_word")


def last_word_entry(target: ReplyTarget, sentence: str, *, clock: Clock) -> OutboxEntry:
    """A row that says `sentence` under what an earlier process left of a reply."""
    return OutboxEntry(
        outbox_id=OutboxId(clock.new_id()),
        turn_id=target.turn_id,
        kind=LastWordKind.name,
        seq=0,
        channel=target.thread.channel,
        thread_ts=target.thread_ts,
        planned_at=clock.now(),
        payload=encode(
            sentence=sentence,
            allowed=sorted(target.allowed_mentions),
            persona=asdict(target.persona),
        ),
    )


class LastWordKind(OutboxKind):
    """Said in the reply's live message, which loses its stop button; else posted below."""

    name = "closing"

    def __init__(self, sender: MessageSender, status: StatusBoard) -> None:
        super().__init__(sender)
        self._status = status

    async def deliver(self, delivery: Delivery) -> bool:
        """Say it, unless an earlier try did."""
        entry, stored = delivery.entry, decode(delivery.entry.payload)
        sentence = stored["sentence"]
        allowed = frozenset(UserId(user) for user in stored["allowed"])
        if await self._said_in_reply(entry, sentence, allowed):
            await self._sender.outbox.done(entry.outbox_id)
        else:
            shown = notice_blocks(sentence, allowed=allowed, outbox_id=entry.outbox_id)
            await say(self._sender, self._post(delivery, persona=persona_of(entry)), shown)
        self._status.clear(entry.channel, entry.thread_ts)
        return True

    async def _said_in_reply(
        self, entry: OutboxEntry, sentence: str, allowed: frozenset[UserId]
    ) -> bool:
        """Whether the reply's live message says it now; False when there is no such message."""
        assert entry.turn_id is not None
        rows = await self._sender.outbox.of_turn(entry.turn_id)
        for row in reversed([row for row in rows if row.kind == REPLY]):
            post = self._sender.post(row, persona=persona_of(entry), known=True)
            if row.state == "removed":
                continue
            if post.ts is None and await post.look() is None:
                await post.give_up("lost with an earlier process")
                continue
            return await self._close(post, sentence, allowed)
        return False

    async def _close(self, post: Post, sentence: str, allowed: frozenset[UserId]) -> bool:
        message = await self._read(post)
        if message is None:
            return False
        if not _is_live(message):
            return _says(message, sentence, allowed)  # an earlier try got through
        try:
            await post.update(fixed(_closed(message, sentence, allowed)), priority=Priority.URGENT)
        except ChatRefused as refusal:
            if not is_about(refusal, About.MESSAGE):
                raise
            _log.info("leftover cannot be edited", code=refusal.code)
            return False
        return True

    async def _read(self, post: Post) -> JsonObject | None:
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
        answer = await self._sender.web_api.read(method, asked, priority=Priority.URGENT)
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


def _blocks(message: JsonObject) -> Sequence[Mapping[str, Any]]:
    listed = message.get("blocks")
    return [as_mapping(block) for block in listed] if isinstance(listed, list) else []
