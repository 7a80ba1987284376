"""Web server for operators: health, readiness (and why not), metrics.

`/healthz` answers while the process runs. `/readyz` is 200 only when everything that a message
needs works, 503 with the reasons otherwise. `/metrics` is for Prometheus.
"""

import asyncio
import errno
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass

from aiohttp import web
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from bridge.domain.errors import ConfigurationError
from bridge.telemetry import REGISTRY, get_logger

Readiness = Callable[[], Awaitable[Mapping[str, str | None]]]
"""Asks every part how it is: its name, and None when it works or a sentence when it does not.
A sentence made by `but` is shown and makes nothing unready.
"""

_BUT = "ok, but: "


def but(warning: str | None) -> str | None:
    """What to say of a part that works although something is wrong; None for no warning."""
    return None if warning is None else f"{_BUT}{warning}"


@dataclass(frozen=True, slots=True)
class WebOptions:
    """Where to listen; port 0 takes a free one."""

    host: str = "127.0.0.1"
    port: int = 8080


class Web:
    """The HTTP server. `start` once, `stop` any number of times.

    Args:
        options: where to listen.
        readiness: asked anew for every `/readyz`.
        routes: further routes, such as Slack's signed HTTP requests.
        probe_s: how long `readiness` may take.
    """

    def __init__(
        self,
        options: WebOptions,
        *,
        readiness: Readiness,
        routes: Iterable[web.RouteDef] = (),
        probe_s: float = 5.0,
    ) -> None:
        self._probe_s = probe_s
        self._options = options
        self._readiness = readiness
        self.application = web.Application()
        self.application.add_routes(
            [
                web.get("/healthz", _healthz),
                web.get("/readyz", self._readyz),
                web.get("/metrics", _metrics),
                *routes,
            ]
        )
        self._runner = web.AppRunner(self.application, access_log=None)
        self._port = options.port

    @property
    def url(self) -> str:
        """The address, with the port that was taken."""
        host = self._options.host
        return f"http://[{host}]:{self._port}" if ":" in host else f"http://{host}:{self._port}"

    async def start(self) -> None:
        """Listen. Raises `ConfigurationError` when host or port cannot be used."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._options.host, self._options.port)
        try:
            await site.start()
        except OSError as error:
            await self._runner.cleanup()
            raise ConfigurationError(self._refusal(error)) from error
        self._port = self._runner.addresses[0][1]
        get_logger("web").info("listening", url=self.url)

    async def stop(self) -> None:
        """Stop listening."""
        await self._runner.cleanup()

    async def _readyz(self, _request: web.Request) -> web.Response:
        try:
            async with asyncio.timeout(self._probe_s):
                parts = await self._readiness()
        except TimeoutError:
            parts = {"bridge": f"The check did not end within {self._probe_s:g} seconds."}
        ready = all(reason is None or reason.startswith(_BUT) for reason in parts.values())
        return web.json_response(
            {"ready": ready, "parts": {name: reason or "ok" for name, reason in parts.items()}},
            status=200 if ready else 503,
        )

    def _refusal(self, error: OSError) -> str:
        host, port = self._options.host, self._options.port
        if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
            return f"web.host {host} is not an address of this machine; set it to one that is."
        if error.errno == errno.EADDRINUSE:
            return (
                f"Port {port} on {host} is in use by another program; set web.port "
                "(BRIDGE_WEB__PORT) to a free one."
            )
        if error.errno == errno.EACCES:
            return f"Port {port} may not be used without more rights; set web.port above 1023."
        return f"{host}:{port} cannot be listened on: {error.strerror}; set web.host or web.port."


async def _healthz(_request: web.Request) -> web.Response:
    return web.Response(text="ok\n")


async def _metrics(_request: web.Request) -> web.Response:
    return web.Response(
        body=generate_latest(REGISTRY), headers={"Content-Type": CONTENT_TYPE_LATEST}
    )
