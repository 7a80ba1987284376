"""The keys of `bridge.toml`, section by section. All names in `_s` are seconds."""

import json
import re
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from bridge.domain.ids import AgentId, ChannelId
from bridge.domain.teammates import PermissionMode, Teammate
from bridge.settings.secrets import Secrets

ENV_PREFIX = "BRIDGE_"
ENV_DELIMITER = "__"


def _listed(value: Any) -> Any:
    """A list in an environment variable: JSON, or words separated by commas."""
    if not isinstance(value, str):
        return value
    if not value.lstrip().startswith("["):
        return [word.strip() for word in value.split(",") if word.strip()]
    try:
        return json.loads(value)
    except json.JSONDecodeError as error:
        raise ValueError(f"must be a JSON list ({error})") from None


def _shaped(pattern: str, must_be: str) -> AfterValidator:
    shape = re.compile(pattern)

    def check(value: str) -> str:
        if not shape.fullmatch(value):
            raise ValueError(f"must be {must_be}")
        return value

    return AfterValidator(check)


def _address(*schemes: str) -> AfterValidator:
    named = " or ".join(f"{scheme}://" for scheme in schemes)

    def check(value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in schemes or not parts.hostname:
            raise ValueError(f"must be an address that begins with {named}")
        if parts.username or parts.password:
            raise ValueError("must not hold a password")
        return value

    return AfterValidator(check)


def _absolute(path: Path) -> Path:
    if not path.is_absolute():
        raise ValueError("must be an absolute path")
    return path


WebUrl = Annotated[str, _address("http", "https")]
SocketUrl = Annotated[str, _address("ws", "wss")]
ChannelKey = Annotated[str, _shaped("[CDG][A-Z0-9]{2,}", "a channel's id such as C0123ABCD")]
UserKey = Annotated[str, _shaped("[UW][A-Z0-9]{1,}", "a person's id such as U0123ABCD")]
AppKey = Annotated[
    str,
    _shaped("(?:[AB]|Wf)[A-Za-z0-9]{2,}", "an app's, bot's or workflow's id such as A0123ABCD"),
]
GroupKey = Annotated[str, _shaped("S[A-Z0-9]{2,}", "a user group's id such as S0123ABCD")]
Word = Annotated[
    str,
    _shaped("[A-Za-z][A-Za-z0-9_-]{0,30}", "a word of letters, digits, - and _, at most 31 long"),
]
Emoji = Annotated[str, _shaped(":[a-z0-9_+'-]+:", "an emoji's name between colons, such as :owl:")]
DatabaseUrl = Annotated[
    str,
    _shaped(r"sqlite\+aiosqlite:///.+", "sqlite+aiosqlite:///PATH (other databases come later)"),
]
AbsolutePath = Annotated[Path, AfterValidator(_absolute)]
Words = Annotated[tuple[Word, ...], BeforeValidator(_listed)]
Channels = Annotated[tuple[ChannelKey, ...], BeforeValidator(_listed)]
Apps = Annotated[tuple[AppKey, ...], BeforeValidator(_listed)]
Users = Annotated[tuple[UserKey, ...], BeforeValidator(_listed)]


class Section(BaseModel):
    """A table of `bridge.toml`; unknown keys are reported by `keys`, not here."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class SlackSection(Section):
    """How Slack is reached. `connections` is the number of Socket Mode connections."""

    base_url: WebUrl = "https://slack.com/api/"
    mode: Literal["socket", "http"] = "socket"
    connections: int = Field(2, ge=1, le=10)

    @property
    def api_url(self) -> str:
        """`base_url` with exactly one slash at its end."""
        return self.base_url.rstrip("/") + "/"


class AppServerSection(Section):
    """The App Server: connected to at `url`, or started and supervised when that is None.

    For one of our own: `executable` is the `letta` program (None: the one installed beside this
    program, else on the PATH), `state_dir` its home, `cwd` the directory it starts in, in which
    teammates without a `cwd` work (None: `workplace`), and `model_base_url` an OpenAI-compatible
    model it is connected to (models of the big providers need only their keys in the environment).
    """

    url: SocketUrl | None = None
    token_file: Path | None = None
    executable: str | None = None
    state_dir: Path = Path("appserver")
    cwd: Path | None = None
    model_base_url: WebUrl | None = None

    @property
    def managed(self) -> bool:
        """Whether the bridge starts the App Server itself."""
        return self.url is None

    @property
    def workplace(self) -> Path:
        """`cwd`, or a directory that holds nothing of the bridge; created at the start."""
        return self.cwd if self.cwd is not None else self.state_dir / "work"

    @model_validator(mode="after")
    def _one_kind(self) -> "AppServerSection":
        ours = {"executable", "state_dir", "cwd", "model_base_url"} & self.model_fields_set
        if self.url is not None and ours:
            raise ValueError(
                f"has url and {min(ours)}, but {min(ours)} is for a server that the bridge starts "
                "itself; remove one of them"
            )
        return self


class DatabaseSection(Section):
    """The database. Text of messages is kept `keep_text_days`; ids and states stay."""

    url: DatabaseUrl = "sqlite+aiosqlite:///bridge.db"
    keep_text_days: float = Field(30, gt=0)
    event_log_days: float = Field(7, gt=0)
    event_log_mb: float = Field(256, gt=0)


class WebSection(Section):
    """Where health and metrics are served; port 0 takes a free one."""

    host: str = Field("127.0.0.1", min_length=1)
    port: int = Field(8080, ge=0, le=65535)


class ApprovalsSection(Section):
    """Who decides besides the one who asked, and for how long a question stays open."""

    approvers: Users = ()
    expiry_s: float = Field(900, ge=5, le=86400)


class TurnsSection(Section):
    """Limits of a turn; waiting for approvals does not count towards `time_limit_s`.

    `drain_s` is how long live turns may go on by themselves when the bridge is stopped.
    """

    time_limit_s: float = Field(3600, ge=1)
    drain_s: float = Field(5, ge=0, le=3600)
    history_limit: int = Field(50, ge=0, le=200)


class PeopleSection(Section):
    """Who may give work to agents; `allowed` empty means every full member. `apps` are the apps,
    bots and workflows that may as well.
    """

    allowed: Users = ()
    allow_outsiders: bool = False
    apps: Apps = ()


class LogSection(Section):
    """What is logged to standard error, and how."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = "text"


class TeammateSection(Section):
    """One `[[teammates]]` table."""

    name: Word
    role: str = Field("", max_length=200)
    model: str | None = Field(None, min_length=1)
    agent_id: str | None = Field(None, min_length=1)
    cwd: AbsolutePath | None = None
    permission_mode: PermissionMode = PermissionMode.STANDARD
    channels: Channels = ()
    aliases: Words = ()
    user_group: GroupKey | None = None
    icon_emoji: Emoji | None = None
    icon_url: WebUrl | None = None
    default: bool = False

    @model_validator(mode="after")
    def _one_of_each(self) -> "TeammateSection":
        if (self.model is None) == (self.agent_id is None):
            raise ValueError("needs either model (to create the agent) or agent_id (to use one)")
        if self.icon_emoji and self.icon_url:
            raise ValueError("has both icon_emoji and icon_url; keep one")
        return self

    def teammate(self) -> Teammate:
        """The teammate as a domain object."""
        return Teammate(
            name=self.name,
            role=self.role,
            model=self.model,
            agent_id=AgentId(self.agent_id) if self.agent_id else None,
            cwd=str(self.cwd) if self.cwd else None,
            permission_mode=self.permission_mode,
            channels=tuple(ChannelId(channel) for channel in self.channels),
            aliases=self.aliases,
            user_group=self.user_group,
            icon_emoji=self.icon_emoji,
            icon_url=self.icon_url,
        )


class Settings(BaseSettings):
    """Everything that is set, checked. `secrets` comes from the environment and files alone."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="ignore",
        env_prefix=ENV_PREFIX,
        env_nested_delimiter=ENV_DELIMITER,
        env_ignore_empty=True,
        enable_decoding=False,
    )

    slack: SlackSection = SlackSection()
    appserver: AppServerSection = AppServerSection()
    database: DatabaseSection = DatabaseSection()
    web: WebSection = WebSection()
    approvals: ApprovalsSection = ApprovalsSection()
    turns: TurnsSection = TurnsSection()
    people: PeopleSection = PeopleSection()
    log: LogSection = LogSection()
    teammates: Annotated[tuple[TeammateSection, ...], BeforeValidator(_listed)] = ()
    secrets: Secrets = Secrets()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take only what `load` hands over: it has read file and environment already."""
        return (init_settings,)

    def team(self) -> tuple[Teammate, ...]:
        """The teammates, the workspace's default first, else in the file's order."""
        entries = sorted(self.teammates, key=lambda entry: not entry.default)
        return tuple(entry.teammate() for entry in entries)
