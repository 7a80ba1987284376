"""What a playground can be told at construction."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from slack_playground.app_manifest import AppManifest, Shortcut, SlashCommand
from slack_playground.rate_limits import CHANNEL_BURST

GRANTED_SCOPES = (
    "app_mentions:read",
    "assistant:write",
    "channels:history",
    "channels:join",
    "channels:read",
    "chat:write",
    "chat:write.customize",
    "files:read",
    "files:write",
    "groups:history",
    "groups:read",
    "im:history",
    "im:read",
    "im:write",
    "mpim:history",
    "mpim:read",
    "reactions:read",
    "reactions:write",
    "team:read",
    "usergroups:read",
    "users:read",
)
"""The bot scopes granted unless the options say otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaygroundOptions:
    """Settings of one playground; durations in seconds.

    `app_name` is how people see the app, `bot_name` the short name of its bot user. The page
    completes `app_authors`, names under which the app speaks, before it has said anything.

    `events_url` is the app's address for signed HTTP requests (PLATFORM §4.2), None for Socket
    Mode; until it has answered the handshake it is asked again every `verify_delay_s`.

    `scopes` are granted, `events` delivered (None: every event that there is), `commands` and
    `shortcuts` offered. `has_home`: the app has a Home tab; `has_messages`: it may write direct
    messages; `takes_messages`: people may; `is_interactive`: buttons, forms and shortcuts reach
    it; `is_agent`: it is declared an agent, which alone has sessions (PLATFORM §6.3).

    `channel_burst` is how many posts a quiet channel takes at once where `rate_limits` are on.

    `notice` is a sentence shown as a banner on the page, None for no banner. `state_file` keeps
    channels, messages and files over restarts, None for memory only. `redelivery_delays_s` are
    the pauses before the three redeliveries of an event, multiplied by `redelivery_scale`
    (PLATFORM §4.2). `offline_events` says what becomes of events while nobody is connected:
    `queue` keeps at most `offline_queue` of them, `drop` loses them. `history_limit` and
    `history_per_minute` model the two classes of apps (PLATFORM §1.3). `split_long_posts` cuts a
    post into several messages from 4,041 characters on (PLATFORM §3.1); `unfurls` follows a
    person's link with a `message_changed` that is no edit (PLATFORM §4.6).
    """

    bot_token: str = field(default="xoxb-playground-bot", repr=False)
    app_token: str = field(default="xapp-playground-app", repr=False)
    signing_secret: str = field(default="playground-signing-secret", repr=False)
    events_url: str | None = None
    app_name: str = "Letta"
    bot_name: str = "letta"
    app_authors: tuple[str, ...] = ()
    scopes: tuple[str, ...] = GRANTED_SCOPES
    events: frozenset[str] | None = None
    commands: tuple[SlashCommand, ...] = ()
    shortcuts: tuple[Shortcut, ...] = ()
    has_home: bool = True
    has_messages: bool = True
    takes_messages: bool = True
    is_interactive: bool = True
    is_agent: bool = True
    rate_limits: bool = True
    channel_burst: int = CHANNEL_BURST
    notice: str | None = None
    state_file: Path | None = None
    save_after_s: float = 0.5
    ack_timeout_s: float = 3.0
    redelivery_delays_s: tuple[float, ...] = (0.0, 60.0, 300.0)
    redelivery_scale: float = 1.0
    offline_events: str = "queue"
    offline_queue: int = 1000
    ping_interval_s: float = 10.0
    ticket_ttl_s: float = 30.0
    max_connections: int = 10
    verify_delay_s: float = 1.0
    trigger_ttl_s: float = 3.0
    response_url_ttl_s: float = 1800.0
    response_url_uses: int = 5
    stream_ttl_s: float = 300.0
    status_ttl_s: float = 120.0
    session_ttl_s: float = 3600.0
    history_limit: int = 1000
    history_per_minute: int = 50
    split_long_posts: bool = False
    unfurls: bool = False
    inspector_size: int = 5000

    def for_app(self, manifest: AppManifest) -> "PlaygroundOptions":
        """These options, for the app that the manifest describes."""
        name = manifest.bot_name
        return replace(
            self,
            app_name=name,
            bot_name=name,
            scopes=manifest.scopes,
            events=manifest.events,
            commands=manifest.commands,
            shortcuts=manifest.shortcuts,
            has_home=manifest.has_home,
            has_messages=manifest.has_messages,
            takes_messages=manifest.takes_messages,
            is_interactive=manifest.is_interactive,
            is_agent=manifest.is_agent,
        )
