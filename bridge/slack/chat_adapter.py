"""Chat adapter: implements `domain.ports.ChatPort` for Slack."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from bridge.domain.approvals import Approval
from bridge.domain.errors import ChatRefused
from bridge.domain.ids import (
    ApprovalId,
    ChannelId,
    MessageRef,
    MessageTs,
    OutboxId,
    ThreadKey,
    TurnId,
    UserId,
)
from bridge.domain.messages import Person, SharedFile, ThreadMessage
from bridge.domain.outbox_entry import OutboxEntry
from bridge.domain.ports import Clock, ReplyTarget
from bridge.domain.teammates import Persona
from bridge.render import blocks, cards
from bridge.slack.channel_names import ChannelNames
from bridge.slack.event_parser import Installation
from bridge.slack.file_downloads import FileDownloads
from bridge.slack.outbound.kinds.card import CARD, CardKind, OnGivenUp, card_payload
from bridge.slack.outbound.kinds.last_word import LastWordKind, last_word_entry
from bridge.slack.outbound.kinds.notice import NoticeKind, notice_payload
from bridge.slack.outbound.kinds.private_note import PrivateNoteKind, private_note_payload
from bridge.slack.outbound.kinds.reaction import ReactionKind, reaction_payload
from bridge.slack.outbound.kinds.reply import ReplyKind
from bridge.slack.outbound.live_reply import DeliveryOptions, LiveReply
from bridge.slack.outbound.message_sending import MessageSender
from bridge.slack.outbound.outbox_worker import OutboxWorker, OutboxWorkerOptions
from bridge.slack.outbound.personas import Personas
from bridge.slack.outbound.reply_messages import REPLY
from bridge.slack.outbound.status_line import StatusBoard
from bridge.slack.thread_history import ThreadHistory
from bridge.slack.users import UserDirectory
from bridge.slack.web_api import WebApi
from bridge.slack.web_api_errors import meaning
from bridge.store import Store
from bridge.telemetry import Tasks, get_logger

WAITING: Final = "hourglass_flowing_sand"
TAKEN: Final = "eyes"

_log = get_logger("slack.chat_adapter")


@dataclass(frozen=True, slots=True)
class ChatAdapterOptions:
    """`approvers` are named on cards. `names` maps teammates' shown names to the configured."""

    approvers: frozenset[UserId] = frozenset()
    names: Mapping[str, str] = field(default_factory=dict)
    delivery: DeliveryOptions = field(default_factory=DeliveryOptions)
    outbox_worker: OutboxWorkerOptions = field(default_factory=OutboxWorkerOptions)


