"""Adapter for old App Servers: adds the frames that they do not send.

Servers before 0.32 never say that an input was accepted or that a turn is over, and do not name
the inputs of a run; those before 0.33 give every piece of a message a new id (PROTOCOL §21, §22).
`LegacyAdapter` adds the missing frames and groups the pieces. As soon as a server says these
things by itself, it only groups.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from bridge.appserver import deltas as d
from bridge.appserver.commands import ApprovalResponse, Command, CreateMessage, Input, RuntimeId
from bridge.appserver.events import (
    ControlRequest,
    Event,
    StreamDelta,
    TurnFinishedFrame,
    UpdateLoopStatus,
    UpdateQueue,
)
from bridge.appserver.frames import Frame
from bridge.appserver.responses import InputAcceptedResponse
from bridge.appserver.wire_base import RuntimeRef
from bridge.domain.ids import AgentId, ConversationId, Runtime

IDLE = "WAITING_ON_INPUT"
_NO_TURN = frozenset({"EXECUTING_COMMAND"})
"""States that are passed through without a turn (a change of mode or directory)."""
_RUNS_NAMED = 32
"""As many runs as newer servers name (PROTOCOL §7)."""


@dataclass(slots=True)
class _Track:
    """What is known of one runtime. `reason` is why the turn ends, once the server said so."""

    unacknowledged: list[tuple[str, str | None]] = field(default_factory=list)
    busy: bool = False
    idle_seen: bool = False
    reason: str | None = None
    error: str | None = None
    run_id: str | None = None
    serving: set[str] = field(default_factory=set)
    queued: set[str] = field(default_factory=set)
    served: dict[str, list[str]] = field(default_factory=dict)
    questions: set[str] = field(default_factory=set)
    message_ids: dict[str, str] = field(default_factory=dict)


class LegacyAdapter:
    """Completes one connection's frames. Make a new one for each connection."""

    def __init__(self) -> None:
        self._tracks: dict[Runtime, _Track] = {}
        self._native = False

    def sent(self, command: Command) -> tuple[Frame, ...]:
        """Note a command that goes out; returns frames to treat as received."""
        if self._native or not isinstance(command, Input) or command.request_id is None:
            return ()
        track = self._track(_runtime(command.runtime))
        payload = command.payload
        if isinstance(payload, ApprovalResponse):
            return self._answer_sent(track, command, command.request_id, payload)
        self._words_sent(track, command.request_id, payload)
        return ()

    def received(self, frame: Frame) -> tuple[Frame, ...]:
        """The frames to act on instead of this one, in order."""
        if isinstance(frame, (InputAcceptedResponse, TurnFinishedFrame)):
            self._native = True
        if not isinstance(frame, Event):
            return (frame,)
        track = self._track(frame.runtime.to_domain())
        grouped = _grouped(track, frame)
        if self._native:
            if isinstance(frame, TurnFinishedFrame):
                track.message_ids.clear()
            return (grouped,)
        return (*self._accepted(track, frame.runtime), *self._completed(track, grouped))

    def forget(self, runtime: Runtime) -> None:
        """It has been idle for long; it must be started again before anything is sent to it."""
        self._tracks.pop(runtime, None)

    def _track(self, runtime: Runtime) -> _Track:
        return self._tracks.setdefault(runtime, _Track())

    def _words_sent(self, track: _Track, request_id: str, payload: CreateMessage) -> None:
        started = not track.busy and not track.unacknowledged
        track.unacknowledged.append((request_id, "started" if started else "queued"))
        ids = {message.client_message_id for message in payload.messages}
        if started:
            track.serving = ids
        else:
            track.queued |= ids

    def _answer_sent(
        self, track: _Track, command: Input, request_id: str, payload: ApprovalResponse
    ) -> tuple[Frame, ...]:
        if payload.request_id in track.questions:
            track.questions.discard(payload.request_id)
            track.unacknowledged.append((request_id, None))
            return ()
        refusal = InputAcceptedResponse(
            request_id=request_id,
            runtime=_ref(command.runtime),
            accepted=False,
            error="Approval request is no longer pending",
        )
        return (refusal,)

    def _accepted(self, track: _Track, runtime: RuntimeRef) -> Iterator[Frame]:
        """Any word on the runtime after an input shows that the server has read it."""
        waiting, track.unacknowledged = track.unacknowledged, []
        for request_id, disposition in waiting:
            yield InputAcceptedResponse(
                request_id=request_id, runtime=runtime, accepted=True, disposition=disposition
            )

    def _completed(self, track: _Track, frame: Event) -> tuple[Frame, ...]:
        match frame:
            case UpdateLoopStatus():
                return self._loop(track, frame)
            case UpdateQueue():
                now = {item.client_message_id for item in frame.queue if item.client_message_id}
                track.serving = (track.serving | (track.queued - now)) - now
                track.queued = now
            case ControlRequest():
                track.questions.add(frame.request_id)
            case StreamDelta(subagent_id=None):
                return self._delta(track, frame)
            case _:
                pass
        return (frame,)

    def _loop(self, track: _Track, frame: UpdateLoopStatus) -> tuple[Frame, ...]:
        status = frame.loop_status
        if status.status in _NO_TURN:
            return (frame,)
        if status.status == IDLE:
            over = track.busy and (track.reason is not None or track.idle_seen)
            track.idle_seen = track.busy
            named = _mapped(track, frame)
            return (named, *_end(track, frame.runtime)) if over else (named,)
        before = _end(track, frame.runtime) if track.idle_seen else ()
        track.busy = True
        for run_id in status.active_run_ids:
            track.run_id = run_id
            if track.serving:
                track.served[run_id] = sorted(track.serving)
                track.served = dict(list(track.served.items())[-_RUNS_NAMED:])
        return (*before, _mapped(track, frame))

    def _delta(self, track: _Track, frame: StreamDelta) -> tuple[Frame, ...]:
        delta = frame.delta
        match delta:
            case d.StopReason(stop_reason=reason):
                track.reason = None if reason == "requires_approval" else reason
            case d.Retry():
                track.reason = None
            case d.StatusMessage(message="Interrupted"):
                track.reason = "cancelled"
            case d.LoopError(is_terminal=True):
                track.reason, track.error = delta.stop_reason or "error", delta.message
                frame = _naming(frame, delta, track.serving)
            case _:
                return (frame,)
        over = track.idle_seen and track.reason is not None
        return (frame, *_end(track, frame.runtime)) if over else (frame,)


