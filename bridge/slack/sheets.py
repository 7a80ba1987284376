"""The Slack messages of one reply: bringing each to its newest view, whatever Slack refuses."""

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from bridge.domain.errors import ChatRefused
from bridge.domain.ids import MessageTs, OutboxId
from bridge.domain.ports import ReplyTarget
from bridge.render.blocks import reply_blocks
from bridge.render.elements import Rendered
from bridge.render.stream import MessageView
from bridge.slack.fallback import REFUSED_BLOCKS, plain_pieces
from bridge.slack.ledger import Priority
from bridge.slack.posting import Post, PostOffice, passes
from bridge.store.outbox import OutboxEntry
from bridge.telemetry import DISPLAY_FAILURES, get_logger

KIND: Final = "reply"
"""How the outbox calls the messages of a reply."""

NOT_EDITABLE: Final = frozenset(
    {
        "cant_update_message",
        "edit_window_closed",
        "is_inactive",
        "message_not_found",
        "streaming_state_conflict",
        "update_failed",
    }
)
"""Slack's words for a message that cannot be changed any more (PLATFORM §3.5)."""

REPLACEMENTS: Final = 3

_STILL_THERE = frozenset({"planned", "sent"})

_log = get_logger("slack.delivery")


@dataclass(slots=True)
class Sheet:
    """One message. `shown` is the fingerprint of what people see, empty for nothing known.

    `stuck`: Slack lets nobody edit it; what is new is posted anew, at the end. `plain`: its
    blocks were refused. `hopeless`: Slack refuses it for good. `extras` are further messages
    for text that does not fit without blocks.
    """

    post: Post
    shown: str = ""
    stuck: bool = False
    plain: bool = False
    hopeless: bool = False
    replaced: int = 0
    extras: list[Post] = field(default_factory=list)


class Sheets:
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
        office: PostOffice,
        newest: Callable[[int], MessageView],
        priority: Callable[[], Priority],
        clock: Callable[[], float],
    ) -> None:
        self._target = target
        self._teammate = teammate
        self._office = office
        self._newest = newest
        self._priority = priority
        self._clock = clock
        self._sheets: dict[int, Sheet] = {}
        self.sent_at = 0.0

    @property
    def first_ts(self) -> MessageTs | None:
        """The reply's first message in Slack; None before there is one."""
        posted = (sheet.post.ts for _, sheet in sorted(self._sheets.items()))
        return next((ts for ts in posted if ts is not None), None)

    async def adopt(self, entries: Sequence[OutboxEntry]) -> None:
        """Take over the messages that an earlier process posted for this reply."""
        for entry in entries:
            if entry.kind == KIND and entry.state in _STILL_THERE:
                post = self._office.post(entry, face=self._target.face, known=True)
                if post.ts is not None or await post.look() is not None:
                    self._sheets[entry.seq] = Sheet(post)

    async def keep_only(self, seqs: Set[int]) -> None:
        """Delete messages that the finished reply does not have; raises as `bring` does."""
        for seq in sorted(self._sheets.keys() - seqs):
            sheet = self._sheets[seq]
            if sheet.post.ts is not None and not sheet.hopeless:
                try:
                    await sheet.post.delete(priority=self._priority)
                except ChatRefused as refusal:
                    if passes(refusal):
                        raise
            del self._sheets[seq]

    async def bring(self, view: MessageView, *, at_end: bool) -> None:
        """Make Slack show the newest view of this message, if it does not.

        A refusal for good is logged and counted, and not tried again. `at_end`: this is the
        time to say everything, even in a new message.

        Raises:
            ChatError: it may be tried again.
            StoreError: likewise.
        """
        sheet = self._sheets.get(view.seq)
        if sheet is None:
            if view.is_empty:
                return
            sheet = self._sheets[view.seq] = Sheet(self._new_post(view.seq))
        while not (sheet.hopeless or sheet.shown == view.fingerprint):
            if sheet.stuck and not at_end:
                return
            if sheet.stuck:
                self._replace(sheet, view.seq)
                sheet.replaced += 1
            try:
                await self._write(sheet, view)
            except ChatRefused as refusal:
                if passes(refusal):
                    raise
                await self._adapt(sheet, refusal)
            else:
                return

    async def give_up(self) -> None:
        """Note in the outbox which messages never were accepted."""
        for sheet in self._sheets.values():
            for post in (sheet.post, *sheet.extras):
                await post.give_up("not accepted in time")

    async def _write(self, sheet: Sheet, view: MessageView) -> None:
        sent: MessageView | None = None

        def render() -> Rendered:
            nonlocal sent
            sent = self._newest(view.seq)
            self.sent_at = self._clock()
            return self._rendered(sheet, sent)

        if sheet.post.ts is None:
            if view.is_empty:
                return
            await sheet.post.send(render, priority=self._priority)
        if sheet.post.ts is not None and sent is None:
            if view.is_empty:
                await self._take_away(sheet, view)
                return
            await sheet.post.update(render, priority=self._priority)
        if sent is not None:
            await self._write_rest(sheet, sent)
            # What was taken back while the call waited is deleted the next time.
            sheet.shown = "" if sent.is_empty else sent.fingerprint

    async def _write_rest(self, sheet: Sheet, view: MessageView) -> None:
        """Post what a message without blocks could not hold, once its text is complete."""
        if not sheet.plain or view.live:
            return
        for number, piece in enumerate(plain_pieces(view)[1:]):
            if number == len(sheet.extras):
                sheet.extras.append(self._new_post(view.seq))
            if sheet.extras[number].ts is None:
                await sheet.extras[number].send(partial(_same, piece), priority=self._priority)

    async def _take_away(self, sheet: Sheet, view: MessageView) -> None:
        """Delete a message whose text was taken back; if that is refused, say so in it."""
        try:
            await sheet.post.delete(priority=self._priority)
        except ChatRefused as refusal:
            if passes(refusal):
                raise
            withdrawn = self._rendered(sheet, view)
            await sheet.post.update(lambda: withdrawn, priority=self._priority)
            sheet.shown = view.fingerprint
        else:
            self._replace(sheet, view.seq)

    def _rendered(self, sheet: Sheet, view: MessageView) -> Rendered:
        if sheet.plain:
            return plain_pieces(view)[0]
        outbox_id = sheet.post.entry.outbox_id
        return reply_blocks(view, turn_id=self._target.turn_id, outbox_id=outbox_id)

    async def _adapt(self, sheet: Sheet, refusal: ChatRefused) -> None:
        """Find another way after a refusal, or none."""
        DISPLAY_FAILURES.inc()
        _log.warning("message refused", turn=self._target.turn_id, code=refusal.code)
        if refusal.code in REFUSED_BLOCKS and not sheet.plain:
            sheet.plain = True
        elif refusal.code in NOT_EDITABLE and sheet.replaced < REPLACEMENTS:
            sheet.stuck = True
        else:
            sheet.hopeless = True
            await sheet.post.give_up(refusal.code)

    def _replace(self, sheet: Sheet, seq: int) -> None:
        sheet.post = self._new_post(seq)
        sheet.shown = ""
        sheet.stuck = False

    def _new_post(self, seq: int) -> Post:
        entry = OutboxEntry(
            outbox_id=OutboxId(self._office.clock.new_id()),
            turn_id=self._target.turn_id,
            kind=KIND,
            seq=seq,
            channel=self._target.thread.channel,
            thread_ts=self._target.thread_ts,
            teammate=self._teammate,
        )
        return self._office.post(entry, face=self._target.face)


def _same(shown: Rendered) -> Rendered:
    return shown
