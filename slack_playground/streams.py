"""Native streaming: messages that grow while the app writes them (PLATFORM §2)."""

import time
from dataclasses import dataclass, field
from typing import Any

from slack_playground.blocks import check_blocks
from slack_playground.options import PlaygroundOptions
from slack_playground.slack_types import ApiError, Json, new_id
from slack_playground.workspace import Channel, Workspace

MARKDOWN_LIMIT = 12_000
FIELD_LIMIT = 256
CHUNK_BLOCKS_LIMIT = 50
TASK_STATUSES = ("pending", "in_progress", "complete", "error")


@dataclass(slots=True)
class Stream:
    """One live stream. `mode` is fixed by the first content: `text` or `chunks`."""

    channel: Channel
    ts: str
    started: float
    mode: str | None = None
    state: str = "streaming"
    parts: list[Json] = field(default_factory=list)
    blocks: list[Json] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All Markdown so far."""
        return "".join(part["text"] for part in self.parts if part["type"] == "markdown")


class Streams:
    """Every stream of the app."""

    def __init__(self, options: PlaygroundOptions, workspace: Workspace) -> None:
        self._options = options
        self._workspace = workspace
        self._streams: dict[tuple[str, str], Stream] = {}

    def start(self, channel: Channel, looks: Json, thread_ts: str, content: "Content") -> Stream:
        """Post the stream's message with its first content."""
        content.check()
        stream = Stream(channel, "", time.monotonic(), mode=content.mode)
        stream.parts = []
        _merge(stream.parts, content)
        message = self._workspace.post(channel, {**looks, **_shape(stream), "thread_ts": thread_ts})
        stream.ts = message["ts"]
        self._streams[channel.id, stream.ts] = stream
        return stream

    def append(self, channel: Channel, ts: str, content: "Content") -> None:
        """Grow a live stream."""
        stream = self.live(channel, ts)
        if not content.given:
            raise ApiError("no_text")
        self._take(stream, content)
        self._workspace.change(channel, ts, _shape(stream))

    def stop(self, channel: Channel, ts: str, content: "Content", blocks: list[Json]) -> Json:
        """Finish a stream and return its message; `blocks` stand below the text."""
        stream = self.live(channel, ts)
        _check_stream_blocks(blocks)
        self._take(stream, content)
        stream.blocks = blocks
        stream.state = "stopped"
        return self._workspace.change(channel, ts, _shape(stream), drop=("streaming_state",))

    def stop_by_user(self, channel: Channel, thread_ts: str) -> list[str]:
        """End the thread's live streams as its reader does; their timestamps."""
        stopped = []
        for stream in self._streams.values():
            message = channel.messages.get(stream.ts)
            if stream.channel is not channel or message is None or stream.state != "streaming":
                continue
            if message.get("thread_ts") == thread_ts:
                stream.state = "stopped_by_user"
                self._workspace.change(channel, stream.ts, {}, drop=("streaming_state",))
                stopped.append(stream.ts)
        return stopped

    def live(self, channel: Channel, ts: str) -> Stream:
        """The live stream at `ts`; raises Slack's word for every other state."""
        message = self._workspace.message(channel, ts)
        stream = self._streams.get((channel.id, ts))
        if stream is None:
            own = message.get("bot_id") is not None
            raise ApiError("message_not_in_streaming_state" if own else "message_not_owned_by_app")
        self._expire(stream)
        if stream.state == "stopped_by_user":
            raise ApiError("stopped_by_user")
        if stream.state != "streaming":
            raise ApiError("message_not_in_streaming_state")
        return stream

    def is_live(self, channel: Channel, ts: str) -> bool:
        """Whether `chat.update` must keep away from this message."""
        stream = self._streams.get((channel.id, ts))
        if stream is None:
            return False
        self._expire(stream)
        return stream.state == "streaming"

    def _expire(self, stream: Stream) -> None:
        if (
            stream.state == "streaming"
            and time.monotonic() - stream.started > self._options.stream_ttl_s
        ):
            stream.state = "expired"

    def _take(self, stream: Stream, content: "Content") -> None:
        content.check()
        if content.mode and stream.mode and content.mode != stream.mode:
            raise ApiError("streaming_mode_mismatch")
        stream.mode = stream.mode or content.mode
        _merge(stream.parts, content)


