"""Who may talk to the page's routes: this machine's own page and nobody else's.

A page elsewhere could reach a loopback server through the visitor's browser (forged requests, or
a name that resolves to 127.0.0.1), so `/playground` wants a loopback Host and its own Origin.
"""

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def is_own_request(host: str, origin: str | None) -> bool:
    """Whether a request with these headers comes from a page served here."""
    if urlsplit(f"//{host}").hostname not in LOOPBACK:
        return False
    return origin is None or origin in {f"http://{host}", f"https://{host}"}


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse foreign callers of `/playground`; give pages a strict content policy."""
    if request.path.startswith("/playground/") and not is_own_request(
        request.headers.get("Host", ""), request.headers.get("Origin")
    ):
        return web.json_response({"ok": False, "error": "foreign_origin"}, status=403)
    response = await handler(request)
    if not response.prepared:
        response.headers.setdefault("Content-Security-Policy", POLICY)
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Referrer-Policy", "no-referrer")
        response.headers.setdefault("Cache-Control", "no-cache")
    return response
