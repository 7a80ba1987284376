"""Messages only one person sees: in no history, changed only through a response URL."""

from slack_playground.page_sockets import PageSockets
from slack_playground.slack_types import ApiError, Json
from slack_playground.workspace import Channel, Workspace


class Ephemerals:
    """The ephemeral messages of every person, until the server stops."""

    def __init__(self, workspace: Workspace, live: PageSockets) -> None:
        self._workspace = workspace
        self._live = live
        self._messages: dict[tuple[str, str], Json] = {}

    def show(self, user: str, channel: Channel, message: Json) -> Json:
        """Show `message` to `user` in `channel` and return it with its timestamp."""
        shown = {
            "type": "message",
            **message,
            "ts": self._workspace.clock.next(),
            "channel": channel.id,
            "is_ephemeral": True,
        }
        self._messages[user, shown["ts"]] = shown
        self._tell(user, "ephemeral", shown)
        return shown

    def of(self, user: str, channel: str | None = None, thread_ts: str | None = None) -> list[Json]:
        """What `user` sees, oldest first; in one channel or thread if given."""
        return [
            message
            for (owner, _), message in self._messages.items()
            if owner == user
            and (channel is None or message["channel"] == channel)
            and (thread_ts is None or message.get("thread_ts") == thread_ts)
        ]

    def find(self, user: str, ts: str) -> Json:
        """One of `user`'s, or raise `message_not_found`."""
        try:
            return self._messages[user, ts]
        except KeyError:
            raise ApiError("message_not_found") from None

    def change(self, user: str, ts: str, content: Json) -> Json:
        """Replace text and blocks."""
        message = self.find(user, ts)
        for key in ("blocks", "attachments"):
            message.pop(key, None)
        message.update(content)
        self._tell(user, "ephemeral_changed", message)
        return message

    def delete(self, user: str, ts: str) -> None:
        """Take one away."""
        message = self.find(user, ts)
        del self._messages[user, ts]
        self._live.to_user(
            user, {"type": "ephemeral_deleted", "channel": message["channel"], "ts": ts}
        )

    def _tell(self, user: str, kind: str, message: Json) -> None:
        self._live.to_user(
            user, {"type": kind, "channel": message["channel"], "message": dict(message)}
        )
