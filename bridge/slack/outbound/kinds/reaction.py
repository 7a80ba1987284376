"""Reaction: an emoji that the app puts on a message or takes away."""

from collections.abc import Mapping
from typing import Any

from bridge.domain.errors import ChatRefused
from bridge.domain.outbox_entry import OutboxEntry
from bridge.slack.outbound.kinds.kind import Delivery, Lane, OutboxKind, decode, encode
from bridge.slack.rate_limit.windows import Priority
from bridge.slack.web_api_errors import About, is_about


def reaction_payload(method: str, arguments: Mapping[str, Any]) -> str:
    """`reactions.add` or `reactions.remove` with its arguments."""
    return encode(method=method, arguments=dict(arguments))


class ReactionKind(OutboxKind):
    """May be repeated: Slack says when there is nothing to do."""

    name = "reaction"

    def lane(self, entry: OutboxEntry) -> Lane:
        """The reactions on one message."""
        return (self.name, entry.channel, entry.thread_ts or "")

    async def deliver(self, delivery: Delivery) -> bool:
        """Add or remove it."""
        try:
            await self._call(delivery.entry)
        except ChatRefused as refusal:
            if not is_about(refusal, About.MESSAGE):  # such as already_reacted
                raise
        await self._sender.outbox.done(delivery.entry.outbox_id)
        return True

    async def show_unstored(self, entry: OutboxEntry) -> bool:
        """Add or remove it once. Raises `ChatError`."""
        await self._call(entry)
        return True

    async def _call(self, entry: OutboxEntry) -> None:
        stored = decode(entry.payload)
        await self._sender.web_api.call(
            stored["method"], lambda: stored["arguments"], priority=Priority.QUIET
        )
