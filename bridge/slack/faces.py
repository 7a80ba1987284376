"""As whom we post: a teammate's own name and picture, or her name in front of the words."""

from typing import Any, Final

from bridge.domain.people import Face
from bridge.render.elements import Rendered, context
from bridge.render.mentions import escape_mrkdwn
from bridge.slack.gateway import Gateway
from bridge.telemetry import get_logger

CUSTOMIZE: Final = "chat:write.customize"

_log = get_logger("slack.faces")


class Faces:
    """Remembers whether the app may post under other names (PLATFORM §7.4)."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._refused = False

    @property
    def allowed(self) -> bool:
        """Whether names and pictures may be sent; True while Slack has not said."""
        scopes = self._gateway.scopes
        return not self._refused and (scopes is None or CUSTOMIZE in scopes)

    def refused(self) -> None:
        """Slack refused a face: from now on the name stands in the message."""
        if not self._refused:
            _log.warning("posting without faces", missing=CUSTOMIZE)
        self._refused = True

    def arguments(self, face: Face | None) -> dict[str, Any]:
        """What to add to `chat.postMessage`; nothing where it is not allowed."""
        if face is None or not self.allowed:
            return {}
        icon = {"icon_emoji": face.icon_emoji} if face.icon_emoji else {"icon_url": face.icon_url}
        return {"username": face.name, **{name: value for name, value in icon.items() if value}}

    def signed(self, shown: Rendered, face: Face | None) -> Rendered:
        """`shown` with the name in front, where Slack would show the app's name only."""
        if face is None or self.allowed:
            return shown
        name = f"*{escape_mrkdwn(face.name)}*"
        return Rendered((context(name), *shown.blocks), f"{name}: {shown.text}")
