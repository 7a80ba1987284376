"""Where messages come in."""

import asyncio
from dataclasses import replace

from bridge.domain.messages import InboundMessage
from bridge.engine.dispatcher import MessageOrder

MESSAGE = InboundMessage("Ev1", "T1", "C1", "1.0", "0.5", "U1", "hello", False, True)


async def test_g3_a_message_waits_for_the_earlier_one_of_its_thread_and_for_no_other():
    doorstep, order = MessageOrder(), []

    async def come(message, name):
        async with doorstep.enter(message):
            order.append(name)

    async with doorstep.enter(MESSAGE):
        later = asyncio.get_running_loop().create_task(come(replace(MESSAGE, ts="2.0"), "later"))
        await asyncio.sleep(0)
        await come(replace(MESSAGE, thread_ts="0.7", ts="3.0"), "elsewhere")
        order.append("first")
    await later
    assert order == ["elsewhere", "first", "later"]


async def test_g2_what_was_stored_is_known_until_many_newer_ones_were():
    doorstep = MessageOrder(remembered=2)
    known = []
    for ts in ("1.0", "1.0", "2.0", "3.0", "1.0"):
        message = replace(MESSAGE, ts=ts)
        async with doorstep.enter(message) as stored:
            known.append(stored)
            doorstep.stored(message)
    assert known == [False, True, False, False, False]


async def test_g1_what_could_not_be_stored_is_not_known():
    doorstep = MessageOrder()
    for _ in range(2):
        async with doorstep.enter(MESSAGE) as stored:
            assert not stored
