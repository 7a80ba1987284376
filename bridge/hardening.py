"""Process hardening: closed to others of the same user, such as the commands of agents (G9).

Our own App Server runs as the same user as the bridge, and agents read files without asking: what
`/proc` shows of this process, its environment with Slack's tokens above all, must not be readable.
"""

import ctypes
import sys

_PR_SET_DUMPABLE = 4


def close_to_others() -> bool:
    """Let nobody but root read this process's environment and memory, or trace it.

    False where the system offers no such thing (it does on Linux). Programs that it starts are
    open again. May be called twice.
    """
    if sys.platform != "linux":
        return False
    try:
        closed = ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    except (OSError, AttributeError):
        return False
    return bool(closed == 0)
