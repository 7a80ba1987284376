"""Roster: the answer to `!who`, which teammates there are and what each is doing."""

from collections.abc import Collection

from bridge.domain import permissions
from bridge.domain.messages import InboundMessage, Person
from bridge.domain.teammates import Teammate
from bridge.engine.context import EngineContext
from bridge.store import Load


class Roster:
    """Tells it to the one who asked alone."""

    def __init__(self, context: EngineContext) -> None:
        self._context = context

    async def tell(self, message: InboundMessage, person: Person, here: Collection[str]) -> None:
        """Answer a `!who`. `here`: the teammates that take part in the thread."""
        text = permissions.NOT_ALLOWED
        if permissions.may_ask(person, self._context.options.people):
            load = await self._context.store.turn_queue.load()
            text = "\n".join(
                _line(one, load.get(one.name, Load(0, 0)), here=one.name in here)
                for one in self._context.options.team.teammates
            )
        await self._context.chat.private_note(
            message.channel, message.user, text, thread_ts=message.thread_ts
        )


def _line(teammate: Teammate, load: Load, *, here: bool) -> str:
    facts = [
        teammate.role,
        "takes part here" if here else "",
        f"at work in {_count(load.at_work, 'thread')}" if load.at_work else "idle",
        f"{_count(load.waiting, 'turn')} waiting" if load.waiting else "",
    ]
    return " · ".join((f"*{teammate.persona.name}*", *filter(None, facts)))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
