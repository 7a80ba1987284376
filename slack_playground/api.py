"""The Web API's front door: arguments, token, scopes, faults, rate limits, then the method."""

import asyncio
import contextlib
import json
import time
from dataclasses import dataclass

from aiohttp import web

from slack_playground import (
    api_agents,
    api_chat,
    api_conversations,
    api_files,
    api_membership,
    api_reactions,
    api_streams,
    api_user_groups,
    api_users,
    api_views,
)
from slack_playground.context import Context
from slack_playground.fault_injection import InjectedFault
from slack_playground.hooks import HookPoint
from slack_playground.inspector import Entry
from slack_playground.methods import Method, find_channel
from slack_playground.request_arguments import Args, read_args
from slack_playground.slack_types import ApiError, Json

METHODS: dict[str, Method] = {
    **api_agents.METHODS,
    **api_chat.METHODS,
    **api_conversations.METHODS,
    **api_files.METHODS,
    **api_membership.METHODS,
    **api_reactions.METHODS,
    **api_users.METHODS,
    **api_user_groups.METHODS,
    **api_streams.METHODS,
    **api_views.METHODS,
}
DUMP = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(slots=True)
class CallOutcome:
    """What one call comes to before it is sent."""

    body: Json
    status: int = 200
    retry_after_s: int | None = None
    fault: str | None = None
    method: Method | None = None


