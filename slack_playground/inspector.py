"""Everything that passed between the workspace and the app, for people to look at.

Tokens are taken out when an entry is read, so a busy call path does not pay for it.
"""

import itertools
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from slack_playground.redaction import redact_deep
from slack_playground.slack_types import Json, epoch_ms

BODY_LIMIT = 20_000


@dataclass(slots=True, kw_only=True)
class Entry:
    """One call, event, interaction or socket change.

    `ms` is how long it took (for events: until the ack), `fault` the switch that touched it,
    `retry` the attempt of a redelivery. `request` and `response` are JSON text or None.
    """

    kind: str
    name: str
    status: int | None = None
    ok: bool | None = None
    error: str | None = None
    ms: float | None = None
    summary: str = ""
    request: str | None = None
    response: str | None = None
    fault: str | None = None
    retry: int | None = None
    at: int = field(default_factory=epoch_ms)
    id: int = 0


class Inspector:
    """The latest entries, oldest first."""

    def __init__(self, *, size: int, secrets: tuple[str, ...]) -> None:
        self.entries: deque[Entry] = deque(maxlen=size)
        self.watchers: list[Callable[[Entry], None]] = []
        self._ids = itertools.count(1)
        self._secrets = secrets

    def add(self, entry: Entry) -> None:
        """Record one entry and tell the watchers."""
        entry.id = next(self._ids)
        self.entries.append(entry)
        for watcher in self.watchers:
            watcher(entry)

    def clear(self) -> None:
        """Forget all entries."""
        self.entries.clear()

    def shown(self, entry: Entry) -> Json:
        """One entry as the page reads it, without secrets."""
        seen: Json = {
            "id": entry.id,
            "at": entry.at,
            "kind": entry.kind,
            "name": entry.name,
            "status": entry.status,
            "ok": entry.ok,
            "error": entry.error,
            "ms": None if entry.ms is None else round(entry.ms, 2),
            "summary": self._mask(entry.summary),
            "request": self._body(entry.request),
            "response": self._body(entry.response),
            "fault": entry.fault,
            "retry": entry.retry,
        }
        clean: Json = redact_deep(seen)
        return clean

    def _mask(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "[secret]")
        return text

    def _body(self, text: str | None) -> Json | None:
        if text is None:
            return None
        if len(text) > BODY_LIMIT:
            return {"shortened": self._mask(text[:BODY_LIMIT]), "length": len(text)}
        value = json.loads(self._mask(text))
        return value if isinstance(value, dict) else {"value": value}
