"""App Server client: implements `domain.ports.AgentPort` over one connection."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bridge.appserver import commands as c
from bridge.appserver import management_commands as m
from bridge.appserver.connection import Connection, FrameLog, LinkOptions
from bridge.appserver.events import (
    DeviceStatus,
    Event,
    ExternalToolCallRequest,
    UpdateDeviceStatus,
    UpdateQueue,
)
from bridge.appserver.rpc import Rpc
from bridge.appserver.started_runtimes import StartedRuntimes
from bridge.appserver.translate import Translator, to_history
from bridge.appserver.versions import Generation
from bridge.domain.bindings import InputPart, RuntimeRequest, TextPart
from bridge.domain.errors import AgentUnreachable, CommandRefused
from bridge.domain.events import Verdict
from bridge.domain.ids import AgentId, ConversationId, Runtime
from bridge.domain.ports import (
    AgentListener,
    HistoryMessage,
    LinkState,
    ServerTraits,
    StartedRuntime,
)
from bridge.domain.teammates import Teammate
from bridge.telemetry import get_logger

log = get_logger("appserver.client")

_PAGE = 50
_PAGES = 20
"""So far back a client message id is looked for: a thousand messages."""
_REPLAY_S = 5.0
_NOT_PENDING = "no longer pending"

ToolCalled = Callable[[Runtime, ExternalToolCallRequest], None]


class AppServerClient:
    """One App Server. `open` it, then use it; it reconnects by itself until `aclose`.

    Args:
        options: how to reach it.
        client_info: who we are, shown by the server.
        tools: external tools, registered again with every runtime that is started.
        tool_called: told of each call of one of them; must return at once. The result goes
            back through `calls.external_tool_result`.
        frame_log: sees every message, both ways; must return at once.
    """

    def __init__(
        self,
        options: LinkOptions,
        *,
        client_info: c.ClientInfo,
        tools: Sequence[c.ExternalTool] = (),
        tool_called: ToolCalled | None = None,
        frame_log: FrameLog | None = None,
    ) -> None:
        self._connection = Connection(options, listener=self, frame_log=frame_log)
        self._info = client_info
        self._tools = list(tools)
        self._tool_called = tool_called
        self._runtimes = StartedRuntimes()
        self._translator = Translator()
        self._listener: AgentListener | None = None
        self._replays: dict[Runtime, asyncio.Future[DeviceStatus]] = {}
        self._queued: dict[Runtime, tuple[str, ...]] = {}
        self.calls = Rpc(self._connection)

    def listen(self, listener: AgentListener) -> None:
        """Set the one listener. Before `open`."""
        self._listener = listener

    def open(self) -> None:
        """Begin to connect, in the background. Once."""
        self._connection.start()

    async def aclose(self) -> None:
        """Hang up in order. May be called twice.

        Abort live turns first: the server cancels those whose last subscriber leaves (§15).
        """
        await self._connection.aclose()

    @property
    def state(self) -> LinkState:
        """State of the link now."""
        return self._connection.state

    @property
    def reason(self) -> str | None:
        """Why the link is not up, as a sentence; None while it is or has not been tried."""
        return self._connection.reason

    @property
    def traits(self) -> ServerTraits | None:
        """Traits of the connected server; None before the first connection."""
        server = self._connection.server
        return server.traits if server is not None else None

    async def ready(self, *, within_s: float) -> None:
        """Wait until the link is up; raise `AgentUnreachable` after `within_s` seconds."""
        try:
            await asyncio.wait_for(self._connection.wait_up(), within_s)
        except TimeoutError as late:
            reason = self._connection.reason or "The App Server is not connected."
            raise AgentUnreachable(reason) from late

    # --- what the engine asks ----------------------------------------------------------------

    async def create_agent(self, teammate: Teammate) -> AgentId:
        """Create the teammate's agent. Not idempotent: the caller stores the id."""
        body: dict[str, Any] = {"name": teammate.name, "memory_blocks": []}
        if teammate.role:
            persona = f"My name is {teammate.name.capitalize()}. My role: {teammate.role}."
            body["memory_blocks"] = [{"label": "persona", "value": persona}]
        if teammate.model is not None:
            body["model"] = teammate.model
        return AgentId((await self.calls.agent_create(body)).id)

    async def agent_exists(self, agent_id: AgentId) -> bool:
        """Whether the server knows this agent."""
        return await self.calls.agent_retrieve(agent_id) is not None

    async def start(self, request: RuntimeRequest) -> StartedRuntime:
        """Start or resume a runtime with its mode and directory, and learn its state.

        The server replays pending approvals as events before this returns, also those that it
        has asked for on this connection before: the answer may not have arrived. A directory
        that does not exist shows as another `cwd` in the answer; the server says nothing else
        (§2).
        """
        if request.conversation_id is not None:
            known = Runtime(request.agent_id, request.conversation_id)
            self._runtimes.starting(known)
            self._connection.hear_again(known)
        epoch = self._connection.epoch
        answer = await self.calls.runtime_start(self._start_command(request))
        if answer.runtime is None:
            raise CommandRefused("runtime_start", "the answer names no runtime")
        if epoch != self._connection.epoch:
            raise AgentUnreachable("The connection broke while the runtime was started.")
        runtime = answer.runtime.to_domain()
        self._runtimes.started(runtime, request)
        status = await self._replayed(runtime)
        for found in self._runtimes.differences(runtime):
            log.warning(
                "server falls back", what=found.what, wanted=found.wanted, actual=found.actual
            )
        return StartedRuntime(
            runtime=runtime,
            cwd=status.current_working_directory,
            is_processing=status.is_processing,
            pending_request_ids=frozenset(
                pending.request_id for pending in status.pending_control_requests
            ),
        )

    def _start_command(self, request: RuntimeRequest) -> c.RuntimeStart:
        new = request.conversation_id is None
        return c.RuntimeStart(
            agent_id=request.agent_id,
            conversation_id=request.conversation_id,
            create_conversation=c.Body() if new else None,
            cwd=request.cwd,
            mode=request.mode.value,
            external_tools=[c.ToolGroup(tools=self._tools)] if self._tools else None,
            client_info=self._info,
            wait_for_replay=True,
        )

    async def _replayed(self, runtime: Runtime) -> DeviceStatus:
        """The state replayed with the start; old servers send it after their answer."""
        known = self._runtimes.status(runtime)
        if known is not None:
            return known
        replay = self._replays.setdefault(runtime, asyncio.get_running_loop().create_future())
        try:
            return await asyncio.wait_for(asyncio.shield(replay), _REPLAY_S)
        except TimeoutError:
            log.warning("no state was replayed", conversation=runtime.conversation_id)
            return DeviceStatus()
        finally:
            self._replays.pop(runtime, None)

    async def send(
        self, runtime: Runtime, *, client_message_id: str, parts: Sequence[InputPart]
    ) -> bool:
        """Send one input; True when the server queued it behind other work."""
        self._must_be_started(runtime)
        message = c.InputMessage(content=_content(parts), client_message_id=client_message_id)
        disposition = await self.calls.input(runtime, c.CreateMessage(messages=[message]))
        return disposition == "queued"

    async def answer(
        self,
        runtime: Runtime,
        *,
        request_id: str,
        verdict: Verdict,
        message: str,
        updated_input: Mapping[str, Any] | None = None,
    ) -> bool:
        """Answer an approval; False when the server no longer waits for it.

        `message` is told to the agent on anything but `ALLOW`; `updated_input` is the complete
        input with which an allowed tool runs instead of its own. "Always allow" is never sent:
        it would hold for every agent of the server (PROTOCOL §9).
        """
        self._must_be_started(runtime)
        decision: c.Allow | c.Deny = c.Deny(message=message or "This was not allowed.")
        if verdict is Verdict.ALLOW:
            changed = dict(updated_input) if updated_input is not None else None
            decision = c.Allow(updated_input=changed)
        payload = c.ApprovalResponse(request_id=request_id, decision=decision)
        try:
            await self.calls.input(runtime, payload)
        except CommandRefused as refused:
            if _NOT_PENDING in refused.reason:
                return False
            raise
        return True

    async def abort(self, runtime: Runtime) -> bool:
        """Stop the runtime's turn; False when it was idle.

        An input that still waits on the server is taken out of its queue: otherwise the abort
        would only pause it, and it would run together with the next one (PROTOCOL §13).
        """
        self._must_be_started(runtime)
        aborted = await self.calls.abort_message(runtime)
        for item_id in self._queued.pop(runtime, ()):
            await self.calls.remove_queue_item(runtime, item_id)
        return aborted

    async def history(self, runtime: Runtime, *, back_to: str | None) -> list[HistoryMessage]:
        """Stored messages, oldest first, back to the user message whose otid is `back_to`
        (included). Empty when that message is not there. With None: the newest page.
        """
        found: list[HistoryMessage] = []
        before: str | None = None
        for _ in range(_PAGES):
            page = await self.calls.conversation_messages_list(
                runtime.conversation_id, _page_query(runtime, before)
            )
            for record in page.messages:
                message = to_history(record)
                found.append(message)
                if back_to is not None and message.otid == back_to:
                    return found[::-1]
            if back_to is None:
                return found[::-1]
            before = page.next_before
            if not page.has_more or before is None:
                break
        return []

    async def fork(self, runtime: Runtime) -> Runtime:
        """Copy the conversation; the copy is usable when the original is stuck (PROTOCOL §15)."""
        copy = await self.calls.conversation_fork(runtime.conversation_id)
        return Runtime(runtime.agent_id, ConversationId(copy.id))

    def _must_be_started(self, runtime: Runtime) -> None:
        """Refuse to use a runtime that was started on an earlier connection only."""
        if not self._runtimes.is_started(runtime):
            raise AgentUnreachable("The App Server was connected anew; the runtime is not started.")

    # --- what the link says ------------------------------------------------------------------

    def link_up(self, server: Generation) -> None:
        """A connection is there; nothing is started on it."""
        self._tell_link(LinkState.UP, None)

    def link_down(self, state: LinkState, reason: str) -> None:
        """There is no connection: whatever was started must be started again."""
        self._runtimes.connected()
        self._translator.connected()
        self._queued.clear()
        for replay in self._replays.values():
            if not replay.done():
                replay.set_exception(AgentUnreachable(reason))
        self._tell_link(state, reason)

    def events_missed(self) -> None:
        """Events are missing: what is at work must be read again."""
        if self._listener is not None:
            self._listener.events_missed()

    def pushed(self, event: Event) -> None:
        """The server said something."""
        runtime = event.runtime.to_domain()
        self._runtimes.heard(runtime, event)
        if isinstance(event, UpdateDeviceStatus):
            replay = self._replays.get(runtime)
            if replay is not None and not replay.done():
                replay.set_result(event.device_status)
        if isinstance(event, UpdateQueue):
            self._note_queue(runtime, event)
        if isinstance(event, ExternalToolCallRequest) and self._tool_called is not None:
            self._tool_called(runtime, event)
        if self._listener is not None:
            for meaning in self._translator.translate(runtime, event):
                self._listener.agent_event(runtime, meaning)
        self._forget_idle()

    def _forget_idle(self) -> None:
        """Memory must not grow with the number of threads (see `runtimes`)."""
        if (idle := self._runtimes.forget_one()) is not None:
            self._translator.forget(idle)
            self._connection.forget(idle)

    def _note_queue(self, runtime: Runtime, event: UpdateQueue) -> None:
        waiting = tuple(item.id for item in event.queue if item.client_message_id)
        if waiting:
            self._queued[runtime] = waiting
        else:
            self._queued.pop(runtime, None)

    def _tell_link(self, state: LinkState, reason: str | None) -> None:
        if self._listener is not None:
            self._listener.link_changed(state, reason)


def _content(parts: Sequence[InputPart]) -> str | list[c.TextContent | c.ImageContent]:
    first = parts[0] if len(parts) == 1 else None
    if isinstance(first, TextPart):
        return first.text
    return [
        c.TextContent(text=part.text)
        if isinstance(part, TextPart)
        else c.ImageContent(source=c.ImageSource(media_type=part.media_type, data=part.data))
        for part in parts
    ]


def _page_query(runtime: Runtime, before: str | None) -> m.MessagesQuery:
    """The agent must be named for its built-in conversation only (PROTOCOL §18)."""
    built_in = runtime.conversation_id == "default"
    return m.MessagesQuery(
        limit=_PAGE, before=before, agent_id=runtime.agent_id if built_in else None
    )
