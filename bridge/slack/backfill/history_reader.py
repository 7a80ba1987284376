"""History reader: channels and threads with as few calls as possible.

Calls are what is scarce (PLATFORM §1.2, §1.3), so threads are not asked one by one: a channel's
page shows on every root when its newest reply came, and only threads with a newer one are read.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from bridge.domain.errors import ChatRefused, ChatUnreachable
from bridge.domain.ids import ChannelId, MessageTs
from bridge.retry import RetryPolicy, retry
from bridge.slack.json_values import JsonObject, as_mapping, as_string
from bridge.slack.rate_limit.windows import Priority
from bridge.slack.web_api import WebApi
from bridge.slack.web_api_errors import About, is_about
from bridge.telemetry import get_logger

PAGE: Final = 999
"""Objects asked for at once; Slack may give fewer, and gives 15 to some apps (PLATFORM §1.3)."""

_TYPES: Final[Mapping[str, str]] = {
    "channels:read": "public_channel",
    "groups:read": "private_channel",
    "im:read": "im",
}
_log = get_logger("slack.backfill.history_reader")


@dataclass(frozen=True, slots=True)
class HistoryReaderOptions:
    """How hard the past may be read: `burst` calls of a method at once, `per_minute` on average;
    together well below what Slack allows, so that people who wait now are not kept waiting.
    `retry`: the pauses after calls that gave no answer.
    """

    burst: int = 12
    per_minute: float = 24.0
    retry: RetryPolicy = field(default_factory=lambda: RetryPolicy(2.0, 30.0))


class HistoryReader:
    """Reads channels. A 429 or a Slack that is away is waited for, without a limit.

    Methods raise `ChatRefused` where Slack says no for another reason.

    Args:
        monotonic: seconds that never jump.
    """

    def __init__(
        self, web_api: WebApi, options: HistoryReaderOptions, *, monotonic: Callable[[], float]
    ) -> None:
        self._web_api = web_api
        self._options = options
        self._monotonic = monotonic
        self._places: dict[str, float] = {}

    async def channels(self) -> list[ChannelId]:
        """The channels and direct messages that the app is in, as far as its scopes show them."""
        scopes = self._web_api.scopes
        types = [kind for scope, kind in _TYPES.items() if scopes is None or scope in scopes]
        asked = {"types": ",".join(types), "exclude_archived": "true", "limit": PAGE}
        found: list[ChannelId] = []
        cursor = ""
        while types:
            answer = await self._read("users.conversations", asked, cursor)
            found += [ChannelId(as_string(item.get("id"))) for item in _items(answer, "channels")]
            cursor = _next(answer)
            if not cursor:
                break
        return [channel for channel in found if channel]

    async def roots(
        self, channel: ChannelId, *, back_to: MessageTs, known: Sequence[MessageTs]
    ) -> AsyncIterator[list[JsonObject]]:
        """Pages of what the channel itself shows, the newest first.

        All of it after `back_to`; of what is older only so much that each of the `known` roots
        (the newest first) that still exists is on a page.
        """
        window = {"channel": channel, "oldest": back_to, "limit": PAGE}
        latest: MessageTs | None = None
        more = True
        while more:
            page, more = await self._channel_page({**window, "latest": latest})
            yield page
            latest = _oldest(page)
            more = more and latest is not None
        older = [ts for ts in known if ts <= back_to]
        while older:
            span = {"channel": channel, "latest": older[0], "oldest": older[-1]}
            page, more = await self._channel_page({**span, "inclusive": "true", "limit": PAGE})
            yield page
            end = _oldest(page)
            older = [ts for ts in older if ts < end] if more and end is not None else []

    async def replies(
        self, channel: ChannelId, root: MessageTs, *, since: MessageTs
    ) -> list[JsonObject]:
        """The replies to `root` from `since` on, oldest first; none when the thread is gone."""
        asked = {
            "channel": channel,
            "ts": root,
            "oldest": since,
            "inclusive": "true",
            "limit": PAGE,
        }
        by_ts: dict[str, JsonObject] = {}
        cursor = ""
        while True:
            try:
                answer = await self._read("conversations.replies", asked, cursor)
            except ChatRefused as refusal:
                if not is_about(refusal, About.THREAD):
                    raise
                break
            by_ts.update((as_string(item.get("ts")), item) for item in _items(answer, "messages"))
            cursor = _next(answer)
            if not cursor:
                break
        by_ts.pop(root, None)  # Slack puts the root on every page
        return [by_ts[ts] for ts in sorted(by_ts)]

    async def _channel_page(self, asked: Mapping[str, Any]) -> tuple[list[JsonObject], bool]:
        answer = await self._read("conversations.history", asked, "")
        return _items(answer, "messages"), bool(answer.get("has_more"))

    async def _read(self, method: str, asked: Mapping[str, Any], cursor: str) -> JsonObject:
        arguments = {**asked, "cursor": cursor or None}

        async def attempt() -> JsonObject:
            await self._place(method)
            return await self._web_api.read(method, arguments, priority=Priority.QUIET)

        return await retry(
            attempt,
            policy=self._options.retry,
            may_help=lambda error: (
                isinstance(error, ChatUnreachable)
                or (isinstance(error, ChatRefused) and error.code == "ratelimited")
            ),
            failed=lambda error, _: _log.info(
                "history is read later", method=method, cause=str(error)
            ),
        )

    async def _place(self, method: str) -> None:
        """Wait until this reader may call `method`."""
        step_s, now = 60.0 / self._options.per_minute, self._monotonic()
        paid_until = max(self._places.get(method, 0.0), now - self._options.burst * step_s)
        self._places[method] = paid_until + step_s
        await asyncio.sleep(max(0.0, self._places[method] - now))


def _items(answer: JsonObject, name: str) -> list[JsonObject]:
    listed = answer.get(name)
    return [as_mapping(item) for item in listed] if isinstance(listed, list) else []


def _next(answer: JsonObject) -> str:
    return as_string(as_mapping(answer.get("response_metadata")).get("next_cursor"))


def _oldest(page: Sequence[JsonObject]) -> MessageTs | None:
    return min((MessageTs(ts) for item in page if (ts := as_string(item.get("ts")))), default=None)
