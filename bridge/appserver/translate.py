"""Translation of frames into domain events.

Keeps, per runtime and connection, only what is needed to say each thing once: the runs already
announced and the helpers at work.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from bridge.appserver import deltas as d
from bridge.appserver import events as wire
from bridge.appserver.responses import StoredMessageRecord
from bridge.appserver.wire_base import text_of
from bridge.domain import events as ev
from bridge.domain.ids import RunId, Runtime
from bridge.domain.ports import HistoryMessage

_AT_WORK = frozenset({"pending", "running"})


@dataclass(slots=True)
class _RuntimeNews:
    """What was said of one runtime. `runs` is None before the first status came."""

    runs: dict[str, list[str]] | None = None
    announced: set[str] = field(default_factory=set)
    helpers: tuple[str, ...] = ()


class Translator:
    """Turns the events of one link into agent events. Of the connection before, it remembers
    which runs were named: a server that lives goes on naming them (PROTOCOL §7).
    """

    def __init__(self) -> None:
        self._known: dict[Runtime, _RuntimeNews] = {}
        self._before: dict[Runtime, frozenset[str]] = {}

    def connected(self) -> None:
        """A new connection: run ids may have begun again at 1 (PROTOCOL §4)."""
        for runtime, known in self._known.items():
            if known.runs:
                self._before[runtime] = frozenset(known.runs)
        self._known.clear()

    def forget(self, runtime: Runtime) -> None:
        """It has been idle for long; it must be started again before anything is sent to it."""
        self._known.pop(runtime, None)
        self._before.pop(runtime, None)

    def translate(self, runtime: Runtime, frame: wire.Event) -> tuple[ev.AgentEvent, ...]:
        """What the frame means, in order; empty when it means nothing to a turn."""
        match frame:
            case wire.StreamDelta(subagent_id=None):
                return _delta(frame.delta)
            case wire.UpdateLoopStatus():
                return tuple(self._runs(runtime, frame.loop_status))
            case wire.TurnFinishedFrame():
                return (*self._unannounced(runtime, frame.run_id), _finished(frame))
            case wire.ControlRequest():
                return (_asked(frame),)
            case wire.UpdateDeviceStatus():
                return (_status(frame.device_status),)
            case wire.UpdateQueue():
                return _dropped(frame)
            case wire.UpdateSubagentState():
                return self._helpers(runtime, frame)
            case _:
                return ()

    def _runs(self, runtime: Runtime, status: wire.LoopStatus) -> Iterator[ev.AgentEvent]:
        """Announce runs that are new or serve more inputs than before.

        What the first status of a connection shows was begun before: it is noted, not announced,
        so that a run which merely goes on is not taken for one that begins (again).
        """
        known = self._known.setdefault(runtime, _RuntimeNews())
        served = status.client_message_ids_by_run_id
        current = {**served, **{run: served.get(run, []) for run in status.active_run_ids}}
        before, known.runs = known.runs, current
        if before is None:
            named = self._before.pop(runtime, frozenset())
            if named and named.isdisjoint(current):
                yield ev.RunsForgotten()
            return
        for run_id, ids in current.items():
            if before.get(run_id) != ids:
                known.announced.add(run_id)
                yield ev.RunStarted(RunId(run_id), frozenset(ids))
        known.announced &= current.keys()

    def _unannounced(self, runtime: Runtime, run_id: str | None) -> tuple[ev.AgentEvent, ...]:
        """A run that began while nobody listened is announced at the latest before its end."""
        known = self._known.get(runtime)
        if known is None or run_id is None or run_id in known.announced:
            return ()
        ids = (known.runs or {}).get(run_id)
        return (ev.RunStarted(RunId(run_id), frozenset(ids)),) if ids else ()

    def _helpers(
        self, runtime: Runtime, frame: wire.UpdateSubagentState
    ) -> tuple[ev.AgentEvent, ...]:
        known = self._known.setdefault(runtime, _RuntimeNews())
        active = tuple(
            helper.subagent_type or helper.description or helper.subagent_id
            for helper in frame.subagents
            if helper.status in _AT_WORK
        )
        if active == known.helpers:
            return ()
        known.helpers = active
        return (ev.SubagentChanged(active),)


def _delta(delta: d.Delta) -> tuple[ev.AgentEvent, ...]:
    match delta:
        case d.AssistantMessage():
            run_id = RunId(delta.run_id or "")
            return (ev.TextArrived(run_id, delta.id, text_of(delta.content)),)
        case d.ReasoningMessage():
            return (ev.ReasoningArrived(RunId(delta.run_id or "")),)
        case d.ApprovalRequestMessage(tool_call=call):
            run_id = RunId(delta.run_id or "")
            return (ev.ToolCalled(run_id, call.tool_call_id, call.name, call.arguments),)
        case d.ClientToolStart():
            return (ev.ToolStarted(delta.tool_call_id, delta.tool_name, delta.tool_args),)
        case d.ClientToolEnd():
            return (ev.ToolEnded(delta.tool_call_id, delta.status == "success"),)
        case d.UsageStatistics():
            run_id = RunId(delta.run_id or "")
            return (ev.UsageReported(run_id, delta.prompt_tokens, delta.completion_tokens),)
        case _:
            return _trouble(delta)


def _trouble(delta: d.Delta) -> tuple[ev.AgentEvent, ...]:
    match delta:
        case d.Retry():
            again = ev.RetryScheduled(delta.attempt, delta.max_attempts, delta.delay_ms / 1000)
            dropped = (ev.RunDropped(RunId(delta.run_id)),) if delta.run_id else ()
            return (*dropped, again)
        case d.EventMessage(event_type="retry"):
            return _inner_retry(delta.event_data)
        case d.SummaryMessage():
            return (ev.ContextCompacted(),)
        case d.LoopError(is_terminal=True):
            said = delta.api_error.message if delta.api_error else None
            words = readable(said or delta.message)
            return (ev.ModelFailed(words, frozenset(delta.client_message_ids)),)
        case _:
            return ()


def _inner_retry(data: dict[str, Any]) -> tuple[ev.AgentEvent, ...]:
    """The server repeats a model request by itself, within the same run."""
    try:
        retry = d.RetryData.model_validate(data)
    except ValueError:
        retry = d.RetryData()
    return (ev.RetryScheduled(retry.attempt, retry.max_attempts, retry.delay_ms / 1000),)


def _finished(frame: wire.TurnFinishedFrame) -> ev.TurnFinished:
    run_id = RunId(frame.run_id) if frame.run_id else None
    return ev.TurnFinished(
        run_id, frame.stop_reason, readable(frame.error) if frame.error else None
    )


def _asked(frame: wire.ControlRequest) -> ev.ApprovalAsked:
    request = frame.request
    return ev.ApprovalAsked(
        request_id=frame.request_id,
        call_id=request.tool_call_id,
        tool_name=request.tool_name,
        arguments=request.input,
        diffs=tuple(_diff(diff) for diff in request.diffs or ()),
    )


def _diff(diff: wire.Diff) -> ev.FileDiff:
    lines = tuple(
        ev.DiffLine(line.type, line.content) for hunk in diff.hunks for line in hunk.lines
    )
    # `advanced` only says that hunks follow: without any, it explains nothing to a person.
    why = diff.reason or (diff.mode if diff.mode != "advanced" else None)
    return ev.FileDiff(diff.fileName, lines, note=None if lines else why)


def _status(status: wire.DeviceStatus) -> ev.RuntimeStatus:
    return ev.RuntimeStatus(
        is_processing=status.is_processing,
        cwd=status.current_working_directory,
        mode=status.current_permission_mode,
        pending_request_ids=frozenset(
            pending.request_id for pending in status.pending_control_requests
        ),
    )


def _dropped(frame: wire.UpdateQueue) -> tuple[ev.AgentEvent, ...]:
    lost = frozenset(
        item.client_message_id
        for item in frame.removed
        if item.disposition == "cancelled" and item.client_message_id
    )
    return (ev.InputsDropped(lost),) if lost else ()


def readable(message: str) -> str:
    """The words inside an error that the server packed as JSON; other text as it is."""
    try:
        inner = json.loads(message)
    except (ValueError, RecursionError):
        return message
    while isinstance(inner, dict):
        inner = inner.get("error") or inner.get("message") or inner.get("detail")
    return inner if isinstance(inner, str) else message


_ADDED = re.compile(r"<(system-reminder|task-notification)>.*?(?:</\1>|\Z)\s*", re.S)
_ROLES = {
    "user_message": "user",
    "assistant_message": "assistant",
    "approval_request_message": "call",
}


def without_reminders(text: str) -> str:
    """The text without the blocks that the server put in for the model."""
    return _ADDED.sub("", text).strip()


def to_history(record: StoredMessageRecord) -> HistoryMessage:
    """One stored message. Only what a person wrote is cleaned: an answer may quote anything."""
    role = _ROLES.get(record.message_type, "other")
    text = text_of(record.content or "")
    return HistoryMessage(
        message_id=record.id,
        role=role,
        text=without_reminders(text) if role == "user" else text,
        otid=record.otid if role == "user" else None,
        call_id=record.tool_call.tool_call_id if role == "call" and record.tool_call else None,
    )
