"""Web API client: rate limits, time-outs, retries, one error tree.

`slack_sdk` brings a retry of its own that can post a message twice when a connection breaks
(PLATFORM §1.6); here it is switched off, and what may be repeated is decided by the caller.
"""

import asyncio
import json
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, Final

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bridge.domain.errors import ChatRefused, ChatUnreachable
from bridge.retry import RetryPolicy, retry
from bridge.slack.rate_limit.rate_limiter import RateLimiter
from bridge.slack.rate_limit.wait_queue import Urgency
from bridge.slack.rate_limit.windows import Priority
from bridge.slack.web_api_errors import About, is_about, meaning
from bridge.telemetry import SLACK_CALLS, get_logger

Answer = Mapping[str, Any]
Arguments = Mapping[str, Any]

SLACK_URL: Final = "https://slack.com/api/"
READ_ATTEMPTS: Final = 3
_READ_RETRY: Final = RetryPolicy(first_s=0.6, longest_s=5.0)

_UNCLEAR = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout"})
_BROKEN = (aiohttp.ClientError, TimeoutError, OSError, ValueError, AttributeError, TypeError)
"""The last two are how `slack_sdk` fails at an answer that is no JSON object."""

_LIMITED = frozenset({"ratelimited", "rate_limited"})
_JSON_FAMILIES = ("chat.", "views.", "reactions.", "assistant.")
_log = get_logger("slack.web_api")


@dataclass(frozen=True, slots=True)
class WebApiOptions:
    """How to reach Slack. `base_url` ends in `/api/`; `call_timeout_s` bounds one attempt,
    `patience_s` all attempts of a call that Slack answers with 429.
    """

    token: str = field(repr=False)
    base_url: str = SLACK_URL
    call_timeout_s: float = 15.0
    patience_s: float = 180.0


