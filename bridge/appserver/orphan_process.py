"""A server that outlived who had started it: ended before the next one begins.

A `letta server` leaves by itself when its parent becomes process 1 (PROTOCOL §2). Where another
process adopts orphans, as a user's systemd does, it stays, and two servers would write the same
state. So who starts one leaves a note beside its state, by which the next start knows it.
"""

import contextlib
import json
import os
import signal
from pathlib import Path


def leave_note(note: Path, group: int) -> None:
    """Remember the process group of a server that we have just started."""
    ours = os.getpid()
    known = {"server": (group, _began(group)), "parent": (ours, _began(ours))}
    note.write_text(json.dumps(known), encoding="utf-8")


def end_leftover(note: Path) -> bool:
    """End the noted server if it is there and its parent is not; True when that was so.

    Does nothing on a system without `/proc`, where a process cannot be told from a later one of
    the same number. May be called twice.
    """
    try:
        known = json.loads(note.read_text(encoding="utf-8"))
        (group, began), parent = known["server"], known["parent"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    if not _lives(group, began) or _lives(*parent):
        return False
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
        return True
    return False


def _lives(pid: int, began: str | None) -> bool:
    return began is not None and _began(pid) == began


def _began(pid: int) -> str | None:
    """When the process began, in the kernel's ticks (proc(5), field 22); None when it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    state, *fields = stat.rpartition(")")[2].split()
    return None if state == "Z" else fields[18]
