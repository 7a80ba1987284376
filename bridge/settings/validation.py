"""What no single key can tell: things that must fit together."""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from bridge.settings.sections import Settings


def conflicts(settings: Settings, *, file: str) -> Iterator[str]:
    """A sentence for everything that does not fit together or does not exist."""
    yield from _team(settings, file)
    yield from _directories(settings, file)


def _team(settings: Settings, file: str) -> Iterator[str]:
    entries = settings.teammates
    if not entries:
        yield (
            f"{file} names no teammate; add a [[teammates]] table with name and model, or set "
            "BRIDGE_TEAMMATES."
        )
    words = Counter(word.lower() for entry in entries for word in (entry.name, *entry.aliases))
    for word in _doubled(words):
        yield f"{file}: {word} is the name or alias of a teammate twice; each must be unique."
    for channel in _doubled(Counter(key for entry in entries for key in set(entry.channels))):
        yield f"{file}: channel {channel} has two default teammates; keep it with one of them."
    for agent in _doubled(Counter(entry.agent_id for entry in entries if entry.agent_id)):
        yield f"{file}: two teammates have the agent_id {agent}; each needs an agent of her own."
    if sum(entry.default for entry in entries) > 1:
        yield f"{file}: several teammates have default = true; keep it with one of them."


def _doubled(counted: Counter[str]) -> list[str]:
    return [name for name, count in counted.items() if count > 1]


def _directories(settings: Settings, file: str) -> Iterator[str]:
    # A server elsewhere has directories of its own; ours sees what we see (PROTOCOL §2).
    if not settings.appserver.managed:
        return
    wanted: list[tuple[str, Path | None]] = [("appserver.cwd", settings.appserver.cwd)]
    wanted += [(f"the cwd of teammate {entry.name}", entry.cwd) for entry in settings.teammates]
    for name, path in wanted:
        if path is not None and not path.is_dir():
            yield f"{file}: {name}, {path}, is not a directory; create it or name another."


def missing_secrets(settings: Settings, environ: Mapping[str, str]) -> Iterator[str]:
    """A sentence for every secret that is needed and not given."""
    for variable, what in _needed(settings):
        if not environ.get(variable) and not environ.get(f"{variable}_FILE"):
            yield f"{variable} is not set (nor {variable}_FILE): {what}."


def _needed(settings: Settings) -> Iterator[tuple[str, str]]:
    yield "SLACK_BOT_TOKEN", "the bot's token (xoxb-…), from OAuth & Permissions"
    if settings.slack.mode == "socket":
        yield (
            "SLACK_APP_TOKEN",
            "an app-level token (xapp-…) with connections:write, from Basic Information",
        )
    else:
        yield "SLACK_SIGNING_SECRET", "the signing secret, from Basic Information"
