"""App messages: which apps, bots and workflows may give work, and what the others are told."""

from collections import OrderedDict
from datetime import datetime, timedelta

from bridge.domain import permissions, routing
from bridge.domain.ids import ChannelId
from bridge.domain.messages import InboundMessage
from bridge.engine.context import EngineContext
from bridge.telemetry import Tasks, get_logger

QUIET_FOR = timedelta(days=1)
REMEMBERED = 1_000

log = get_logger("engine.app_messages")


class AppMessages:
    """Judges the words of apps. Those of one that may not give work are background."""

    def __init__(self, context: EngineContext, tasks: Tasks) -> None:
        self._context = context
        self._tasks = tasks
        self._told: OrderedDict[ChannelId, datetime] = OrderedDict()

    def may_ask(self, message: InboundMessage) -> bool:
        """Whether this is work: from an app that may give it, for somebody whom it mentions.

        Without a mention nothing is: two bots in one thread would answer each other for ever.
        """
        options = self._context.options
        may = permissions.app_may_ask(message.apps, options.people)
        return may and routing.addresses_somebody(message, options.team)

    def answer(self, message: InboundMessage) -> None:
        """Say quietly that its mention starts nothing, at most once a day in each channel."""
        if not routing.addresses_somebody(message, self._context.options.team):
            return
        log.info("an app may not give work", apps=sorted(message.apps), channel=message.channel)
        now = self._context.clock.now()
        told = self._told.get(message.channel)
        if told is not None and now - told < QUIET_FOR:
            return
        self._told[message.channel] = now
        self._told.move_to_end(message.channel)
        if len(self._told) > REMEMBERED:
            self._told.popitem(last=False)
        said = self._context.chat.notice(message.thread, permissions.APPS_MAY_NOT_ASK)
        self._tasks.spawn(said, name=f"tell the app of {message.ts}")
