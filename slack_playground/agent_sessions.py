"""Thread statuses and agent sessions (PLATFORM §6): what the app says it is doing."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from slack_playground.options import PlaygroundOptions
from slack_playground.page_sockets import PageSockets
from slack_playground.seed_data import BOT_ID, BOT_USER_ID
from slack_playground.slack_types import Json
from slack_playground.workspace import Channel, Listener

SESSION_STATUSES = ("processing", "active", "suspended", "closed")
Key = tuple[str, str]


@dataclass(slots=True)
class AgentSession:
    """One agent session: a thread with a status that everyone in the channel sees."""

    status: str
    title: str = ""
    initiator: str = ""


class Agents(Listener):
    """The status line under threads, and the sessions behind it."""

    def __init__(self, options: PlaygroundOptions, live: PageSockets) -> None:
        self._options = options
        self._live = live
        self._timers: dict[tuple[str, Key], asyncio.TimerHandle] = {}
        self.statuses: dict[Key, Json] = {}
        self.sessions: dict[Key, AgentSession] = {}
        self.prompts: dict[Key, Json] = {}
        self.titles: dict[Key, str] = {}

    def set_status(self, channel: Channel, thread_ts: str, status: str, looks: Json) -> None:
        """Show a status line; an empty one clears it. It clears itself after two minutes."""
        key = (channel.id, thread_ts)
        self._cancel("status", key)
        if not status and key not in self.statuses:
            return
        frame: Json = {
            "type": "status",
            "channel": channel.id,
            "thread_ts": thread_ts,
            "user": BOT_USER_ID,
            "status": status,
            **looks,
        }
        if status:
            self.statuses[key] = frame
            self._later(
                "status",
                key,
                self._options.status_ttl_s,
                lambda: self.set_status(channel, thread_ts, "", {}),
            )
        else:
            self.statuses.pop(key, None)
        self._live.to_channel(channel, frame)

    def set_session(
        self, channel: Channel, thread_ts: str, status: str, *, title: str = "", initiator: str = ""
    ) -> AgentSession:
        """Create or change a session; `processing` falls back to `active` after an hour."""
        key = (channel.id, thread_ts)
        self._cancel("session", key)
        session = self.sessions.get(key)
        if session is None:
            title = title or self.titles.get(key, "")
            session = self.sessions[key] = AgentSession(status, title, initiator)
        session.status = status
        if status == "processing":
            self._later(
                "session",
                key,
                self._options.session_ttl_s,
                lambda: self._time_out(channel, thread_ts),
            )
        self._live.to_channel(channel, _session_frame(key, session))
        return session

    def imply_session(self, channel: Channel, thread_ts: str, status: str) -> None:
        """What a stream or a status line makes of the session, if the app is an agent."""
        if self._options.is_agent:
            self.set_session(channel, thread_ts, status)

    def set_title(self, channel: Channel, thread_ts: str, title: str) -> None:
        """Give a thread and its session, if it has one, a title."""
        key = (channel.id, thread_ts)
        self.titles[key] = title
        if session := self.sessions.get(key):
            session.title = title
            self._live.to_channel(channel, _session_frame(key, session))

    def set_prompts(
        self, channel: Channel, thread_ts: str, title: str, prompts: list[Json]
    ) -> None:
        """Offer `prompts` (`title` and `message` each) in a thread; on top of a DM for ''."""
        frame: Json = {
            "type": "suggested_prompts",
            "channel": channel.id,
            "thread_ts": thread_ts,
            "title": title,
            "prompts": prompts,
        }
        self.prompts[channel.id, thread_ts] = frame
        self._live.to_channel(channel, frame)

    def session_frames(self) -> list[tuple[Key, Json]]:
        """Every session as the page reads it."""
        return [(key, _session_frame(key, session)) for key, session in self.sessions.items()]

    def posted(self, channel: Channel, message: Json) -> None:
        """A reply of the app ends its status line."""
        if message.get("bot_id") == BOT_ID and "thread_ts" in message:
            self.set_status(channel, message["thread_ts"], "", {})

    def _time_out(self, channel: Channel, thread_ts: str) -> None:
        self.set_session(channel, thread_ts, "active")

    def close(self) -> None:
        """Stop all timers."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _later(self, kind: str, key: Key, delay_s: float, what: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        self._timers[kind, key] = loop.call_later(delay_s, what)

    def _cancel(self, kind: str, key: Key) -> None:
        timer = self._timers.pop((kind, key), None)
        if timer is not None:
            timer.cancel()


def _session_frame(key: Key, session: AgentSession) -> Json:
    return {
        "type": "session",
        "channel": key[0],
        "thread_ts": key[1],
        "status": session.status,
        "title": session.title,
    }
