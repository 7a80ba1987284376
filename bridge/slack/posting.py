"""One Slack message of ours, from its row in the outbox to its last edit.

A post is planned in the outbox before it is tried, and carries its outbox id as metadata and in
its blocks. When the answer is lost, the thread is looked at before anything is posted again: an
unclear send is settled by looking, not by guessing (guarantee G4).
"""

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, TypeVar

from bridge.domain.errors import ChatError, ChatRefused, ChatUnreachable, StoreError
from bridge.domain.ids import MessageTs, OutboxId
from bridge.domain.people import Face
from bridge.domain.ports import Clock
from bridge.render import handles
from bridge.render.elements import Rendered
from bridge.slack.budget import Urgency
from bridge.slack.faces import Faces
from bridge.slack.gateway import Gateway
from bridge.slack.inbound import fields, word
from bridge.slack.ledger import Priority
from bridge.store.outbox import Outbox, OutboxEntry
from bridge.telemetry import get_logger

EVENT_TYPE: Final = "bridge_post"
"""The metadata's name on our posts; its payload holds `outbox_id`."""

LOOK_BACK: Final = timedelta(minutes=10)
"""How far back a post of this process is looked for; one of an earlier process may be older."""

LOOK_AT: Final = 999
SHORTEST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 8.0

T = TypeVar("T")
_log = get_logger("slack.posting")


@dataclass(frozen=True, slots=True)
class PostOffice:
    """What every post needs."""

    gateway: Gateway
    outbox: Outbox
    clock: Clock
    faces: Faces

    def post(self, entry: OutboxEntry, *, face: Face | None, known: bool = False) -> "Post":
        """A message to be sent. `known`: its row is in the outbox already."""
        return Post(self, entry, face, known=known)


