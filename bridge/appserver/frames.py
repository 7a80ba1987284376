"""Frame parser, tolerant: every text becomes exactly one of three outcomes (G8).

Understood (a model of `events` or `responses`), `UnknownFrame` (a type that we do not know) or
`MalformedFrame` (no JSON object, or a known type that does not fit its model). `parse` never
raises. Past this point the program trusts the types and asks with `isinstance` or `match`.
"""

import json
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import ValidationError
from pydantic_core import from_json

from bridge.appserver import events, responses
from bridge.appserver.events import Event
from bridge.appserver.responses import InputAcceptedResponse, Response
from bridge.domain.ids import AgentId, ConversationId, Runtime


@dataclass(frozen=True, slots=True)
class UnknownFrame:
    """A frame of a type that we do not know, whole."""

    type: str
    raw: dict[str, Any]


@dataclass(frozen=True, slots=True)
class MalformedFrame:
    """Text that is no frame, or a known type with a wrong field.

    `type` is None when there is no usable tag. `path` names the first wrong field, dotted, or is
    empty when the frame as a whole is wrong. `raw` is what could be decoded, else the text.
    """

    type: str | None
    path: str
    problem: str
    raw: Any


Known = Event | Response | InputAcceptedResponse
Frame = Known | UnknownFrame | MalformedFrame


def _tag(model: type[Known]) -> str:
    name: str = get_args(model.model_fields["type"].annotation)[0]
    return name


def _models() -> dict[str, type[Known]]:
    found: list[type[Known]] = [InputAcceptedResponse]
    found += [model for model in Event.__subclasses__() if model.__module__ == events.__name__]
    found += [
        model for model in Response.__subclasses__() if model.__module__ == responses.__name__
    ]
    return {_tag(model): model for model in found}


MODELS = _models()
"""Every type of frame that we understand, with its model."""


def parse(text: str | bytes) -> Frame:
    """Read one message of the socket. Decodes once, validates once, never raises."""
    try:
        raw = from_json(text)
    except ValueError:
        try:
            raw = json.loads(text)  # takes half a surrogate pair, which a cut delta may hold
        except (ValueError, RecursionError) as problem:
            return MalformedFrame(None, "", f"not JSON: {problem}", text)
    return read(raw)


def read(raw: Any) -> Frame:
    """Read one decoded message; what `parse` does after decoding."""
    if not isinstance(raw, dict):
        return MalformedFrame(None, "", "not an object", raw)
    tag = raw.get("type")
    if not isinstance(tag, str):
        return MalformedFrame(None, "type", "not a string", raw)
    model = MODELS.get(tag)
    if model is None:
        return UnknownFrame(tag, raw)
    try:
        return model.model_validate(raw)
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_context=False, include_input=False)[0]
        path = ".".join(str(step) for step in first["loc"])
        return MalformedFrame(tag, path, first["msg"], raw)


def event_seq(frame: Frame) -> int | None:
    """The frame's number on its connection, also of frames that we could not read."""
    if isinstance(frame, Event):
        return frame.event_seq
    value = _raw_field(frame, "event_seq")
    return value if type(value) is int else None


def request_id(frame: Frame) -> str | None:
    """The `request_id` that an answer carries, also of answers that we could not read."""
    if isinstance(frame, (Response, InputAcceptedResponse)):
        return frame.request_id
    value = _raw_field(frame, "request_id")
    return value if isinstance(value, str) else None


def kind(frame: Frame) -> str:
    """The frame's type; `unknown` for what has none."""
    return frame.type or "unknown"


def runtime(frame: Frame) -> Runtime | None:
    """Whose frame it is; None when it names no runtime, or we could not read it."""
    if isinstance(frame, Event):
        return frame.runtime.to_domain()
    named = _raw_field(frame, "runtime")
    if not isinstance(named, dict):
        return None
    agent, conversation = named.get("agent_id"), named.get("conversation_id")
    if isinstance(agent, str) and isinstance(conversation, str):
        return Runtime(AgentId(agent), ConversationId(conversation))
    return None


def _raw_field(frame: Frame, key: str) -> object:
    raw = frame.raw if isinstance(frame, (UnknownFrame, MalformedFrame)) else None
    return raw.get(key) if isinstance(raw, dict) else None