class WebApi:
    """Calls methods of one workspace. The session is shared with others and not closed here."""

    def __init__(
        self, options: WebApiOptions, *, session: aiohttp.ClientSession, budget: RateLimiter
    ) -> None:
        self.options = options
        self.session = session
        self.budget = budget
        self.client = AsyncWebClient(
            token=options.token, base_url=options.base_url, session=session, retry_handlers=[]
        )
        self._renamed: dict[str, str] = {}
        self.scopes: frozenset[str] | None = None
        """The scopes that Slack named in its newest answer; None before the first."""
        self.outage: str | None = None
        """Why Slack refuses everything just now, such as a migration; None while it does not."""

    def rename_channel(self, old: str, new: str) -> None:
        """Name the channel `new` in every call from now on."""
        self._renamed = {was: new if now == old else now for was, now in self._renamed.items()}
        self._renamed[old] = new

    async def read(
        self, method: str, arguments: Arguments, *, priority: Priority = Priority.FIRST
    ) -> Answer:
        """Call a method that changes nothing; repeated when no clear answer came.

        Raises:
            ChatRefused: Slack said no.
            ChatUnreachable: there was no clear answer `READ_ATTEMPTS` times.
        """
        return await retry(
            lambda: self.call(method, lambda: arguments, priority=priority),
            policy=_READ_RETRY,
            may_help=lambda error: isinstance(error, ChatUnreachable),
            attempts=READ_ATTEMPTS,
            failed=lambda _error, _pause_s: _log.info("reading again", method=method),
        )

    async def call(
        self,
        method: str,
        arguments: Callable[[], Arguments],
        *,
        priority: Urgency,
        channel: str | None = None,
    ) -> Answer:
        """Call a method once, when the budget allows it. A 429 is not a call that happened:
        it is waited for and tried again.

        Args:
            method: such as `chat.update`.
            arguments: asked for at the moment of sending, so that the newest is sent.
            priority: who goes first when Slack lets only some through.
            channel: for posts, which are also limited per channel.

        Raises:
            ChatRefused: Slack said no, or still `ratelimited` after `patience_s` seconds.
            ChatUnreachable: it is not clear whether the call took effect.
        """
        # Only the waiting is bounded here: a call that is under way is never cut off.
        loop = asyncio.get_running_loop()
        until = loop.time() + self.options.patience_s
        while True:
            async with self.budget.permit(method, channel=channel, priority=priority):
                try:
                    encoded = _encoded(method, self._current(arguments()))
                    send = partial(self.client.api_call, method, **encoded)
                    return await self._attempt(method, send, channel=channel)
                except ChatRefused as refusal:
                    if refusal.code not in _LIMITED or loop.time() > until:
                        raise

    def _current(self, arguments: Arguments) -> Arguments:
        if not self._renamed:
            return arguments
        place = {
            key: self._renamed.get(str(arguments[key]), arguments[key])
            for key in ("channel", "channel_id")
            if key in arguments
        }
        return {**arguments, **place}

    async def open_form(self, trigger_id: str, view: Arguments) -> None:
        """Show a modal. The trigger lives three seconds, so this waits for nobody."""
        arguments = {"trigger_id": trigger_id, "view": view}
        await self.call("views.open", lambda: arguments, priority=Priority.URGENT)

    async def socket_url(self, app_token: str) -> str:
        """A Socket Mode address, good for one connection. Raises as `call` does."""
        method = "apps.connections.open"
        answer = await self._attempt(
            method, lambda: self.client.apps_connections_open(app_token=app_token)
        )
        return str(answer.get("url", ""))

    async def _attempt(
        self,
        method: str,
        send: Callable[[], Awaitable[AsyncSlackResponse]],
        *,
        channel: str | None = None,
    ) -> Answer:
        try:
            async with asyncio.timeout(self.options.call_timeout_s):
                response = await send()
        except SlackApiError as error:
            raise self._refusal(method, error.response, channel) from None
        except (*_BROKEN, SlackClientError) as error:
            SLACK_CALLS.labels(method, "unreachable").inc()
            raise ChatUnreachable(
                f"Slack gave no answer to {method} ({type(error).__name__})."
            ) from error
        SLACK_CALLS.labels(method, "ok").inc()
        self.outage = None
        if named := response.headers.get("x-oauth-scopes"):
            self.scopes = frozenset(scope.strip() for scope in named.split(","))
        return response.data if isinstance(response.data, dict) else {}

    def _refusal(
        self, method: str, response: Any, channel: str | None
    ) -> ChatRefused | ChatUnreachable:
        """What a failed call means. The response's text is not passed on: it may hold secrets."""
        data = response.data if hasattr(response, "data") else {}
        status = getattr(response, "status_code", 0)
        code = str(data.get("error", "")) if isinstance(data, dict) else ""
        if status == 429 or code in _LIMITED:
            said_s = retry_after_s(getattr(response, "headers", {}), now=datetime.now(UTC))
            rest_s = self.budget.refused(method, channel=channel, retry_after_s=said_s)
            SLACK_CALLS.labels(method, "ratelimited").inc()
            _log.warning("rate limited", method=method, rests_s=rest_s, slack_said_s=said_s)
            return ChatRefused(method, "ratelimited")
        if status >= 500 or code in _UNCLEAR or not code:
            SLACK_CALLS.labels(method, "unreachable").inc()
            return ChatUnreachable(f"Slack failed at {method} (status {status}).")
        SLACK_CALLS.labels(method, code).inc()
        refusal = ChatRefused(method, code)
        if is_about(refusal, About.WORKSPACE, About.TOKEN):
            self.outage = f"{meaning(refusal).sentence} (Slack says: {code}.)"
        return refusal


def web_session() -> aiohttp.ClientSession:
    """The session for all calls of one process. Close it at the end.

    Its time-out is a backstop: with a session given, `slack_sdk` sets none (PLATFORM §1.6).
    """
    return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60, connect=10))


def _encoded(method: str, arguments: Arguments) -> dict[str, Any]:
    given = {name: value for name, value in arguments.items() if value is not None}
    if method.startswith(_JSON_FAMILIES):
        return {"json": given}
    return {"data": {name: _form_value(value) for name, value in given.items()}}


def _form_value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


SHORTEST_S: Final = 1.0


def retry_after_s(headers: Mapping[str, Any], *, now: datetime) -> float | None:
    """Seconds to wait, at least one; None when the answer does not say.

    Slack sends whole seconds (PLATFORM §1.4); what stands between us and Slack may send fractions
    or a date. A date counts from the answer's own `Date`, so that a wrong clock here does no
    harm, else from `now` (aware).
    """
    named = {str(name).lower(): str(value).strip() for name, value in headers.items()}
    given = named.get("retry-after", "")
    seconds = _number(given)
    if seconds is None and (until := _date(given)) is not None:
        seconds = (until - (_date(named.get("date", "")) or now)).total_seconds()
    return None if seconds is None else max(SHORTEST_S, seconds)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0.0 else None


def _date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    return date if date.tzinfo is not None else date.replace(tzinfo=UTC)
