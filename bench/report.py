"""The table, for the terminal and for `docs/performance.md`."""

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench.figures import Row

DOCUMENT = Path(__file__).parent.parent / "docs" / "performance.md"
BEGIN = "<!-- figures: written by python -m bench --write -->"
END = "<!-- end of figures -->"


def table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table."""
    head = ["| what | figure | goal | floor | | seen |", "| --- | --- | --- | --- | --- | --- |"]
    lines = [
        f"| {row.what} | {row.figure} | {row.goal} | {row.floor or ''} | "
        f"{'ok' if row.ok else 'over'} | {row.note} |"
        for row in rows
    ]
    return "\n".join([*head, *lines])


def machine() -> str:
    """Where and when the figures were taken; `load` is what else the machine did at the end."""
    load = os.getloadavg()[1]
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores, {platform.system()} "
        f"{platform.machine()}, Python {platform.python_version()}, load of the last five "
        f"minutes {load:.1f}."
    )


def rewrite(rows: Sequence[Row]) -> None:
    """Put the table between the two marks of the document."""
    text = DOCUMENT.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    parts = [before + BEGIN, "", table(rows), "", machine(), "", END + after]
    DOCUMENT.write_text("\n".join(parts), encoding="utf-8")
