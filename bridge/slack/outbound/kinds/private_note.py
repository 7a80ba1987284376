"""Private note: a message that only one person sees, and that Slack forgets."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from bridge.domain.errors import ChatRefused, ChatUnreachable, StoreError
from bridge.domain.outbox_entry import OutboxEntry
from bridge.slack.outbound.kinds.kind import Delivery, Lane, OutboxKind, decode, encode
from bridge.slack.rate_limit.windows import Priority
from bridge.slack.web_api_errors import passes
from bridge.telemetry import get_logger

METHOD: Final = "chat.postEphemeral"

TRYING: Final = "trying"
"""State of a row whose call may have been made: such a note cannot be looked up."""

_log = get_logger("slack.outbound.private_note")


def private_note_payload(arguments: Mapping[str, Any]) -> str:
    """The arguments of `chat.postEphemeral`."""
    return encode(method=METHOD, arguments=dict(arguments))


class PrivateNoteKind(OutboxKind):
    """Repeated only while it is clear that Slack did not take it."""

    name = "note"
    stale_after = timedelta(minutes=15)  # it mostly answers a click

    def lane(self, entry: OutboxEntry) -> Lane:
        """A thread's private notes, apart from its messages."""
        return (self.name, entry.channel, entry.thread_ts or "")

    async def deliver(self, delivery: Delivery) -> bool:
        """Show it, unless an earlier process may have done so.

        Raises:
            ChatRefused: Slack does not let us just now.
            StoreError: the outbox could not be written, nothing was shown.
        """
        entry, outbox = delivery.entry, self._sender.outbox
        if entry.state == TRYING and not delivery.first:
            await self.give_up(entry, "unclear, and cannot be looked up")
            return True
        await outbox.trying(entry.outbox_id, now=True)
        try:
            await self._show(entry, priority=Priority.URGENT)
        except ChatUnreachable as error:
            _log.warning("unclear whether a private note was shown", error=str(error))
        except ChatRefused:
            await outbox.trying(entry.outbox_id, now=False)
            raise
        try:
            await outbox.done(entry.outbox_id)
        except StoreError as error:  # the next start forgets it; raised, it would be shown again
            _log.warning("outbox not written", outbox_id=entry.outbox_id, error=str(error))
        return True

    async def show_unstored(self, entry: OutboxEntry) -> bool:
        """Show it once. Raises `ChatError`."""
        await self._show(entry, priority=Priority.QUIET)
        return True

    async def _show(self, entry: OutboxEntry, *, priority: Priority) -> None:
        """Where it belongs; where Slack does not let us, in a direct message to the person."""
        arguments = decode(entry.payload)["arguments"]
        web_api, channel = self._sender.web_api, arguments["channel"]
        try:
            await web_api.call(METHOD, lambda: arguments, priority=priority, channel=channel)
        except ChatRefused as refusal:
            if passes(refusal):
                raise
            _log.info("a private note goes by direct message", code=refusal.code)
            user, kept = arguments["user"], ("text", "blocks")
            direct = {"channel": user, **{key: arguments[key] for key in kept}}
            await web_api.call("chat.postMessage", lambda: direct, priority=priority, channel=user)
