"""What the log sees of a frame's text."""

import pytest

from bridge.appserver.glance import kind_in, runtime_in
from bridge.domain.ids import AgentId, ConversationId, Runtime


@pytest.mark.parametrize(
    "frame",
    [
        '{"type":"x","runtime":{"agent_id":"a-1","conversation_id":"c-1"},"event_seq":3}',
        '{ "text": "\\"runtime\\":{}", "runtime": {"conversation_id": "c-1", "agent_id": "a-1"} }',
    ],
)
def test_a_frame_is_logged_under_its_runtime(frame: str) -> None:
    assert runtime_in(frame) == Runtime(AgentId("a-1"), ConversationId("c-1"))


@pytest.mark.parametrize(
    "frame", ["", "{}", '{"runtime":{}}', '{"runtime":{"agent_id":"a"}}', '{"runtime":null}']
)
def test_a_frame_of_no_runtime_is_logged_under_none(frame: str) -> None:
    assert runtime_in(frame) is None


def test_a_kind_is_found_at_the_beginning() -> None:
    assert kind_in('{"runtime":{}, "type" : "sync"}') == "sync"
    assert kind_in("no json") == "unknown"
