"""What is said while no process of ours lives, in a Slack that sends nothing again."""

import pytest

from slack_playground import PlaygroundOptions
from tests.e2e.conftest import Worlds

pytestmark = [
    pytest.mark.appserver,
    pytest.mark.timeout(120),
    pytest.mark.asyncio(loop_scope="session"),
]

LETTA = "<@U01LETTABOT>"


async def test_g1_what_was_said_while_no_process_lived_is_answered_once_and_said_so(
    worlds: Worlds,
) -> None:
    world = await worlds(options=PlaygroundOptions(rate_limits=False, offline_events="drop"))
    await world.start()
    known = world.ask(f"{LETTA} hello [[text Hello.]]")
    await world.until(known, "Hello.")
    await world.bridge.kill()
    await world.wait(lambda: world.place.connections == 0, known)
    world.place.post("maya", "#general", "are you there? [[text I am here.]]", known)
    fresh = world.ask(f"{LETTA} and here? [[text Here as well.]]")
    private = world.place.dm("priya")
    world.place.post("priya", private, "hi [[text Nice to meet you.]]")
    await world.wait(lambda: world.place.undelivered == 0, known)
    await world.start()
    await world.until(known, "I am here.", within_s=30)
    await world.until(fresh, "Here as well.", within_s=30)
    for thread in (known, fresh):
        await world.until(thread, "reached me late, because I was not running")
        assert world.thread(thread).count("reached me late") == 1
    assert world.thread(known).count("I am here.") == 1

    def met() -> bool:
        said = [message for message in world.place.messages(private) if message.get("bot_id")]
        return "Nice to meet you." in str(said)

    await world.wait(met, private, within_s=30)
