"""Bindings and created agents."""

from dataclasses import replace
from pathlib import Path

from bridge.domain.ids import AgentId, BindingId, ChannelId, ConversationId, Runtime, TurnId
from bridge.store import Store
from tests.store.test_outbox import owing
from tests.store.world import (
    CHANNEL,
    DM,
    NOW,
    OTHER_THREAD,
    TEAM,
    THREAD,
    World,
    later,
    message,
    ts_of,
    url,
)

RUNTIME = Runtime(AgentId("agent-1"), ConversationId("conv-1"))


async def test_a_new_binding_has_no_runtime(world: World) -> None:
    await world.say(1, "ada", thread=DM)
    (binding,) = await world.store.bindings.of_thread(DM)
    assert (binding.thread, binding.teammate, binding.server) == (DM, "ada", "main")
    assert (binding.runtime, binding.cwd, binding.last_seen) == (None, None, None)
    assert await world.store.bindings.get(binding.binding_id) == binding
    assert await world.store.bindings.get(BindingId(99)) is None


async def test_the_most_recently_addressed_comes_first(world: World) -> None:
    await world.say(1, "ada", "bob")
    await world.say(2, "cyd")
    await world.say(3, "bob")
    await world.say(4)
    names = [binding.teammate for binding in await world.store.bindings.of_thread(THREAD)]
    assert names == ["bob", "cyd", "ada"]


async def test_a_binding_remembers_its_runtime(file: Path, world: World) -> None:
    accepted = await world.say(1, "ada")
    ada = world.binding("ada")
    await world.store.bindings.set_runtime(ada, RUNTIME, "/srv/api", later(1), server="local")
    await world.store.bindings.set_last_seen(ada, accepted.message_id)
    await world.store.close()
    reopened = await Store.open(url(file))
    binding = await reopened.bindings.get(ada)
    assert binding is not None
    assert (binding.runtime, binding.cwd) == (RUNTIME, "/srv/api")
    assert (binding.last_started_at, binding.last_seen) == (later(1), accepted.message_id)
    await reopened.close()


async def test_a_runtime_leads_to_its_binding(world: World) -> None:
    await world.say(1, "ada")
    await world.say(2, "ada", thread=OTHER_THREAD)
    bindings, other = world.store.bindings, world.binding("ada", OTHER_THREAD)
    await bindings.set_runtime(other, RUNTIME, None, NOW, server="local")
    found = await bindings.by_runtime(RUNTIME)
    assert found is not None
    assert found.binding_id == other
    stranger = Runtime(AgentId("agent-2"), ConversationId("conv-1"))
    assert await bindings.by_runtime(stranger) is None


async def test_a_created_agent_is_remembered_per_server(store: Store) -> None:
    assert await store.teammates.agent_of("main", "ada") is None
    await store.teammates.remember("main", "ada", AgentId("agent-1"), NOW)
    await store.teammates.remember("main", "ada", AgentId("agent-2"), later(1))
    assert await store.teammates.agent_of("main", "ada") == "agent-2"
    assert await store.teammates.agent_of("other", "ada") is None
    await store.teammates.forget("main", "ada")
    await store.teammates.forget("main", "ada")
    assert await store.teammates.agent_of("main", "ada") is None


async def test_a_spare_conversation_is_kept_until_a_thread_takes_it(world: World) -> None:
    teammates = world.store.teammates
    first, second = (Runtime(AgentId("a"), ConversationId(name)) for name in ("c1", "c2"))
    assert await teammates.spare("main", "ada") is None
    await teammates.keep_spare("main", "ada", first)
    await teammates.keep_spare("main", "ada", second)
    assert await teammates.spare("main", "ada") == second
    assert await teammates.spare("other", "ada") is None
    await world.say(1, "ada")
    await world.store.bindings.set_runtime(world.binding("ada"), second, None, NOW, server="main")
    assert await teammates.spare("main", "ada") is None


async def test_what_is_stored_goes_on_under_a_channels_new_id(world: World) -> None:
    await world.say(1, "ada")
    await world.say(2, "ada")
    claimed = await world.claimed("ada")
    note = replace(
        owing("note", '{"arguments":{"channel":"C1","user":"U1"}}'), channel=CHANNEL, turn_id=None
    )
    await world.store.outbox.owe([note])
    new = ChannelId("C0NEW")
    for _ in range(2):
        await world.store.channels.rename(TEAM, CHANNEL, new)
    moved = replace(THREAD, channel=new)
    (binding,) = await world.store.bindings.of_thread(moved)
    assert binding.binding_id == claimed.binding.binding_id
    assert await world.store.bindings.of_thread(THREAD) == []
    assert await world.store.messages.find(TEAM, new, ts_of(1)) is not None
    (owed,) = await world.store.outbox.owed()
    assert owed.channel == new
    assert owed.payload == '{"arguments":{"channel":"C0NEW","user":"U1"}}'
    again = await world.store.turn_queue.accept(
        replace(message(1), channel=new),
        thread=moved,
        teammates=["ada"],
        server="main",
        new_turn_ids=[TurnId("twice")],
        now=NOW,
        joins=lambda *_: False,
        trusted=True,
    )
    assert again.duplicate
