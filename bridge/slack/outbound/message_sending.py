"""Message sending: one Slack message, from its row in the outbox to its last edit.

A post is planned in the outbox before it is tried, and carries its outbox id as metadata and in
its blocks. When the answer is lost, the thread is looked at before anything is posted again: an
unclear send is settled by looking, not by guessing (guarantee G4).
"""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from bridge.domain.errors import ChatRefused, ChatUnreachable, StoreError
from bridge.domain.ids import MessageTs, OutboxId
from bridge.domain.outbox_entry import OutboxEntry
from bridge.domain.ports import Clock
from bridge.domain.teammates import Persona
from bridge.render import action_ids
from bridge.render.block_kit import Rendered
from bridge.retry import RetryPolicy
from bridge.slack.json_values import JsonObject, as_mapping, as_string
from bridge.slack.outbound.personas import Personas
from bridge.slack.rate_limit.wait_queue import Urgency
from bridge.slack.rate_limit.windows import Priority
from bridge.slack.web_api import WebApi
from bridge.slack.web_api_errors import About, is_about
from bridge.store.outbox import Outbox
from bridge.telemetry import OUTBOX_GIVEN_UP, get_logger

SLACK_RETRY: Final = RetryPolicy(first_s=0.5, longest_s=8.0)

_log = get_logger("slack.outbound.message_sending")


@dataclass(frozen=True, slots=True)
class Revision:
    """What a message shows. `last`: it stays so."""

    shown: Rendered
    last: bool = True


Render = Callable[[], Revision]


def fixed(shown: Rendered) -> Render:
    """A message that never changes."""
    revision = Revision(shown)
    return lambda: revision


@dataclass(frozen=True, slots=True)
class MessageSender:
    """What every post needs. `given_up` is told of each row that Slack will never show."""

    web_api: WebApi
    outbox: Outbox
    clock: Clock
    personas: Personas
    given_up: Callable[[OutboxEntry, str], None] = lambda _entry, _reason: None

    def post(
        self,
        entry: OutboxEntry,
        *,
        persona: Persona | None,
        known: bool = False,
        instead_of: OutboxId | None = None,
    ) -> "Post":
        """A message to be sent. `known`: its row is in the outbox already."""
        return Post(self, entry, persona, known=known, instead_of=instead_of)


