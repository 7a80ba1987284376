"""Where messages come in: in order within a thread, and each once.

Slack tells of a mention twice, as a mention and as a message, and again when an ack was late.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from bridge.domain.ids import ChannelId, MessageTs, TeamId, ThreadKey
from bridge.domain.messages import InboundMessage

REMEMBERED = 1_000


class MessageOrder:
    """One for all threads of the process. What was stored is remembered for the newest messages
    only: that saves asking the store, which knows them all (G2).
    """

    def __init__(self, *, remembered: int = REMEMBERED) -> None:
        self._remembered = remembered
        self._stored: dict[tuple[TeamId, ChannelId, MessageTs], None] = {}
        self._order: WeakValueDictionary[ThreadKey, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def enter(self, message: InboundMessage) -> AsyncIterator[bool]:
        """Wait for the thread's earlier messages; gives whether this one is stored already.

        A reply must not overtake the root that opens its thread, nor another reply (G3).
        """
        async with self._order.setdefault(message.thread, asyncio.Lock()):
            yield _key(message) in self._stored

    def stored(self, message: InboundMessage) -> None:
        """It is on the disk."""
        self._stored[_key(message)] = None
        if len(self._stored) > self._remembered:
            del self._stored[next(iter(self._stored))]


def _key(message: InboundMessage) -> tuple[TeamId, ChannelId, MessageTs]:
    return message.team, message.channel, message.ts
