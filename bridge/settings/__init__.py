"""Settings: `bridge.toml`, the environment, and secrets.

`sections` the keys, their defaults and ranges · `keys` which keys exist, and the nearest to a
wrong one · `secrets` tokens from the environment or a file · `load` all of it together, every
mistake as one sentence. Read only by the commands and the composition roots.
"""

from bridge.settings.keys import known_keys
from bridge.settings.load import DEFAULT_PATH, load
from bridge.settings.secrets import Secrets, child_environment, reveal
from bridge.settings.sections import Settings

__all__ = [
    "DEFAULT_PATH",
    "Secrets",
    "Settings",
    "child_environment",
    "known_keys",
    "load",
    "reveal",
]