class Post:
    """One message. Not for two callers at a time.

    Args:
        known: the row exists and somebody may have sent it before.
        instead_of: the row whose place this message takes.
    """

    def __init__(
        self,
        sender: MessageSender,
        entry: OutboxEntry,
        persona: Persona | None,
        *,
        known: bool = False,
        instead_of: OutboxId | None = None,
    ) -> None:
        self._sender = sender
        self._persona = persona
        self._instead_of = instead_of
        self._planned = known
        self._unclear = known and entry.ts is None
        self._doubted_at: float | None = None
        self._settled = False
        self.entry = entry
        self.ts: MessageTs | None = entry.ts
        self.hash = entry.payload_hash or ""

    @property
    def in_doubt(self) -> bool:
        """Whether an edit without an answer may still take effect, after a later one."""
        return self._doubted_at is not None

    @property
    def is_settled(self) -> bool:
        """Whether the outbox knows that it shows its last revision."""
        return self._settled

    def planned(self) -> None:
        """Its row was stored by somebody else's transaction."""
        self._planned = True

    async def send(self, render: Render, *, priority: Urgency) -> MessageTs:
        """Post the message, or find it if an earlier try got through. May be called again.

        `render` is asked at the moment of sending. A message that is there stays as it is.

        Raises:
            ChatRefused: Slack said no.
            ChatUnreachable: not clear; the next call looks first.
            StoreError: the outbox could not be written, nothing was sent.
        """
        if self.ts is not None:
            return self.ts
        if not self._planned:
            await self._sender.outbox.plan(self.entry, instead_of=self._instead_of)
            self._planned = True
        if self._unclear and (found := await self.look()):
            return found
        ts, last = await self._try(render, priority)
        return await self._sent(ts, last=last)

    async def update(self, render: Render, *, priority: Urgency) -> None:
        """Replace what the message shows. Raises `ChatError`; may be repeated."""

        def arguments() -> Mapping[str, Any]:
            shown = self._signed(render())
            return {
                "channel": self.entry.channel,
                "ts": self.ts,
                "text": shown.text,
                "blocks": list(shown.blocks),
                "parse": "none",
                "link_names": False,
            }

        try:
            await self._sender.web_api.call("chat.update", arguments, priority=priority)
        except (ChatUnreachable, asyncio.CancelledError):
            self._doubted_at = self._sender.clock.monotonic()
            raise
        self._settle_doubt()

    async def delete(self, *, priority: Urgency) -> None:
        """Take the message away. Raises `ChatError`."""
        arguments = {"channel": self.entry.channel, "ts": self.ts}
        await self._sender.web_api.call("chat.delete", lambda: arguments, priority=priority)
        await self._recorded(self._sender.outbox.removed(self.entry.outbox_id))

    async def give_up(self, reason: str) -> None:
        """Note that the message will not be sent, or not be brought up to date."""
        if self._planned:
            OUTBOX_GIVEN_UP.inc()
            await self._recorded(self._sender.outbox.failed(self.entry.outbox_id, reason))
            self._sender.given_up(self.entry, reason)

    async def gone(self) -> None:
        """Note that there is no such message in Slack, and that none is needed."""
        if self._planned:
            await self._recorded(self._sender.outbox.removed(self.entry.outbox_id))

    async def never_sent(self) -> bool:
        """Note that the message is not needed; False when Slack has it. Raises `ChatError`."""
        if self._unclear:
            await self.look()
        if self.ts is None:
            await self.gone()
        return self.ts is None

    async def look(self) -> MessageTs | None:
        """Find the message in Slack by its outbox id; None when it is not there.

        Raises:
            ChatError: Slack could not be asked; whether it is there stays unclear.
        """
        ts = await lookup(self._sender.web_api, self.entry)
        self._unclear = False
        if ts is not None:
            _log.info("found a post whose answer was lost", outbox_id=self.entry.outbox_id)
            await self._sent(ts, last=False)
        return ts

    def _settle_doubt(self) -> None:
        """A later edit went through. One that was sent long enough after is the last for sure."""
        if self._doubted_at is not None:
            passed_s = self._sender.clock.monotonic() - self._doubted_at
            if passed_s >= self._sender.web_api.options.call_timeout_s:
                self._doubted_at = None

    def _signed(self, revision: "Revision") -> Rendered:
        self.hash = hash_of(revision.shown)
        return self._sender.personas.signed(revision.shown, self._persona)

    async def _try(self, render: Render, priority: Urgency) -> tuple[MessageTs, bool]:
        try:
            return await self._post_once(render, priority)
        except (ChatUnreachable, asyncio.CancelledError):
            self._unclear = True
            raise
        except ChatRefused as refusal:
            if refusal.code != "missing_scope" or not self._sender.personas.arguments(
                self._persona
            ):
                raise
        self._sender.personas.refused()
        return await self._try(render, priority)

    async def _post_once(self, render: Render, priority: Urgency) -> tuple[MessageTs, bool]:
        last = False

        def arguments() -> Mapping[str, Any]:
            nonlocal last
            revision = render()
            shown, last = self._signed(revision), revision.last
            return {
                "channel": self.entry.channel,
                "thread_ts": self.entry.thread_ts,
                "text": shown.text,
                "blocks": list(shown.blocks),
                "metadata": _metadata(self.entry.outbox_id),
                "unfurl_links": False,
                "unfurl_media": False,
                **self._sender.personas.arguments(self._persona),
            }

        method = "chat.postMessage"
        answer = await self._sender.web_api.call(
            method, arguments, priority=priority, channel=self.entry.channel
        )
        ts = MessageTs(as_string(answer.get("ts")))
        if self._is_astray(answer):
            await self._take_back(ts)
            raise ChatRefused(method, "thread_not_found")
        return ts, last

    def _is_astray(self, answer: Mapping[str, Any]) -> bool:
        """Under a deleted message Slack takes a reply, drops its thread and posts it in the
        channel (PLATFORM §3.6).
        """
        message = answer.get("message")
        if self.entry.thread_ts is None or not isinstance(message, dict):
            return False
        return message.get("thread_ts") != self.entry.thread_ts

    async def _take_back(self, ts: MessageTs) -> None:
        _log.warning("a reply came out of its thread and is taken back", ts=ts)
        arguments = {"channel": self.entry.channel, "ts": ts}
        try:
            await self._sender.web_api.call(
                "chat.delete", lambda: arguments, priority=Priority.URGENT
            )
        except ChatRefused as refusal:
            _log.error("it cannot be taken back", code=refusal.code)

    async def _sent(self, ts: MessageTs, *, last: bool) -> MessageTs:
        self.ts = ts
        self._unclear = False
        hash_of_last = self.hash if last else None
        recorded = await self._recorded(
            self._sender.outbox.sent(self.entry.outbox_id, ts, hash_of_last)
        )
        self._settled = recorded and last
        return ts

    async def _recorded(self, write: Awaitable[None]) -> bool:
        """The message is in Slack: a row that cannot be written now must not undo that."""
        try:
            await write
        except StoreError as error:
            _log.warning("outbox not written", outbox_id=self.entry.outbox_id, error=str(error))
            return False
        return True


