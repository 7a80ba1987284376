"""Socket Mode: tickets, connections, envelopes, acks and redeliveries (PLATFORM §4.1, §4.3)."""

import asyncio
import contextlib
import json
import random
import secrets
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web

from slack_playground.background_tasks import BackgroundTasks
from slack_playground.fault_injection import Faults
from slack_playground.hooks import HookPoint, Hooks
from slack_playground.inspector import Entry, Inspector
from slack_playground.options import PlaygroundOptions
from slack_playground.seed_data import APP_ID
from slack_playground.slack_types import Json
from slack_playground.socket_connection import ServerConnection

DISCONNECT_REASONS = ("warning", "refresh_requested", "link_disabled", "too_many_websockets")


@dataclass(slots=True, kw_only=True)
class Delivery:
    """One envelope on its way; `ack` resolves to the ack's payload."""

    name: str
    summary: str
    body: Json
    ack: asyncio.Future[Json]
    dropped: bool = False
    envelope_id: str = field(default_factory=lambda: str(uuid.uuid4()))


class SocketHub:
    """All Socket Mode connections of the app. Each envelope goes to one of them."""

    def __init__(
        self,
        options: PlaygroundOptions,
        inspector: Inspector,
        faults: Faults,
        hooks: Hooks,
        tasks: BackgroundTasks,
    ) -> None:
        self._options = options
        self._inspector = inspector
        self._faults = faults
        self._hooks = hooks
        self._tasks = tasks
        self._tickets: dict[str, float] = {}
        self._lines: list[ServerConnection] = []
        self._open: dict[str, Delivery] = {}
        self._waiting: dict[str, Delivery] = {}
        self._online = asyncio.Event()
        self.watchers: list[Callable[[int], None]] = []

    @property
    def connected(self) -> int:
        """How many connections are open."""
        return len(self._lines)

    @property
    def undelivered(self) -> int:
        """How many envelopes still wait for an ack or a connection."""
        return len(self._open)

    def new_ticket(self) -> str:
        """A ticket good for one connection, for a short while."""
        ticket = secrets.token_hex(16)
        self._tickets[ticket] = time.monotonic() + self._options.ticket_ttl_s
        return ticket

    # ---- connections

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One connection's life: ticket, hello, acks in, until it closes."""
        expires = self._tickets.pop(request.match_info["ticket"], 0.0)
        if expires < time.monotonic():
            return web.Response(status=408, text="ticket expired or used")
        socket = web.WebSocketResponse(autoping=False, timeout=1.0)
        await socket.prepare(request)
        if self.connected >= self._options.max_connections:
            await socket.send_json(_disconnect_frame("too_many_websockets"))
            await socket.close()
            return socket
        await socket.send_json(self._hello())
        line = ServerConnection(socket, request.transport)
        self._lines.append(line)
        self._changed("connected")
        pings = self._tasks.spawn(_watched(line, self._options.ping_interval_s), name="pings")
        try:
            async for text in line.texts():
                self._receive(text)
        finally:
            pings.cancel()
            self._forget(line)
            self._changed("disconnected")
        return socket

    def _forget(self, line: ServerConnection) -> None:
        if line in self._lines:
            self._lines.remove(line)

    def _hello(self) -> Json:
        return {
            "type": "hello",
            "num_connections": self.connected + 1,
            "debug_info": {
                "host": "applink-playground",
                "build_number": 1,
                "approximate_connection_time": 3600,
            },
            "connection_info": {"app_id": APP_ID},
        }

    def _changed(self, what: str) -> None:
        if self._lines:
            self._online.set()
        else:
            self._online.clear()
        self._inspector.add(
            Entry(kind="socket", name=what, ok=True, summary=f"{self.connected} connected")
        )
        for watcher in self.watchers:
            watcher(self.connected)

    def _receive(self, text: str) -> None:
        try:
            frame = json.loads(text)
        except ValueError:
            frame = None
        if not isinstance(frame, dict) or "envelope_id" not in frame:
            self._inspector.add(
                Entry(kind="socket", name="unreadable frame", ok=False, error="no envelope_id")
            )
            return
        delivery = self._open.get(frame["envelope_id"])
        if delivery is None or delivery.ack.done() or self._faults.strikes("hold_acks"):
            return
        payload = frame.get("payload")
        delivery.ack.set_result(payload if isinstance(payload, dict) else {})
        self._hooks.reached(HookPoint.ACKED, delivery.name)

    async def disconnect(self, reason: str, *, which: str = "all") -> None:
        """Ask connections to leave with a `disconnect` frame; they stay open until they do."""
        for line in self._chosen(which):
            await line.send(_disconnect_frame(reason))
        self._inspector.add(Entry(kind="socket", name="disconnect", ok=True, summary=reason))

    async def drop(self, *, abort: bool = False, which: str = "all") -> None:
        """Close connections; with `abort` without a close frame, as a broken line does."""
        dropped = self._chosen(which)
        self._lines = [line for line in self._lines if line not in dropped]
        if not self._lines:
            self._online.clear()
        if not abort:
            await asyncio.gather(*(line.close() for line in dropped))
            return
        for line in dropped:
            line.abort()

    def deafen(self, *, for_s: float, which: str = "all") -> None:
        """Let nothing pass on connections that stay open, and break them after `for_s`.

        Envelopes go on being handed to them, as Slack does until it notices.
        """
        for line in self._chosen(which):
            line.gone_deaf()
            self._tasks.spawn(_broken_after(line, for_s), name="deaf socket")

    def _chosen(self, which: str) -> list[ServerConnection]:
        """All connections, or with `one` the oldest."""
        return self._lines[:1] if which == "one" else list(self._lines)

    # ---- envelopes

    def send_event(self, payload: Json, *, name: str, summary: str) -> None:
        """Deliver an event until it is acked, at most four times."""
        delivery = self._delivery("events_api", payload, name=name, summary=summary)
        self._tasks.spawn(self._deliver_event(delivery), name=f"event {name}")

    async def interact(
        self, payload: Json, *, name: str, summary: str, kind: str = "interactive"
    ) -> Json | None:
        """Deliver an interaction or a command (`slash_commands`) once.

        Returns the ack's payload, None if nobody acked in time.
        """
        delivery = self._delivery(kind, payload, name=name, summary=summary)
        started = time.monotonic()
        sent = await self._transmit(delivery, attempt=0)
        acked = sent and await self._acked(delivery)
        self._record(
            "interactive",
            delivery,
            started=started,
            error=None if acked else ("timeout" if sent else "no connection"),
        )
        self._open.pop(delivery.envelope_id, None)
        return delivery.ack.result() if acked else None

    def _delivery(self, kind: str, payload: Json, *, name: str, summary: str) -> Delivery:
        ack: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        body = {
            "type": kind,
            "payload": payload,
            "accepts_response_payload": kind != "events_api",
        }
        delivery = Delivery(name=name, summary=summary, body=body, ack=ack)
        self._open[delivery.envelope_id] = delivery
        return delivery

    async def _deliver_event(self, delivery: Delivery) -> None:
        late = self._faults.strikes("late_delivery")
        try:
            if late is not None:
                await asyncio.sleep(float(late.params["delay_s"]))
            await self._attempts(delivery)
        finally:
            self._open.pop(delivery.envelope_id, None)
            self._waiting.pop(delivery.envelope_id, None)

    async def _attempts(self, delivery: Delivery) -> None:
        retry_delays = self._options.redelivery_delays_s
        attempt = 0
        while attempt <= len(retry_delays):
            if attempt:
                await self._pause(delivery, retry_delays[attempt - 1])
                if delivery.ack.done():
                    return
            if not self._lines:
                if not await self._wait_online(delivery):
                    self._record("event", delivery, error="dropped", retry=attempt)
                    return
                attempt = max(attempt, 1)
            started = time.monotonic()
            if not await self._transmit(delivery, attempt=attempt):
                continue
            again = self._faults.strikes("double_delivery")
            if again:
                await self._transmit(delivery, attempt=min(attempt + 1, len(retry_delays)))
            acked = await self._acked(delivery)
            self._record(
                "event",
                delivery,
                started=started,
                error=None if acked else "timeout",
                retry=attempt,
                fault="double_delivery" if again else None,
            )
            if acked:
                return
            attempt += 1

    async def _pause(self, delivery: Delivery, delay_s: float) -> None:
        seconds = delay_s * self._options.redelivery_scale
        if seconds > 0:
            await asyncio.wait([delivery.ack], timeout=seconds)

    async def _wait_online(self, delivery: Delivery) -> bool:
        """Wait for a connection; False when the event is lost instead."""
        if self._options.offline_events == "drop":
            return False
        self._waiting[delivery.envelope_id] = delivery
        if len(self._waiting) > self._options.offline_queue:
            oldest = next(iter(self._waiting))
            self._waiting.pop(oldest).dropped = True
        await self._online.wait()
        self._waiting.pop(delivery.envelope_id, None)
        return not delivery.dropped

    async def _transmit(self, delivery: Delivery, *, attempt: int) -> bool:
        """Send to one connection, any of them; False when none takes it."""
        frame = {"envelope_id": delivery.envelope_id, **delivery.body}
        if delivery.body["type"] == "events_api":
            frame["retry_attempt"] = attempt
            frame["retry_reason"] = "timeout" if attempt else ""
        text = json.dumps(frame)
        for line in random.sample(self._lines, len(self._lines)):
            try:
                await line.send(text)
            except (ConnectionError, RuntimeError):
                self._forget(line)
                continue
            self._hooks.reached(HookPoint.SENT, delivery.name)
            return True
        if not self._lines:
            self._online.clear()
        return False

    async def _acked(self, delivery: Delivery) -> bool:
        done, _ = await asyncio.wait([delivery.ack], timeout=self._options.ack_timeout_s)
        return bool(done)

    def _record(
        self,
        kind: str,
        delivery: Delivery,
        *,
        started: float | None = None,
        error: str | None = None,
        retry: int = 0,
        fault: str | None = None,
    ) -> None:
        answer = delivery.ack.result() if delivery.ack.done() else None
        self._inspector.add(
            Entry(
                kind=kind,
                name=delivery.name,
                summary=delivery.summary,
                ok=error is None,
                error=error,
                ms=None if started is None else (time.monotonic() - started) * 1000,
                request=json.dumps(delivery.body["payload"]),
                response=json.dumps(answer) if answer else None,
                retry=retry or None,
                fault=fault,
            )
        )


def _disconnect_frame(reason: str) -> Json:
    return {
        "type": "disconnect",
        "reason": reason,
        "debug_info": {"host": "applink-playground"},
    }


async def _watched(line: ServerConnection, interval_s: float) -> None:
    with contextlib.suppress(ConnectionError, RuntimeError):  # it is closing: that is an answer
        await line.watch(interval_s)


async def _broken_after(line: ServerConnection, seconds: float) -> None:
    await asyncio.sleep(seconds)
    line.abort()
