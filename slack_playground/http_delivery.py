"""Signed HTTP delivery to an app that has an address (PLATFORM §4.2, §7.1)."""

import asyncio
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

import aiohttp

from slack_playground.background_tasks import BackgroundTasks
from slack_playground.event_feed import VERIFICATION
from slack_playground.fault_injection import Faults
from slack_playground.hooks import HookPoint, Hooks
from slack_playground.inspector import Entry, Inspector
from slack_playground.options import PlaygroundOptions
from slack_playground.slack_types import Json, epoch_s

JSON_TYPE = "application/json"
FORM_TYPE = "application/x-www-form-urlencoded"
REDIRECTS = 2
UNANSWERED = {"X-Slack-Retry-Reason": "http_timeout"}
AGENT = "Slackbot 1.0 (+https://api.slack.com/robots)"


@dataclass(frozen=True, slots=True)
class Reply:
    """What the app answered. `failure` is Slack's word for why it does not count as an ack, ''
    if it does; `final` forbids retries.
    """

    failure: str = ""
    text: str = ""
    media_type: str = ""
    final: bool = False

    def payload(self) -> Json:
        """The ack's payload: an object, or the plain text of a message."""
        if self.media_type != JSON_TYPE:
            return {"text": self.text} if self.text.strip() else {}
        try:
            value = json.loads(self.text or "{}")
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """The `X-Slack-Signature` of a request."""
    signed = f"v0:{timestamp}:".encode() + body
    return "v0=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


class HttpDelivery:
    """Posts to one address, once that has answered the `url_verification` handshake."""

    def __init__(
        self,
        url: str,
        options: PlaygroundOptions,
        inspector: Inspector,
        faults: Faults,
        hooks: Hooks,
        tasks: BackgroundTasks,
    ) -> None:
        self._url = url
        self._options = options
        self._inspector = inspector
        self._faults = faults
        self._hooks = hooks
        self._tasks = tasks
        self._verified = asyncio.Event()
        self._session: aiohttp.ClientSession | None = None
        self._open = 0
        self.watchers: list[Callable[[int], None]] = []

    @property
    def connected(self) -> int:
        """1 once the address is verified."""
        return int(self._verified.is_set())

    @property
    def undelivered(self) -> int:
        """How many events still wait for an ack or for the handshake."""
        return self._open

    def start(self) -> None:
        """Begin the handshake; it is tried until the app answers it."""
        self._session = aiohttp.ClientSession()
        self._tasks.spawn(self._verify(), name="url verification")

    async def close(self) -> None:
        """Close the connections, after all tasks have ended."""
        if self._session is not None:
            await self._session.close()

    async def _verify(self) -> None:
        told = ""
        while True:
            challenge = secrets.token_urlsafe(32)
            body = {"type": "url_verification", "token": VERIFICATION, "challenge": challenge}
            reply = await self._post(json.dumps(body).encode(), JSON_TYPE)
            failure = reply.failure or ("" if challenge in reply.text else "challenge_failed")
            if failure != told or not failure:
                ok, error = not failure, failure or None
                self._inspector.add(
                    Entry(kind="socket", name="url_verification", ok=ok, error=error)
                )
            if not failure:
                break
            told = failure
            await asyncio.sleep(self._options.verify_delay_s)
        self._verified.set()
        for watcher in self.watchers:
            watcher(1)

    def send_event(self, payload: Json, *, name: str, summary: str) -> None:
        """Deliver an event until it is acked, at most four times."""
        self._open += 1
        self._tasks.spawn(self._deliver(payload, name, summary), name=f"event {name}")

    async def _deliver(self, payload: Json, name: str, summary: str) -> None:
        try:
            late = self._faults.strikes("late_delivery")
            if late is not None:
                await asyncio.sleep(float(late.params["delay_s"]))
            await self._verified.wait()
            await self._attempts(payload, name, summary)
        finally:
            self._open -= 1

    async def _attempts(self, payload: Json, name: str, summary: str) -> None:
        body = json.dumps(payload).encode()
        failure = ""
        for attempt in range(len(self._options.redelivery_delays_s) + 1):
            if attempt:
                delay_s = self._options.redelivery_delays_s[attempt - 1]
                await asyncio.sleep(delay_s * self._options.redelivery_scale)
            retry = {"X-Slack-Retry-Num": str(attempt), "X-Slack-Retry-Reason": failure}
            started = time.monotonic()
            reply = await self._send(name, body, JSON_TYPE, retry if attempt else {})
            if self._faults.strikes("double_delivery"):
                retry |= {"X-Slack-Retry-Num": str(attempt + 1)}
                await self._send(name, body, JSON_TYPE, {**retry, **UNANSWERED})
            self._record("event", name, summary, body, reply, started=started, retry=attempt)
            failure = reply.failure
            if not failure or reply.final:
                return

    async def interact(
        self, payload: Json, *, name: str, summary: str, kind: str = "interactive"
    ) -> Json | None:
        """Deliver an interaction or a command (`slash_commands`) once.

        Returns the answer's payload, None if nobody acked in time.
        """
        text = json.dumps(payload)
        form = urlencode(payload if kind == "slash_commands" else {"payload": text}).encode()
        started = time.monotonic()
        verified = self._verified.is_set()
        reply = await self._send(name, form, FORM_TYPE) if verified else Reply("not_verified")
        self._record("interactive", name, summary, text.encode(), reply, started=started)
        return None if reply.failure else reply.payload()

    async def _send(
        self, name: str, body: bytes, media_type: str, retry: dict[str, str] | None = None
    ) -> Reply:
        self._hooks.reached(HookPoint.SENT, name)
        reply = await self._post(body, media_type, retry)
        if self._faults.strikes("hold_acks"):
            return Reply("http_timeout")
        if not reply.failure:
            self._hooks.reached(HookPoint.ACKED, name)
        return reply

    async def _post(
        self, body: bytes, media_type: str, retry: dict[str, str] | None = None
    ) -> Reply:
        assert self._session is not None
        timestamp = str(epoch_s())
        headers = {
            "Content-Type": media_type,
            "User-Agent": AGENT,
            "X-Slack-Request-Timestamp": timestamp,
            "X-Slack-Signature": signature(self._options.signing_secret, timestamp, body),
            **(retry or {}),
        }
        timeout = aiohttp.ClientTimeout(total=self._options.ack_timeout_s)
        try:
            async with self._session.post(
                self._url,
                data=body,
                headers=headers,
                timeout=timeout,
                max_redirects=REDIRECTS + 1,
            ) as response:
                text = await response.text(errors="replace")
        except TimeoutError:
            return Reply("http_timeout")
        except aiohttp.TooManyRedirects:
            return Reply("too_many_redirects")
        except aiohttp.ClientSSLError:
            return Reply("ssl_error")
        except aiohttp.ClientConnectionError:
            return Reply("connection_failed")
        except (aiohttp.ClientError, ValueError):
            return Reply("unknown_error")
        if not 200 <= response.status < 300:
            final = response.headers.get("X-Slack-No-Retry") == "1"
            return Reply("http_error", text, final=final)
        return Reply("", text, response.content_type)

    def _record(
        self,
        kind: str,
        name: str,
        summary: str,
        body: bytes,
        reply: Reply,
        *,
        started: float,
        retry: int = 0,
    ) -> None:
        answer = reply.payload()
        self._inspector.add(
            Entry(
                kind=kind,
                name=name,
                summary=summary,
                ok=not reply.failure,
                error=reply.failure or None,
                ms=(time.monotonic() - started) * 1000,
                request=body.decode(),
                response=json.dumps(answer) if answer else None,
                retry=retry or None,
            )
        )
