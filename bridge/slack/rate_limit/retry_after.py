"""How long Slack asks us to wait: the `Retry-After` of a 429, in every form it may have."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

SHORTEST_S: Final = 1.0


def retry_after_s(headers: Mapping[str, Any], *, now: datetime) -> float | None:
    """Seconds to wait, at least one; None when the answer does not say.

    Slack sends whole seconds (PLATFORM §1.4); what stands between us and Slack may send fractions
    or a date. A date counts from the answer's own `Date`, so that a wrong clock here does no
    harm, else from `now` (aware).
    """
    named = {str(name).lower(): str(value).strip() for name, value in headers.items()}
    given = named.get("retry-after", "")
    seconds = _number(given)
    if seconds is None and (until := _date(given)) is not None:
        seconds = (until - (_date(named.get("date", "")) or now)).total_seconds()
    return None if seconds is None else max(SHORTEST_S, seconds)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0.0 else None


def _date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    return date if date.tzinfo is not None else date.replace(tzinfo=UTC)
