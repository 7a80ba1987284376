"""How a real server's history and its deltas go together, while it streams."""

import pytest

from bridge.appserver.client import AppServerClient
from bridge.domain import events as ev
from bridge.domain.bindings import RuntimeRequest
from bridge.domain.ids import Runtime
from bridge.domain.teammates import PermissionMode
from bridge.engine.transcript import joined
from tests.appserver.test_real_server import Heard, begin, connected, say
from tests.appserver_fixtures import RealServer
from tests.support import eventually

pytestmark = pytest.mark.appserver


async def joins(client: AppServerClient, runtime: Runtime, server: RealServer) -> None:
    """Start the runtime on this connection too, as a new process does."""
    await client.start(
        RuntimeRequest(
            runtime.agent_id, runtime.conversation_id, str(server.cwd), PermissionMode.STANDARD
        )
    )


def newest(heard: Heard, runtime: Runtime) -> list[ev.TextArrived]:
    """The pieces of the newest message."""
    pieces = heard.of(runtime, ev.TextArrived)
    return [piece for piece in pieces if piece.message_id == pieces[-1].message_id]


@pytest.mark.parametrize("pace", ["", " at 200/s", " at 30/s"])
@pytest.mark.parametrize("after", [1, 12])
async def test_stored_text_and_the_pieces_since_join_into_the_whole(
    app_server: RealServer, pace: str, after: int
) -> None:
    """One who joins amid the second message knows all of it at once, under the same ids."""
    script = f"[[text Looking.]][[tool Read {{}}]][[then]][[say 60 tokens{pace}]]"
    async with connected(app_server) as (first, all_heard), connected(app_server) as (then, heard):
        runtime = await begin(first, app_server)
        await say(first, runtime, script)
        wanted = 1 + after
        await eventually(lambda: len(all_heard.of(runtime, ev.TextArrived)) >= wanted, poll_s=0)
        await joins(then, runtime, app_server)
        stored = {m.message_id: m for m in await then.history(runtime, back_to="turn-a-1")}
        held = list(heard.of(runtime, ev.TextArrived))
        await all_heard.end(runtime)
        await heard.end(runtime)

        ours = newest(all_heard, runtime)
        whole = "".join(piece.text for piece in ours)
        known = stored[ours[0].message_id].text
        before = [piece.text for piece in held if piece.message_id == ours[0].message_id]
        later = heard.of(runtime, ev.TextArrived)[len(held) :]
        assert joined(known, before) + "".join(piece.text for piece in later) == whole
        assert [m.role for m in stored.values()][:3] == ["user", "assistant", "call"]
        final = await then.history(runtime, back_to="turn-a-1")
        assert next(m.text for m in final if m.message_id == ours[0].message_id) == whole