class Post:
    """One message. Not for two callers at a time.

    Args:
        known: the row exists and an earlier process may have sent it.
    """

    def __init__(
        self, office: PostOffice, entry: OutboxEntry, face: Face | None, *, known: bool = False
    ) -> None:
        self._office = office
        self._face = face
        self._planned = self._from_earlier = known
        self._unclear = known and entry.ts is None
        self._hash = ""
        self.entry = entry
        self.ts: MessageTs | None = entry.ts

    async def send(self, render: Callable[[], Rendered], *, priority: Urgency) -> MessageTs:
        """Post the message, or find it if an earlier try got through. May be called again.

        `render` is asked at the moment of sending.

        Raises:
            ChatRefused: Slack said no.
            ChatUnreachable: not clear; the next call looks first.
            StoreError: the outbox could not be written, nothing was sent.
        """
        if not self._planned:
            await self._office.outbox.plan(self.entry)
            self._planned = True
        if self._unclear and (found := await self.look()):
            return found
        answer = await self._try(render, priority)
        return await self._sent(MessageTs(word(answer.get("ts"))))

    async def update(self, render: Callable[[], Rendered], *, priority: Urgency) -> None:
        """Replace what the message shows. Raises `ChatError`; may be repeated."""

        def arguments() -> Mapping[str, Any]:
            shown = self._office.faces.signed(render(), self._face)
            return {
                "channel": self.entry.channel,
                "ts": self.ts,
                "text": shown.text,
                "blocks": list(shown.blocks),
                "parse": "none",
                "link_names": False,
            }

        await self._office.gateway.call("chat.update", arguments, priority=priority)

    async def delete(self, *, priority: Urgency) -> None:
        """Take the message away. Raises `ChatError`."""
        arguments = {"channel": self.entry.channel, "ts": self.ts}
        await self._office.gateway.call("chat.delete", lambda: arguments, priority=priority)
        await self._recorded(self._office.outbox.removed(self.entry.outbox_id))

    async def give_up(self, reason: str) -> None:
        """Note that the message will not be sent."""
        if self._planned and self.ts is None:
            await self._recorded(self._office.outbox.failed(self.entry.outbox_id, reason))

    async def look(self) -> MessageTs | None:
        """Find the message in Slack by its outbox id; None when it is not there.

        Raises:
            ChatError: Slack could not be asked; whether it is there stays unclear.
        """
        for message in await self._newest_messages():
            if _is_from(fields(message), self.entry.outbox_id):
                _log.info("found a post whose answer was lost", outbox_id=self.entry.outbox_id)
                return await self._sent(MessageTs(word(message.get("ts"))))
        self._unclear = False
        return None

    async def _newest_messages(self) -> list[Mapping[str, Any]]:
        asked: dict[str, Any] = {
            "channel": self.entry.channel,
            "include_all_metadata": True,
            "limit": LOOK_AT,
        }
        if not self._from_earlier:
            since = self._office.clock.now() - LOOK_BACK
            asked["oldest"] = f"{since.timestamp():.6f}"
        method = "conversations.history"
        if self.entry.thread_ts is not None:
            method = "conversations.replies"
            asked["ts"] = self.entry.thread_ts
        answer = await self._office.gateway.read(method, asked, priority=Priority.URGENT)
        listed = answer.get("messages")
        return listed if isinstance(listed, list) else []

    async def _try(self, render: Callable[[], Rendered], priority: Urgency) -> Mapping[str, Any]:
        try:
            return await self._post_once(render, priority)
        except ChatUnreachable:
            self._unclear = True
            raise
        except ChatRefused as refusal:
            if refusal.code != "missing_scope" or not self._office.faces.arguments(self._face):
                raise
        self._office.faces.refused()
        return await self._try(render, priority)

    async def _post_once(
        self, render: Callable[[], Rendered], priority: Urgency
    ) -> Mapping[str, Any]:
        def arguments() -> Mapping[str, Any]:
            shown = self._office.faces.signed(render(), self._face)
            self._hash = _hash_of(shown)
            return {
                "channel": self.entry.channel,
                "thread_ts": self.entry.thread_ts,
                "text": shown.text,
                "blocks": list(shown.blocks),
                "metadata": _metadata(self.entry.outbox_id),
                "unfurl_links": False,
                "unfurl_media": False,
                **self._office.faces.arguments(self._face),
            }

        return await self._office.gateway.call(
            "chat.postMessage", arguments, priority=priority, channel=self.entry.channel
        )

    async def _sent(self, ts: MessageTs) -> MessageTs:
        self.ts = ts
        self._unclear = False
        await self._recorded(self._office.outbox.sent(self.entry.outbox_id, ts, self._hash))
        return ts

    async def _recorded(self, write: Awaitable[None]) -> None:
        """The message is in Slack: a row that cannot be written now must not undo that."""
        try:
            await write
        except StoreError as error:
            _log.warning("outbox not written", outbox_id=self.entry.outbox_id, error=str(error))


async def insist(work: Callable[[], Awaitable[T]], *, within_s: float, what: str) -> T:
    """Try `work` until it succeeds, is refused for good, or `within_s` seconds have passed.

    The pause between two tries grows up to `LONGEST_PAUSE_S`.

    Raises:
        ChatError: the refusal, or the last failure when the time is up.
        StoreError: likewise.
    """
    loop = asyncio.get_running_loop()
    until, pause_s = loop.time() + within_s, SHORTEST_PAUSE_S
    while True:
        try:
            return await work()
        except (ChatError, StoreError) as error:
            if not passes(error) or loop.time() + pause_s > until:
                raise
            _log.info("trying again", what=what, pause_s=pause_s, error=str(error))
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 2, LONGEST_PAUSE_S)


def passes(error: ChatError | StoreError) -> bool:
    """Whether trying again may help."""
    return not isinstance(error, ChatRefused) or error.code == "ratelimited"


def _metadata(outbox_id: OutboxId) -> Mapping[str, Any]:
    return {"event_type": EVENT_TYPE, "event_payload": {"outbox_id": outbox_id}}


def _is_from(message: Mapping[str, Any], outbox_id: OutboxId) -> bool:
    metadata = fields(message.get("metadata"))
    if metadata.get("event_type") == EVENT_TYPE:
        return fields(metadata.get("event_payload")).get("outbox_id") == outbox_id
    blocks = message.get("blocks")
    return any(
        handles.is_from(word(fields(block).get("block_id")), outbox_id)
        for block in (blocks if isinstance(blocks, list) else ())
    )


def _hash_of(shown: Rendered) -> str:
    return hashlib.sha256(json.dumps(shown.blocks).encode()).hexdigest()[:32]
