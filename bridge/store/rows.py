"""Row mapping: rows to domain objects and back."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from bridge.domain.bindings import Binding, ClaimedTurn
from bridge.domain.ids import (
    AgentId,
    BindingId,
    ChannelId,
    ConversationId,
    MessageId,
    MessageTs,
    Runtime,
    TeamId,
    ThreadKey,
    TurnId,
    UserId,
)
from bridge.domain.messages import SharedFile, Speaker, StoredMessage, ThreadMessage
from bridge.store.result_types import LocatedTurn, TurnState

Row = sa.Row[*tuple[Any, ...]]
"""A row of any statement; its columns are attributes."""


def clean(text: str) -> str:
    """The text as any database can keep it: no NUL, and no half of a surrogate pair."""
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text


def thread_params(thread: ThreadKey) -> dict[str, str]:
    """A thread key as the columns `team`, `channel` and `thread_ts`."""
    return {
        "team": thread.team,
        "channel": thread.channel,
        "thread_ts": thread.thread_ts or "",
    }


def thread_of(row: Row) -> ThreadKey:
    """The thread key of a row that has its three columns."""
    root = MessageTs(row.thread_ts) if row.thread_ts else None
    return ThreadKey(TeamId(row.team), ChannelId(row.channel), root)


def files_text(files: Sequence[SharedFile]) -> str:
    """Files as JSON; empty without files."""
    return json.dumps([asdict(file) for file in files]) if files else ""


def files_of(text: str) -> tuple[SharedFile, ...]:
    """Files from JSON."""
    return tuple(SharedFile(**file) for file in json.loads(text)) if text else ()


def message_of(row: Row) -> StoredMessage:
    """A stored message from a row of `messages`."""
    said = ThreadMessage(
        ts=MessageTs(row.ts),
        speaker=Speaker(row.speaker),
        author=row.author,
        text=row.body,
        files=files_of(row.files),
    )
    return StoredMessage(
        MessageId(row.message_id),
        thread_of(row),
        said,
        row.received_at,
        deleted=row.deleted_at is not None,
    )


def binding_of(row: Row) -> Binding:
    """A binding from a row of `bindings`, alone or joined."""
    runtime = None
    if row.agent_id is not None:
        runtime = Runtime(AgentId(row.agent_id), ConversationId(row.conversation_id))
    return Binding(
        binding_id=BindingId(row.binding_id),
        thread=thread_of(row),
        teammate=row.teammate,
        server=row.server,
        runtime=runtime,
        cwd=row.cwd,
        last_seen=None if row.last_seen is None else MessageId(row.last_seen),
        last_started_at=row.last_started_at,
    )


def located_turn_of(row: Row) -> LocatedTurn:
    """A turn's place in the queue from a row with its ids and its state."""
    return LocatedTurn(BindingId(row.binding_id), TurnId(row.turn_id), TurnState(row.state))


def claimed_of(turn: Row, binding: Binding, messages: Sequence[StoredMessage]) -> ClaimedTurn:
    """A held turn from its row, its binding and its messages, oldest first."""
    return ClaimedTurn(
        turn_id=TurnId(turn.turn_id),
        binding=binding,
        attempt=turn.attempt,
        messages=tuple(messages),
        claimed_at=turn.claimed_at,
        unprompted=turn.unprompted,
        stop_asked_by=None if turn.stop_asked_by is None else UserId(turn.stop_asked_by),
    )
