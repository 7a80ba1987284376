"""Replies against a loopback Slack, over real sockets."""

import asyncio

from bridge.domain.events import Outcome, Usage
from bridge.domain.ports import Ending
from tests.support import eventually

DONE = Ending(Outcome.DONE, None, 3.0, Usage(10, 20))


def stop_buttons(message):
    return [
        element
        for block in message.get("blocks", [])
        if block["type"] == "actions"
        for element in block["elements"]
    ]


async def test_a_reply_appears_grows_and_ends_without_its_stop_button(desk):
    target = await desk.target()
    reply = desk.surface.open_reply(target)
    reply.append("1", "m", "Hello")
    first = await eventually(lambda: desk.thread(target))
    assert stop_buttons(first[0])
    reply.append("1", "m", " world")
    await eventually(lambda: "Hello world" in desk.markdown(target))
    ts = await reply.finish(DONE)
    (message,) = desk.thread(target)
    assert message["ts"] == ts
    assert not stop_buttons(message)
    assert desk.markdown(target) == "Hello world"


async def test_a_short_answer_is_one_call(desk):
    target = await desk.target()
    reply = desk.surface.open_reply(target)
    reply.append("1", "m", "42")
    await asyncio.sleep(0)
    await reply.finish(DONE)
    assert len(desk.playground.calls("chat.postMessage")) == 1
    assert desk.playground.calls("chat.update") == []
