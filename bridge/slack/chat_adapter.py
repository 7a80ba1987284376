"""Chat adapter: implements `domain.ports.ChatPort` for Slack."""

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
from bridge.domain.messages import Person, SharedFile, ThreadMessage
from bridge.domain.outbox_entry import OutboxEntry
from bridge.domain.ports import Clock, ReplyTarget
from bridge.domain.teammates import Persona
from bridge.render import blocks, cards
from bridge.slack.event_parser import Installation
from bridge.slack.file_downloads import FileDownloads
from bridge.slack.outbound.live_reply import DeliveryOptions, LiveReply
from bridge.slack.outbound.message_sending import (
    MessageSender,
    Post,
    Revision,
    passes,
    until_accepted,
)
from bridge.slack.outbound.outbox_payloads import CARD, NOTE, NOTICE, REACTION, of_call, of_shown
from bridge.slack.outbound.outbox_worker import OutboxWorker, OutboxWorkerOptions
from bridge.slack.outbound.personas import Personas
from bridge.slack.outbound.status_line import StatusBoard
from bridge.slack.rate_limit.windows import Priority
from bridge.slack.thread_history import ThreadHistory
from bridge.slack.users import UserDirectory
from bridge.slack.web_api import WebApi
from bridge.store.outbox import Outbox
from bridge.telemetry import DISPLAY_FAILURES, Tasks, get_logger

WAITING: Final = "hourglass_flowing_sand"
TAKEN: Final = "eyes"

_NOTHING_TO_DO = frozenset({"message_not_found"})
_log = get_logger("slack.chat_adapter")


@dataclass(frozen=True, slots=True)
class ChatAdapterOptions:
    """`approvers` are named on cards. `names` maps a teammate's shown name to the configured one.

    `insist_s`: for how long a card is tried to be posted, `close_s`: to be closed, in seconds.
    """

    approvers: frozenset[UserId] = frozenset()
    names: Mapping[str, str] = field(default_factory=dict)
    delivery: DeliveryOptions = field(default_factory=DeliveryOptions)
    outbox_worker: OutboxWorkerOptions = field(default_factory=OutboxWorkerOptions)
    insist_s: float = 60.0
    close_s: float = 86_400.0


