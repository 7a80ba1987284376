"""Slack as the engine sees it: implements `domain.ports.ChatPort`."""

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bridge.domain.approvals import Approval
from bridge.domain.errors import ChatError, ChatRefused, StoreError
from bridge.domain.ids import (
    ChannelId,
    MessageRef,
    MessageTs,
    OutboxId,
    ThreadKey,
    TurnId,
    UserId,
)
from bridge.domain.people import Face, Person, Said, SharedFile
from bridge.domain.ports import Clock, ReplyTarget
from bridge.render import blocks, cards, modals
from bridge.render.elements import Rendered
from bridge.slack.delivery import DeliveryOptions, LiveReply
from bridge.slack.directory import Directory
from bridge.slack.faces import Faces
from bridge.slack.files import Downloads
from bridge.slack.gateway import Gateway
from bridge.slack.history import History
from bridge.slack.inbound import Installation
from bridge.slack.ledger import Priority
from bridge.slack.leftovers import close_leftover
from bridge.slack.posting import PostOffice, insist
from bridge.slack.status import StatusBoard
from bridge.store.outbox import Outbox, OutboxEntry
from bridge.telemetry import DISPLAY_FAILURES, Tasks, get_logger

WAITING: Final = "hourglass_flowing_sand"
TAKEN: Final = "eyes"

_NOTHING_TO_DO = frozenset({"already_reacted", "no_reaction", "message_not_found"})
_log = get_logger("slack.surface")


@dataclass(frozen=True, slots=True)
class SurfaceOptions:
    """`approvers` are named on cards. `names` maps a teammate's shown name to her own.

    `insist_s`: for how long something that people must see is tried, in seconds.
    """

    approvers: frozenset[UserId] = frozenset()
    names: Mapping[str, str] = field(default_factory=dict)
    delivery: DeliveryOptions = field(default_factory=DeliveryOptions)
    insist_s: float = 60.0


