"""Undelivered replies: who waits for an answer that Slack will not show is told privately."""

from bridge.domain.ids import MessageRef, TurnId, UserId
from bridge.domain.messages import Speaker
from bridge.engine.context import EngineContext

REMEMBERED = 1_000


class UndeliveredReplies:
    """Tells people, once for each turn."""

    def __init__(self, context: EngineContext) -> None:
        self._context = context
        self._told: dict[TurnId, None] = {}
        context.chat.when_reply_fails(self._tell)

    async def _tell(self, turn_id: TurnId, sentence: str) -> None:
        """Raises `StoreError`. Who took their question back does not wait any more."""
        if turn_id in self._told:
            return
        self._told[turn_id] = None
        if len(self._told) > REMEMBERED:
            del self._told[next(iter(self._told))]
        who = await self._teammate_of(turn_id)
        waiting: dict[UserId, MessageRef] = {}
        for message in await self._context.store.turn_queue.messages(turn_id):
            if message.said.speaker is Speaker.PERSON and not message.deleted:
                ref = MessageRef(message.thread.channel, message.said.ts)
                waiting.setdefault(UserId(message.said.author), ref)
        for user, ref in waiting.items():
            text = (
                f"{who} has an answer for you that cannot be shown where you asked. {sentence} "
                "Ask again somewhere else, or in a direct message."
            )
            await self._context.chat.private_note(ref.channel, user, text, thread_ts=None)

    async def _teammate_of(self, turn_id: TurnId) -> str:
        store = self._context.store
        located = await store.turn_queue.find(turn_id)
        binding = None if located is None else await store.bindings.get(located.binding_id)
        return "The agent" if binding is None else binding.teammate.capitalize()
