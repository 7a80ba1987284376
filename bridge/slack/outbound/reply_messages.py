"""Reply messages: brings each message of a reply to its newest view.

What is owed is stored as its view, not as blocks: whoever delivers it can then find another way
when Slack refuses it, as its live writer would have.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Final

from bridge.domain.errors import ChatRefused
from bridge.domain.ids import MessageTs, OutboxId
from bridge.domain.outbox_entry import LastRevision, OutboxEntry
from bridge.domain.ports import ReplyTarget
from bridge.domain.teammates import Persona
from bridge.render.block_kit import Rendered
from bridge.render.blocks import reply_blocks
from bridge.render.limits import size
from bridge.render.mentions import escape_mrkdwn
from bridge.render.plain import clip_escaped
from bridge.render.stream import MessageView
from bridge.slack.outbound.message_sending import MessageSender, Post, Revision, fixed
from bridge.slack.rate_limit.windows import Priority
from bridge.slack.web_api_errors import About, is_about, passes
from bridge.telemetry import DISPLAY_FAILURES, get_logger

REPLY: Final = "reply"
"""A message of a reply."""

REST: Final = "rest"
"""A further message for words that do not fit into one without blocks; never owed by itself."""

REPLACEMENTS: Final = 3

_STILL_THERE = frozenset({"planned", "sent"})

_log = get_logger("slack.outbound.reply_messages")


@dataclass(slots=True)
class ReplyMessage:
    """One message. `shown` is the fingerprint of what people see, empty for nothing known;
    `last`: that is its last revision, and nothing can change it any more.

    `stuck`: Slack lets nobody edit it; what is new is posted anew, at the end. `plain`: its
    blocks were refused. `hopeless`: Slack refuses it for good. `extras` are further messages
    for text that does not fit without blocks.
    """

    post: Post
    shown: str = ""
    stuck: bool = False
    plain: bool = False
    hopeless: bool = False
    last: bool = False
    replaced: int = 0
    extras: list[Post] = field(default_factory=list)

    def note_last(self, view: MessageView) -> None:
        """Its last revision may be what was shown before."""
        self.last = self.last or (view.final and self.shown == view.fingerprint)


class ReplyMessages:
    """All messages of one reply. Not for two callers at a time.

    Args:
        newest: the view of a message at the moment of sending.
        priority: how urgent the reply's calls are, asked while they wait.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        target: ReplyTarget,
        *,
        teammate: str,
        sender: MessageSender,
        newest: Callable[[int], MessageView],
        priority: Callable[[], Priority],
        clock: Callable[[], float],
    ) -> None:
        self._target = target
        self._teammate = teammate
        self._sender = sender
        self._newest = newest
        self._priority = priority
        self._clock = clock
        self._messages: dict[int, ReplyMessage] = {}
        self._shift = 0
        self._has_no_place = False
        self.sent_at = 0.0

    @property
    def first_ts(self) -> MessageTs | None:
        """The reply's first message in Slack; None before there is one."""
        posted = (message.post.ts for _, message in sorted(self._messages.items()))
        return next((ts for ts in posted if ts is not None), None)

    def adopt(self, entries: Iterable[OutboxEntry]) -> None:
        """Take over the messages that somebody else posted, or may have, for this reply.

        Views are numbered anew, without those that were taken back: the first message that is
        there is the first view's, whatever its number was. What is new is numbered after all.
        """
        messages: dict[int, ReplyMessage] = {}
        for entry in entries:
            if entry.state not in _STILL_THERE:
                continue
            post = self._sender.post(entry, persona=self._target.persona, known=True)
            if entry.kind == REPLY:
                messages[entry.seq] = ReplyMessage(post)
            elif entry.kind == REST and entry.seq in messages:
                messages[entry.seq].plain = True
                messages[entry.seq].extras.append(post)
        self._messages = dict(enumerate(messages[seq] for seq in sorted(messages)))
        self._shift = max(messages, default=-1) + 1 - len(messages)

    def last_revision(self, views: Sequence[MessageView], text: str) -> LastRevision:
        """What is to be stored so that anybody can bring these last views to Slack."""
        entries: list[OutboxEntry] = []
        first: OutboxId | None = None
        for view in (*views, *self._surplus(views)):
            message = self._messages.get(view.seq)
            if message is None and view.is_empty:
                continue
            message = message or self._new_message(view)
            if first is None and not view.is_empty:
                first = message.post.entry.outbox_id
            message.note_last(view)
            if not (message.hopeless or (message.last and not message.post.in_doubt)):
                payload = view_payload(view, self._target.persona)
                entries.append(replace(message.post.entry, ts=message.post.ts, payload=payload))
        return LastRevision(tuple(entries), first, text)

    def stored(self) -> None:
        """What `last_revision` returned is in the outbox."""
        for message in self._messages.values():
            message.post.planned()

    async def take_away_surplus(self, views: Sequence[MessageView]) -> None:
        """Delete messages that the finished reply does not have; raises as `bring` does."""
        for view in self._surplus(views):
            await self.show(view, at_end=True)

    def _surplus(self, views: Sequence[MessageView]) -> list[MessageView]:
        known = {view.seq for view in views}
        return [MessageView(seq, "", final=True) for seq in sorted(self._messages.keys() - known)]

    def settled(self) -> list[tuple[OutboxId, str]]:
        """The messages that show their last revision for sure, with the hash of it."""
        return [
            (message.post.entry.outbox_id, message.post.hash)
            for message in self._messages.values()
            if message.last and not (message.post.in_doubt or message.post.is_settled)
        ]

    def unsettled(self) -> OutboxEntry | None:
        """A message that does not show its last revision yet, or not for sure."""
        for message in self._messages.values():
            if not message.hopeless and (message.post.in_doubt or not message.last):
                return message.post.entry
        return None

    async def show(self, view: MessageView, *, at_end: bool) -> None:
        """Make Slack show the newest view of this message, if it does not.

        A refusal for good is logged and counted, and not tried again. `at_end`: this is the
        time to say everything, even in a new message.

        Raises:
            ChatError: it may be tried again.
            StoreError: likewise.
        """
        message = self._messages.get(view.seq)
        if message is None:
            if view.is_empty or self._has_no_place:
                return
            message = self._new_message(view)
        message.note_last(view)
        while not (message.hopeless or message.shown == view.fingerprint):
            if message.stuck and not at_end:
                return
            if message.stuck:
                self._replace(message)
                message.replaced += 1
            try:
                await self._write(message, view)
            except ChatRefused as refusal:
                if passes(refusal):
                    raise
                await self._adapt(message, refusal)
            else:
                return

    async def _write(self, message: ReplyMessage, view: MessageView) -> None:
        sent: MessageView | None = None

        def render() -> Revision:
            nonlocal sent
            sent = self._newest(view.seq)
            self.sent_at = self._clock()
            return Revision(self._rendered(message, sent), last=sent.final and not message.plain)

        if message.post.ts is None:
            if view.is_empty and await message.post.never_sent():
                message.shown, message.last = view.fingerprint, view.final
                return
            if not view.is_empty:
                await message.post.send(render, priority=self._priority)
        if message.post.ts is not None and sent is None:
            if view.is_empty:
                await self._take_away(message, view)
                return
            await message.post.update(render, priority=self._priority)
        if sent is not None:
            await self._write_rest(message, sent)
            # What was taken back while the call waited is deleted the next time.
            message.shown = "" if sent.is_empty else sent.fingerprint
            message.last = sent.final and not sent.is_empty

    async def _write_rest(self, message: ReplyMessage, view: MessageView) -> None:
        """Post what a message without blocks could not hold, once its text is complete."""
        if not message.plain or view.live:
            return
        for number, piece in enumerate(plain_pieces(view)[1:]):
            if number == len(message.extras):
                message.extras.append(self._new_post(message.post.entry.seq, kind=REST))
            if message.extras[number].ts is None:
                await message.extras[number].send(fixed(piece), priority=self._priority)

    async def _take_away(self, message: ReplyMessage, view: MessageView) -> None:
        """Delete a message whose text was taken back; if that is refused, say so in it."""
        try:
            await message.post.delete(priority=self._priority)
        except ChatRefused as refusal:
            if passes(refusal):
                raise
            if refusal.code == "message_not_found":
                await message.post.gone()
                self._replace(message)
            else:
                withdrawn = fixed(self._rendered(message, view))
                await message.post.update(withdrawn, priority=self._priority)
        else:
            self._replace(message)
        message.shown, message.last = view.fingerprint, view.final

    def _rendered(self, message: ReplyMessage, view: MessageView) -> Rendered:
        if message.plain:
            return plain_pieces(view)[0]
        outbox_id = message.post.entry.outbox_id
        return reply_blocks(view, turn_id=self._target.turn_id, outbox_id=outbox_id)

    async def _adapt(self, message: ReplyMessage, refusal: ChatRefused) -> None:
        """Find another way after a refusal, or none."""
        DISPLAY_FAILURES.inc()
        _log.warning("message refused", turn=self._target.turn_id, code=refusal.code)
        if is_about(refusal, About.CONTENT) and not message.plain:
            message.plain = True
        elif is_about(refusal, About.MESSAGE) and message.replaced < REPLACEMENTS:
            message.stuck = True
        else:
            message.hopeless = True
            await message.post.give_up(refusal.code)
            if is_about(refusal, About.THREAD, About.CHANNEL):
                await self._lose_place(refusal.code)

    async def _lose_place(self, code: str) -> None:
        """Slack takes nothing of this reply any more: nothing else is tried there."""
        self._has_no_place = True
        for message in self._messages.values():
            if not message.hopeless and not message.last:
                message.hopeless = True
                await message.post.give_up(code)

    def _new_message(self, view: MessageView) -> ReplyMessage:
        message = self._messages[view.seq] = ReplyMessage(self._new_post(view.seq + self._shift))
        return message

    def _replace(self, message: ReplyMessage) -> None:
        old = message.post.entry
        message.post = self._new_post(old.seq, instead_of=old.outbox_id)
        message.shown = ""
        message.stuck = message.last = False

    def _new_post(self, seq: int, *, kind: str = REPLY, instead_of: OutboxId | None = None) -> Post:
        entry = OutboxEntry(
            outbox_id=OutboxId(self._sender.clock.new_id()),
            turn_id=self._target.turn_id,
            kind=kind,
            seq=seq,
            channel=self._target.thread.channel,
            thread_ts=self._target.thread_ts,
            planned_at=self._sender.clock.now(),
            teammate=self._teammate,
        )
        return self._sender.post(entry, persona=self._target.persona, instead_of=instead_of)


