"""Plays a recorded transcript through frames, protocol, legacy, translate and the reducer."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from bridge.appserver import commands, frames, management_commands, protocol
from bridge.appserver.commands import Command
from bridge.appserver.events import Event, UpdateDeviceStatus
from bridge.appserver.legacy import LegacyAdapter
from bridge.appserver.protocol import Session
from bridge.appserver.responses import InputAcceptedResponse
from bridge.appserver.translate import Translator
from bridge.domain import effects as fx
from bridge.domain import events as ev
from bridge.domain.transitions import step
from bridge.domain.turn import Phase, Turn

RECORDINGS = Path(__file__).parent.parent / "recordings"

_COMMANDS = {
    model.model_fields["type"].default: TypeAdapter(model)
    for model in Command.__subclasses__()
    if model.__module__ in (commands.__name__, management_commands.__name__)
}


NEVER_SENT = frozenset(
    (
        *("agent_list", "agent_update", "agent_delete", "create_agent"),
        *("conversation_list", "conversation_create", "conversation_retrieve"),
        *("conversation_update", "conversation_compact", "conversation_recompile"),
        *("list_models", "update_model", "update_toolset", "execute_command", "get_cwd_map"),
        *("set_boot_working_directory", "resume_queue", "runtime_external_tools_update"),
        "change_device_state",
    )
)
"""Commands in the recordings that the bridge has no use for."""


def lines(name: str) -> Iterator[dict[str, Any]]:
    with (RECORDINGS / f"{name}.jsonl").open() as file:
        for line in file:
            yield json.loads(line)


def read_command(raw: dict[str, Any]) -> Command | None:
    """A recorded command under our models; None when they would not let it out."""
    adapter = _COMMANDS.get(raw.get("type"))
    try:
        return adapter.validate_python(raw) if adapter is not None else None
    except ValidationError:
        return None


@dataclass
class TurnSeen:
    """What became of one input: what people would read, and how it ended."""

    ident: str
    turn: Turn
    pieces: list[tuple[str, str]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    void: list[str] = field(default_factory=list)
    outcome: ev.Outcome | None = None

    @property
    def text(self) -> str:
        return "".join(text for _, text in self.pieces)

    def take(self, event: ev.TurnEvent) -> None:
        self.turn, effects = step(self.turn, event)
        for effect in effects:
            match effect:
                case fx.AppendReply(run_id, _, text):
                    self.pieces.append((run_id, text))
                case fx.DropRunText(run_ids):
                    self.pieces = [piece for piece in self.pieces if piece[0] not in run_ids]
                case fx.AskApproval(asked):
                    self.asked.append(asked.tool_name)
                case fx.VoidApprovals(request_ids, _):
                    self.void += request_ids
                case fx.EndTurn(outcome, _, _):
                    self.outcome = outcome
                case _:
                    pass


@dataclass
class Answer:
    """What the agent said in one turn of the server."""

    text: str
    stop_reason: str
    serves: set[str]


@dataclass
class Replay:
    """One client's view of a recording, across its reconnects."""

    session: Session = field(default_factory=Session)
    translator: Translator = field(default_factory=Translator)
    helper: LegacyAdapter | None = None
    waiting: dict[str, str] = field(default_factory=dict)
    sent_as: dict[str, str] = field(default_factory=dict)
    answers: list[Answer] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    unsendable: list[str] = field(default_factory=list)
    dispositions: list[str] = field(default_factory=list)
    gaps: list[protocol.SequenceGap] = field(default_factory=list)
    unreadable: list[frames.Frame] = field(default_factory=list)
    repeated: int = 0
    events: list[ev.AgentEvent] = field(default_factory=list)
    turns: list[TurnSeen] = field(default_factory=list)
    device: UpdateDeviceStatus | None = None
    reconciling: bool = False
    _pieces: list[tuple[str, str]] = field(default_factory=list)
    _serves: set[str] = field(default_factory=set)

    def open(self, *, legacy: bool) -> None:
        self.session.opened()
        if legacy:
            self.session.two_sockets()
            self.helper = LegacyAdapter()
        self.translator.connected()
        self.device = None

    def lost(self) -> None:
        for silent in self.session.closed():
            self.waiting.pop(silent.request_id)
        self.reconciling = True
        self._pieces, self._serves = [], set()
        self._feed(ev.LinkLost())

    # --- what the client sends ----------------------------------------------------------------

    def sent(self, raw: dict[str, Any]) -> None:
        command = read_command(raw)
        if command is None and raw["type"] not in NEVER_SENT:
            self.unsendable.append(raw["type"])
        if "request_id" in raw and raw["type"] != "external_tool_call_response":
            ident = self.session.ask(raw["type"], deadline=10.0)
            self.sent_as[raw["request_id"]], self.waiting[ident] = ident, raw["type"]
            command = command and command.model_copy(update={"request_id": ident})
        if isinstance(command, commands.Input):
            self._input(command.payload)
        if self.helper is not None and command is not None:
            for made_up in self.helper.sent(command):
                self._judge(made_up)

    def _input(self, payload: commands.CreateMessage | commands.ApprovalResponse) -> None:
        if isinstance(payload, commands.ApprovalResponse):
            allowed = isinstance(payload.decision, commands.Allow)
            verdict = ev.Verdict.ALLOW if allowed else ev.Verdict.DENY
            self._feed(ev.ApprovalSettled(payload.request_id, verdict))
            return
        ident = payload.messages[0].client_message_id
        self._feed(ev.WaitTimedOut())  # a controller would have given up on a lost turn by now
        again = [seen for seen in self.turns if seen.turn.forked or seen.ident == ident]
        if again and self.helper is None:
            if again[0].turn.phase is Phase.STARTING:
                again[0].take(ev.RuntimeReady(maps_runs=True, client_message_id=ident))
            return
        turn = TurnSeen(ident, Turn())
        turn.take(ev.Claimed())
        turn.take(ev.RuntimeReady(maps_runs=True, client_message_id=ident))
        self.turns.append(turn)

    # --- what the server says -----------------------------------------------------------------

    def received(self, raw: dict[str, Any]) -> None:
        if raw.get("request_id") in self.sent_as:
            raw = {**raw, "request_id": self.sent_as[raw["request_id"]]}
        frame = frames.read(raw)
        for each in self.helper.received(frame) if self.helper else (frame,):
            self._judge(each)

    def _judge(self, frame: frames.Frame) -> None:
        for outcome in self.session.received(frame):
            match outcome:
                case protocol.Answered(ident, answer):
                    self.waiting.pop(ident)
                    self._answered(answer)
                case protocol.Pushed(event):
                    self._pushed(event)
                case protocol.SequenceGap():
                    self.gaps.append(outcome)
                case protocol.Repeated():
                    self.repeated += 1
                case protocol.Unreadable(unread):
                    self.unreadable.append(unread)
                case protocol.Late():
                    raise AssertionError(f"nobody waited for {frame}")

    def _answered(self, answer: frames.Frame) -> None:
        if isinstance(answer, InputAcceptedResponse):
            self.dispositions.append(answer.disposition or "-")
        if isinstance(answer, frames.UnknownFrame):  # to a command that the bridge never sends
            succeeded, why = answer.raw["success"], answer.raw.get("error")
            why = why or answer.raw.get("output")
        else:
            is_input = isinstance(answer, InputAcceptedResponse)
            succeeded = answer.accepted if is_input else answer.success
            why = answer.error
        if not succeeded:
            self.refused.append(why)

    def _pushed(self, event: Event) -> None:
        for meaning in self.translator.translate(event.runtime.to_domain(), event):
            self.events.append(meaning)
            self._heard(meaning)
            self._feed(meaning)
        if isinstance(event, UpdateDeviceStatus) and self.reconciling:
            self.reconciling = False
            status = event.device_status
            pending = frozenset(one.request_id for one in status.pending_control_requests)
            self._feed(ev.StateReplayed(status.is_processing, pending))

    def _heard(self, event: ev.AgentEvent) -> None:
        match event:
            case ev.TextArrived(run_id, _, text):
                self._pieces.append((run_id, text))
            case ev.RunStarted(_, idents):
                self._serves |= idents
            case ev.RunDropped(run_id):
                self._pieces = [piece for piece in self._pieces if piece[0] != run_id]
            case ev.ApprovalAsked(tool_name=name):
                self.asked.append(name)
            case ev.TurnFinished(_, stop_reason, _):
                text = "".join(text for _, text in self._pieces)
                self.answers.append(Answer(text, stop_reason, self._serves))
                self._pieces, self._serves = [], set()
            case _:
                pass

    def _feed(self, event: ev.TurnEvent) -> None:
        """The oldest live turn is at work; runs and ends may concern those merged with it."""
        live = [seen for seen in self.turns if seen.turn.phase is not Phase.ENDED]
        shared = isinstance(event, (ev.RunStarted, ev.TurnFinished, ev.ModelFailed, ev.LinkLost))
        for seen in live if shared else live[:1]:
            elsewhere = isinstance(event, ev.TurnFinished) and event.run_id not in seen.turn.runs
            if seen is live[0] or not elsewhere:
                seen.take(event)


def replay(name: str) -> dict[str, Replay]:
    """Play a recording. The result has one view, or one for each of several connections that
    are there at once; a connection that begins after another was lost goes on with its view.
    """
    views: dict[str, Replay] = {}
    together = name == "two_connections_failover"
    for line in lines(name):
        conn = line.get("conn", "c1")
        if conn not in views:
            if views and not together:
                views[conn] = views.pop("c1")
                views[conn].lost()
            else:
                views[conn] = Replay()
            views[conn].open(legacy=name.startswith("legacy_"))
        if isinstance(line["frame"], dict):
            view = views[conn]
            (view.sent if line["dir"] == "out" else view.received)(line["frame"])
    return views