def _metadata(outbox_id: OutboxId) -> Mapping[str, Any]:
    return {"event_type": EVENT_TYPE, "event_payload": {"outbox_id": outbox_id}}


def hash_of(shown: Rendered) -> str:
    """Names what a message shows, whoever signs it, in a few letters."""
    return hashlib.sha256(json.dumps(shown.blocks).encode()).hexdigest()[:32]


EVENT_TYPE: Final = "bridge_post"
"""The metadata's name on our posts; its payload holds `outbox_id`."""

LOOK_BACK: Final = timedelta(minutes=10)
"""A post is looked for from so long before it was planned on: our clock may be ahead of Slack's."""

PAGE: Final = 999
MOST_PAGES: Final = 100


async def lookup(web_api: WebApi, entry: OutboxEntry) -> MessageTs | None:
    """The message's ts; None when it is not there.

    Raises:
        ChatError: Slack could not be asked.
    """
    async for message in _since(web_api, entry):
        if _is_from(message, entry.outbox_id):
            return MessageTs(as_string(message.get("ts")))
    return None


async def _since(web_api: WebApi, entry: OutboxEntry) -> AsyncIterator[JsonObject]:
    """What was posted since shortly before the row was planned, page by page.

    A thread comes with its oldest messages first, a channel with its newest (PLATFORM §1.2).
    """
    asked: dict[str, Any] = {
        "channel": entry.channel,
        "include_all_metadata": True,
        "limit": PAGE,
        "oldest": f"{(entry.planned_at - LOOK_BACK).timestamp():.6f}",
    }
    method = "conversations.history"
    if entry.thread_ts is not None:
        method, asked["ts"] = "conversations.replies", entry.thread_ts
    for _ in range(MOST_PAGES):
        try:
            answer = await web_api.read(method, asked, priority=Priority.URGENT)
        except ChatRefused as refusal:
            if is_about(refusal, About.THREAD):
                return  # its root was deleted, and all that is in it is gone
            raise
        listed = answer.get("messages")
        for item in listed if isinstance(listed, list) else ():
            yield as_mapping(item)
        cursor = as_string(as_mapping(answer.get("response_metadata")).get("next_cursor"))
        if not cursor:
            return
        asked["cursor"] = cursor


def _is_from(message: JsonObject, outbox_id: OutboxId) -> bool:
    metadata = as_mapping(message.get("metadata"))
    if metadata.get("event_type") == EVENT_TYPE:
        return as_mapping(metadata.get("event_payload")).get("outbox_id") == outbox_id
    blocks = message.get("blocks")
    return any(
        action_ids.is_from(as_string(as_mapping(block).get("block_id")), outbox_id)
        for block in (blocks if isinstance(blocks, list) else ())
    )