def view_payload(view: MessageView, persona: Persona) -> str:
    """A reply's message; an empty view says that the message is to be taken away."""
    shown = {
        "markdown": view.markdown,
        "tools_line": view.tools_line,
        "footer": view.footer,
        "sentence": view.sentence,
    }
    words = {name: words for name, words in shown.items() if words}
    return json.dumps({"view": words, "persona": asdict(persona)}, separators=(",", ":"))


def view_of(payload: str, seq: int) -> MessageView:
    """The last revision of a reply's message."""
    return MessageView(seq, **{"markdown": "", **json.loads(payload)["view"]}, final=True)


PIECE: Final = 3_000
"""Escaped size of one piece; chat.update takes 4,000 (PLATFORM §3.1)."""


def plain_pieces(view: MessageView) -> list[Rendered]:
    """All words of a message as texts without blocks, each short enough for any method."""
    words = view.markdown.strip("\n")
    pieces = [Rendered((), escape_mrkdwn(piece)) for piece in _cut(words)]
    ends = [line for line in (view.sentence, view.tools_line, view.footer) if line]
    if ends or not pieces:
        pieces.append(Rendered((), clip_escaped("\n".join(ends) or "…", PIECE)))
    return pieces


def _cut(text: str) -> Iterator[str]:
    """Cut at the end of a line or word where possible; every piece escapes to at most `PIECE`."""
    while text:
        end = len(text) if size(escape_mrkdwn(text[: PIECE + 1])) <= PIECE else PIECE
        while size(escape_mrkdwn(text[:end])) > PIECE:
            end = end * 3 // 4
        if end < len(text):
            place = max(text.rfind("\n", end // 2, end), text.rfind(" ", end * 9 // 10, end))
            end = place + 1 if place > 0 else end
        yield text[:end]
        text = text[end:]