@dataclass(frozen=True, slots=True)
class Content:
    """What one streaming call brings: Markdown or chunks, or neither."""

    markdown: str
    chunks: list[Json] | None

    @property
    def mode(self) -> str | None:
        """`text`, `chunks` or None for neither."""
        if self.markdown:
            return "text"
        return "chunks" if self.chunks else None

    @property
    def given(self) -> bool:
        """Whether there is anything to show."""
        return self.mode is not None

    def check(self) -> None:
        """Raise Slack's error for content over a limit."""
        if self.markdown and self.chunks:
            raise ApiError("streaming_mode_mismatch")
        if len(self.markdown) > MARKDOWN_LIMIT:
            raise ApiError("msg_too_long")
        for chunk in self.chunks or []:
            _check_chunk(chunk)


def _check_stream_blocks(blocks: list[Any]) -> None:
    if any(isinstance(block, dict) and block.get("type") == "file" for block in blocks):
        raise ApiError("internal_error")  # the one type that Slack's streams fault on
    check_blocks(blocks)


def _check_chunk(chunk: Json) -> None:
    kind = chunk.get("type")
    if kind == "markdown_text":
        if not isinstance(chunk.get("text"), str):
            raise ApiError("invalid_chunks")
        if len(chunk["text"]) > MARKDOWN_LIMIT:
            raise ApiError("msg_too_long")
    elif kind == "blocks":
        blocks = chunk.get("blocks")
        if not isinstance(blocks, list):
            raise ApiError("invalid_chunks")
        _check_stream_blocks(blocks[:CHUNK_BLOCKS_LIMIT])
    elif kind == "plan_update":
        _check_fields(chunk, ("title",))
    elif kind == "task_update":
        if not chunk.get("id") or chunk.get("status", "pending") not in TASK_STATUSES:
            raise ApiError("invalid_chunks")
        _check_fields(chunk, ("title", "details", "output"))
    else:
        raise ApiError("invalid_chunks")


def _check_fields(chunk: Json, names: tuple[str, ...]) -> None:
    for name in names:
        value = chunk.get(name) or ""
        if not isinstance(value, str) or len(value) > FIELD_LIMIT:
            raise ApiError("invalid_chunks")


def _merge(parts: list[Json], content: Content) -> None:
    if content.markdown:
        _add_text(parts, content.markdown)
    for chunk in content.chunks or []:
        if chunk["type"] == "markdown_text":
            _add_text(parts, chunk["text"])
        elif chunk["type"] == "blocks":
            parts.extend(chunk["blocks"][:CHUNK_BLOCKS_LIMIT])
        elif chunk["type"] == "plan_update":
            _add_plan(parts, chunk)
        else:
            _add_task(parts, chunk)


def _add_text(parts: list[Json], text: str) -> None:
    if parts and parts[-1]["type"] == "markdown":
        parts[-1] = {**parts[-1], "text": parts[-1]["text"] + text}
    else:
        parts.append({"type": "markdown", "block_id": new_id("b"), "text": text})


def _add_plan(parts: list[Json], chunk: Json) -> None:
    plan = {"type": "plan", "title": chunk.get("title", ""), "tasks": []}
    index = next((i for i, part in enumerate(parts) if part["type"] == "plan"), None)
    if index is None:
        parts.append(plan)
    else:
        parts[index] = {**parts[index], "title": plan["title"]}


def _add_task(parts: list[Json], chunk: Json) -> None:
    fresh: Json = {"type": "task_card", "task_id": chunk["id"], "status": "pending"}
    index = next(
        (i for i, part in enumerate(parts) if part.get("task_id") == chunk["id"]), len(parts)
    )
    old = parts[index] if index < len(parts) else fresh
    card: dict[str, Any] = {**old}
    for name in ("title", "status", "sources"):
        if chunk.get(name):
            card[name] = chunk[name]
    if chunk.get("details"):
        card["details"] = _rich(_plain(old.get("details")) + chunk["details"])
    if chunk.get("output"):
        card["output"] = _rich(chunk["output"])
    parts[index : index + 1] = [card]


def _rich(text: str) -> Json:
    section = {"type": "rich_text_section", "elements": [{"type": "text", "text": text}]}
    return {"type": "rich_text", "elements": [section]}


def _plain(rich: Json | None) -> str:
    return "" if rich is None else str(rich["elements"][0]["elements"][0]["text"])


def _shape(stream: Stream) -> Json:
    return {
        "text": stream.text,
        "blocks": [*stream.parts, *stream.blocks],
        "streaming_state": "in_progress",
    }
