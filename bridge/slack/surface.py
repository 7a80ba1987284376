"""Slack as the engine sees it: implements `domain.ports.ChatPort`."""

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from bridge.domain.approvals import Approval
from bridge.domain.errors import ChatError, ChatRefused, StoreError
from bridge.domain.ids import (
    ChannelId,
    MessageRef,
    MessageTs,
    OutboxId,
    ThreadKey,
    UserId,
)
from bridge.domain.people import Face, Person, Said, SharedFile
from bridge.domain.ports import Clock, ReplyTarget
from bridge.domain.posts import OutboxEntry
from bridge.render import blocks, cards, modals
from bridge.slack.courier import Courier, CourierOptions
from bridge.slack.delivery import DeliveryOptions, LiveReply
from bridge.slack.directory import Directory
from bridge.slack.faces import Faces
from bridge.slack.files import Downloads
from bridge.slack.gateway import Gateway
from bridge.slack.history import History
from bridge.slack.inbound import Installation
from bridge.slack.ledger import Priority
from bridge.slack.parcels import CARD, NOTE, NOTICE, REACTION, of_call, of_shown
from bridge.slack.posting import Post, PostOffice, Revision, insist, passes
from bridge.slack.status import StatusBoard
from bridge.store.outbox import Outbox
from bridge.telemetry import DISPLAY_FAILURES, Tasks, get_logger

WAITING: Final = "hourglass_flowing_sand"
TAKEN: Final = "eyes"

_NOTHING_TO_DO = frozenset({"message_not_found"})
_log = get_logger("slack.surface")


