"""What people do in a round: they ask, press, stop, edit and delete, each at the planned time."""

import asyncio
import contextlib
import html
from dataclasses import dataclass, field
from typing import Any

from slack_playground import Playground
from slack_playground.slack_types import ApiError
from tests.chaos.checker import ALLOW_BUTTON, STOP_BUTTON, Press
from tests.chaos.plan import Ask, Plan, Pressing, Twist
from tests.chaos.script import said
from tests.e2e.world import actions, shown
from tests.support import eventually

Json = dict[str, Any]

POLL_S = 0.05
INSIST_S = 1.5
"""After so many seconds a person presses a button again that seems to have done nothing."""
IDS = {"maya": "U01MAYACHEN", "jonas": "U02JONASWEB"}
BOT_USER = "U01LETTABOT"
_ALLOW, _DENY = ALLOW_BUTTON, "approval_deny"


@dataclass(slots=True, kw_only=True)
class ThreadMessage:
    """An ask that was really said: where, in which thread (empty: the whole channel), and when."""

    ask: Ask
    channel: str
    root: str
    ts: str
    edited: bool = False
    deleted: bool = False


@dataclass(slots=True)
class People:
    """The people of one round. `said` and `presses` are what they have done so far."""

    place: Playground
    plan: Plan
    said: dict[str, ThreadMessage] = field(default_factory=dict)
    presses: list[Press] = field(default_factory=list)

    async def talk(self) -> None:
        """Say everything, and do what follows from it; returns when all of it was done."""
        async with asyncio.TaskGroup() as group:
            for ask in self.plan.asks:
                group.create_task(self._perform(ask))

    async def decide(self) -> None:
        """Press the buttons of every card that opens, for ever."""
        async with asyncio.TaskGroup() as group:
            for ask in self.plan.asks:
                group.create_task(self._decide(ask))

    # ---- asking

    async def _perform(self, ask: Ask) -> None:
        await asyncio.sleep(ask.at_s)
        if ask.after:
            await eventually(lambda: ask.after in self.said, poll_s=POLL_S)
        one = self.said[ask.key] = self._say(ask)
        with contextlib.suppress(ApiError):  # what it was about may be gone by now
            await self._twist(one)

    def _say(self, ask: Ask) -> ThreadMessage:
        text = said(ask, ask.key)
        if ask.place == "dm":
            channel = self.place.dm(ask.who)
            return ThreadMessage(
                ask=ask, channel=channel, root="", ts=self.place.post(ask.who, channel, text)
            )
        channel = self.place.channel(ask.place)["id"]
        root = self.said[ask.after].root if ask.after else None
        ts = self.place.post(ask.who, channel, text, root)
        return ThreadMessage(ask=ask, channel=channel, root=root or ts, ts=ts)

    async def _twist(self, one: ThreadMessage) -> None:
        ask = one.ask
        match ask.twist:
            case Twist.NONE:
                return
            case Twist.STOP_BUTTON:
                await self._press_stop(one)
            case Twist.STOP_WORD:
                await asyncio.sleep(ask.twist_after_s)
                self.place.post(ask.who, one.channel, "!stop", one.root or None)
            case Twist.STOP_SIGN:
                await asyncio.sleep(ask.twist_after_s)
                self.place.react(ask.who, one.channel, one.ts, "octagonal_sign")
            case Twist.EDIT:
                await asyncio.sleep(ask.twist_after_s)
                one.edited = True
                self.place.edit(ask.who, one.channel, one.ts, said(ask, ask.edited_key))
            case Twist.DELETE:
                await asyncio.sleep(ask.twist_after_s)
                one.deleted = True
                self.place.delete(ask.who, one.channel, one.ts)

    async def _press_stop(self, one: ThreadMessage) -> None:
        for _ in range(int(5 / POLL_S)):
            for message in self.thread(one):
                if STOP_BUTTON in actions(message) and one.ask.key in shown(message):
                    await asyncio.sleep(one.ask.twist_after_s)
                    await self.place.click(one.ask.who, one.channel, message["ts"], STOP_BUTTON)
                    return
            await asyncio.sleep(POLL_S)

    def thread(self, one: ThreadMessage) -> list[Json]:
        """The messages among which the answer is."""
        if one.root:
            return self.place.messages(one.channel, one.root)
        return everything(self.place, one.channel)

    # ---- deciding

    async def _decide(self, ask: Ask) -> None:
        steps = _steps(ask)
        at = 0
        while True:
            await asyncio.sleep(POLL_S)
            one = self.said.get(ask.key)
            card = self._card(one) if one else None
            if one is None or card is None:
                continue
            key, ts, named = card
            who, action = steps[min(at, len(steps) - 1)]
            if at >= len(steps) and who not in named:
                who = named[0]
            press = Press(key=key, who=IDS[who], allow=action == _ALLOW, named=who in named)
            await self._press(one, press, ts, who)
            at += 1
            if at >= len(steps):
                await self._closed(one, ts)

    async def _press(self, one: ThreadMessage, press: Press, ts: str, who: str) -> None:
        action = _ALLOW if press.allow else _DENY
        if press not in self.presses:
            self.presses.append(press)
        with contextlib.suppress(ApiError):  # nobody answered, or the button is gone
            await self.place.click(who, one.channel, ts, action)

    async def _closed(self, one: ThreadMessage, ts: str) -> None:
        """Wait a little for the card to close, before it is pressed again."""
        for _ in range(int(INSIST_S / POLL_S)):
            card = self._card(one)
            if card is None or card[1] != ts:
                return
            await asyncio.sleep(POLL_S)

    def _card(self, one: ThreadMessage) -> tuple[str, str, list[str]] | None:
        """Key and timestamp of the open card for this message's command, and whom it names."""
        for message in self.thread(one):
            if ALLOW_BUTTON in actions(message):
                text = html.unescape(shown(message))
                for key in (one.ask.key, one.ask.edited_key):
                    if f"echo {key} >>" in text:
                        named = [who for who in IDS if f"<@{IDS[who]}> can decide" in text]
                        return key, str(message["ts"]), named or [one.ask.who]
        return None


def everything(place: Playground, channel: str) -> list[Json]:
    """All messages of a channel, in order, with those in threads."""
    found: dict[str, Json] = {}
    for root in place.messages(channel):
        for message in (root, *place.messages(channel, root["ts"])):
            found[message["ts"]] = message
    return [found[ts] for ts in sorted(found)]


def _steps(ask: Ask) -> list[tuple[str, str]]:
    stranger = "jonas" if ask.who == "maya" else "maya"
    return {
        Pressing.ALLOW: [(ask.who, _ALLOW)],
        Pressing.DENY: [(ask.who, _DENY)],
        Pressing.STRANGER_THEN_DENY: [(stranger, _ALLOW), (ask.who, _DENY)],
        Pressing.TWICE: [(ask.who, _ALLOW), (ask.who, _ALLOW)],
        Pressing.CONTRADICT: [(ask.who, _ALLOW), (ask.who, _DENY)],
    }[ask.pressing]
