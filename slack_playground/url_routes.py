"""The addresses the app gets from the workspace: uploads, private files, response URLs."""

import json

from aiohttp import web

from slack_playground.context import Context
from slack_playground.files import StoredFile
from slack_playground.inspector import Entry
from slack_playground.response_urls import respond
from slack_playground.slack_types import ApiError, Json

SIGN_IN = "<!DOCTYPE html><html><head><title>Sign in</title></head><body>Sign in</body></html>"


class Urls:
    """Serves `/upload/...`, `/files/...` and `/response/...`."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def upload(self, request: web.Request) -> web.Response:
        """Take the bytes of one upload slot; the slot is then used up."""
        slot = self._context.files.slots.get(request.match_info["slot"])
        if slot is None:
            return web.Response(status=404, text="upload ticket not found")
        file_id, length = slot
        data = await _uploaded_bytes(request)
        if len(data) != length:
            return web.Response(status=400, text="length mismatch")
        del self._context.files.slots[request.match_info["slot"]]
        self._context.files.files[file_id].data = data
        self._record("upload", self._context.files.files[file_id].name, 200, f"{length} bytes")
        return web.Response(text=f"OK - {length}")

    async def download(self, request: web.Request) -> web.Response:
        """A private file for the bot token with `files:read`; anyone else gets a sign-in page."""
        options = self._context.options
        given = request.headers.get("Authorization", "")
        if given != f"Bearer {options.bot_token}" or "files:read" not in options.scopes:
            return web.Response(text=SIGN_IN, content_type="text/html")
        try:
            file = self._context.files.get(request.match_info["file"])
        except ApiError:
            return web.Response(status=404, text="file not found")
        return file_response(file)

    async def respond(self, request: web.Request) -> web.Response:
        """One use of a response URL (PLATFORM §5.1)."""
        try:
            key = self._context.keys.use_response(request.match_info["id"])
        except ApiError as error:
            self._record("response_url", error.error, 404, "")
            return web.json_response(error.body(), status=404)
        body: Json = {}
        try:
            body = await _json_body(request)
            respond(self._context, key, body)
        except ApiError as error:
            self._record("response_url", error.error, 200, str(body.get("text", "")), body)
            return web.json_response(error.body())
        self._record("response_url", "ok", 200, str(body.get("text", ""))[:80], body)
        return web.json_response({"ok": True})

    def _record(
        self, kind: str, name: str, status: int, summary: str, body: Json | None = None
    ) -> None:
        ok = status == 200 and name not in {"used_url", "expired_url", "invalid_url"}
        self._context.inspector.add(
            Entry(
                kind=kind,
                name=name,
                status=status,
                ok=ok,
                error=None if ok else name,
                summary=summary,
                request=None if body is None else json.dumps(body),
            )
        )


def file_response(file: StoredFile) -> web.Response:
    """A file's content as an attachment that no browser runs as a page."""
    headers = {
        "Content-Disposition": "attachment",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
    return web.Response(body=file.data, content_type=file.mimetype, headers=headers)


async def _uploaded_bytes(request: web.Request) -> bytes:
    if request.content_type != "multipart/form-data":
        return await request.read()
    form = await request.post()
    for field in form.values():
        if isinstance(field, web.FileField):
            return field.file.read()
        if isinstance(field, (str, bytes, bytearray)):
            return field.encode() if isinstance(field, str) else bytes(field)
    return b""


async def _json_body(request: web.Request) -> Json:
    try:
        body = json.loads(await request.text())
    except ValueError:
        raise ApiError("invalid_payload") from None
    if not isinstance(body, dict):
        raise ApiError("invalid_payload")
    return body
