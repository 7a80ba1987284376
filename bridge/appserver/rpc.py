"""Typed calls for the App Server's commands, with failures as `AgentError`s."""

import re
from typing import Any, TypeVar

from bridge.appserver import commands as c
from bridge.appserver import management_commands as m
from bridge.appserver import responses as r
from bridge.appserver.connection import Connection
from bridge.appserver.frames import MalformedFrame
from bridge.domain.errors import AgentError, CommandRefused, RuntimeGone
from bridge.domain.ids import Runtime

R = TypeVar("R", bound=r.Response)

_GONE = re.compile(r"^(Agent|Conversation) (\S+) not found", re.I)


def runtime_id(runtime: Runtime) -> c.RuntimeId:
    """A runtime as commands name it."""
    return c.RuntimeId(agent_id=runtime.agent_id, conversation_id=runtime.conversation_id)


def refusal(command: str, reason: str | None) -> AgentError:
    """The error for a refused command."""
    gone = _GONE.match(reason or "")
    if gone is not None:
        return RuntimeGone(gone[1].lower(), gone[2])
    return CommandRefused(command, reason or "no reason given")


class Rpc:
    """Typed calls over one connection.

    Each raises `AgentUnreachable` when there is no connection or no answer in time, `RuntimeGone`
    when the server does not know the agent or the conversation, `CommandRefused` otherwise.

    Args:
        connection: carries them.
        within_s: how long to wait for an answer.
        slow_s: the same for commands that make the server work (create, fork, compact).
    """

    def __init__(
        self, connection: Connection, *, within_s: float = 15.0, slow_s: float = 60.0
    ) -> None:
        self._connection = connection
        self._within_s = within_s
        self._slow_s = slow_s

    async def call(
        self, command: c.Command, answer_type: type[R], *, within_s: float | None = None
    ) -> R:
        """Send any command and return its answer if that is of the right type and a success."""
        answer = await self._connection.ask(command, within_s=within_s or self._within_s)
        if not isinstance(answer, answer_type):
            raise CommandRefused(command.type, _odd(answer))
        if not answer.success:
            raise refusal(command.type, answer.error)
        return answer

    async def input(self, runtime: Runtime, payload: c.CreateMessage | c.ApprovalResponse) -> str:
        """Send words or an answer; returns the disposition, empty when the server gave none."""
        command = c.Input(runtime=runtime_id(runtime), payload=payload)
        answer = await self._connection.ask(command, within_s=self._slow_s)
        if not isinstance(answer, r.InputAcceptedResponse):
            raise CommandRefused(command.type, _odd(answer))
        if not answer.accepted:
            raise refusal(command.type, answer.error)
        return answer.disposition or ""

    async def runtime_start(self, command: c.RuntimeStart) -> r.RuntimeStartResponse:
        """Start a runtime; on success the answer names it."""
        return await self.call(command, r.RuntimeStartResponse, within_s=self._slow_s)

    async def abort_message(self, runtime: Runtime) -> bool:
        """Stop the turn; False when the runtime was idle."""
        command = c.AbortMessage(runtime=runtime_id(runtime))
        return (await self.call(command, r.AbortMessageResponse)).aborted

    async def external_tool_result(self, request_id: str, result: c.ToolResult) -> None:
        """Give an external tool's result. Returns when sent; a late one changes nothing."""
        command = c.ExternalToolCallResponse(request_id=request_id, result=result)
        await self._connection.tell(command)

    async def remove_queue_item(self, runtime: Runtime, item_id: str) -> None:
        """Remove a waiting input by the server's item id."""
        command = m.RemoveQueueItem(runtime=runtime_id(runtime), item_id=item_id)
        await self.call(command, r.RemoveQueueItemResponse)

    async def agent_create(self, body: dict[str, Any]) -> r.AgentRecord:
        """Create an agent. Not idempotent."""
        command = m.AgentCreate(body=body)
        answer = await self.call(command, r.AgentCreateResponse, within_s=self._slow_s)
        return _there(command, answer.agent)

    async def agent_retrieve(self, agent_id: str) -> r.AgentRecord | None:
        """Look an agent up; None when the server does not know it."""
        command = m.AgentRetrieve(agent_id=agent_id)
        try:
            return (await self.call(command, r.AgentRetrieveResponse)).agent
        except RuntimeGone:
            return None

    async def conversation_fork(self, conversation_id: str) -> r.ConversationRecord:
        """Copy a conversation; only the copy's id is known."""
        command = m.ConversationFork(conversation_id=conversation_id)
        answer = await self.call(command, r.ConversationForkResponse, within_s=self._slow_s)
        return _there(command, answer.conversation)

    async def conversation_messages_list(
        self, conversation_id: str, query: m.MessagesQuery
    ) -> r.ConversationMessagesListResponse:
        """A page of history, newest first unless the query says otherwise."""
        command = m.ConversationMessagesList(conversation_id=conversation_id, query=query)
        return await self.call(command, r.ConversationMessagesListResponse)


T = TypeVar("T")


def _there(command: c.Command, record: T | None) -> T:
    if record is None:
        raise CommandRefused(command.type, "the answer names nothing")
    return record


def _odd(answer: object) -> str:
    """An answer that cannot be used, in a few words."""
    if isinstance(answer, MalformedFrame):
        return f"its answer cannot be read: {answer.path} {answer.problem}"
    return f"its answer is a {type(answer).__name__}"
