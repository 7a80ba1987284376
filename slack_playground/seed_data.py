"""Who and what a fresh workspace holds."""

from dataclasses import dataclass

TEAM_ID = "T01PLAYGRND"
TEAM_NAME = "Playground"
TEAM_DOMAIN = "playground"
GUEST_TEAM_ID = "T09NORTHWND"
APP_ID = "A01LETTAAPP"
BOT_ID = "B01LETTABOT"
BOT_USER_ID = "U01LETTABOT"
SLACKBOT_ID = "USLACKBOT"


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """One member as the workspace knows them; `team_id` differs for people from outside."""

    id: str
    name: str
    real_name: str
    title: str
    color: str
    team_id: str = TEAM_ID
    is_bot: bool = False
    is_admin: bool = False
    is_guest: bool = False
    deleted: bool = False
    enterprise_teams: tuple[str, ...] = ()
    """The workspaces of an Enterprise Grid account; empty for an ordinary one."""
    tz: str = "Europe/Berlin"

    @property
    def email(self) -> str:
        """The address of the account; empty for a bot."""
        return "" if self.is_bot else f"{self.name}@{TEAM_DOMAIN}.example"


USERS = (
    User(
        id="U01MAYACHEN",
        name="maya",
        real_name="Maya Chen",
        title="Staff engineer",
        color="4a7dbd",
        is_admin=True,
        tz="America/Los_Angeles",
    ),
    User(
        id="U02JONASWEB",
        name="jonas",
        real_name="Jonas Weber",
        title="Backend engineer",
        color="3c8a6e",
    ),
    User(
        id="U03PRIYANAI",
        name="priya",
        real_name="Priya Nair",
        title="Product manager",
        color="b0567f",
        tz="Asia/Kolkata",
    ),
    User(
        id="U04SAMRIVER",
        name="sam",
        real_name="Sam Rivera",
        title="Partner, Northwind",
        color="b5762f",
        team_id=GUEST_TEAM_ID,
        is_guest=True,
        tz="America/New_York",
    ),
    User(
        id=BOT_USER_ID,
        name="letta",
        real_name="Letta",
        title="App",
        color="5b4bb7",
        is_bot=True,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class UserGroupSeed:
    """A user group of a fresh workspace."""

    id: str
    name: str
    handle: str
    users: tuple[str, ...]


USER_GROUPS = (
    UserGroupSeed(
        id="S01PLATFORM",
        name="Platform team",
        handle="platform",
        users=("U01MAYACHEN", "U02JONASWEB"),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSeed:
    """A channel of a fresh workspace."""

    id: str
    name: str
    topic: str
    members: tuple[str, ...]
    is_ext_shared: bool = False


_STAFF = ("U01MAYACHEN", "U02JONASWEB", "U03PRIYANAI")

CHANNELS = (
    ChannelSeed(
        id="C01GENERAL1",
        name="general",
        topic="Everything that concerns everybody",
        members=(*_STAFF, BOT_USER_ID),
    ),
    ChannelSeed(
        id="C02ENGINEER",
        name="engineering",
        topic="Builds, bugs and reviews",
        members=(*_STAFF, BOT_USER_ID),
    ),
    ChannelSeed(
        id="C03PARTNERS",
        name="partners",
        topic="Shared with Northwind",
        members=(*_STAFF, "U04SAMRIVER", BOT_USER_ID),
        is_ext_shared=True,
    ),
    ChannelSeed(
        id="C04RANDOM01",
        name="random",
        topic="The app is not a member here",
        members=_STAFF,
    ),
)
