"""Which bindings are known to be started."""

from bridge.domain.ids import ThreadKey
from bridge.engine.runtime_starter import RuntimeStarter
from bridge.telemetry import Tasks
from tests.engine.conftest import ADA, CHANNEL, TEAM, World


async def test_a_binding_that_was_used_long_ago_is_started_again(world: World) -> None:
    world.agent.answer_with("hi")
    roots = [await world.say("@ada hello") for _ in range(3)]
    await world.ended(3)
    bindings = []
    for root in roots:
        bindings += await world.store.bindings.of_thread(ThreadKey(TEAM, CHANNEL, root.ts))
    tasks = Tasks()
    runtimes = RuntimeStarter(world.tools, tasks, kept=2)
    before = len(world.agent.starts)
    for number in (0, 1, 0, 2, 0):  # the second is the one that was used longest ago
        await runtimes.ensure_started(bindings[number], ADA)
    assert len(world.agent.starts) == before + 3
    await runtimes.ensure_started(bindings[1], ADA)
    assert len(world.agent.starts) == before + 4
    await tasks.aclose()
