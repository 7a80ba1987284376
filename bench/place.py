"""The playground with a watch on it: every write of a reply, every ack, with its instant."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass

from slack_playground import Playground, PlaygroundOptions
from slack_playground.inspector import Entry
from slack_playground.seed_data import BOT_USER_ID
from slack_playground.workspace import Channel

MENTION = f"<@{BOT_USER_ID}>"
PERSON = "maya"

BURST = 5
"""Posts that the playground's channels take at once unless told otherwise."""

CHANNELS = tuple(f"#bench-{number}" for number in range(6))
"""Slack takes about one post a second per channel, so single questions go round several."""

_WRITES = frozenset({"chat.postMessage", "chat.update"})


@dataclass(frozen=True, slots=True)
class Write:
    """One post or edit that was accepted. `at` is monotonic seconds, when it was in force and
    its answer was about to leave; `content` is the call as JSON text.
    """

    at: float
    method: str
    thread: str
    content: str

    @property
    def is_last(self) -> bool:
        """Whether it ends its reply: the stop button is gone."""
        return "turn_stop" not in self.content


class WatchedPlayground(Playground):
    """A workspace of one benchmark. `stirred` is called after each call and ack.

    `channel_burst` as for `bridge_stage`.
    """

    def __init__(self, *, channel_burst: int | None, stirred: Callable[[], None]) -> None:
        super().__init__(
            PlaygroundOptions(
                rate_limits=channel_burst is not None,
                channel_burst=channel_burst or 0,
                inspector_size=200_000,
            )
        )
        self._stir = stirred
        self._thread_of: dict[str, str] = {}
        self.writes: list[Write] = []
        self.acks: list[float] = []
        self.unacked = 0
        self._context.inspector.watchers.append(self._seen)
        self._open_channels()

    def ask(self, text: str, *, channel: str, thread: str | None = None) -> tuple[str, float]:
        """Say something as a person; returns its timestamp and the instant it was said."""
        at = time.monotonic()
        return self.post(PERSON, channel, text, thread), at

    def connections(self) -> int:
        """How many Socket Mode connections the app has."""
        return self._context.hub.connected

    def _open_channels(self) -> None:
        general = next(iter(self._context.workspace.channels.values()))
        for number, name in enumerate(CHANNELS):
            ident = f"C9BENCH{number:03}"
            channel = Channel(ident, name[1:], list(general.members), general.created)
            self._context.workspace.channels[ident] = channel

    def _seen(self, entry: Entry) -> None:
        if entry.kind == "event" and entry.name == "message":
            self._note_ack(entry)
        elif entry.kind == "call" and entry.name in _WRITES and entry.ok:
            self._note_write(entry)
        self._stir()

    def _note_ack(self, entry: Entry) -> None:
        if entry.ok and entry.ms is not None:
            self.acks.append(entry.ms / 1000)
        else:
            self.unacked += 1

    def _note_write(self, entry: Entry) -> None:
        at = time.monotonic()
        asked, answer = json.loads(entry.request or "{}"), json.loads(entry.response or "{}")
        ts = str(answer.get("ts"))
        thread = self._thread_of.setdefault(ts, str(asked.get("thread_ts") or ts))
        self.writes.append(Write(at, entry.name, thread, entry.request or ""))
