"""Prompt builder: a turn's input from the thread's news, its messages and their files."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from bridge.domain import file_kinds, mentions, prompt
from bridge.domain.bindings import ClaimedTurn, ImagePart, InputPart, TextPart
from bridge.domain.errors import ChatError
from bridge.domain.ids import ChannelId, UserId
from bridge.domain.messages import Person, SharedFile, Speaker, ThreadMessage
from bridge.domain.ports import ChatPort
from bridge.domain.prompt import Files, ReadFile
from bridge.engine.context import EngineContext
from bridge.telemetry import get_logger

log = get_logger("engine.prompt_builder")


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
    channels = await _channels((*heard, *asked), context)
    text = prompt.compose(
        heard=[_with_channels(said, channels) for said in heard],
        asked=[_with_channels(said, channels) for said in asked],
        files=read.files,
        person=lambda user: people.get(user) or _unknown(user),
        me=claimed.binding.teammate,
        undelivered=await context.store.outbox.undelivered_before(claimed.turn_id),
    )
    return Composed((TextPart(text), *read.pictures), prompt.unread_files_sentence(read.files))


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
        users.update(mentions.users_in(one.text))
    people = {}
    for user in users:
        try:
            people[user] = await context.chat.person(UserId(user))
        except ChatError as error:
            log.warning("person not resolved", user=user, cause=str(error))
    return people


async def _channels(said: Iterable[ThreadMessage], context: EngineContext) -> dict[str, str]:
    named = {channel for one in said for channel in mentions.channels_in(one.text)}
    names = {channel: await context.chat.channel_name(ChannelId(channel)) for channel in named}
    return {channel: name for channel, name in names.items() if name is not None}


def _with_channels(said: ThreadMessage, names: Mapping[str, str]) -> ThreadMessage:
    return replace(said, text=mentions.with_channel_names(said.text, names))


def _unknown(user: str) -> Person:
    return Person(UserId(user), user, trusted=False)


MAX_TEXT_BYTES = 200_000
MAX_IMAGE_BYTES = 5_000_000
MAX_IMAGES = 8
_NEITHER = "neither a picture nor text"


@dataclass(frozen=True, slots=True)
class FilesRead:
    """Files in words for the briefing, and the pictures as parts of the input."""

    files: Files
    pictures: tuple[ImagePart, ...]


async def read_files(shared: Iterable[SharedFile], chat: ChatPort) -> FilesRead:
    """Read what can be read; never raises: what failed is among the unread ones."""
    texts: list[ReadFile] = []
    names: list[str] = []
    pictures: list[ImagePart] = []
    unread: list[tuple[SharedFile, str]] = []
    for file in shared:
        try:
            read = await _read(file, chat, pictures_left=MAX_IMAGES - len(pictures))
        except _Unreadable as reason:
            unread.append((file, str(reason)))
        except ChatError as error:
            log.warning("file not read", file=file.file_id, cause=str(error))
            unread.append((file, "Slack did not hand it out"))
        else:
            if isinstance(read, ImagePart):
                pictures.append(read)
                names.append(file.name)
            else:
                texts.append(read)
    return FilesRead(Files(tuple(texts), tuple(names), tuple(unread)), tuple(pictures))


class _Unreadable(Exception):
    """Why one file is not read, in words for people."""


async def _read(file: SharedFile, chat: ChatPort, *, pictures_left: int) -> ImagePart | ReadFile:
    """A file as what its bytes are: Slack's media type is only what its sender claimed."""
    claims_picture = file.mimetype.startswith("image/")
    if claims_picture and pictures_left <= 0:
        raise _Unreadable(f"more than {MAX_IMAGES} pictures")
    if file.mimetype.startswith(("video/", "audio/")):
        raise _Unreadable(_NEITHER)
    data = await _download(file, chat, MAX_IMAGE_BYTES if claims_picture else MAX_TEXT_BYTES)
    if not data:
        raise _Unreadable("empty")
    media_type = file_kinds.picture_type(data)
    if media_type is not None and pictures_left > 0:
        return ImagePart(media_type, base64.b64encode(data).decode("ascii"))
    text = file_kinds.text_of(data)
    if text is None or (claims_picture and file.mimetype != "image/svg+xml"):
        raise _Unreadable("not the picture it claims to be" if claims_picture else _NEITHER)
    return ReadFile(file.name, text)


async def _download(file: SharedFile, chat: ChatPort, limit: int) -> bytes:
    if file.size is not None and file.size > limit:
        raise _Unreadable(f"larger than {limit // 1000} kB")
    return await chat.fetch(file, limit_bytes=limit)