@dataclass(frozen=True, slots=True)
class SurfaceOptions:
    """`approvers` are named on cards. `names` maps a teammate's shown name to her own.

    `insist_s`: for how long a card is tried to be posted, `close_s`: to be closed, in seconds.
    """

    approvers: frozenset[UserId] = frozenset()
    names: Mapping[str, str] = field(default_factory=dict)
    delivery: DeliveryOptions = field(default_factory=DeliveryOptions)
    courier: CourierOptions = field(default_factory=CourierOptions)
    insist_s: float = 60.0
    close_s: float = 86_400.0


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
        self._courier = Courier(self._office, us.team, self._tasks, options.courier)
        self._status = StatusBoard(gateway, faces, self._tasks)
        self._directory = Directory(gateway, us, monotonic=clock.monotonic)
        self._history = History(gateway, outbox, us)
        self._downloads = Downloads(gateway)

    def start(self) -> None:
        """Begin to deliver what an earlier process left. Call once, before anything new."""
        self._courier.start()

    async def aclose(self) -> None:
        """Stop writing. What is stored and not shown yet is delivered by the next process."""
        await self._tasks.aclose()

    # --- replies -------------------------------------------------------------------------

    def open_reply(self, target: ReplyTarget, *, resumed: bool = False) -> LiveReply:
        """Begin a reply, or go on with one. Posts nothing until there is something to say."""
        self._courier.live(target.turn_id)
        return LiveReply(
            target,
            teammate=self._options.names.get(target.face.name, target.face.name),
            office=self._office,
            status=self._status,
            tasks=self._tasks,
            courier=self._courier,
            options=self._options.delivery,
            resumed=resumed,
        )

    async def close_leftover(self, target: ReplyTarget, sentence: str) -> None:
        """End the reply that an earlier process left open, or say the sentence anew."""
        await self._courier.carry([self._courier.closing(target, sentence)])

    # --- approvals -----------------------------------------------------------------------

    async def post_card(
        self, approval: Approval, *, thread_ts: MessageTs | None, face: Face
    ) -> MessageRef:
        """Show an approval's card, once. Raises `ChatError` when it could not be shown."""
        channel = approval.thread.channel
        try:
            known = await self._outbox.card_of(approval.approval_id)
            entry = known or self._card(approval, thread_ts)
            post = self._office.post(entry, face=face, known=known is not None)
            ts = post.ts or await self._post(post, approval, face)
        except StoreError as error:
            raise ChatError("The card could not be noted, so it was not shown.") from error
        return MessageRef(channel, ts)

    async def close_card(self, approval: Approval) -> bool:
        """Turn the card, if there is one, into one line; False when it may still have buttons."""
        told = insist(
            partial(self._close_card, approval),
            within_s=self._options.close_s,
            what="card",
            longest_pause_s=self._options.courier.longest_pause_s,
        )
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
        entry = self._entry(NOTICE, thread.channel, thread.thread_ts)
        said = blocks.notice_blocks(text, allowed=frozenset(), outbox_id=entry.outbox_id)
        await self._courier.carry([replace(entry, payload=of_shown(said, face))])

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
        entry = self._entry(NOTE, channel, thread_ts)
        payload = of_call("chat.postEphemeral", arguments)
        await self._courier.carry([replace(entry, payload=payload)])

    async def mark_waiting(self, ref: MessageRef) -> None:
        """Show on a person's message that it waits its turn."""
        await self._react(ref, ("reactions.add", WAITING))

    async def mark_taken(self, ref: MessageRef, *, was_waiting: bool) -> None:
        """Show on a person's message that it was taken up."""
        waited = [("reactions.remove", WAITING)] if was_waiting else []
        await self._react(ref, ("reactions.add", TAKEN), *waited)

    async def mark_dropped(self, ref: MessageRef) -> None:
        """Take the sign of waiting from a person's message: it will not be answered."""
        await self._react(ref, ("reactions.remove", WAITING))

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

    def _entry(self, kind: str, channel: ChannelId, thread_ts: MessageTs | None) -> OutboxEntry:
        """A row for what is no teammate's words, so that agents are not told it."""
        return OutboxEntry(
            outbox_id=OutboxId(self._clock.new_id()),
            turn_id=None,
            kind=kind,
            seq=0,
            channel=channel,
            thread_ts=thread_ts,
            planned_at=self._clock.now(),
        )

    def _card(self, approval: Approval, thread_ts: MessageTs | None) -> OutboxEntry:
        entry = self._entry(CARD, approval.thread.channel, thread_ts)
        return replace(entry, turn_id=approval.turn_id, about=approval.approval_id)

    async def _close_card(self, approval: Approval) -> None:
        card = approval.card or await self._lost_card(approval)
        if card is None:
            return
        line = cards.decided_card(approval)
        arguments = {
            "channel": card.channel,
            "ts": card.ts,
            "text": line.text,
            "blocks": list(line.blocks),
            "parse": "none",
            "link_names": False,
        }
        await self._gateway.call("chat.update", lambda: arguments, priority=Priority.URGENT)

    async def _lost_card(self, approval: Approval) -> MessageRef | None:
        """A card that Slack may have taken without our learning of it; None without one."""
        entry = await self._outbox.card_of(approval.approval_id)
        if entry is None:
            return None
        ts = entry.ts or await self._office.post(entry, face=None, known=True).look()
        return None if ts is None else MessageRef(entry.channel, ts)

    async def _post(self, post: Post, approval: Approval, face: Face) -> MessageTs:
        """Post until Slack takes it, refuses it or the time is up; raises what came last."""
        card = cards.approval_card(
            approval,
            face,
            approvers=self._options.approvers,
            outbox_id=post.entry.outbox_id,
        )
        live = Revision(card, last=False)
        try:
            return await insist(
                lambda: post.send(lambda: live, priority=Priority.URGENT),
                within_s=self._options.insist_s,
                what=post.entry.kind,
            )
        except ChatError as error:
            if not passes(error):  # else it may be there, and is looked for the next time
                await post.give_up(str(error))
            raise

    async def _react(self, ref: MessageRef, *calls: tuple[str, str]) -> None:
        rows = []
        for method, name in calls:
            arguments = {"channel": ref.channel, "timestamp": ref.ts, "name": name}
            entry = self._entry(REACTION, ref.channel, ref.ts)
            rows.append(replace(entry, payload=of_call(method, arguments)))
        await self._courier.carry(rows)

    async def _shown(self, work: Awaitable[object], *, what: str) -> bool:
        """Await `work`; False when it failed. Display never fails a turn (G7)."""
        try:
            await work
        except (ChatError, StoreError) as error:
            if isinstance(error, ChatRefused) and error.code in _NOTHING_TO_DO:
                return True
            DISPLAY_FAILURES.inc()
            _log.warning("not shown", what=what, error=str(error))
            return False
        return True
