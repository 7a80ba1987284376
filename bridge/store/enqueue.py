"""Enqueue: one message becomes turns, in the transaction behind an acknowledgement (G1, G2)."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bridge.domain.ids import BindingId, MessageId, ThreadKey, TurnId, UserId
from bridge.domain.messages import InboundMessage, Speaker, WaitingTurn
from bridge.store import deduplication, turn_cancellation
from bridge.store.result_types import Accepted, Placed, TurnState
from bridge.store.rows import clean, files_text, thread_params
from bridge.store.schema import bindings, messages, turn_messages, turns, unfinished

Joins = Callable[[WaitingTurn, InboundMessage], bool]
Queued = tuple[TurnId, TurnState]


@dataclass(frozen=True, slots=True)
class EnqueueRequest:
    """A message with all that its storing depends on. `new_turn_ids` match `teammates`, of whom
    there are none when it `stops` work.
    """

    message: InboundMessage
    thread: ThreadKey
    teammates: Sequence[str]
    server: str
    new_turn_ids: Sequence[TurnId]
    now: datetime
    joins: Joins
    speaker: Speaker
    trusted: bool
    stops: Sequence[BindingId] = ()
    on_dropped: turn_cancellation.OnDropped = turn_cancellation.nothing_said


_param = sa.bindparam

_STORE = sa.insert(messages).returning(messages.c.message_id)
_ADDRESS = (
    sa.update(bindings)
    .where(
        bindings.c.team == _param("in_team"),
        bindings.c.channel == _param("in_channel"),
        bindings.c.thread_ts == _param("in_thread"),
        bindings.c.teammate.in_(_param("names", expanding=True)),
    )
    .values(last_addressed=_param("message"))
    .returning(bindings.c.binding_id, bindings.c.teammate)
)
_BIND = sa.insert(bindings).returning(bindings.c.binding_id)
_UNFINISHED = (
    sa.select(turns.c.binding_id, turns.c.turn_id, turns.c.state)
    .where(turns.c.binding_id.in_(_param("bindings", expanding=True)), unfinished(turns))
    .order_by(turns.c.place)
)
_WORDS = (
    sa.select(messages.c.author, messages.c.trusted, sa.func.length(messages.c.body).label("chars"))
    .join_from(turn_messages, messages)
    .where(turn_messages.c.turn_id == _param("turn"))
    .order_by(turn_messages.c.message_id)
)
_QUEUE = sa.insert(turns)
_LINK = sa.insert(turn_messages)


def accept(connection: Connection, intake: EnqueueRequest) -> Accepted:
    """Store the message and give each teammate addressed one turn for it, new or joined."""
    message = intake.message
    repeated = deduplication.known(connection, message)
    if repeated is not None:
        return Accepted(repeated, duplicate=True, placed=())
    message_id = _store(connection, intake)
    dropped = turn_cancellation.stop_all(
        connection, intake.stops, by=message.user, now=intake.now, up_to=message.ts
    )
    if not intake.teammates:
        owed = turn_cancellation.owe_dropped(connection, dropped, intake.on_dropped)
        return Accepted(message_id, duplicate=False, placed=(), owed=owed)
    bound = _bind(connection, intake, message_id)
    queues: dict[int, list[Queued]] = defaultdict(list)
    for row in connection.execute(_UNFINISHED, {"bindings": list(bound.values())}):
        queues[row.binding_id].append((TurnId(row.turn_id), TurnState(row.state)))
    placed = tuple(
        _place(connection, intake, teammate, bound[teammate], turn_id, queues[bound[teammate]])
        for teammate, turn_id in zip(intake.teammates, intake.new_turn_ids, strict=True)
    )
    _enqueue(connection, intake, message_id, placed)
    return Accepted(message_id, duplicate=False, placed=placed)


def _store(connection: Connection, intake: EnqueueRequest) -> MessageId:
    message = intake.message
    stored = connection.execute(
        _STORE,
        {
            **thread_params(intake.thread),
            "event_id": message.event_id,
            "ts": message.ts,
            "speaker": intake.speaker,
            "author": message.user,
            "trusted": intake.trusted,
            "received_at": intake.now,
            "body": clean(message.text),
            "files": files_text(message.files),
            "edited_ts": message.edited_ts,
        },
    )
    return MessageId(stored.scalar_one())


def _bind(
    connection: Connection, intake: EnqueueRequest, message_id: MessageId
) -> dict[str, BindingId]:
    """The binding of each teammate in this thread, made where it is missing."""
    key = thread_params(intake.thread)
    addressed = connection.execute(
        _ADDRESS,
        {
            "in_team": key["team"],
            "in_channel": key["channel"],
            "in_thread": key["thread_ts"],
            "names": list(intake.teammates),
            "message": message_id,
        },
    )
    bound = {row.teammate: BindingId(row.binding_id) for row in addressed}
    for teammate in intake.teammates:
        if teammate not in bound:
            values = {
                **key,
                "teammate": teammate,
                "server": intake.server,
                "last_addressed": message_id,
            }
            bound[teammate] = BindingId(connection.execute(_BIND, values).scalar_one())
    return bound


def _place(
    connection: Connection,
    intake: EnqueueRequest,
    teammate: str,
    binding_id: BindingId,
    new_turn_id: TurnId,
    queue: Sequence[Queued],
) -> Placed:
    """Decide on the newest waiting turn or a new one; `queue` is the binding's, oldest first."""
    waits = [turn_id for turn_id, state in queue if state is TurnState.WAITING]
    if waits:
        waiting = _waiting(connection, waits[-1])
        if waiting is not None and intake.joins(waiting, intake.message):
            return Placed(
                binding_id, teammate, waiting.turn_id, joined=True, must_wait=len(queue) > 1
            )
    return Placed(binding_id, teammate, new_turn_id, joined=False, must_wait=bool(queue))


def _waiting(connection: Connection, turn_id: TurnId) -> WaitingTurn | None:
    words = connection.execute(_WORDS, {"turn": turn_id}).all()
    if not words:
        return None  # the server began it by itself: there is nothing to add to
    return WaitingTurn(
        turn_id=turn_id,
        author=UserId(words[0].author),
        message_count=len(words),
        text_chars=sum(row.chars for row in words),
        trusted=words[0].trusted,
    )


def _enqueue(
    connection: Connection, intake: EnqueueRequest, message_id: MessageId, placed: Sequence[Placed]
) -> None:
    fresh: list[dict[str, Any]] = [
        {
            "turn_id": place.turn_id,
            "binding_id": place.binding_id,
            "state": TurnState.WAITING,
            "unprompted": False,
            "attempt": 0,
            "created_at": intake.now,
        }
        for place in placed
        if not place.joined
    ]
    if fresh:
        connection.execute(_QUEUE, fresh)
    links = [
        {"message_id": message_id, "binding_id": place.binding_id, "turn_id": place.turn_id}
        for place in placed
    ]
    connection.execute(_LINK, links)
