"""Teammates: the named agents that people can address, as configured."""

from dataclasses import dataclass
from enum import StrEnum

from bridge.domain.ids import (
    AgentId,
    ChannelId,
)


class PermissionMode(StrEnum):
    """Which tools run without asking (PROTOCOL §10)."""

    STANDARD = "standard"
    ACCEPT_EDITS = "acceptEdits"
    UNRESTRICTED = "unrestricted"
    STRICT = "strict"


@dataclass(frozen=True, slots=True)
class Persona:
    """Name and picture under which a teammate posts. At most one of the icons is set."""

    name: str
    icon_emoji: str | None = None
    icon_url: str | None = None


@dataclass(frozen=True, slots=True)
class Teammate:
    """A named persistent agent that people can address.

    `agent_id` is None when the agent is created on the App Server (with `model`) at first use.
    `cwd` None means the server's own start directory. `channels`: where it is the default.
    """

    name: str
    role: str = ""
    model: str | None = None
    agent_id: AgentId | None = None
    cwd: str | None = None
    permission_mode: PermissionMode = PermissionMode.STANDARD
    channels: tuple[ChannelId, ...] = ()
    aliases: tuple[str, ...] = ()
    user_group: str | None = None
    icon_emoji: str | None = None
    icon_url: str | None = None

    @property
    def persona(self) -> Persona:
        """How the teammate appears in Slack."""
        return Persona(self.name.capitalize(), self.icon_emoji, self.icon_url)
