"""The parts of one playground, built once and handed to every handler."""

from dataclasses import dataclass, field

from slack_playground.agent_sessions import Agents
from slack_playground.background_tasks import BackgroundTasks
from slack_playground.ephemeral_messages import Ephemerals
from slack_playground.event_feed import EventFeed
from slack_playground.fault_injection import Faults, InjectedFault
from slack_playground.files import FileStore
from slack_playground.hooks import Hooks
from slack_playground.http_delivery import HttpDelivery
from slack_playground.inspector import Inspector
from slack_playground.interactivity import Keys
from slack_playground.options import PlaygroundOptions
from slack_playground.page_sockets import PageSockets
from slack_playground.rate_limits import RateLimits
from slack_playground.slack_types import Json
from slack_playground.socket_mode import SocketHub
from slack_playground.streams import Streams
from slack_playground.transport import Transport
from slack_playground.user_groups import UserGroups
from slack_playground.views import ViewStore
from slack_playground.workspace import Workspace


@dataclass(slots=True)
class Context:
    """Everything a handler may need. `url` is the server's own address once it listens."""

    options: PlaygroundOptions
    url: str = ""
    tasks: BackgroundTasks = field(default_factory=BackgroundTasks)
    workspace: Workspace = field(init=False)
    user_groups: UserGroups = field(default_factory=UserGroups)
    faults: Faults = field(default_factory=Faults)
    hooks: Hooks = field(default_factory=Hooks)
    inspector: Inspector = field(init=False)
    limits: RateLimits = field(init=False)
    live: PageSockets = field(init=False)
    hub: SocketHub = field(init=False)
    http: HttpDelivery | None = field(init=False)
    transport: Transport = field(init=False)
    feed: EventFeed = field(init=False)
    keys: Keys = field(init=False)
    views: ViewStore = field(init=False)
    ephemerals: Ephemerals = field(init=False)
    files: FileStore = field(init=False)
    agents: Agents = field(init=False)
    streams: Streams = field(init=False)

    def __post_init__(self) -> None:
        """Wire the parts: the feed hears of a change before the page does."""
        options = self.options
        self.workspace = Workspace(app_name=options.app_name, bot_name=options.bot_name)
        self.inspector = Inspector(
            size=options.inspector_size,
            secrets=(options.bot_token, options.app_token, options.signing_secret),
        )
        self.limits = RateLimits(on=options.rate_limits, channel_burst=options.channel_burst)
        self.live = PageSockets(self.workspace, self.inspector, self.tasks)
        reached = (options, self.inspector, self.faults, self.hooks, self.tasks)
        self.hub = SocketHub(*reached)
        self.http = HttpDelivery(options.events_url, *reached) if options.events_url else None
        self.transport = self.http or self.hub
        self.feed = EventFeed(self.workspace, self.transport, subscribed=options.events)
        self.keys = Keys(options)
        self.views = ViewStore(self.live)
        self.ephemerals = Ephemerals(self.workspace, self.live)
        self.files = FileStore()
        self.agents = Agents(options, self.live)
        self.streams = Streams(options, self.workspace)
        self.transport.watchers.append(self._sockets_changed)
        self.faults.changed = self.show_switches
        self.workspace.listeners += [self.feed, self.live, self.agents]

    def listens(self, url: str) -> None:
        """Take the address the server listens on; links to files of an earlier run follow it."""
        self.url = url
        self.files.url = url
        for channel in self.workspace.channels.values():
            for message in channel.messages.values():
                if "files" in message:
                    kept = [self.files.files[file["id"]] for file in message["files"]]
                    message["files"] = [self.files.shape(file) for file in kept]

    async def set_fault(self, name: str, *, on: bool, params: Json) -> None:
        """Turn a switch and show it; those of the sockets act at once and turn themselves off."""
        fault = self.faults.set(name, on=on, params=params)
        if on and name in {"drop_socket", "deaf_socket"}:
            fault.on = False
            await self._strike_sockets(fault)
        self.show_switches()

    async def _strike_sockets(self, fault: InjectedFault) -> None:
        params, which = fault.params, str(fault.params["which"])
        if fault.name == "deaf_socket":
            self.hub.deafen(for_s=float(params["for_s"]), which=which)
        elif params["reason"]:
            await self.hub.disconnect(str(params["reason"]), which=which)
        else:
            await self.hub.drop(abort=params["how"] == "abort", which=which)

    def set_rate_limits(self, *, on: bool) -> None:
        """Turn the rate limits on or off and show it."""
        self.limits.on = on
        self.show_switches()

    def _sockets_changed(self, connected: int) -> None:
        self.live.to_all({"type": "socket", "connected": connected})

    def show_switches(self) -> None:
        """Tell every page how the switches stand."""
        self.live.to_all(
            {"type": "faults", "faults": self.faults.shown(), "rate_limits": self.limits.on}
        )