class Surface:
    """Everything that is shown in Slack, and what can be asked of it."""

    def __init__(
        self,
        gateway: Gateway,
        outbox: Outbox,
        us: Installation,
        clock: Clock,
        options: SurfaceOptions,
    ) -> None:
        self._gateway = gateway
        self._outbox = outbox
        self._clock = clock
        self._options = options
        self._tasks = Tasks()
        faces = Faces(gateway)
        self._office = PostOffice(gateway, outbox, clock, faces)
        self._status = StatusBoard(gateway, faces, self._tasks)
        self._directory = Directory(gateway, us, monotonic=clock.monotonic)
        self._history = History(gateway, outbox, us)
        self._downloads = Downloads(gateway)

    async def aclose(self) -> None:
        """Stop writing. Replies that are not finished stay in Slack as they are."""
        await self._tasks.aclose()

    # --- replies -------------------------------------------------------------------------

    def open_reply(self, target: ReplyTarget, *, resumed: bool = False) -> LiveReply:
        """Begin a reply, or go on with one. Posts nothing until there is something to say."""
        return LiveReply(
            target,
            teammate=self._options.names.get(target.face.name, target.face.name),
            office=self._office,
            status=self._status,
            tasks=self._tasks,
            options=self._options.delivery,
            resumed=resumed,
        )

    async def close_leftover(self, target: ReplyTarget, sentence: str) -> None:
        """End the reply that an earlier process left open, or say the sentence anew."""

        async def close() -> bool:
            entries = await self._outbox.of_turn(target.turn_id)
            return await close_leftover(self._office, target, sentence, entries=entries)

        async def shown() -> bool:
            return await insist(close, within_s=self._options.insist_s, what="leftover")

        if not await self._shown(shown(), what="leftover"):
            thread = target.thread
            entry = self._entry("notice", thread.channel, target.thread_ts, target.turn_id)
            said = blocks.notice_blocks(
                sentence, allowed=target.allowed_mentions, outbox_id=entry.outbox_id
            )
            await self._shown(self._post(entry, said, target.face), what="sentence")

    # --- approvals -----------------------------------------------------------------------

    async def post_card(
        self, approval: Approval, *, thread_ts: MessageTs | None, face: Face
    ) -> MessageRef:
        """Show an approval's card. Raises `ChatError` when it could not be shown."""
        channel = approval.thread.channel
        entry = self._entry("card", channel, thread_ts, approval.turn_id)
        card = cards.approval_card(
            approval, face, approvers=self._options.approvers, outbox_id=entry.outbox_id
        )
        try:
            return MessageRef(channel, await self._post(entry, card, face))
        except StoreError as error:
            raise ChatError("The card could not be noted, so it was not shown.") from error

    async def close_card(self, approval: Approval) -> bool:
        """Turn the card into one line; False when it may still have its buttons."""
        if approval.card is None:
            return True
        card, line = approval.card, cards.decided_card(approval)
        arguments = {
            "channel": card.channel,
            "ts": card.ts,
            "text": line.text,
            "blocks": list(line.blocks),
            "parse": "none",
            "link_names": False,
        }

        async def close() -> object:
            return await self._gateway.call(
                "chat.update", lambda: arguments, priority=Priority.URGENT
            )

        told = insist(close, within_s=self._options.insist_s, what="card")
        return await self._shown(told, what="card")

    async def ask_reason(self, approval: Approval, *, trigger_id: str) -> None:
        """Open the form that asks why something is denied. Raises `ChatError`."""
        await self._gateway.open_form(trigger_id, modals.reason_modal(approval))

    async def show_all(self, approval: Approval, *, trigger_id: str) -> None:
        """Open a view of everything that would run. Raises `ChatError`."""
        await self._gateway.open_form(trigger_id, modals.full_view_modal(approval))

    # --- small signs ---------------------------------------------------------------------

    async def notice(self, thread: ThreadKey, text: str, *, face: Face | None = None) -> None:
        """A quiet line in the thread."""
        entry = self._entry("notice", thread.channel, thread.thread_ts, None)
        said = blocks.notice_blocks(text, allowed=frozenset(), outbox_id=entry.outbox_id)
        await self._shown(self._post(entry, said, face), what="notice")

    async def private_note(
        self, channel: ChannelId, user: UserId, text: str, *, thread_ts: MessageTs | None
    ) -> None:
        """A note that only one person sees."""
        note = blocks.private_note(text)
        arguments = {
            "channel": channel,
            "user": user,
            "thread_ts": thread_ts,
            "text": note.text,
            "blocks": list(note.blocks),
        }
        await self._shown(
            self._gateway.call(
                "chat.postEphemeral", lambda: arguments, priority=Priority.URGENT, channel=channel
            ),
            what="private note",
        )

    async def mark_waiting(self, ref: MessageRef) -> None:
        """Show on a person's message that it waits its turn."""
        await self._react("reactions.add", ref, WAITING)

    async def mark_taken(self, ref: MessageRef, *, was_waiting: bool) -> None:
        """Show on a person's message that it was taken up."""
        await self._react("reactions.add", ref, TAKEN)
        if was_waiting:
            await self._react("reactions.remove", ref, WAITING)

    async def mark_dropped(self, ref: MessageRef) -> None:
        """Take the sign of waiting from a person's message: it will not be answered."""
        await self._react("reactions.remove", ref, WAITING)

    # --- asking --------------------------------------------------------------------------

    async def person(self, user: UserId) -> Person:
        """Who this is; cached. An unknown user is an untrusted person named by the id."""
        return await self._directory.person(user)

    async def history(self, thread: ThreadKey, *, before: MessageTs, limit: int) -> list[Said]:
        """Root and newest messages of the thread (or DM) before `before`, oldest first."""
        return await self._history.read(thread, before=before, limit=limit)

    async def fetch(self, file: SharedFile, *, limit_bytes: int) -> bytes:
        """Download a file. Raises `ChatError` (also when it is larger than the limit)."""
        return await self._downloads.fetch(file, limit_bytes=limit_bytes)

    # --- how -----------------------------------------------------------------------------

    def _entry(
        self,
        kind: str,
        channel: ChannelId,
        thread_ts: MessageTs | None,
        turn_id: TurnId | None,
    ) -> OutboxEntry:
        """A row for a post that is no teammate's words, so that agents are not told it."""
        return OutboxEntry(
            outbox_id=OutboxId(self._clock.new_id()),
            turn_id=turn_id,
            kind=kind,
            seq=0,
            channel=channel,
            thread_ts=thread_ts,
        )

    async def _post(self, entry: OutboxEntry, shown: Rendered, face: Face | None) -> MessageTs:
        """Post until Slack takes it, refuses it or the time is up; raises what came last."""
        post = self._office.post(entry, face=face)
        try:
            return await insist(
                lambda: post.send(lambda: shown, priority=Priority.URGENT),
                within_s=self._options.insist_s,
                what=entry.kind,
            )
        except ChatError as error:
            await post.give_up(str(error))
            raise

    async def _react(self, method: str, ref: MessageRef, name: str) -> None:
        arguments: dict[str, Any] = {"channel": ref.channel, "timestamp": ref.ts, "name": name}
        await self._shown(
            self._gateway.call(method, lambda: arguments, priority=Priority.QUIET), what=method
        )

    async def _shown(self, work: Awaitable[object], *, what: str) -> bool:
        """Await `work`; False when it failed or said so. Display never fails a turn (G7)."""
        try:
            return await work is not False
        except (ChatError, StoreError) as error:
            if isinstance(error, ChatRefused) and error.code in _NOTHING_TO_DO:
                return True
            DISPLAY_FAILURES.inc()
            _log.warning("not shown", what=what, error=str(error))
            return False
