"""Composes a turn's input: what was said since her last turn, the messages, their files."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bridge.domain import prompt
from bridge.domain.bindings import ClaimedTurn, InputPart, TextPart
from bridge.domain.errors import ChatError
from bridge.domain.ids import UserId
from bridge.domain.messages import Person, Speaker, ThreadMessage
from bridge.engine.context import EngineContext
from bridge.engine.files import read_files
from bridge.telemetry import get_logger

log = get_logger("inputs")


@dataclass(frozen=True, slots=True)
class Composed:
    """An input ready to be sent. `notice` is a quiet line for the thread, None for none."""

    parts: tuple[InputPart, ...]
    notice: str | None


async def compose(claimed: ClaimedTurn, context: EngineContext, *, fresh: bool) -> Composed:
    """Put the input of a claimed turn together.

    Args:
        claimed: the turn; its messages are what is asked.
        context: store and chat are read.
        fresh: the conversation knows nothing of the thread: root and history are told.
    """
    asked = [message.said for message in claimed.messages]
    heard = await (_history(claimed, context) if fresh else _since(claimed, context))
    read = await read_files((file for said in asked for file in said.files), context.chat)
    people = await _people((*heard, *asked), context)
    text = prompt.compose(
        heard=heard,
        asked=asked,
        files=read.files,
        person=lambda user: people.get(user) or _unknown(user),
        me=claimed.binding.teammate,
    )
    return Composed((TextPart(text), *read.pictures), prompt.unread_sentence(read.files))


async def _history(claimed: ClaimedTurn, context: EngineContext) -> Sequence[ThreadMessage]:
    """The thread before this turn, read from Slack; nothing before a thread's own root."""
    thread, asked = claimed.binding.thread, {m.said.ts for m in claimed.messages}
    if thread.thread_ts in asked:
        return ()
    newest = claimed.messages[-1].said.ts
    try:
        said = await context.chat.history(
            thread, before=newest, limit=context.options.history_limit
        )
    except ChatError as error:
        log.warning("no history", cause=str(error))
        return await _since(claimed, context)
    return [one for one in said if one.ts not in asked]


async def _since(claimed: ClaimedTurn, context: EngineContext) -> Sequence[ThreadMessage]:
    stored = await context.store.messages.said_since(
        claimed.binding.thread,
        after=claimed.binding.last_seen,
        before=claimed.messages[-1].message_id,
        exclude_teammate=claimed.binding.teammate,
        exclude_turn=claimed.turn_id,
    )
    return [message.said for message in stored]


async def _people(said: Iterable[ThreadMessage], context: EngineContext) -> dict[str, Person]:
    users: set[str] = set()
    for one in said:
        if one.speaker is not Speaker.TEAMMATE:
            users.add(one.author)
        users.update(prompt.mentioned(one.text))
    people = {}
    for user in users:
        try:
            people[user] = await context.chat.person(UserId(user))
        except ChatError as error:
            log.warning("person not resolved", user=user, cause=str(error))
    return people


def _unknown(user: str) -> Person:
    return Person(UserId(user), user, trusted=False)
