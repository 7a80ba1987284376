"""Personas: post under a teammate's own name and avatar, or with the name in the message."""

from typing import Any, Final

from bridge.domain.teammates import Persona
from bridge.render.block_kit import Rendered, context
from bridge.render.mentions import escape_mrkdwn
from bridge.slack.web_api import WebApi
from bridge.telemetry import get_logger

CUSTOMIZE: Final = "chat:write.customize"

_log = get_logger("slack.outbound.personas")


class Personas:
    """Remembers whether the app may post under other names (PLATFORM §7.4)."""

    def __init__(self, web_api: WebApi) -> None:
        self._web_api = web_api
        self._refused = False

    @property
    def allowed(self) -> bool:
        """Whether names and pictures may be sent; True while Slack has not said."""
        scopes = self._web_api.scopes
        return not self._refused and (scopes is None or CUSTOMIZE in scopes)

    def refused(self) -> None:
        """Slack refused a face: from now on the name stands in the message."""
        if not self._refused:
            _log.warning("posting without faces", missing=CUSTOMIZE)
        self._refused = True

    def arguments(self, persona: Persona | None) -> dict[str, Any]:
        """What to add to `chat.postMessage`; nothing where it is not allowed."""
        if persona is None or not self.allowed:
            return {}
        icon = (
            {"icon_emoji": persona.icon_emoji}
            if persona.icon_emoji
            else {"icon_url": persona.icon_url}
        )
        return {"username": persona.name, **{name: value for name, value in icon.items() if value}}

    def signed(self, shown: Rendered, persona: Persona | None) -> Rendered:
        """`shown` with the name in front, where Slack would show the app's name only."""
        if persona is None or self.allowed:
            return shown
        name = f"*{escape_mrkdwn(persona.name)}*"
        return Rendered((context(name), *shown.blocks), f"{name}: {shown.text}")
