"""Outbox handlers: how each kind of row is delivered.

Nothing here waits or tries again; what failed is raised, and may be repeated.
"""

from collections.abc import Container, Mapping, Sequence
from typing import Any, Final

from bridge.domain.errors import ChatError, ChatRefused, ChatUnreachable, StoreError
from bridge.domain.ids import MessageTs, TeamId, ThreadKey, UserId
from bridge.domain.outbox_entry import OutboxEntry
from bridge.domain.ports import ReplyTarget
from bridge.domain.teammates import Persona
from bridge.render.block_kit import Rendered, rendered, section
from bridge.render.blocks import notice_blocks
from bridge.render.mentions import safe_mrkdwn
from bridge.render.stream import MessageView
from bridge.slack.event_parser import JsonObject, as_mapping, as_string
from bridge.slack.outbound import outbox_payloads
from bridge.slack.outbound.message_sending import MessageSender, Post, fixed, hash_of, passes
from bridge.slack.outbound.outbox_payloads import REPLY
from bridge.slack.outbound.reply_messages import NOT_EDITABLE, ReplyMessages
from bridge.slack.outbound.status_line import METHOD as SET_STATUS
from bridge.slack.rate_limit.windows import Priority
from bridge.slack.web_api import WebApi
from bridge.telemetry import DISPLAY_FAILURES, OUTBOX_GIVEN_UP, get_logger

TRYING: Final = "trying"
"""State of a private note whose call may have been made: it cannot be looked up."""

_NOTHING_TO_DO = frozenset({"already_reacted", "no_reaction", "message_not_found"})
_log = get_logger("slack.outbound.outbox_handlers")