class ChatAdapter:
    """Everything that is shown in Slack, and what can be asked of it."""

    def __init__(
        self,
        web_api: WebApi,
        outbox: Outbox,
        us: Installation,
        clock: Clock,
        options: ChatAdapterOptions,
    ) -> None:
        self._web_api = web_api
        self._outbox = outbox
        self._clock = clock
        self._options = options
        self._tasks = Tasks()
        personas = Personas(web_api)
        self._sender = MessageSender(web_api, outbox, clock, personas)
        self._outbox_worker = OutboxWorker(
            self._sender, us.team, self._tasks, options.outbox_worker
        )
        self._status = StatusBoard(web_api, personas, self._tasks)
        self._directory = UserDirectory(web_api, us, monotonic=clock.monotonic)
        self._history = ThreadHistory(web_api, outbox, us)
        self._downloads = FileDownloads(web_api)

    def start(self) -> None:
        """Begin to deliver what an earlier process left. Call once, before anything new."""
        self._outbox_worker.start()

    async def aclose(self) -> None:
        """Stop writing. What is stored and not shown yet is delivered by the next process."""
        await self._tasks.aclose()

    # --- replies -------------------------------------------------------------------------

    def open_reply(self, target: ReplyTarget, *, resumed: bool = False) -> LiveReply:
        """Begin a reply, or go on with one. Posts nothing until there is something to say."""
        self._outbox_worker.live(target.turn_id)
        return LiveReply(
            target,
            teammate=self._options.names.get(target.persona.name, target.persona.name),
            sender=self._sender,
            status=self._status,
            tasks=self._tasks,
            outbox_worker=self._outbox_worker,
            options=self._options.delivery,
            resumed=resumed,
        )

    async def close_leftover(self, target: ReplyTarget, sentence: str) -> None:
        """End the reply that an earlier process left open, or say the sentence anew."""
        await self._outbox_worker.carry([self._outbox_worker.closing(target, sentence)])

    # --- approvals -----------------------------------------------------------------------

    async def post_card(
        self, approval: Approval, *, thread_ts: MessageTs | None, persona: Persona
    ) -> MessageRef:
        """Show an approval's card, once. Raises `ChatError` when it could not be shown."""
        channel = approval.thread.channel
        try:
            known = await self._outbox.card_of(approval.approval_id)
            entry = known or self._card(approval, thread_ts)
            post = self._sender.post(entry, persona=persona, known=known is not None)
            ts = post.ts or await self._post(post, approval, persona)
        except StoreError as error:
            raise ChatError("The card could not be noted, so it was not shown.") from error
        return MessageRef(channel, ts)

    async def close_card(self, approval: Approval) -> bool:
        """Turn the card, if there is one, into one line; False when it may still have buttons."""
        told = until_accepted(
            partial(self._close_card, approval),
            within_s=self._options.close_s,
            what="card",
            policy=self._options.outbox_worker.retry,
        )
        return await self._shown(told, what="card")

    async def ask_reason(self, approval: Approval, *, trigger_id: str) -> None:
        """Open the form that asks why something is denied. Raises `ChatError`."""
        await self._web_api.open_form(trigger_id, cards.reason_modal(approval))

    async def show_all(self, approval: Approval, *, trigger_id: str) -> None:
        """Open a view of everything that would run. Raises `ChatError`."""
        await self._web_api.open_form(trigger_id, cards.full_view_modal(approval))

    # --- small signs ---------------------------------------------------------------------

    async def notice(self, thread: ThreadKey, text: str, *, persona: Persona | None = None) -> None:
        """A quiet line in the thread."""
        entry = self._entry(NOTICE, thread.channel, thread.thread_ts)
        said = blocks.notice_blocks(text, allowed=frozenset(), outbox_id=entry.outbox_id)
        await self._outbox_worker.carry([replace(entry, payload=of_shown(said, persona))])

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
        await self._outbox_worker.carry([replace(entry, payload=payload)])

    async def mark_waiting(self, ref: MessageRef) -> None:
        """Show on a person's message that it waits its turn."""
        await self._react(ref, ("reactions.add", WAITING))

    async def mark_taken(self, ref: MessageRef, *, was_waiting: bool) -> None:
        """Show on a person's message that it was taken up."""
        waited = [("reactions.remove", WAITING)] if was_waiting else []
        await self._react(ref, ("reactions.add", TAKEN), *waited)

    def clear_status(self, thread: ThreadKey) -> None:
        """Take away a status line that an earlier process may have left. Returns at once."""
        self._status.clear(thread.channel, thread.thread_ts)

    async def mark_dropped(self, ref: MessageRef) -> None:
        """Take the sign of waiting from a person's message: it will not be answered."""
        await self._react(ref, ("reactions.remove", WAITING))

    # --- asking --------------------------------------------------------------------------

    async def person(self, user: UserId) -> Person:
        """Who this is; cached. An unknown user is an untrusted person named by the id."""
        return await self._directory.person(user)

    async def history(
        self, thread: ThreadKey, *, before: MessageTs, limit: int
    ) -> list[ThreadMessage]:
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
        return replace(entry, turn_id=approval.turn_id, approval_id=approval.approval_id)

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
        await self._web_api.call("chat.update", lambda: arguments, priority=Priority.URGENT)

    async def _lost_card(self, approval: Approval) -> MessageRef | None:
        """A card that Slack may have taken without our learning of it; None without one."""
        entry = await self._outbox.card_of(approval.approval_id)
        if entry is None:
            return None
        ts = entry.ts or await self._sender.post(entry, persona=None, known=True).look()
        return None if ts is None else MessageRef(entry.channel, ts)

    async def _post(self, post: Post, approval: Approval, persona: Persona) -> MessageTs:
        """Post until Slack takes it, refuses it or the time is up; raises what came last."""
        card = cards.approval_card(
            approval,
            persona,
            approvers=self._options.approvers,
            outbox_id=post.entry.outbox_id,
        )
        live = Revision(card, last=False)
        try:
            return await until_accepted(
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
        await self._outbox_worker.carry(rows)

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
