"""Notice: a quiet line in a thread, which never changes."""

from dataclasses import asdict

from bridge.domain.teammates import Persona
from bridge.render.block_kit import Rendered
from bridge.slack.outbound.kinds.kind import Delivery, OutboxKind, decode, encode, persona_of
from bridge.slack.outbound.message_sending import MessageSender, Post, fixed, hash_of
from bridge.slack.rate_limit.windows import Priority


def notice_payload(shown: Rendered, persona: Persona | None) -> str:
    """The line as it is sent, and as whom (None: the app itself)."""
    signed = None if persona is None else asdict(persona)
    return encode(text=shown.text, blocks=shown.blocks, persona=signed)


class NoticeKind(OutboxKind):
    """Posted once. After an unclear send it is looked up by its outbox id."""

    name = "notice"

    async def deliver(self, delivery: Delivery) -> bool:
        """Post it, unless Slack has it. Raises as `Post.send`."""
        stored = decode(delivery.entry.payload)
        post = self._post(delivery, persona=persona_of(delivery.entry))
        await say(self._sender, post, Rendered(tuple(stored["blocks"]), stored["text"]))
        return True


async def say(sender: MessageSender, post: Post, shown: Rendered) -> None:
    """Post what never changes. One that is found has these words already."""
    await post.send(fixed(shown), priority=Priority.URGENT)
    if not post.is_settled:
        await sender.outbox.settled([(post.entry.outbox_id, hash_of(shown))])
