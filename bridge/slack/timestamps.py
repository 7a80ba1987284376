"""Slack's timestamps, `seconds.micros`: names of messages, and instants by Slack's own clock. Pure.

All have ten digits, a point and six, so they order as text.
"""

from datetime import datetime

from bridge.domain.ids import MessageTs


def earlier(ts: str, seconds: float) -> MessageTs:
    """The timestamp so many seconds before `ts`."""
    whole, _, fraction = ts.partition(".")
    micros = int(whole or 0) * 1_000_000 + int((fraction or "0").ljust(6, "0")[:6])
    micros = max(0, micros - int(seconds * 1_000_000))
    return MessageTs(f"{micros // 1_000_000:010d}.{micros % 1_000_000:06d}")


def timestamp_of(instant: datetime) -> MessageTs:
    """The timestamp of an aware instant."""
    return earlier(f"{instant.timestamp():.6f}", 0.0)
