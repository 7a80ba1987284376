"""IPC: JSON lines between supervisor and worker, over a private pair of sockets.

From the supervisor:
    {"environ": {name: value}}: first, so that secrets are in no process's environment (G9)
    {"hello": {"server": {"url", "token"} | null, "ended": [ending], "restarts": n}}: begin
    {"held": n, "trouble": sentence | null}: the answer to `hold`
    {"ended": [ending]}: a turn of a held runtime ended; an ending is
        {"client_message_ids": [id], "run_id": id | null, "stop_reason": word, "error": text | null,
         "runtime": {"agent_id", "conversation_id"}}
    {"ping": true}: a sign of life is wanted
From the worker:
    {"pong": true}: here it is
    {"prepared": true}: the configuration is good; `hello` may come
    {"ready": true}: everything has started
    {"hold": {"agent_id", "conversation_id"}, "number": n}, {"release": {the same}}

What a side does not know it ignores: supervisor and worker may be of different versions.
"""

import asyncio
import json
import socket
from typing import Any

_LONGEST_LINE = 8_000_000


class Pipe:
    """One end. Made by `Pipe.over`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def over(cls, end: socket.socket) -> "Pipe":
        """Speak over this end of a socket pair, which is ours from then on."""
        reader, writer = await asyncio.open_connection(sock=end, limit=_LONGEST_LINE)
        return cls(reader, writer)

    def send(self, **message: Any) -> None:
        """Send one line. Does nothing when the other side is gone."""
        if not self._writer.is_closing():
            self._writer.write(json.dumps(message).encode() + b"\n")

    async def receive(self) -> dict[str, Any] | None:
        """The next line; None when the other side is gone, however it went."""
        while True:
            try:
                line = await self._reader.readline()
            except (OSError, ValueError):
                return None
            if not line.endswith(b"\n"):
                return None
            try:
                message = json.loads(line)
            except ValueError:
                continue
            if isinstance(message, dict):
                return message

    def close(self) -> None:
        """Hang up. May be called twice."""
        self._writer.close()
