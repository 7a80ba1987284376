"""Receiver: takes in what Slack sends over Socket Mode or HTTP, and what it could not send."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.adapter.socket_mode.async_internals import (
    run_async_bolt_app,
    send_async_response,
)
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest

from bridge.domain.ports import Clock
from bridge.slack.auth_check import SocketAddresses
from bridge.slack.backfill.backfill import Backfill, BackfillOptions
from bridge.slack.backfill.late_notice import Lost
from bridge.slack.chat_adapter import ChatAdapter
from bridge.slack.event_parser import (
    Installation,
)
from bridge.slack.inbound.listeners import InboundHandler, Listeners
from bridge.slack.inbound.socket_mode import EnvelopeHandler, SocketMode, SocketOptions
from bridge.slack.web_api import WebApi
from bridge.store.event_gaps import EventGaps
from bridge.telemetry import ACK_SECONDS, Tasks

HttpHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def make_app(web_api: WebApi, us: Installation, *, signing_secret: str | None = None) -> AsyncApp:
    """A Bolt app for one known workspace: it asks Slack nothing before an event is stored.

    `signing_secret` is needed only where events come by HTTP.
    """
    known = AuthorizeResult(
        enterprise_id=None,
        team_id=us.team,
        bot_user_id=us.bot_user,
        bot_id=us.bot_id,
        bot_token=web_api.options.token,
    )

    async def authorize() -> AuthorizeResult:
        return known

    return AsyncApp(
        logger=_bolt_logger(),
        client=web_api.client,
        authorize=authorize,
        signing_secret=signing_secret,
        process_before_response=True,
        request_verification_enabled=signing_secret is not None,
    )


def _bolt_logger() -> logging.Logger:
    """Bolt warns that it ignores the token in the environment, as it is meant to here."""
    logger = logging.getLogger("slack_bolt.bridge")
    logger.setLevel(logging.ERROR)
    return logger


def envelope_handler(app: AsyncApp) -> EnvelopeHandler:
    """What a Socket Mode connection does with an envelope: dispatch it, then ack it."""

    async def handle(client: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        clock = asyncio.get_running_loop().time
        started = clock()
        response = await run_async_bolt_app(app, request)
        await send_async_response(client, request, response, started)
        if response.status == 200:
            ACK_SECONDS.observe(clock() - started)

    return handle


def http_handler(app: AsyncApp) -> HttpHandler:
    """What the web server does with Slack's signed requests; Bolt checks the signature."""

    async def handle(request: web.Request) -> web.StreamResponse:
        started = asyncio.get_running_loop().time()
        response = await app.async_dispatch(await to_bolt_request(request))
        if response.status == 200:
            ACK_SECONDS.observe(asyncio.get_running_loop().time() - started)
        return await to_aiohttp_response(response)

    return handle


@dataclass(frozen=True, slots=True)
class ReceiverOptions:
    """How events come: over `socket`, or by HTTP requests signed with `signing_secret`."""

    socket: SocketOptions | None
    signing_secret: str | None = field(default=None, repr=False)
    catch_up: BackfillOptions = field(default_factory=BackfillOptions)


class SlackReceiver:
    """Takes in what Slack sends, and what it could not send. `start` once, `stop` any number."""

    def __init__(
        self,
        options: ReceiverOptions,
        *,
        web_api: WebApi,
        addresses: SocketAddresses,
        event_gaps: EventGaps,
        us: Installation,
        intake: InboundHandler,
        chat: ChatAdapter,
        clock: Clock,
    ) -> None:
        self._tasks = Tasks()
        self._web_api = web_api
        self._catch_up = Backfill(
            web_api,
            event_gaps,
            us,
            handler=intake,
            notices=chat,
            clock=clock,
            options=options.catch_up,
        )
        app = make_app(web_api, us, signing_secret=options.signing_secret)
        Listeners(
            us=us, intake=intake, forms=chat, tasks=self._tasks, observer=self._catch_up
        ).register(app)
        self._by_http = http_handler(app) if options.socket is None else None
        self._socket: SocketMode | None = None
        if options.socket is not None:
            self._socket = SocketMode(
                options.socket,
                web_api=web_api,
                addresses=addresses,
                handle=envelope_handler(app),
                missed=self._catch_up.missed,
            )
        self._open = False

    @property
    def http(self) -> HttpHandler | None:
        """Answers Slack's signed requests; None while nothing is taken in that way."""
        return self._by_http if self._open else None

    @property
    def reason(self) -> str | None:
        """Why no events can arrive, as a sentence; None while they can."""
        return self._socket.reason if self._socket is not None else None

    @property
    def warning(self) -> str | None:
        """What is wrong although events arrive, as a sentence; None when nothing is."""
        warning = self._socket.warning if self._socket is not None else None
        return warning or self._web_api.outage

    @property
    def behind(self) -> bool:
        """Whether something that was said while nobody listened may still be missing."""
        return self._catch_up.behind

    async def start(self) -> None:
        """Begin to take in; returns at once."""
        self._open = True
        if self._socket is not None:
            await self._socket.start()
        else:
            self._catch_up.missed(Lost.DEAF, 0.0)
        self._tasks.spawn(self._catch_up.run(), name="catch up")

    async def stop(self) -> None:
        """Take in nothing more; what was acknowledged is stored."""
        self._open = False
        if self._socket is not None:
            await self._socket.stop()
        await self._tasks.aclose()