class WebApi:
    """Serves `/api/{method}`."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer one call."""
        started = time.monotonic()
        name = request.match_info["method"]
        self._context.hooks.reached(HookPoint.ASKED, name)
        if self._context.faults.strikes("lost_call", name):
            outcome = CallOutcome({"ok": False, "error": "nothing was done"}, 0, fault="lost_call")
            self._record(name, {}, outcome, DUMP(outcome.body), started=started)
            return _broken(request)
        values, outcome = await self._done(request, name)
        slow = self._context.faults.strikes("slow", name)
        if slow is not None:
            outcome.fault = outcome.fault or "slow"
            await asyncio.sleep(float(slow.params["delay_s"]))
        lost = outcome.status == 200 and self._context.faults.strikes("lost_answer", name)
        if lost:
            outcome.fault = "lost_answer"
        text = DUMP(outcome.body)
        self._record(name, values, outcome, text, started=started)
        if lost:
            return _broken(request)
        response = self._response(outcome, text)
        with contextlib.suppress(ConnectionError):  # the caller may be gone
            await response.prepare(request)
            await response.write_eof()
        self._context.hooks.reached(HookPoint.ANSWERED, name)
        return response

    async def _done(self, request: web.Request, name: str) -> tuple[Json, CallOutcome]:
        """Do what is asked; the arguments, and what it comes to."""
        values: Json = {}
        try:
            values = await read_args(request)
            token = _token(request, values)
            outcome = self._outcome(name, token, Args(values))
        except ApiError as error:
            outcome = CallOutcome(error.body())
        self._context.hooks.reached(HookPoint.WRITTEN, name)
        late = outcome.status == 200 and self._context.faults.strikes("late_error", name)
        if late:
            failed: Json = {"ok": False, "error": "internal_error"}
            outcome = CallOutcome(failed, int(late.params["status"]), fault=late.name)
        return values, outcome

    def _outcome(self, name: str, token: str, args: Args) -> CallOutcome:
        fault = self._refusal(name)
        if fault is not None:
            return fault
        method = METHODS.get(name)
        if method is None:
            raise ApiError("unknown_method", req_method=name)
        self._authorize(method, token)
        retry_after_s = self._limit(name, method, args)
        if retry_after_s is not None:
            return CallOutcome({"ok": False, "error": "ratelimited"}, 429, retry_after_s)
        try:
            self._check(method, args)
            body = method.run(self._context, args)
        except ApiError as error:
            body = error.body()
        return CallOutcome(body, method=method)

    def _refusal(self, name: str) -> CallOutcome | None:
        """The answer of a fault switch that keeps the call from happening."""
        faults = self._context.faults
        fault: InjectedFault | None = faults.strikes("rate_limited", name)
        if fault is not None:
            wait_s = int(fault.params["retry_after_s"])
            return CallOutcome({"ok": False, "error": "ratelimited"}, 429, wait_s, fault.name)
        fault = faults.strikes("server_error", name)
        if fault is not None:
            status = int(fault.params["status"])
            return CallOutcome({"ok": False, "error": "internal_error"}, status, fault=fault.name)
        fault = faults.strikes("error", name)
        if fault is not None:
            return CallOutcome({"ok": False, "error": str(fault.params["code"])}, fault=fault.name)
        return None

    def _authorize(self, method: Method, token: str) -> None:
        if method.token == "none":
            return
        options = self._context.options
        if not token:
            raise ApiError("not_authed")
        if token not in {options.bot_token, options.app_token}:
            raise ApiError("invalid_auth")
        wanted = options.app_token if method.token == "app" else options.bot_token
        if token != wanted:
            raise ApiError("not_allowed_token_type")
        granted = set(options.scopes)
        if method.scopes and granted.isdisjoint(method.scopes):
            raise ApiError(
                "missing_scope",
                needed=",".join(method.scopes),
                provided=",".join(options.scopes),
            )

    def _limit(self, name: str, method: Method, args: Args) -> int | None:
        per_minute = method.per_minute
        if name in {"conversations.history", "conversations.replies"}:
            per_minute = min(per_minute, self._context.options.history_per_minute)
        channel = self._channel_id(args) if method.per_channel else None
        return self._context.limits.refuse(
            name, per_minute=per_minute, channel=channel, now=time.monotonic()
        )

    def _channel_id(self, args: Args) -> str:
        """The id behind any spelling of a channel, so that all spellings share one limit."""
        name = args.text("channel")
        try:
            return find_channel(self._context, name).id
        except ApiError:
            return name

    def _check(self, method: Method, args: Args) -> None:
        missing = [name for name in method.required if args.values.get(name) in (None, "")]
        if missing:
            raise ApiError(
                "invalid_arguments",
                details=[f"[ERROR] missing required field: {name}" for name in missing],
            )

    def _response(self, outcome: CallOutcome, text: str) -> web.Response:
        headers = {"Cache-Control": "no-store"}
        if outcome.retry_after_s is not None:
            headers["Retry-After"] = str(outcome.retry_after_s)
        if outcome.method is not None and outcome.method.token == "bot":
            headers["X-OAuth-Scopes"] = ",".join(self._context.options.scopes)
            headers["X-Accepted-OAuth-Scopes"] = ",".join(outcome.method.scopes)
        return web.Response(
            text=text, status=outcome.status, content_type="application/json", headers=headers
        )

    def _record(
        self, name: str, values: Json, outcome: CallOutcome, text: str, *, started: float
    ) -> None:
        self._context.inspector.add(
            Entry(
                kind="call",
                name=name,
                status=outcome.status,
                ok=bool(outcome.body.get("ok")),
                error=outcome.body.get("error"),
                ms=(time.monotonic() - started) * 1000,
                summary=_summary(values),
                request=DUMP({k: v for k, v in values.items() if _is_json(v)}),
                response=text,
                fault=outcome.fault,
            )
        )


def _broken(request: web.Request) -> web.Response:
    """What is returned where the connection breaks instead of an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _token(request: web.Request, values: Json) -> str:
    """The call's token, taken out of the arguments; the header wins."""
    given = str(values.pop("token", "") or "")
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else given


def _is_json(value: object) -> bool:
    return value is None or isinstance(value, (str, int, float, bool, list, dict))


def _summary(values: Json) -> str:
    said = values.get("text") or values.get("markdown_text") or values.get("status") or ""
    return str(said)[:80]