class ChatAdapter:
    """Everything that is shown in Slack, and what can be asked of it."""

    def __init__(
        self,
        web_api: WebApi,
        store: Store,
        us: Installation,
        clock: Clock,
        options: ChatAdapterOptions,
    ) -> None:
        self._web_api = web_api
        self._clock = clock
        self._options = options
        self._tasks = Tasks()
        personas = Personas(web_api)
        self._sender = MessageSender(
            web_api, store.outbox, clock, personas, given_up=self._given_up
        )
        self._status = StatusBoard(web_api, personas, self._tasks)
        self._card_fails: OnGivenUp = _nobody_is_told
        self._reply_fails: Callable[[TurnId, str], Coroutine[Any, Any, None]] | None = None
        kinds = (
            ReplyKind(self._sender, self._status, us.team),
            LastWordKind(self._sender, self._status),
            CardKind(
                self._sender,
                self._status,
                store.approvals,
                approvers=options.approvers,
                given_up=lambda approval_id: self._card_fails(approval_id),
            ),
            NoticeKind(self._sender),
            PrivateNoteKind(self._sender),
            ReactionKind(self._sender),
        )
        self._outbox_worker = OutboxWorker(self._sender, kinds, self._tasks, options.outbox_worker)
        self._directory = UserDirectory(web_api, us, monotonic=clock.monotonic)
        self._channel_names = ChannelNames(web_api, monotonic=clock.monotonic)
        self._history = ThreadHistory(web_api, store.outbox, us)
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
        await self._outbox_worker.deliver([last_word_entry(target, sentence, clock=self._clock)])

    # --- approvals -----------------------------------------------------------------------

    def card(
        self, approval: Approval, *, persona: Persona, thread_ts: MessageTs | None
    ) -> OutboxEntry:
        """The card of a new approval, to be stored with it."""
        entry = replace(self._card_of(approval), thread_ts=thread_ts)
        return replace(entry, payload=card_payload(persona))

    async def show_card(self, approval: Approval, *, new: bool = False) -> None:
        """Bring the stored card to what its approval is now; returns after the first try."""
        await self._outbox_worker.deliver([self._card_of(approval)], stored=True, first=new)

    def when_reply_fails(self, told: Callable[[TurnId, str], Coroutine[Any, Any, None]]) -> None:
        """Name who is told of a reply that Slack will not show, with a sentence that says why."""
        self._reply_fails = told

    def when_card_fails(self, told: OnGivenUp) -> None:
        """Name who is told of an open question whose card cannot be shown."""
        self._card_fails = told

    async def ask_reason(self, approval: Approval, *, trigger_id: str) -> None:
        """Open the form that asks why something is denied. Raises `ChatError`."""
        await self._web_api.open_form(trigger_id, cards.reason_modal(approval))

    async def show_all(self, approval: Approval, *, trigger_id: str) -> None:
        """Open a view of everything that would run. Raises `ChatError`."""
        await self._web_api.open_form(trigger_id, cards.full_view_modal(approval))

    # --- small signs ---------------------------------------------------------------------

    async def notice(self, thread: ThreadKey, text: str, *, persona: Persona | None = None) -> None:
        """A quiet line in the thread."""
        await self._outbox_worker.deliver([self._notice(thread, text, persona)])

    def dropped(
        self, thread: ThreadKey, refs: Sequence[MessageRef], text: str, *, persona: Persona | None
    ) -> Sequence[OutboxEntry]:
        """Rows that take the sign of waiting away and say `text`, to be stored with the fact."""
        signs = [self._reaction(ref, "reactions.remove", WAITING) for ref in refs]
        return (*signs, self._notice(thread, text, persona))

    async def deliver(self, rows: Sequence[OutboxEntry]) -> None:
        """Show rows that were stored just now; returns after the first try of each."""
        if rows:
            await self._outbox_worker.deliver(rows, stored=True)

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
        entry = self._entry(PrivateNoteKind.name, channel, thread_ts)
        await self._outbox_worker.deliver([replace(entry, payload=private_note_payload(arguments))])

    async def mark_waiting(self, ref: MessageRef) -> None:
        """Show on a person's message that it waits its turn."""
        await self._outbox_worker.deliver([self._reaction(ref, "reactions.add", WAITING)])

    async def mark_taken(self, ref: MessageRef, *, was_waiting: bool) -> None:
        """Show on a person's message that it was taken up."""
        rows = [self._reaction(ref, "reactions.add", TAKEN)]
        if was_waiting:
            rows.append(self._reaction(ref, "reactions.remove", WAITING))
        await self._outbox_worker.deliver(rows)

    def channel_renamed(self, old: ChannelId, new: ChannelId) -> None:
        """Calls that name the old id name the new one from now on."""
        self._web_api.rename_channel(old, new)

    def clear_status(self, thread: ThreadKey) -> None:
        """Take away a status line that an earlier process may have left. Returns at once."""
        self._status.clear(thread.channel, thread.thread_ts)

    # --- asking --------------------------------------------------------------------------

    async def person(self, user: UserId, *, fresh: bool = False) -> Person:
        """Who this is; an unknown user is an untrusted person named by the id."""
        return await self._directory.person(user, fresh=fresh)

    async def channel_name(self, channel: ChannelId) -> str | None:
        """The name of a public channel without `#`; None for others, and while unknown."""
        return await self._channel_names.name(channel)

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

    def _given_up(self, entry: OutboxEntry, reason: str) -> None:
        if entry.kind != REPLY or entry.turn_id is None or self._reply_fails is None:
            return
        sentence = meaning(ChatRefused("chat.postMessage", reason)).sentence
        told = self._reply_fails(entry.turn_id, sentence)
        self._tasks.spawn(told, name=f"tell that {entry.turn_id} is not shown")

    def _card_of(self, approval: Approval) -> OutboxEntry:
        entry = self._entry(CARD, approval.thread.channel, None)
        return replace(
            entry,
            outbox_id=OutboxId(approval.approval_id),
            turn_id=approval.turn_id,
            approval_id=approval.approval_id,
        )

    def _notice(self, thread: ThreadKey, text: str, persona: Persona | None) -> OutboxEntry:
        entry = self._entry(NoticeKind.name, thread.channel, thread.thread_ts)
        said = blocks.notice_blocks(text, allowed=frozenset(), outbox_id=entry.outbox_id)
        return replace(entry, payload=notice_payload(said, persona))

    def _reaction(self, ref: MessageRef, method: str, name: str) -> OutboxEntry:
        arguments = {"channel": ref.channel, "timestamp": ref.ts, "name": name}
        entry = self._entry(ReactionKind.name, ref.channel, ref.ts)
        return replace(entry, payload=reaction_payload(method, arguments))


async def _nobody_is_told(approval_id: ApprovalId) -> None:
    _log.error("a card cannot be shown, and nobody waits to hear of it", approval=approval_id)