def _end(track: _Track, runtime: RuntimeRef) -> tuple[Frame, ...]:
    """The end of a turn; without a reason it was aborted before the model said anything."""
    ended = TurnFinishedFrame(
        runtime=runtime,
        stop_reason=track.reason or "cancelled",
        run_id=track.run_id,
        error=track.error,
    )
    track.busy = track.idle_seen = False
    track.reason = track.error = track.run_id = None
    track.serving.clear()
    track.questions.clear()
    track.message_ids.clear()
    return (ended,)


def _mapped(track: _Track, frame: UpdateLoopStatus) -> UpdateLoopStatus:
    if not track.served:
        return frame
    status = frame.loop_status.model_copy(
        update={"client_message_ids_by_run_id": dict(track.served)}
    )
    return frame.model_copy(update={"loop_status": status})


def _grouped(track: _Track, frame: Event) -> Event:
    """Give all pieces of a run the id of the first one."""
    if not isinstance(frame, StreamDelta) or not isinstance(frame.delta, d.AssistantMessage):
        return frame
    delta = frame.delta
    if frame.subagent_id is not None or delta.run_id is None:
        return frame
    ident = track.message_ids.setdefault(delta.run_id, delta.id)
    if ident == delta.id:
        return frame
    return frame.model_copy(update={"delta": delta.model_copy(update={"id": ident})})


def _naming(frame: StreamDelta, delta: d.LoopError, serving: set[str]) -> StreamDelta:
    """Say which inputs failed, which the server leaves open."""
    if delta.client_message_ids:
        return frame
    named = delta.model_copy(update={"client_message_ids": sorted(serving)})
    return frame.model_copy(update={"delta": named})


def _runtime(named: RuntimeId) -> Runtime:
    return Runtime(AgentId(named.agent_id), ConversationId(named.conversation_id))


def _ref(named: RuntimeId) -> RuntimeRef:
    return RuntimeRef(
        agent_id=AgentId(named.agent_id), conversation_id=ConversationId(named.conversation_id)
    )
