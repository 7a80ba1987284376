"""Everything through which Slack's words come in: listeners, connections, and catching up."""

from dataclasses import dataclass, field

from bridge.domain.ports import Clock
from bridge.slack.auth_check import SocketAddresses
from bridge.slack.backfill.backfill import Backfill, BackfillOptions
from bridge.slack.backfill.late_notice import Lost
from bridge.slack.chat_adapter import ChatAdapter
from bridge.slack.event_parser import Installation
from bridge.slack.inbound.listeners import (
    HttpHandler,
    InboundHandler,
    Listeners,
    envelope_handler,
    http_handler,
    make_app,
)
from bridge.slack.inbound.socket_mode import SocketMode, SocketOptions
from bridge.slack.web_api import WebApi
from bridge.store.event_gaps import EventGaps
from bridge.telemetry import Tasks


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
        self._catch_up = Backfill(
            web_api,
            event_gaps,
            us,
            door=intake,
            notices=chat,
            clock=clock,
            options=options.catch_up,
        )
        app = make_app(web_api, us, signing_secret=options.signing_secret)
        Listeners(
            us=us, intake=intake, forms=chat, tasks=self._tasks, ears=self._catch_up
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
        return self._socket.warning if self._socket is not None else None

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
