"""Protocol session without I/O: pending requests, missing and repeated events.

The shell (`connection`) moves text and holds the futures; this object holds ids and deadlines.
Nothing here reads a clock: deadlines and `now` are monotonic seconds given by the caller.
Request ids are per connection, so an id names its connection too: an answer to an earlier one
can never be taken for an answer to this one (PROTOCOL §4).
"""

from dataclasses import dataclass, field
from enum import StrEnum

from bridge.appserver import deltas
from bridge.appserver.events import ControlRequest, Event, StreamDelta, TurnFinishedFrame
from bridge.appserver.frames import Frame, Known, event_seq, request_id
from bridge.appserver.responses import InputAcceptedResponse, Response
from bridge.domain.errors import AgentUnreachable
from bridge.domain.ids import Runtime


@dataclass(frozen=True, slots=True)
class Answered:
    """The awaited answer; it may be unknown or malformed, then the waiter learns that."""

    request_id: str
    frame: Frame


class Silence(StrEnum):
    """Why no answer will come."""

    TIMED_OUT = "timed out"
    LINK_LOST = "link lost"


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A waiter that must be told that no answer comes."""

    request_id: str
    command: str
    cause: Silence


@dataclass(frozen=True, slots=True)
class Pushed:
    """An event to act on."""

    event: Event


@dataclass(frozen=True, slots=True)
class SequenceGap:
    """Events between the last and this one are missing."""

    expected: int
    got: int


@dataclass(frozen=True, slots=True)
class Repeated:
    """A question that is already known; it changes nothing."""

    event: ControlRequest


@dataclass(frozen=True, slots=True)
class Late:
    """An answer that nobody waits for (any more)."""

    frame: Known


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A frame that is unknown or malformed and answers nothing."""

    frame: Frame


ReceivedFrame = Answered | Pushed | SequenceGap | Repeated | Late | Unreadable


@dataclass(frozen=True, slots=True)
class _Waiter:
    command: str
    deadline: float


@dataclass(slots=True)
class Session:
    """One link's memory, across its connections. Not open at first."""

    epoch: int = 0
    is_open: bool = False
    _count: int = 0
    _last_seq: int = 0
    _counts_events: bool = True
    _waiters: dict[str, _Waiter] = field(default_factory=dict)
    _asked: dict[Runtime, dict[str, str]] = field(default_factory=dict)

    def opened(self) -> None:
        """A connection is there: its events count from 1, its questions are all new."""
        self.epoch += 1
        self.is_open = True
        self._last_seq = 0
        self._counts_events = True
        self._asked.clear()

    def two_sockets(self) -> None:
        """Events of this connection come on two sockets, so their order proves nothing."""
        self._counts_events = False

    def closed(self) -> tuple[Unanswered, ...]:
        """The connection is gone: everybody who waits is told. May be called twice."""
        self.is_open = False
        gone = tuple(
            Unanswered(ident, waiter.command, Silence.LINK_LOST)
            for ident, waiter in self._waiters.items()
        )
        self._waiters.clear()
        return gone

    def ask(self, command: str, *, deadline: float) -> str:
        """Note that an answer is awaited and return the request id to send.

        Raises `AgentUnreachable` when there is no connection.
        """
        if not self.is_open:
            raise AgentUnreachable("The App Server is not connected.")
        self._count += 1
        ident = f"{self.epoch}-{self._count}"
        self._waiters[ident] = _Waiter(command, deadline)
        return ident

    def forget(self, ident: str) -> None:
        """Nobody waits for this answer any more. Unknown ids are fine."""
        self._waiters.pop(ident, None)

    def forget_runtime(self, runtime: Runtime) -> None:
        """Its questions are new again: it has been idle for long. Unknown ones are fine."""
        self._asked.pop(runtime, None)

    @property
    def next_deadline(self) -> float | None:
        """When `expired` has something to say; None while nobody waits."""
        return min((waiter.deadline for waiter in self._waiters.values()), default=None)

    def expired(self, now: float) -> tuple[Unanswered, ...]:
        """Those whose time is up; they are forgotten."""
        over = [ident for ident, waiter in self._waiters.items() if waiter.deadline <= now]
        return tuple(
            Unanswered(ident, self._waiters.pop(ident).command, Silence.TIMED_OUT) for ident in over
        )

    def received(self, frame: Frame) -> tuple[ReceivedFrame, ...]:
        """Judge one frame. The outcomes are in the order in which to act on them."""
        if isinstance(frame, Event):
            return (*self._missed(frame), self._event(frame))
        ident = request_id(frame)
        if ident is not None and self._waiters.pop(ident, None) is not None:
            return (Answered(ident, frame),)
        if isinstance(frame, (Response, InputAcceptedResponse)):
            return (Late(frame),)
        return (*self._missed(frame), Unreadable(frame))

    def _missed(self, frame: Frame) -> tuple[SequenceGap, ...]:
        seq = event_seq(frame)
        if seq is None or not self._counts_events:
            return ()
        expected = self._last_seq + 1
        self._last_seq = max(seq, self._last_seq)
        return (SequenceGap(expected, seq),) if seq != expected else ()

    def _event(self, event: Event) -> Pushed | Repeated:
        if isinstance(event, ControlRequest):
            return self._question(event)
        if isinstance(event, TurnFinishedFrame):
            self._asked.pop(event.runtime.to_domain(), None)
        elif isinstance(event, StreamDelta) and isinstance(event.delta, deltas.ClientToolEnd):
            # A model may use a call id again; after the call's end the same id is a new question.
            asked = self._asked.get(event.runtime.to_domain(), {})
            asked.pop(event.delta.tool_call_id, None)
        return Pushed(event)

    def _question(self, event: ControlRequest) -> Pushed | Repeated:
        asked = self._asked.setdefault(event.runtime.to_domain(), {})
        if asked.get(event.request.tool_call_id) == event.request_id:
            return Repeated(event)
        asked[event.request.tool_call_id] = event.request_id
        return Pushed(event)
