"""Versions of the App Server, and what follows from each (PROTOCOL §21, §22).

The version decides: `protocol_version` is 1 everywhere and says nothing.
"""

import re
from dataclasses import dataclass

from bridge.domain.errors import AgentTooOld
from bridge.domain.ports import ServerTraits

Version = tuple[int, int, int]

OLDEST: Version = (0, 27, 8)
"""The first version with the layout that `legacy` understands."""
ONE_MESSAGE_ID: Version = (0, 33, 0)
"""From here on all pieces of a message carry one id, and nothing is left unsaid (0.32 and older
servers say more or less; `legacy` adds what is missing)."""
DROPS_REPEATS: Version = (0, 34, 9)
"""From here on an input sent twice under one name runs once."""
NEWEST_KNOWN: Version = (0, 34, 12)
"""The version that the protocol was measured on; newer ones are tolerated."""


@dataclass(frozen=True, slots=True)
class Generation:
    """What one connected server can do.

    `needs_help`: the session must be completed by `legacy`. `newer_than_known`: nobody has
    tried this version yet.
    """

    version: str
    split_channels: bool
    needs_help: bool
    newer_than_known: bool

    @property
    def traits(self) -> ServerTraits:
        """The same for the engine. Where the server does not map runs, `legacy` does."""
        number = parse_version(self.version)
        return ServerTraits(
            self.version,
            maps_runs=True,
            split_channels=self.split_channels,
            keeps_ids=not self.needs_help,
            drops_repeats=number is not None and number >= DROPS_REPEATS,
        )


def parse_version(text: str | None) -> Version | None:
    """The first three numbers of a version; None when there are none."""
    found = re.match(r"v?(\d+)\.(\d+)\.(\d+)", text or "")
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def generation(version: str | None, *, split_channels: bool) -> Generation:
    """Judge a server by what it says of itself; without a version the layout decides.

    Raises `AgentTooOld` for a version before `OLDEST`.
    """
    number = parse_version(version)
    if number is not None and number < OLDEST:
        raise AgentTooOld(
            f"The App Server is Letta Code {version}; this program needs "
            f"{'.'.join(map(str, OLDEST))} or newer. Update Letta Code and start it again."
        )
    old = number is not None and number < ONE_MESSAGE_ID
    return Generation(
        version=version or "unknown",
        split_channels=split_channels,
        needs_help=split_channels or old,
        newer_than_known=number is not None and number > NEWEST_KNOWN,
    )
