"""The state file: a second start resumes the same workspace."""

import asyncio
import base64
import json
import os

from bridge.playground.files import StoredFile
from bridge.playground.site import Site
from bridge.playground.wire import Json
from bridge.playground.workspace import Channel, Listener

FORMAT = 1


class StateFile(Listener):
    """Writes the workspace shortly after each change, and on stop; does nothing without a path."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._path = site.options.state_file
        self._pending: asyncio.TimerHandle | None = None
        if self._path is not None:
            site.workspace.listeners.append(self)

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
            self._pending = loop.call_later(self._site.options.save_after_s, self.save)

    def save(self) -> None:
        """Write everything now; a crash leaves the old file or the new one, never half of it."""
        if self._pending is not None:
            self._pending.cancel()
            self._pending = None
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_name(self._path.name + ".new")
        with fresh.open("w", encoding="utf-8") as out:
            json.dump(self._snapshot(), out, ensure_ascii=False)
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(self._path)

    def load(self) -> None:
        """Read the file if there is one; raises ValueError for a file of another format."""
        if self._path is None or not self._path.exists():
            return
        state = json.loads(self._path.read_text(encoding="utf-8"))
        if state.get("format") != FORMAT:
            raise ValueError(f"{self._path} was written by another version of the playground")
        self._restore(state)

    def _snapshot(self) -> Json:
        workspace = self._site.workspace
        return {
            "format": FORMAT,
            "channels": [_channel_out(channel) for channel in workspace.channels.values()],
            "read": [[user, ch, ts] for (user, ch), ts in workspace.read_up_to.items()],
            "files": [_file_out(f) for f in self._site.files.files.values() if f.complete],
            "homes": self._site.views.homes,
        }

    def _restore(self, state: Json) -> None:
        workspace = self._site.workspace
        for item in state["channels"]:
            channel = _channel_in(item)
            workspace.channels[channel.id] = channel
            for ts in channel.messages:
                workspace.clock.after(ts)
        workspace.read_up_to = {(user, ch): ts for user, ch, ts in state["read"]}
        for item in state["files"]:
            file = StoredFile(**{**item, "data": base64.b64decode(item["data"])})
            self._site.files.files[file.id] = file
        self._site.views.homes.update(state["homes"])


def _channel_out(channel: Channel) -> Json:
    names = ("id", "name", "members", "created", "topic", "is_im", "is_private", "is_ext_shared")
    return {
        **{name: getattr(channel, name) for name in names},
        "messages": list(channel.messages.values()),
        "threads": channel.threads,
    }


def _channel_in(item: Json) -> Channel:
    messages = {message["ts"]: message for message in item["messages"]}
    return Channel(**{**item, "messages": messages})


def _file_out(file: StoredFile) -> Json:
    return {
        "id": file.id,
        "name": file.name,
        "title": file.title,
        "mimetype": file.mimetype,
        "user": file.user,
        "data": base64.b64encode(file.data).decode(),
        "created": file.created,
        "snippet_type": file.snippet_type,
        "alt_txt": file.alt_txt,
        "shares": file.shares,
    }
