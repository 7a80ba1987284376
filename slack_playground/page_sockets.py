"""The page's live sockets: each person gets the frames that person may see."""

import asyncio
import json
from collections.abc import Callable, Sequence

from aiohttp import web

from slack_playground.background_tasks import BackgroundTasks
from slack_playground.inspector import Entry, Inspector
from slack_playground.objects import shown_channel
from slack_playground.slack_types import Json, plain
from slack_playground.workspace import Channel, Listener, Workspace

BACKLOG = 2000
Frames = asyncio.Queue[str | None]


class PageSockets(Listener):
    """Publishes every change of the workspace to the pages that watch it."""

    def __init__(self, workspace: Workspace, inspector: Inspector, tasks: BackgroundTasks) -> None:
        self._workspace = workspace
        self._tasks = tasks
        self._inspector = inspector
        self._watchers: dict[Frames, str] = {}
        inspector.watchers.append(self._inspected)

    async def serve(
        self, request: web.Request, user_id: str, *, first: Sequence[Json]
    ) -> web.WebSocketResponse:
        """Keep one page's socket until it closes; it gets the frames `first` at once."""
        socket = web.WebSocketResponse(heartbeat=20, timeout=1.0)
        await socket.prepare(request)
        frames: Frames = asyncio.Queue(BACKLOG)
        for frame in first:
            frames.put_nowait(json.dumps(frame))
        self._watchers[frames] = user_id
        sender = self._tasks.spawn(_send(socket, frames), name="live page")
        try:
            async for _ in socket:
                pass
        finally:
            self._watchers.pop(frames, None)
            sender.cancel()
        return socket

    def close(self) -> None:
        """End every page's socket."""
        for frames in list(self._watchers):
            self._drop(frames)

    def to_channel(self, channel: Channel, frame: Json) -> None:
        """Send a frame to everyone who sees `channel`."""
        self._publish(frame, lambda user: self._workspace.sees(user, channel))

    def to_user(self, user_id: str, frame: Json) -> None:
        """Send a frame to one person's pages."""
        self._publish(frame, lambda user: user == user_id)

    def to_all(self, frame: Json) -> None:
        """Send a frame to every page."""
        self._publish(frame, lambda _user: True)

    def posted(self, channel: Channel, message: Json) -> None:
        """Show a new message."""
        self._message("message", channel, message)

    def changed(self, channel: Channel, message: Json, previous: Json) -> None:
        """Show an edited message."""
        self._message("message_changed", channel, message)

    def counted(self, channel: Channel, message: Json) -> None:
        """Show new reactions or reply counts."""
        self._message("message_changed", channel, message)

    def deleted(self, channel: Channel, message: Json) -> None:
        """Take a message away."""
        self.to_channel(
            channel, {"type": "message_deleted", "channel": channel.id, "ts": message["ts"]}
        )

    def channel_changed(self, channel: Channel) -> None:
        """Show a channel to everyone who sees it, each with the own unread count."""
        for user_id in set(self._watchers.values()):
            if self._workspace.sees(user_id, channel):
                shown = shown_channel(self._workspace, channel, user_id)
                self.to_user(user_id, {"type": "channel", "channel": shown})

    def _message(self, kind: str, channel: Channel, message: Json) -> None:
        if self._watchers:
            self.to_channel(
                channel, {"type": kind, "channel": channel.id, "message": plain(message)}
            )

    def _inspected(self, entry: Entry) -> None:
        if self._watchers:
            self.to_all({"type": "inspector", "entry": self._inspector.shown(entry)})

    def _publish(self, frame: Json, may_see: Callable[[str], bool]) -> None:
        watchers = [frames for frames, user in self._watchers.items() if may_see(user)]
        if not watchers:
            return
        text = json.dumps(frame)
        for frames in watchers:
            if frames.full():
                self._drop(frames)
            else:
                frames.put_nowait(text)

    def _drop(self, frames: Frames) -> None:
        """End a page that does not keep up; it connects again and loads what it missed."""
        self._watchers.pop(frames, None)
        while not frames.empty():
            frames.get_nowait()
        frames.put_nowait(None)


async def _send(socket: web.WebSocketResponse, frames: Frames) -> None:
    while (frame := await frames.get()) is not None:
        try:
            await socket.send_str(frame)
        except ConnectionError:
            return
    await socket.close(code=1001)
