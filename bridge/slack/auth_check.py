"""Auth check: tokens and scopes before anything starts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from bridge.domain.errors import ChatRefused, ConfigurationError
from bridge.domain.ids import TeamId, UserId
from bridge.slack.event_parser import Installation
from bridge.slack.rate_limit.windows import Priority
from bridge.slack.web_api import WebApi

NEEDED: Final = frozenset(
    {
        "app_mentions:read",
        "channels:history",
        "chat:write",
        "groups:history",
        "im:history",
        "users:read",
    }
)
"""Without these the bridge cannot hear or answer (PLATFORM §7.4)."""

HELPFUL: Final[Mapping[str, str]] = {
    "channels:read": "a first mention in a channel is lost if the bridge is away just then",
    "chat:write.customize": "teammates show their names in the text, without a picture",
    "files:read": "teammates cannot read files that people share",
    "groups:read": "a first mention in a private channel is lost if the bridge is away just then",
    "im:read": "a first direct message is lost if the bridge is away just then",
    "mpim:history": "teammates hear nothing in group messages",
    "mpim:read": "a first mention in a group message is lost if the bridge is away just then",
    "reactions:read": "🛑 on a message does not stop a teammate",
    "reactions:write": "messages that wait or were taken up carry no emoji",
}
"""What people miss without each of these."""

_TOKEN_SENTENCES: Final[Mapping[str, str]] = {
    "not_authed": "The bot token is missing. Set SLACK_BOT_TOKEN to the xoxb- token.",
    "invalid_auth": "Slack does not know the bot token. Copy the xoxb- token again.",
    "account_inactive": "The app was removed from the workspace. Install it again.",
    "token_revoked": "The bot token was revoked. Install the app again.",
    "token_expired": "The bot token has expired. Install the app again.",
    "not_allowed_token_type": "SLACK_BOT_TOKEN must be a bot token, which starts with xoxb-.",
}
_SOCKET_SENTENCES: Final[Mapping[str, str]] = {
    "not_authed": "The app-level token is missing. Set SLACK_APP_TOKEN to the xapp- token.",
    "invalid_auth": "Slack does not know the app-level token. Copy the xapp- token again.",
    "token_revoked": "The app-level token was revoked. Make a new one in the app's settings.",
    "not_allowed_token_type": (
        "SLACK_APP_TOKEN must be an app-level token, which starts with xapp-."
    ),
    "missing_scope": "The app-level token needs the scope connections:write.",
    "no_permission": "The app-level token needs the scope connections:write.",
    "forbidden_team": "The app-level token belongs to another workspace than the bot token.",
}

FRESH_S: Final = 15.0
"""An address is used up to this age; Slack does not say how long it keeps one."""


@dataclass(frozen=True, slots=True)
class SlackWorkspace:
    """The workspace behind a bot token. `scopes` is None when Slack did not name them."""

    us: Installation
    name: str
    bot_name: str
    scopes: frozenset[str] | None

    @property
    def drawbacks(self) -> tuple[str, ...]:
        """A sentence for each helpful scope that is missing."""
        if self.scopes is None:
            return ()
        return tuple(
            f"Without {scope}, {what}."
            for scope, what in HELPFUL.items()
            if scope not in self.scopes
        )


async def describe(web_api: WebApi) -> SlackWorkspace:
    """Ask Slack who the bot token is.

    Raises:
        ConfigurationError: the token is wrong, or scopes are missing that nothing works without.
        ChatError: Slack gave no clear answer, or another refusal; it may be tried again.
    """
    try:
        answer = await web_api.read("auth.test", {}, priority=Priority.URGENT)
    except ChatRefused as refusal:
        if sentence := _TOKEN_SENTENCES.get(refusal.code):
            raise ConfigurationError(sentence) from refusal
        raise
    if answer.get("is_enterprise_install"):
        raise ConfigurationError(
            "The app is installed for a whole organisation, and the bridge serves one workspace. "
            "Install the app in that workspace and use the token that it gives."
        )
    if not answer.get("bot_id"):
        raise ConfigurationError(_TOKEN_SENTENCES["not_allowed_token_type"])
    scopes = web_api.scopes
    if scopes is not None and (missing := sorted(NEEDED - scopes)):
        raise ConfigurationError(
            f"The bot token lacks the scopes {', '.join(missing)}. "
            "Add them under OAuth & Permissions and install the app again."
        )
    return SlackWorkspace(
        us=Installation(
            team=TeamId(str(answer.get("team_id", ""))),
            bot_user=UserId(str(answer.get("user_id", ""))),
            bot_id=str(answer["bot_id"]),
            enterprise=str(answer.get("enterprise_id") or ""),
        ),
        name=str(answer.get("team", "")),
        bot_name=str(answer.get("user", "")),
        scopes=scopes,
    )


async def new_socket_url(web_api: WebApi, app_token: str) -> str:
    """A Socket Mode address, good for one connection.

    Raises:
        ConfigurationError: the app-level token is wrong, or Socket Mode is off.
        ChatError: Slack gave no clear answer, or another refusal; it may be tried again.
    """
    try:
        return await web_api.socket_url(app_token)
    except ChatRefused as refusal:
        if sentence := _SOCKET_SENTENCES.get(refusal.code):
            raise ConfigurationError(sentence) from refusal
        raise


class SocketAddresses:
    """Where connections get their addresses: each is good for one connection, for a short while.

    Args:
        monotonic: seconds that never jump.
    """

    def __init__(self, web_api: WebApi, app_token: str, *, monotonic: Callable[[], float]) -> None:
        self._web_api = web_api
        self._app_token = app_token
        self._monotonic = monotonic
        self._spare: tuple[float, str] | None = None

    async def check(self) -> None:
        """Make sure that there are addresses; the one that this takes is handed out first.

        Raises as `new_socket_url` does.
        """
        address = await new_socket_url(self._web_api, self._app_token)
        self._spare = (self._monotonic(), address)

    async def take(self) -> str:
        """An address that nobody has used. Raises as `new_socket_url` does."""
        spare, self._spare = self._spare, None
        if spare is not None and self._monotonic() - spare[0] < FRESH_S:
            return spare[1]
        return await new_socket_url(self._web_api, self._app_token)
