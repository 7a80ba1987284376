"""The state file: a second start resumes the same workspace."""

import asyncio
import json
import os
import threading
from pathlib import Path

from slack_playground.context import Context
from slack_playground.files import StoredFile
from slack_playground.slack_types import Json
from slack_playground.workspace import Channel, Listener

FORMAT = 1
_CHANNEL_FIELDS = (
    "id",
    "name",
    "members",
    "created",
    "creator",
    "topic",
    "is_im",
    "is_mpim",
    "is_archived",
    "is_private",
    "is_ext_shared",
    "threads",
)
_FILE_FIELDS = (
    "id",
    "name",
    "title",
    "mimetype",
    "user",
    "created",
    "snippet_type",
    "alt_txt",
    "shares",
)


class StateFile(Listener):
    """Writes the workspace shortly after each change, and on stop; does nothing without a path.

    Contents of files lie beside it in a folder of the same name with `.files`, each written once.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._path = context.options.state_file
        self._pending: asyncio.TimerHandle | None = None
        self._writing = threading.Lock()
        self._made = 0
        self._written = 0
        if self._path is not None:
            context.workspace.listeners.append(self)

    def posted(self, channel: Channel, message: Json) -> None:
        """Save soon."""
        self._touch()

    def changed(self, channel: Channel, message: Json, previous: Json) -> None:
        """Save soon."""
        self._touch()

    def counted(self, channel: Channel, message: Json) -> None:
        """Save soon."""
        self._touch()

    def deleted(self, channel: Channel, message: Json) -> None:
        """Save soon."""
        self._touch()

    def channel_changed(self, channel: Channel) -> None:
        """Save soon."""
        self._touch()

    def _touch(self) -> None:
        if self._pending is None:
            loop = asyncio.get_running_loop()
            self._pending = loop.call_later(self._context.options.save_after_s, self._save_aside)

    def _save_aside(self) -> None:
        self._pending = None
        if self._path is not None:
            work = asyncio.to_thread(self._write, self._path, *self._snapshot())
            self._context.tasks.spawn(work, name="save workspace")

    def save(self) -> None:
        """Write everything now; a crash leaves the old file or the new one, never half of it."""
        if self._pending is not None:
            self._pending.cancel()
            self._pending = None
        if self._path is not None:
            self._write(self._path, *self._snapshot())

    def load(self) -> None:
        """Read the file if there is one; raises ValueError for a file of another format."""
        if self._path is None or not self._path.exists():
            return
        state = json.loads(self._path.read_text(encoding="utf-8"))
        if state.get("format") != FORMAT:
            raise ValueError(f"{self._path} was written by another version of the playground")
        self._restore(state, _folder(self._path))

    def _snapshot(self) -> tuple[int, str, dict[str, bytes]]:
        """The number of this snapshot, its JSON text, and the contents of all files."""
        workspace = self._context.workspace
        files = [file for file in self._context.files.files.values() if file.complete]
        state = {
            "format": FORMAT,
            "channels": [_channel_out(channel) for channel in workspace.channels.values()],
            "read": [[user, ch, ts] for (user, ch), ts in workspace.read_up_to.items()],
            "files": [{name: getattr(file, name) for name in _FILE_FIELDS} for file in files],
            "homes": self._context.views.homes,
        }
        self._made += 1
        text = json.dumps(state, ensure_ascii=False)
        return self._made, text, {file.id: file.data for file in files}

    def _write(self, path: Path, number: int, text: str, contents: dict[str, bytes]) -> None:
        with self._writing:
            if number < self._written:
                return
            self._written = number
            path.parent.mkdir(parents=True, exist_ok=True)
            for file_id, data in contents.items():
                kept = _folder(path) / file_id
                if not kept.exists():
                    kept.parent.mkdir(exist_ok=True)
                    _replace(kept, data)
            _replace(path, text.encode())

    def _restore(self, state: Json, folder: Path) -> None:
        workspace = self._context.workspace
        for item in state["channels"]:
            messages = {message["ts"]: message for message in item["messages"]}
            channel = Channel(**{**item, "messages": messages})
            workspace.channels[channel.id] = channel
            for ts in messages:
                workspace.clock.after(ts)
        workspace.read_up_to = {(user, ch): ts for user, ch, ts in state["read"]}
        for item in state["files"]:
            content = folder / item["id"]
            data = content.read_bytes() if content.exists() else b""
            self._context.files.files[item["id"]] = StoredFile(**item, data=data)
        self._context.views.homes.update(state["homes"])


def _channel_out(channel: Channel) -> Json:
    shape = {name: getattr(channel, name) for name in _CHANNEL_FIELDS}
    return {**shape, "messages": list(channel.messages.values())}


def _folder(path: Path) -> Path:
    return path.with_name(path.name + ".files")


def _replace(path: Path, data: bytes) -> None:
    fresh = path.with_name(path.name + ".new")
    with fresh.open("wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
    fresh.replace(path)