class OutboxHandlers:
    """Knows how each kind of row is shown. Not for two callers with one row at a time."""

    def __init__(self, sender: MessageSender, team: TeamId) -> None:
        self._sender = sender
        self._team = team

    async def reply(self, row: OutboxEntry, *, settle: bool) -> None:
        """Bring the messages of a reply to their last revision.

        Args:
            row: any row of the reply.
            settle: whether nothing is owed then. False when an edit of its live writer may
                still be under way, so that this must be repeated later.

        Raises:
            ChatError: it may be tried again.
            StoreError: likewise.
        """
        assert row.turn_id is not None
        entries = await self._sender.outbox.of_turn(row.turn_id)
        owed = {
            entry.seq: entry.payload
            for entry in entries
            if entry.kind == outbox_payloads.REPLY and entry.payload is not None
        }
        if not owed:
            return
        # Numbered as `ReplyMessages.adopt` numbers the messages.
        views = [outbox_payloads.view_of(payload, n) for n, payload in enumerate(owed.values())]
        messages = self._messages([entry for entry in entries if _is_part(entry, owed)], views)
        for view in views:
            await messages.bring(view, at_end=True)
        if settle:
            await self._sender.outbox.settled(messages.settled())
        await self._clear_status(row)

    async def notice(self, post: Post, payload: str) -> None:
        """Post a quiet line, unless Slack has it. Raises as `Post.send`."""
        await self._say(post, outbox_payloads.shown_of(payload))

    async def closing(self, post: Post, payload: str) -> None:
        """Say the last word in the message that an earlier process left, or below it.

        Raises:
            ChatError: it may be tried again, unless it is a refusal for good.
            StoreError: likewise.
        """
        word, persona = outbox_payloads.last_word_of(payload), outbox_payloads.persona_of(payload)
        entry = post.entry
        target = self._target(entry, persona or Persona(""), allowed=word.allowed)
        entries = await self._sender.outbox.of_turn(target.turn_id)
        if await close_leftover(self._sender, target, word.sentence, entries=entries):
            await self._sender.outbox.done(entry.outbox_id)
        else:
            said = notice_blocks(word.sentence, allowed=word.allowed, outbox_id=entry.outbox_id)
            await self._say(post, said)
        await self._clear_status(entry)

    async def note(self, entry: OutboxEntry, payload: str) -> None:
        """Show a note to one person. It is not repeated when it is unclear whether it came.

        Raises:
            ChatRefused: Slack does not let us just now.
            StoreError: the outbox could not be written, nothing was shown.
        """
        call = outbox_payloads.call_of(payload)
        outbox, outbox_id = self._sender.outbox, entry.outbox_id
        await outbox.trying(outbox_id, now=True)
        try:
            await self._call(call, priority=Priority.URGENT)
        except ChatUnreachable as error:
            _log.warning("unclear whether a private note was shown", error=str(error))
        except ChatRefused:
            await outbox.trying(outbox_id, now=False)
            raise
        try:
            await outbox.done(outbox_id)
        except StoreError as error:  # the next start forgets it; raised, it would be shown again
            _log.warning("outbox not written", outbox_id=outbox_id, error=str(error))

    async def reaction(self, entry: OutboxEntry, payload: str) -> None:
        """Add or remove a reaction. Raises `ChatError`, `StoreError`; may be repeated."""
        try:
            await self._call(outbox_payloads.call_of(payload), priority=Priority.QUIET)
        except ChatRefused as refusal:
            if refusal.code not in _NOTHING_TO_DO:
                raise
        await self._sender.outbox.done(entry.outbox_id)

    async def show_once(self, rows: Sequence[OutboxEntry]) -> None:
        """Show what could not be stored, if it leaves no message behind. Raises nothing.

        A post is left out: nobody could tell later whether it is there.
        """
        for row in rows:
            try:
                if (
                    row.kind in (outbox_payloads.NOTE, outbox_payloads.REACTION)
                    and row.payload is not None
                ):
                    await self._call(outbox_payloads.call_of(row.payload), priority=Priority.QUIET)
                    continue
                reason = "it was not stored"
            except ChatError as error:
                reason = str(error)
            DISPLAY_FAILURES.inc()
            _log.error("not shown", kind=row.kind, reason=reason)

    async def give_up(self, entry: OutboxEntry, reason: str) -> None:
        """Note that this is not shown, and never will be. Raises `StoreError`."""
        rows = [entry]
        if entry.kind == outbox_payloads.REPLY and entry.turn_id is not None:
            of_turn = await self._sender.outbox.of_turn(entry.turn_id)
            rows = [row for row in of_turn if row.payload is not None]
        for row in rows:
            await self._sender.outbox.failed(row.outbox_id, reason)
        OUTBOX_GIVEN_UP.inc()
        _log.error("given up", kind=entry.kind, turn=entry.turn_id, reason=reason)

    async def _say(self, post: Post, shown: Rendered) -> None:
        """Post what never changes. One that is found has these words already."""
        await post.send(fixed(shown), priority=Priority.URGENT)
        if not post.is_settled:
            await self._sender.outbox.settled([(post.entry.outbox_id, hash_of(shown))])

    def _messages(
        self, entries: Sequence[OutboxEntry], views: Sequence[MessageView]
    ) -> ReplyMessages:
        owed = next(entry for entry in entries if entry.payload is not None)
        persona = outbox_payloads.persona_of(owed.payload or "{}") or Persona("")
        messages = ReplyMessages(
            self._target(owed, persona),
            teammate=owed.teammate or persona.name,
            sender=self._sender,
            newest=views.__getitem__,
            priority=lambda: Priority.URGENT,
            clock=self._sender.clock.monotonic,
        )
        messages.adopt(entries)
        return messages

    def _target(
        self, entry: OutboxEntry, persona: Persona, *, allowed: frozenset[UserId] = frozenset()
    ) -> ReplyTarget:
        assert entry.turn_id is not None
        thread = ThreadKey(self._team, entry.channel, entry.thread_ts)
        return ReplyTarget(entry.turn_id, thread, entry.thread_ts, persona, allowed)

    async def _call(self, call: outbox_payloads.Call, *, priority: Priority) -> None:
        channel = call.arguments["channel"] if call.method == "chat.postEphemeral" else None
        await self._sender.web_api.call(
            call.method, lambda: call.arguments, priority=priority, channel=channel
        )

    async def _clear_status(self, entry: OutboxEntry) -> None:
        """What an earlier process said it was doing is over."""
        if entry.thread_ts is None:
            return
        arguments: dict[str, Any] = {
            "channel_id": entry.channel, "thread_ts": entry.thread_ts, "status": ""
        }  # fmt: skip
        try:
            await self._sender.web_api.call(SET_STATUS, lambda: arguments, priority=Priority.QUIET)
        except ChatError as error:
            _log.info("status not cleared", error=str(error), again=passes(error))


def _is_part(entry: OutboxEntry, owed: Container[int]) -> bool:
    """Whether it is a message that is owed, or holds what did not fit into one."""
    return entry.seq in owed and (entry.payload is not None or entry.kind == outbox_payloads.REST)


_NOT_KEPT: Final = frozenset({"actions", "context"})
"""Blocks that show progress: the stop button, the tool line, the footer."""


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
