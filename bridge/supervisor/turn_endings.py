"""Turn endings: which runtimes are held, and how their turns ended. Pure.

Frames are read as plain JSON, by the few fields that matter here: an end must not be missed
because some other field of its frame has changed.
"""

import json
from collections import OrderedDict
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

RUNS_KEPT = 64
ENDINGS_KEPT = 16
ERROR_CHARACTERS = 2000

_FINISHED, _INPUTS = b'"turn_finished"', b'"client_message_ids_by_run_id"'
"""One of these is in every frame that tells of an end or of a run's inputs (PROTOCOL §7, §8)."""


class RuntimeIds(NamedTuple):
    """`{agent_id, conversation_id}` exactly as the App Server returned it."""

    agent_id: str
    conversation_id: str

    @classmethod
    def read(cls, value: object) -> "RuntimeIds | None":
        """The runtime in a line or a frame; None when there is none."""
        if not isinstance(value, dict):
            return None
        agent, conversation = value.get("agent_id"), value.get("conversation_id")
        if not isinstance(agent, str) or not isinstance(conversation, str):
            return None
        return cls(agent, conversation)


@dataclass(frozen=True, slots=True)
class TurnEnding:
    """How a turn ended. `run_id` is its last run, None when no model answered; then
    `client_message_ids` are those of all runs since the ending before. Where nobody asked for the
    work there are none, and `runtime` alone says what ended.
    """

    client_message_ids: tuple[str, ...]
    run_id: str | None
    stop_reason: str
    error: str | None
    runtime: RuntimeIds | None = field(default=None, compare=False)

    def line(self) -> dict[str, Any]:
        """The ending as it goes through the pipe."""
        runtime = self.runtime and self.runtime._asdict()
        return {**asdict(self), "runtime": runtime}


@dataclass(slots=True)
class _Held:
    """One runtime. `by` is the number of the worker that asked for it last."""

    by: int
    inputs: OrderedDict[str, tuple[str, ...]] = field(default_factory=OrderedDict)
    fresh: set[str] = field(default_factory=set)
    endings: list[TurnEnding] = field(default_factory=list)


class TurnEndings:
    """Small and bounded; forgotten runtime by runtime, when a worker releases them."""

    def __init__(self) -> None:
        self._held: dict[RuntimeIds, _Held] = {}

    @property
    def held(self) -> tuple[RuntimeIds, ...]:
        """The runtimes with a live turn, as far as a worker has said so."""
        return tuple(self._held)

    def hold(self, runtime: RuntimeIds, *, by: int) -> None:
        """A worker has, or is about to have, a live turn there. May be repeated."""
        self._held.setdefault(runtime, _Held(by)).by = by

    def release(self, runtime: RuntimeIds) -> None:
        """The turn there is over and recorded."""
        self._held.pop(runtime, None)

    def let_go(self, *, before: int) -> int:
        """Release what no worker from number `before` on has asked for; returns how many."""
        left = [runtime for runtime, held in self._held.items() if held.by < before]
        for runtime in left:
            del self._held[runtime]
        return len(left)

    def endings(self) -> list[TurnEnding]:
        """All endings on held runtimes, oldest first per runtime."""
        return [ending for held in self._held.values() for ending in held.endings]

    def hear(self, message: str | bytes) -> TurnEnding | None:
        """Read a message of the App Server; an ending when it tells one of a held runtime."""
        raw = message if isinstance(message, bytes) else message.encode()
        if _FINISHED not in raw and _INPUTS not in raw:
            return None  # nearly always so: no delta is decoded here
        frame = _object(raw)
        runtime = RuntimeIds.read(frame.get("runtime"))
        held = self._held.get(runtime) if runtime is not None else None
        if runtime is None or held is None:
            return None
        if frame.get("type") == "update_loop_status":
            _note_inputs(held, frame.get("loop_status"))
        return _ended(runtime, held, frame) if frame.get("type") == "turn_finished" else None


def _note_inputs(held: _Held, status: object) -> None:
    """Remember which inputs each run serves (PROTOCOL §8)."""
    runs = status.get("client_message_ids_by_run_id") if isinstance(status, dict) else None
    for run, inputs in runs.items() if isinstance(runs, dict) else ():
        ids = tuple(each for each in inputs if isinstance(each, str))
        if ids and held.inputs.get(run) != ids:
            held.inputs[run] = ids
            held.inputs.move_to_end(run)
            held.fresh.add(run)
    while len(held.inputs) > RUNS_KEPT:
        oldest, _ = held.inputs.popitem(last=False)
        held.fresh.discard(oldest)


def _ended(runtime: RuntimeIds, held: _Held, frame: dict[str, Any]) -> TurnEnding | None:
    run, error = frame.get("run_id"), frame.get("error")
    run = run if isinstance(run, str) else None
    runs = [run] if run in held.inputs else [each for each in held.inputs if each in held.fresh]
    ids = (each for name in runs if name is not None for each in held.inputs[name])
    ending = TurnEnding(
        client_message_ids=tuple(dict.fromkeys(ids)),
        run_id=run,
        stop_reason=str(frame.get("stop_reason")),
        error=error[:ERROR_CHARACTERS] if isinstance(error, str) else None,
        runtime=runtime,
    )
    held.fresh.clear()
    if ending in held.endings:
        return None  # heard on two connections while one replaced the other
    held.endings = [*held.endings, ending][-ENDINGS_KEPT:]
    return ending


def _object(text: bytes) -> dict[str, Any]:
    try:
        frame = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return frame if isinstance(frame, dict) else {}
