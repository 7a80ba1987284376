import copy
import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.appserver import deltas, frames
from bridge.appserver.events import ControlRequest, Event, StreamDelta, UpdateDeviceStatus
from bridge.appserver.frames import MODELS, MalformedFrame, UnknownFrame, parse
from bridge.appserver.responses import InputAcceptedResponse, Response
from tests.appserver.replaying import NEVER_SENT, RECORDINGS, lines

RUNTIME = {"agent_id": "a", "conversation_id": "c"}
OUTCOMES = (Event, Response, InputAcceptedResponse, UnknownFrame, MalformedFrame)

SAMPLES = [
    line["frame"]
    for path in sorted(RECORDINGS.glob("*.jsonl"))
    for line in lines(path.stem)
    if line["dir"] == "in" and isinstance(line["frame"], dict)
]
KINDS = {json.dumps([f["type"], f.get("delta", {}).get("message_type")]): f for f in SAMPLES}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def delta(**fields: Any) -> dict[str, Any]:
    return {"type": "stream_delta", "runtime": RUNTIME, "event_seq": 1, "delta": fields}


def test_every_recorded_frame_that_we_may_get_is_understood() -> None:
    for sample in SAMPLES:
        if sample["type"].removesuffix("_response") in NEVER_SENT:
            continue
        assert not isinstance(frames.read(sample), (UnknownFrame, MalformedFrame)), sample


def test_every_recorded_delta_is_known() -> None:
    for sample in SAMPLES:
        frame = frames.read(sample)
        if isinstance(frame, StreamDelta):
            assert not isinstance(frame.delta, deltas.UnknownDelta), sample


def test_the_known_deltas_are_those_of_the_union() -> None:
    members = get_args(get_args(deltas.Delta)[0])
    tags = {get_args(member)[1].tag for member in members}
    assert tags == deltas.KNOWN | {deltas.UNKNOWN}


@pytest.mark.parametrize("text", ["", "{", "nonsense", b"\xff\xfe", '{"type": "x"', "[" * 100_000])
def test_text_that_is_no_json_is_malformed(text: str | bytes) -> None:
    frame = parse(text)
    assert isinstance(frame, MalformedFrame)
    assert (frame.type, frame.path) == (None, "")


@pytest.mark.parametrize("text", ["[]", "1", "null", '"sync"', "true"])
def test_json_that_is_no_object_is_malformed(text: str) -> None:
    frame = parse(text)
    assert isinstance(frame, MalformedFrame)
    assert frame.problem == "not an object"


@pytest.mark.parametrize("tag", ["[]", "{}", "1", "null", '["stream_delta"]'])
def test_a_tag_that_is_no_string_is_malformed(tag: str) -> None:
    frame = parse(f'{{"type": {tag}}}')
    assert isinstance(frame, MalformedFrame)
    assert frame.path == "type"


def test_an_unknown_type_is_kept_whole() -> None:
    frame = parse('{"type": "holograms", "event_seq": 7, "deep": {"a": [1]}}')
    assert frame == UnknownFrame(
        "holograms", {"type": "holograms", "event_seq": 7, "deep": {"a": [1]}}
    )
    assert frames.event_seq(frame) == 7


@pytest.mark.parametrize("tag", ["hologram", None, ["assistant_message"], {"a": 1}, 5])
def test_an_unknown_delta_is_understood_as_unknown(tag: Any) -> None:
    frame = frames.read(delta(message_type=tag, id="m"))
    assert isinstance(frame, StreamDelta)
    assert isinstance(frame.delta, deltas.UnknownDelta)


def test_a_malformed_known_delta_says_where() -> None:
    frame = frames.read(delta(message_type="assistant_message", id="m", content=[{"text": {}}]))
    assert isinstance(frame, MalformedFrame)
    assert frame.type == "stream_delta"
    assert frame.path.startswith("delta.assistant_message.content")
    assert frames.event_seq(frame) == 1


def test_a_delta_that_is_no_object_is_malformed() -> None:
    frame = frames.read({"type": "stream_delta", "runtime": RUNTIME, "delta": 5})
    assert isinstance(frame, MalformedFrame)


def test_a_malformed_answer_still_names_its_request() -> None:
    frame = frames.read({"type": "sync_response", "request_id": "1-1", "success": []})
    assert isinstance(frame, MalformedFrame)
    assert frames.request_id(frame) == "1-1"
    assert frames.request_id(frames.read({"type": "sync_response", "request_id": 5})) is None
    assert frames.request_id(parse("[]")) is None


def test_booleans_are_not_sequence_numbers() -> None:
    assert frames.event_seq(frames.read({"type": "new", "event_seq": True})) is None


def test_unknown_fields_are_tolerated() -> None:
    sample = {**KINDS['["control_request", null]'], "colour": {"deep": [1]}}
    sample["request"] = {**sample["request"], "urgency": 5}
    assert isinstance(frames.read(sample), ControlRequest)


def test_a_huge_frame_is_parsed() -> None:
    text = "x" * 5_000_000
    raw = delta(message_type="assistant_message", id="m", content=[{"type": "text", "text": text}])
    frame = parse(json.dumps(raw))
    assert isinstance(frame, StreamDelta)
    assert isinstance(frame.delta, deltas.AssistantMessage)
    assert frame.delta.content[0].text == text


def test_a_binary_frame_is_parsed() -> None:
    sample = KINDS['["update_device_status", null]']
    assert isinstance(parse(json.dumps(sample).encode()), UpdateDeviceStatus)


@given(json_values)
def test_any_json_gives_one_outcome(value: Any) -> None:
    assert isinstance(parse(json.dumps(value)), OUTCOMES)


@given(st.text() | st.binary())
def test_any_message_gives_one_outcome(message: str | bytes) -> None:
    assert isinstance(parse(message), OUTCOMES)


@given(st.sampled_from(sorted(MODELS)), st.dictionaries(st.text(), json_values))
def test_a_known_type_with_any_fields_gives_one_outcome(tag: str, fields: dict[str, Any]) -> None:
    assert isinstance(frames.read({**fields, "type": tag}), OUTCOMES)


@given(st.sampled_from(sorted(KINDS)), st.data())
def test_a_real_frame_with_one_field_spoilt_gives_one_outcome(kind: str, data: Any) -> None:
    frame = copy.deepcopy(KINDS[kind])
    spot = frame
    while True:
        key = data.draw(st.sampled_from(sorted(spot)))
        inner = spot[key]
        if not isinstance(inner, dict) or not inner or data.draw(st.booleans()):
            break
        spot = inner
    spot[key] = data.draw(json_values)
    assert isinstance(frames.read(frame), OUTCOMES)
