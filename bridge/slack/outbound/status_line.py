"""Status line under a thread: what a teammate is doing. Best effort, never waited for."""

import asyncio
from dataclasses import dataclass, field
from typing import Any, Final

from bridge.domain.errors import ChatRefused, ChatUnreachable
from bridge.domain.ids import ChannelId, MessageTs, TurnId
from bridge.domain.ports import ReplyTarget
from bridge.domain.teammates import Persona
from bridge.slack.outbound.personas import Personas
from bridge.slack.rate_limit.windows import Priority
from bridge.slack.web_api import WebApi
from bridge.slack.web_api_errors import About, is_about, passes
from bridge.telemetry import DISPLAY_FAILURES, Tasks, get_logger

METHOD: Final = "assistant.threads.setStatus"
SETTLE_S: Final = 0.25
"""What is over sooner than this was not worth a call, which would be in the answer's way."""

REFRESH_S: Final = 75.0
"""Slack takes a status away after two minutes (PLATFORM §6.4)."""

AGAIN_S: Final = 3.0
"""Pause after a call without an answer: what is there now must not stay."""

SLOWED: Final = "Slack is slowing the updates down"

_REMEMBERED: Final = 1_000
"""Places without a status line; one that is forgotten is tried once more."""

_UNKNOWN: Final = ("", Persona(""))
"""What a line shows that an earlier process may have written."""

_log = get_logger("slack.outbound.status_line")


@dataclass(slots=True)
class _Line:
    """One thread's line: what each turn wants said and by whom, newest last, and what is shown."""

    wanted: dict[TurnId, tuple[str, Persona]] = field(default_factory=dict)
    shown: tuple[str, Persona] | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def newest(self) -> tuple[str, Persona] | None:
        return next(reversed(self.wanted.values()), None)


class StatusBoard:
    """All status lines of a workspace; one task for each thread that has one.

    Args:
        tasks: where the lines live; closed by the owner.
    """

    def __init__(self, web_api: WebApi, personas: Personas, tasks: Tasks) -> None:
        self._web_api = web_api
        self._personas = personas
        self._tasks = tasks
        self._lines: dict[tuple[ChannelId, MessageTs], _Line] = {}
        self._impossible = False
        self._impossible_in: set[ChannelId | tuple[ChannelId, MessageTs]] = set()
        web_api.budget.watch_slow(self._say_all_anew)

    def show(self, target: ReplyTarget, text: str) -> None:
        """Show `text` for a turn; empty takes it away. Returns at once and never raises.

        Where the whole channel is the conversation there is no place for it.
        """
        line = self._line(target.thread.channel, target.thread_ts, begin=bool(text))
        if line is None:
            return
        line.wanted.pop(target.turn_id, None)
        if text:
            line.wanted[target.turn_id] = (text, target.persona)
        line.changed.set()

    def take_over(self, target: ReplyTarget) -> None:
        """An earlier process may have left a line under the thread: it is written anew, or taken
        away when nothing is to be said. Returns at once and never raises.
        """
        self.clear(target.thread.channel, target.thread_ts)

    def clear(self, channel: ChannelId, thread_ts: MessageTs | None) -> None:
        """Take away what an earlier process may have left, unless something is to be said."""
        line = self._line(channel, thread_ts, begin=True)
        if line is not None and line.shown is None:
            line.shown = _UNKNOWN

    def posted(self, channel: ChannelId, thread_ts: MessageTs | None) -> None:
        """Something was posted in the thread, which takes Slack's line away: say it again.

        A growing reply says enough by itself; a card does not.
        """
        line = self._line(channel, thread_ts, begin=False)
        if line is not None:
            line.shown = None
            line.changed.set()

    def note(self, target: ReplyTarget) -> str:
        """What a reply should say itself, because there is no line that says it; often empty."""
        possible = self._possible(target.thread.channel, target.thread_ts)
        slow = self._web_api.budget.slow and not possible
        return f"{SLOWED}." if slow else ""

    def _possible(self, channel: ChannelId, thread_ts: MessageTs | None) -> bool:
        if thread_ts is None or self._impossible:
            return False
        return self._impossible_in.isdisjoint({channel, (channel, thread_ts)})

    def _line(
        self, channel: ChannelId, thread_ts: MessageTs | None, *, begin: bool
    ) -> _Line | None:
        """The thread's line; a new one if there is none and one may begin."""
        if thread_ts is None or not self._possible(channel, thread_ts):
            return None
        key = (channel, thread_ts)
        if key not in self._lines and begin:
            line = self._lines[key] = _Line()
            self._tasks.spawn(self._keep(channel, thread_ts, line), name="slack status")
        return self._lines.get(key)

    def _say_all_anew(self) -> None:
        for line in self._lines.values():
            line.changed.set()

    def _wanted(self, line: _Line) -> tuple[str, Persona] | None:
        """What the line should say now: the truth about Slack belongs to it."""
        if line.newest is None or not self._web_api.budget.slow:
            return line.newest
        text, persona = line.newest
        return f"{text} · {SLOWED}", persona

    async def _keep(self, channel: ChannelId, thread_ts: MessageTs, line: _Line) -> None:
        try:
            await asyncio.sleep(SETTLE_S)
            while line.newest or line.shown:
                line.changed.clear()
                if not await self._say(channel, thread_ts, line):
                    await asyncio.sleep(AGAIN_S)
                    continue
                if not line.newest:
                    continue
                try:
                    async with asyncio.timeout(REFRESH_S):
                        await line.changed.wait()
                except TimeoutError:
                    line.shown = None
        except ChatRefused as refusal:
            self._refused(channel, thread_ts, refusal)
        finally:
            self._lines.pop((channel, thread_ts), None)

    async def _say(self, channel: ChannelId, thread_ts: MessageTs, line: _Line) -> bool:
        """Bring the line to what it should say; False when it is not known what came of that.

        Raises `ChatRefused`.
        """
        if self._wanted(line) == line.shown:
            return True

        def arguments() -> dict[str, Any]:
            line.shown = self._wanted(line)
            text, persona = line.shown or ("", None)
            looks = self._personas.arguments(persona)
            return {"channel_id": channel, "thread_ts": thread_ts, "status": text, **looks}

        try:
            await self._web_api.call(METHOD, arguments, priority=Priority.QUIET)
        except ChatUnreachable as error:
            DISPLAY_FAILURES.inc()
            _log.info("status not shown yet", error=str(error))
            line.shown = _UNKNOWN
            return False
        return True

    def _refused(self, channel: ChannelId, thread_ts: MessageTs, refusal: ChatRefused) -> None:
        """What is refused in one place changes nothing elsewhere."""
        DISPLAY_FAILURES.inc()
        if passes(refusal):
            return
        if is_about(refusal, About.METHOD):
            self._impossible = True
        elif is_about(refusal, About.CHANNEL):
            self._impossible_in.add(channel)
        else:
            self._impossible_in.add((channel, thread_ts))
        if len(self._impossible_in) > _REMEMBERED:
            self._impossible_in.pop()
        _log.info("doing without a status line", code=refusal.code)
