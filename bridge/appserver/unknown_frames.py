"""Says once per kind what the server sent and we could not read (G8)."""

from bridge.appserver.frames import Frame, MalformedFrame, UnknownFrame
from bridge.telemetry import get_logger

log = get_logger("appserver")

KINDS = 1_000
"""As many kinds are told apart; a server that invents new ones for ever is not followed."""


class UnknownFrames:
    """Remembers what was said already."""

    def __init__(self) -> None:
        self._noted: set[str] = set()

    def note(self, frame: Frame) -> None:
        """Log the frame if it is the first of its kind; frames that were read are not logged."""
        match frame:
            case MalformedFrame(kind, path, problem):
                fields = {"type": kind, "path": path, "problem": problem}
            case UnknownFrame(kind):
                fields = {"type": kind, "problem": "unknown type"}
            case _:
                return
        key = f"{fields['type']} {fields.get('path')}"
        if key not in self._noted and len(self._noted) < KINDS:
            self._noted.add(key)
            log.warning("frame not understood", **fields)
