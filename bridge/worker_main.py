"""Composition root of the worker: builds every part from the settings, starts them in order,
stops them in the reverse order. A side that is away at the start is waited for: the bridge runs,
says so on /readyz, and connects when it can.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

from aiohttp import web

from bridge import __version__
from bridge.appserver.bearer_token import token_from_file
from bridge.appserver.client import AppServerClient
from bridge.appserver.commands import ClientInfo
from bridge.appserver.connection import FrameLog, LinkOptions
from bridge.clock import SystemClock, watch_clock
from bridge.domain.errors import BridgeError, ChatError, ConfigurationError
from bridge.domain.ids import Runtime, UserId
from bridge.domain.permissions import ApprovalPolicy, PeoplePolicy
from bridge.domain.ports import Clock, LinkState, NoSupervisor
from bridge.domain.routing import Team
from bridge.engine.context import EngineContext
from bridge.engine.dispatcher import Dispatcher
from bridge.engine.options import EngineOptions
from bridge.engine.recovery import recover
from bridge.settings import Settings, reveal
from bridge.slack.auth_check import SlackWorkspace, SocketAddresses, describe
from bridge.slack.chat_adapter import ChatAdapter, ChatAdapterOptions
from bridge.slack.inbound.receiver import ReceiverOptions, SlackReceiver
from bridge.slack.inbound.socket_mode import SocketOptions
from bridge.slack.rate_limit.rate_limiter import RateLimiter
from bridge.slack.web_api import WebApi, WebApiOptions, web_session
from bridge.store.event_log import EventLog
from bridge.store.store import Store
from bridge.supervisor_client import SupervisorClient
from bridge.telemetry import Tasks, get_logger, redact
from bridge.web import Web, WebOptions, but

log = get_logger("worker_main")

EVENTS_PATH = "/slack/events"
FORGET_EVERY_S = 3600.0
RETRY_SLACK_S = 2.0


async def run(
    settings: Settings,
    *,
    stop: asyncio.Event,
    supervisor: SupervisorClient | None = None,
    clock: Clock | None = None,
) -> None:
    """Run the bridge until `stop` is set, then put everything away: live turns are brought to
    their end, or left as they are for the next worker when the supervisor wants us to leave.

    Time is that of the machine, unless a `clock` is given.

    Raises:
        ConfigurationError: a token, a path or a port must be changed first.
        StoreError: the database cannot be used.
    """
    bridge = _Bridge(settings, supervisor, clock or SystemClock())
    async with AsyncExitStack() as stack:
        await bridge.start(stack, stop)
        if not stop.is_set():
            log.info("running", web=bridge.web.url)
            if supervisor is not None:
                supervisor.ready()
        await stop.wait()
        log.info("stopping")
    log.info("stopped")


class _Bridge:
    """All parts of one running bridge, while they run."""

    def __init__(
        self, settings: Settings, supervisor: SupervisorClient | None, clock: Clock
    ) -> None:
        self._settings = settings
        self._supervisor = supervisor
        self._clock = clock
        self._tasks = Tasks()
        self._not_yet: str | None = "The bridge is starting."
        self.web: Web
        self._store: Store
        self._client: AppServerClient
        self._slack: SlackReceiver | None = None

    async def start(self, stack: AsyncExitStack, stop: asyncio.Event) -> None:
        """Start every part; what was started is stopped by `stack`, the newest first."""
        stack.push_async_callback(self._tasks.aclose)
        self._store = await stack.enter_async_context(self._open_store())
        self.web = await stack.enter_async_context(self._serve_web())
        web_api = await stack.enter_async_context(self._web_api())
        addresses = SocketAddresses(
            web_api,
            reveal(self._settings.secrets.app_token),
            monotonic=self._clock.monotonic,
        )
        workspace = await self._until_known(web_api, addresses, stop)
        if workspace is None:
            return
        link = self._server()
        self._client = await stack.enter_async_context(self._link(link))
        chat = await stack.enter_async_context(self._chat(web_api, workspace))
        dispatcher = await stack.enter_async_context(self._engine(chat, link.url))
        await stack.enter_async_context(
            self._intake(web_api, addresses, workspace, dispatcher, chat)
        )
        self._tasks.spawn(self._store.event_log.run(), name="event log")
        self._tasks.spawn(self._forget_old_text(), name="forget old text")
        self._tasks.spawn(watch_clock(self._clock), name="clock")
        self._not_yet = None

    # --- the parts, in the order of their start ----------------------------------------------

    @asynccontextmanager
    async def _open_store(self) -> AsyncIterator[Store]:
        database = self._settings.database
        store = await Store.open(
            database.url,
            log_keep=timedelta(days=database.event_log_days),
            log_max_bytes=int(database.event_log_mb * 1_000_000),
        )
        try:
            yield store
        finally:
            await store.close()

    @asynccontextmanager
    async def _serve_web(self) -> AsyncIterator[Web]:
        options = WebOptions(self._settings.web.host, self._settings.web.port)
        routes = [web.post(EVENTS_PATH, self._http_event)] if self._by_http else []
        server = Web(options, readiness=self._readiness, routes=routes)
        await server.start()
        try:
            yield server
        finally:
            await server.stop()

    @asynccontextmanager
    async def _web_api(self) -> AsyncIterator[WebApi]:
        options = WebApiOptions(
            token=reveal(self._settings.secrets.bot_token), base_url=self._settings.slack.api_url
        )
        async with web_session() as session:
            yield WebApi(
                options, session=session, budget=RateLimiter(monotonic=self._clock.monotonic)
            )

    async def _until_known(
        self, web_api: WebApi, addresses: SocketAddresses, stop: asyncio.Event
    ) -> SlackWorkspace | None:
        """Who we are in Slack; None when the stop came first. Wrong tokens end the start."""
        while not stop.is_set():
            try:
                workspace = await describe(web_api)
                if not self._by_http:
                    await addresses.check()
            except ChatError as error:
                self._not_yet = f"Slack does not let the bridge in yet: {error.sentence}"
                log.warning("slack is waited for", cause=str(error))
                await _wait(stop, RETRY_SLACK_S)
            else:
                for drawback in workspace.drawbacks:
                    log.warning("missing scope", sentence=drawback)
                log.info("workspace", team=workspace.name, bot=workspace.bot_name)
                return workspace
        return None

    def _server(self) -> LinkOptions:
        """How to reach the App Server: the configured one, or the one that the supervisor runs."""
        given = self._settings.appserver
        if given.url is not None:
            file = given.token_file
            return LinkOptions(given.url, token=token_from_file(str(file)) if file else None)
        ours = self._supervisor.server if self._supervisor is not None else None
        if ours is None:
            raise ConfigurationError("appserver.url was added; restart the bridge for that.")
        return LinkOptions(ours.url, token=lambda: ours.token)

    @asynccontextmanager
    async def _link(self, options: LinkOptions) -> AsyncIterator[AppServerClient]:
        client = AppServerClient(
            options,
            client_info=ClientInfo(name="letta-slack-bridge", version=__version__),
            frame_log=_frame_log(self._store.event_log),
        )
        try:
            yield client
        finally:
            await client.aclose()

    @asynccontextmanager
    async def _chat(self, web_api: WebApi, workspace: SlackWorkspace) -> AsyncIterator[ChatAdapter]:
        team = self._settings.team()
        chat = ChatAdapter(
            web_api,
            self._store,
            workspace.us,
            self._clock,
            ChatAdapterOptions(
                approvers=_users(self._settings.approvals.approvers),
                names={teammate.persona.name: teammate.name for teammate in team},
            ),
        )
        chat.start()
        try:
            yield chat
        finally:
            await chat.aclose()

    @asynccontextmanager
    async def _engine(self, chat: ChatAdapter, url: str) -> AsyncIterator[Dispatcher]:
        tools = EngineContext(
            self._store,
            self._client,
            chat,
            self._clock,
            self._engine_options(url),
            supervisor=self._supervisor or NoSupervisor(),
        )
        dispatcher = Dispatcher(tools)
        self._client.listen(dispatcher)
        self._client.open()
        await recover(dispatcher, tools)
        try:
            yield dispatcher
        finally:
            if self._supervisor is not None and self._supervisor.leaving:
                await dispatcher.abandon()
            else:
                await dispatcher.shut_down()

    @asynccontextmanager
    async def _intake(
        self,
        web_api: WebApi,
        addresses: SocketAddresses,
        workspace: SlackWorkspace,
        dispatcher: Dispatcher,
        chat: ChatAdapter,
    ) -> AsyncIterator[None]:
        """Take in what Slack sends."""
        socket = SocketOptions(
            app_token=reveal(self._settings.secrets.app_token),
            connections=self._settings.slack.connections,
        )
        self._slack = SlackReceiver(
            ReceiverOptions(None if self._by_http else socket, self._signing_secret),
            web_api=web_api,
            addresses=addresses,
            event_gaps=self._store.event_gaps,
            us=workspace.us,
            intake=dispatcher,
            chat=chat,
            clock=self._clock,
        )
        await self._slack.start()
        try:
            yield
        finally:
            self._not_yet = "The bridge is stopping."
            await self._slack.stop()

    # --- what the parts are told ---------------------------------------------------------------

    @property
    def _by_http(self) -> bool:
        return self._settings.slack.mode == "http"

    @property
    def _signing_secret(self) -> str | None:
        return reveal(self._settings.secrets.signing_secret) if self._by_http else None

    def _engine_options(self, url: str) -> EngineOptions:
        settings = self._settings
        return EngineOptions(
            server="managed" if settings.appserver.managed else url,
            lease=self._clock.new_id(),
            team=Team(settings.team()),
            approvals=ApprovalPolicy(
                _users(settings.approvals.approvers), settings.approvals.expiry_s
            ),
            people=PeoplePolicy(
                _users(settings.people.allowed),
                settings.people.allow_outsiders,
                frozenset(settings.people.apps),
            ),
            time_limit_s=settings.turns.time_limit_s,
            drain_s=settings.turns.drain_s,
            history_limit=settings.turns.history_limit,
        )

    async def _http_event(self, request: web.Request) -> web.StreamResponse:
        handle = self._slack.http if self._slack is not None else None
        if handle is None:
            return web.Response(status=503, text="The bridge is starting or stopping.")
        return await handle(request)

    async def _readiness(self) -> Mapping[str, str | None]:
        if self._not_yet is not None:
            return {"bridge": self._not_yet}
        return {
            "slack": s.reason or but(s.warning) if (s := self._slack) is not None else None,
            "appserver": None if self._client.state is LinkState.UP else self._link_reason(),
            "database": await self._database_reason(),
        }

    def _link_reason(self) -> str:
        return self._client.reason or "The App Server is not connected."

    async def _database_reason(self) -> str | None:
        try:
            await self._store.database.check_writable()
        except BridgeError as error:
            return error.sentence
        return None

    async def _forget_old_text(self) -> None:
        keep = timedelta(days=self._settings.database.keep_text_days)
        while True:
            try:
                await self._store.messages.forget_text(self._clock.now() - keep)
            except BridgeError as error:
                log.warning("old text is kept for now", cause=str(error))
            await asyncio.sleep(FORGET_EVERY_S)


def _frame_log(event_log: EventLog) -> FrameLog:
    """Frames for the event log, without secrets (G9)."""

    def note(direction: str, runtime: Runtime | None, kind: str, message: str | bytes) -> None:
        text = message if isinstance(message, str) else message.decode("utf-8", "replace")
        event_log.append(direction, runtime, kind, redact(text))

    return note


def _users(users: tuple[str, ...]) -> frozenset[UserId]:
    return frozenset(UserId(user) for user in users)


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
