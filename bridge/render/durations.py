"""Durations and token counts in words."""


def duration(seconds: float) -> str:
    """Say a duration in at most two units: `0.4 s`, `12 s`, `1 min 12 s`, `2 h 5 min`.

    Negative durations count as zero.
    """
    if seconds < 0.95:
        return f"{max(seconds, 0.0):.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3_600:
        return _two(whole // 60, "min", whole % 60, "s")
    minutes = whole // 60
    if minutes < 24 * 60:
        return _two(minutes // 60, "h", minutes % 60, "min")
    return _two(minutes // (24 * 60), "d", minutes // 60 % 24, "h")


def coarse(seconds: float) -> str:
    """Say a running duration in steps that grow, so that a display seldom changes.

    Empty below 5 s; then steps of 5 s, of 15 s from a minute on, of a minute from ten on.
    """
    if seconds < 5:
        return ""
    step = 5 if seconds < 60 else 15 if seconds < 600 else 60
    return duration(int(seconds // step) * step)


def tokens(count: int) -> str:
    """Say a number of tokens: `1 token`, `1,234 tokens`."""
    return f"{count:,} token{'' if count == 1 else 's'}"


def _two(first: int, first_unit: str, second: int, second_unit: str) -> str:
    return f"{first} {first_unit}" + (f" {second} {second_unit}" if second else "")
