"""Channel names: `conversations.info`, cached, for channels that everybody may know of."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from bridge.domain.errors import ChatError
from bridge.domain.ids import ChannelId
from bridge.slack.json_values import as_mapping, as_string
from bridge.slack.web_api import WebApi
from bridge.telemetry import get_logger

KEPT_S: Final = 600.0
FAILURE_KEPT_S: Final = 60.0
KEPT: Final = 2_000

_log = get_logger("slack.channel_names")


class ChannelNames:
    """Names of public channels. Slack itself hides the others from who is not in them.

    Args:
        monotonic: seconds that never jump.
    """

    def __init__(self, web_api: WebApi, *, monotonic: Callable[[], float]) -> None:
        self._web_api = web_api
        self._monotonic = monotonic
        self._known: OrderedDict[ChannelId, tuple[float, str | None]] = OrderedDict()

    async def name(self, channel: ChannelId) -> str | None:
        """The name without `#`; None for a private channel, and while Slack does not say."""
        until, name = self._known.get(channel, (0.0, None))
        if until > self._monotonic():
            return name
        kept_s = KEPT_S
        try:
            answer = await self._web_api.read("conversations.info", {"channel": channel})
        except ChatError as error:
            _log.info("channel not named", channel=channel, error=str(error))
            name, kept_s = None, FAILURE_KEPT_S
        else:
            found = as_mapping(answer.get("channel"))
            public = found.get("is_channel") is True and not found.get("is_private")
            name = as_string(found.get("name")) or None if public else None
        self._known[channel] = (self._monotonic() + kept_s, name)
        self._known.move_to_end(channel)
        if len(self._known) > KEPT:
            self._known.popitem(last=False)
        return name
