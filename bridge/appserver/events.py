"""Event models: the frames that the server pushes (PROTOCOL §7-§13).

Those with `event_seq` share one counter per connection, starting at 1 (PROTOCOL §4).
"""

from typing import Any, Literal

from pydantic import Field

from bridge.appserver.deltas import Delta
from bridge.appserver.wire_base import RuntimeRef, Wire


class Event(Wire):
    """A pushed frame of one runtime."""

    type: str
    runtime: RuntimeRef
    event_seq: int | None = None


class StreamDelta(Event):
    """A step of a turn. With `subagent_id` it is a helper's, not part of the transcript."""

    type: Literal["stream_delta"] = "stream_delta"
    delta: Delta
    subagent_id: str | None = None


class DiffLineWire(Wire):
    """One line of a hunk: `type` is `context`, `add` or `remove`."""

    type: str = "context"
    content: str = ""


class Hunk(Wire):
    """Lines that belong together."""

    lines: list[DiffLineWire] = Field(default_factory=list)


class Diff(Wire):
    """What a write would do to one file; `mode` `advanced` has hunks, others a `reason`."""

    mode: str = ""
    fileName: str = ""
    hunks: list[Hunk] = Field(default_factory=list)
    reason: str | None = None


class CanUseTool(Wire):
    """The one kind of question: may this tool run with this input? (PROTOCOL §9)."""

    subtype: str
    tool_name: str
    input: dict[str, Any] = Field(default_factory=dict)
    tool_call_id: str
    diffs: list[Diff] | None = None


class ControlRequest(Event):
    """The server asks for a decision and waits for it."""

    type: Literal["control_request"] = "control_request"
    request_id: str
    request: CanUseTool


class LoopStatus(Wire):
    """Where the turn's loop is; the map names the inputs that each run serves."""

    status: str
    active_run_ids: list[str] = Field(default_factory=list)
    executing_tool_call_ids: list[str] = Field(default_factory=list)
    client_message_ids_by_run_id: dict[str, list[str]] = Field(default_factory=dict)


class UpdateLoopStatus(Event):
    """The loop's state changed; the same one often comes twice."""

    type: Literal["update_loop_status"] = "update_loop_status"
    loop_status: LoopStatus


class PendingRequest(Wire):
    """A question that is open now."""

    request_id: str


class DeviceStatus(Wire):
    """What the server says of the runtime: the largest frame of a short turn."""

    is_processing: bool = False
    current_permission_mode: str | None = None
    current_working_directory: str | None = None
    pending_control_requests: list[PendingRequest] = Field(default_factory=list)


class UpdateDeviceStatus(Event):
    """The runtime's directory, mode, open questions."""

    type: Literal["update_device_status"] = "update_device_status"
    device_status: DeviceStatus


class QueueItem(Wire):
    """An input that waits in the server."""

    id: str
    client_message_id: str | None = None
    kind: str = "message"
    source: str | None = None
    paused: bool = False


class RemovedItem(Wire):
    """An input that left the server's queue: `dequeued` into a turn, or `cancelled`."""

    client_message_id: str | None = None
    disposition: str = ""


class UpdateQueue(Event):
    """The whole queue, and what left it since the last time."""

    type: Literal["update_queue"] = "update_queue"
    queue: list[QueueItem] = Field(default_factory=list)
    removed: list[RemovedItem] = Field(default_factory=list)


class Subagent(Wire):
    """A helper of the agent; `status` is pending, running, completed or error."""

    subagent_id: str
    subagent_type: str | None = None
    description: str | None = None
    status: str = "pending"


class UpdateSubagentState(Event):
    """All helpers of the runtime."""

    type: Literal["update_subagent_state"] = "update_subagent_state"
    subagents: list[Subagent] = Field(default_factory=list)


class TurnFinishedFrame(Event):
    """The turn is over. `run_id` is its last run, None when no model answered."""

    type: Literal["turn_finished"] = "turn_finished"
    turn_id: str | None = None
    stop_reason: str
    run_id: str | None = None
    error: str | None = None


class FileOps(Event):
    """The agent wrote or edited a file."""

    type: Literal["file_ops"] = "file_ops"
    path: str = ""


class ExternalToolCallRequest(Event):
    """The agent calls a tool that this connection registered (PROTOCOL §11)."""

    type: Literal["external_tool_call_request"] = "external_tool_call_request"
    request_id: str
    tool_call_id: str
    tool_name: str
    input: dict[str, Any] = Field(default_factory=dict)
