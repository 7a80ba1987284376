"""Slack's documented limits as one table, and our margins below them.

Whether Slack counts code points or UTF-16 units is not documented (PLATFORM §3.1), so sizes are
measured in UTF-16 units here, which is never less than the number of code points.
"""

import re
from typing import Final

# --- documented ceilings (PLATFORM §3.1) -------------------------------------------------------

BLOCKS_PER_MESSAGE: Final = 50
BLOCKS_PER_VIEW: Final = 100
MARKDOWN_PER_MESSAGE: Final = 12_000
"""Cumulative over all markdown blocks of one payload."""

TEXT_OF_UPDATE: Final = 4_000
"""Top-level `text` of chat.update; more is `msg_too_long`."""

TEXT_OBJECT: Final = 3_000
"""Section and any other text object, 1 to 3,000."""

CONTEXT_ELEMENTS: Final = 10
ACTIONS_ELEMENTS: Final = 25
BUTTON_TEXT: Final = 75
BUTTON_VALUE: Final = 2_000
IDENTIFIER: Final = 255
"""action_id, block_id and callback_id."""

VIEW_TITLE: Final = 24
"""Also a view's submit and close."""

PRIVATE_METADATA: Final = 3_000
VIEW_BYTES: Final = 250_000
INPUT_LENGTH: Final = 3_000
UPDATES_PER_MINUTE: Final = 50
"""chat.update is tier 3: 50 or more a minute, per app and workspace (PLATFORM §1.2)."""

# --- our own margins -----------------------------------------------------------------

FALLBACK_TEXT: Final = 3_000
MARKDOWN_PART: Final = 11_000
"""Reply text of one message. The rest of the 12,000 is for fences closed at the end."""

SECTION_TEXT: Final = 2_900
MODAL_BYTES: Final = 200_000
MODAL_BLOCKS: Final = 90

_ASTRAL = re.compile("[\U00010000-\U0010ffff]")


def size(text: str) -> int:
    """Length of `text` in UTF-16 units, the larger of the two ways in which Slack may count."""
    if text.isascii():
        return len(text)
    return len(text) + sum(1 for _ in _ASTRAL.finditer(text))


def fit(text: str, limit: int) -> int:
    """Return how many leading characters of `text` have a size of at most `limit`."""
    limit = max(limit, 0)
    head = text[:limit]
    excess = size(head) - limit
    while excess > 0:
        # Every character counts at most 2, so half the excess may always go.
        head = head[: len(head) - (excess + 1) // 2]
        excess = size(head) - limit
    return len(head)


def clip(text: str, limit: int, *, mark: str = "…") -> str:
    """Cut `text` to a size of `limit`, ending in `mark` when something was cut."""
    if size(text) <= limit:
        return text
    return text[: fit(text, limit - size(mark))] + mark
