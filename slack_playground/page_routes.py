"""The page's own routes under `/playground/`. The product never calls them."""

import base64
import binascii
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict

from aiohttp import web

from slack_playground import seed_data
from slack_playground.actions import FileUpload, People
from slack_playground.context import Context
from slack_playground.happenings import Happenings
from slack_playground.invocations import Invocations
from slack_playground.objects import shown_channel, shown_user
from slack_playground.seed_data import BOT_ID, SLACKBOT_ID, TEAM_ID
from slack_playground.slack_types import ApiError, Json, plain
from slack_playground.url_routes import file_response
from slack_playground.workspace import Channel

SENTENCES = {
    "app_did_not_respond": "{app} did not respond. Nothing may have happened; try again.",
    "action_not_found": "This button is no longer there.",
    "already_reacted": "You have reacted with this already.",
    "not_in_channel": "You are not a member of this channel.",
    "not_your_message": "Only its author can change this message.",
    "invalid_arguments": "The app answered with a view that Slack does not accept.",
    "message_not_found": "This message is no longer there.",
    "not_found": "This view is no longer open.",
    "not_enabled": "This app has no Home tab.",
    "messages_tab_disabled": "Sending messages to this app has been turned off.",
    "interactivity_disabled": "This app is not configured to handle interactive responses.",
    "invalid_command": (
        "{command} is not a valid command. In Slack, all messages that start with “/” are"
        " interpreted as commands. To send a message, put a space before the “/”."
    ),
    "command_in_thread": "{command} is not supported in threads. Sorry!",
    "external_member": "This app’s commands and message shortcuts are for members only.",
    "unknown_shortcut": "The app has no such shortcut.",
}
"""What people read instead of an error word."""

PageHandler = Callable[[str, Json], Awaitable[Json]]


class PageRoutes:
    """Every `/playground/...` route: JSON in, JSON out, `as` names the person."""

    def __init__(self, context: Context, people: People) -> None:
        self._context = context
        self._people = people
        self._happenings = Happenings(context)
        self._invocations = Invocations(context)

    def routes(self) -> list[web.RouteDef]:
        """The routes to mount."""
        posts: dict[str, PageHandler] = {
            "post": self._post,
            "edit": self._edit,
            "delete": self._delete,
            "react": self._react,
            "read": self._read,
            "action": self._action,
            "view/submit": self._submit,
            "view/close": self._close,
            "view/action": self._view_action,
            "dm": self._dm,
            "join": self._join,
            "home": self._home,
            "session/stop": self._stop,
            "session/rename": self._rename,
            "happen": self._happen,
            "command": self._command,
            "shortcut": self._shortcut,
            "inspector/clear": self._clear,
            "faults": self._fault,
            "rate_limits": self._rate_limits,
        }
        app = self._context.options.app_name
        gets: dict[str, PageHandler] = {
            "state": self._state,
            "messages": self._messages,
            "inspector": self._inspect,
        }
        return [
            *(web.post(f"/playground/{path}", _json_route(h, app)) for path, h in posts.items()),
            *(web.get(f"/playground/{path}", _json_route(h, app)) for path, h in gets.items()),
            web.get("/playground/live", self._live),
            web.get("/playground/file/{id}", self._file),
            web.get("/playground/avatar/{id}.svg", self._avatar),
        ]

    # ---- reading

    async def _state(self, as_: str, body: Json) -> Json:
        workspace = self._context.workspace
        person = self._people.find(as_)
        users = [shown_user(user) for user in workspace.users.values()]
        visible = workspace.visible_channels(person)
        return {
            "team": {"id": TEAM_ID, "name": seed_data.TEAM_NAME, "domain": seed_data.TEAM_DOMAIN},
            "me": shown_user(workspace.users[person]),
            "people": [user for user in users if not user["is_bot"]],
            "users": users,
            "channels": [shown_channel(workspace, channel, person) for channel in visible],
            "notice": self._context.options.notice,
            "faults": self._context.faults.shown(),
            "rate_limits": self._context.limits.on,
            "app_hears_stop": self._hears_stop,
            "app_bot": BOT_ID,
            "app_authors": self._app_authors(visible),
            "app_has_home": self._context.options.has_home,
            "commands": [asdict(command) for command in self._context.options.commands],
            "shortcuts": [asdict(shortcut) for shortcut in self._context.options.shortcuts],
            "sockets": self._context.transport.connected,
        }

    def _app_authors(self, visible: list[Channel]) -> list[str]:
        """Names that the app speaks under: those it is known for, and those seen so far."""
        said = (message for channel in visible for message in channel.messages.values())
        seen = {str(m["username"]) for m in said if m.get("bot_id") == BOT_ID and "username" in m}
        return sorted({*self._context.options.app_authors, *seen})

    @property
    def _hears_stop(self) -> bool:
        """Whether the app subscribes to Stop in a thread's head, which is Slack's own."""
        events = self._context.options.events
        return events is None or "agent_session_stopped" in events

    async def _messages(self, as_: str, body: Json) -> Json:
        person = self._people.find(as_)
        channel = self._people.channel(person, body["channel"])
        thread_ts = body.get("thread_ts")
        if thread_ts:
            parent = channel.messages.get(thread_ts)
            messages = ([parent] if parent else []) + channel.thread(thread_ts)
        else:
            messages = list(channel.roots())
            self._context.workspace.mark_read(person, channel)
        hidden = self._context.ephemerals.of(person, channel.id, thread_ts)
        if not thread_ts:
            hidden = [message for message in hidden if "thread_ts" not in message]
        place = (channel.id, thread_ts or "")
        return {
            "messages": [plain(message) for message in messages],
            "ephemerals": hidden,
            "title": self._context.agents.titles.get(place, ""),
            "suggested_prompts": self._context.agents.prompts.get(place),
        }

    async def _inspect(self, as_: str, body: Json) -> Json:
        limit = int(body.get("limit") or 200)
        entries = list(self._context.inspector.entries)[-limit:]
        return {"entries": [self._context.inspector.shown(entry) for entry in entries]}

    # ---- acting

    async def _post(self, as_: str, body: Json) -> Json:
        if str(body.get("text") or "").startswith("/") and not body.get("files"):
            return await self._command(as_, body)
        person = self._people.find(as_)
        ts = self._people.post(
            person,
            self._people.channel(person, body["channel"]),
            str(body.get("text") or ""),
            thread_ts=body.get("thread_ts") or None,
            broadcast=bool(body.get("broadcast")),
            files=[_attached(item) for item in body.get("files") or []],
        )
        return {"ok": True, "ts": ts}

    async def _edit(self, as_: str, body: Json) -> Json:
        person = self._people.find(as_)
        channel = self._people.channel(person, body["channel"])
        self._people.edit(person, channel, body["ts"], str(body["text"]))
        return {"ok": True}

    async def _delete(self, as_: str, body: Json) -> Json:
        person = self._people.find(as_)
        self._people.delete(person, self._people.channel(person, body["channel"]), body["ts"])
        return {"ok": True}

    async def _react(self, as_: str, body: Json) -> Json:
        person = self._people.find(as_)
        channel = self._people.channel(person, body["channel"])
        self._people.react(
            person, channel, body["ts"], body["name"], remove=bool(body.get("remove"))
        )
        return {"ok": True}

    async def _read(self, as_: str, body: Json) -> Json:
        person = self._people.find(as_)
        channel = self._people.channel(person, body["channel"])
        self._context.workspace.mark_read(person, channel)
        return {"ok": True}

    async def _action(self, as_: str, body: Json) -> Json:
        person = self._people.find(as_)
        await self._people.click(
            person,
            self._people.channel(person, body["channel"]),
            body["message_ts"],
            body["action_id"],
            block_id=body.get("block_id"),
            choice=_choice(body),
            ephemeral=bool(body.get("is_ephemeral")),
        )
        return {"ok": True}

    async def _submit(self, as_: str, body: Json) -> Json:
        values = (body.get("state") or {}).get("values") or {}
        return await self._people.submit_view(self._people.find(as_), body["view_id"], values)

    async def _close(self, as_: str, body: Json) -> Json:
        await self._people.close_view(self._people.find(as_), body["view_id"])
        return {"ok": True}

    async def _view_action(self, as_: str, body: Json) -> Json:
        await self._people.view_action(
            self._people.find(as_),
            body["view_id"],
            body["action_id"],
            block_id=body.get("block_id"),
            choice=_choice(body),
            values=(body.get("state") or {}).get("values"),
        )
        return {"ok": True}

    async def _dm(self, as_: str, body: Json) -> Json:
        person = self._people.find(as_)
        channel = self._people.open_dm(person, self._people.find(body["user"]))
        return {"ok": True, "channel": shown_channel(self._context.workspace, channel, person)}

    async def _join(self, as_: str, body: Json) -> Json:
        person = self._people.find(as_)
        channel = self._people.channel(person, body["channel"])
        self._people.invite(person, channel, self._people.find(body.get("user") or person))
        return {"ok": True, "channel": shown_channel(self._context.workspace, channel, person)}

    async def _home(self, as_: str, body: Json) -> Json:
        return {"ok": True, "view": self._people.open_home(self._people.find(as_))}

    async def _stop(self, as_: str, body: Json) -> Json:
        person = self._people.find(as_)
        channel = self._people.channel(person, body["channel"])
        self._people.stop_session(person, channel, body["thread_ts"])
        return {"ok": True}

    async def _rename(self, as_: str, body: Json) -> Json:
        person = self._people.find(as_)
        channel = self._people.channel(person, body["channel"])
        self._people.rename_session(person, channel, body["thread_ts"], str(body["title"]))
        return {"ok": True}

    async def _happen(self, as_: str, body: Json) -> Json:
        person = self._people.find(as_)
        channel = self._people.channel(person, body["channel"])
        details = {k: v for k, v in body.items() if k not in {"as", "what", "channel"}}
        return self._happenings.happen(str(body["what"]), person, channel, details)

    async def _command(self, as_: str, body: Json) -> Json:
        person = self._people.find(as_)
        channel = self._people.channel(person, body["channel"])
        await self._invocations.command(
            person, channel, str(body["text"]), thread_ts=body.get("thread_ts") or None
        )
        return {"ok": True}

    async def _shortcut(self, as_: str, body: Json) -> Json:
        person = self._people.find(as_)
        ts = body.get("message_ts") or None
        channel = self._people.channel(person, body["channel"]) if ts else None
        await self._invocations.shortcut(person, body["callback_id"], channel=channel, ts=ts)
        return {"ok": True}

    # ---- switches

    async def _clear(self, as_: str, body: Json) -> Json:
        self._context.inspector.clear()
        return {"ok": True}

    async def _fault(self, as_: str, body: Json) -> Json:
        params = {key: value for key, value in body.items() if key not in {"name", "on"}}
        try:
            await self._context.set_fault(body["name"], on=bool(body["on"]), params=params)
        except KeyError:
            raise ApiError("unknown_fault") from None
        return {"ok": True, "faults": self._context.faults.shown()}

    async def _rate_limits(self, as_: str, body: Json) -> Json:
        self._context.set_rate_limits(on=bool(body["on"]))
        return {"ok": True, "rate_limits": self._context.limits.on}

    # ---- sockets and pictures

    async def _live(self, request: web.Request) -> web.StreamResponse:
        person = self._people.find(request.query.get("as", ""))
        return await self._context.live.serve(request, person, first=self._now(person))

    def _now(self, person: str) -> list[Json]:
        """Frames for what a page that has just connected would otherwise miss."""
        context = self._context
        ids = {channel.id for channel in context.workspace.visible_channels(person)}
        frames = [frame for key, frame in context.agents.statuses.items() if key[0] in ids]
        frames += [frame for key, frame in context.agents.session_frames() if key[0] in ids]
        frames += [frame for key, frame in context.agents.prompts.items() if key[0] in ids]
        for index, view in enumerate(context.views.stack(person)):
            frames.append({"type": "view", "op": "push" if index else "open", "view": view})
        if person in context.views.homes:
            frames.append({"type": "home", "view": context.views.homes[person]})
        return [*frames, {"type": "socket", "connected": context.transport.connected}]

    async def _file(self, request: web.Request) -> web.Response:
        try:
            return file_response(self._context.files.get(request.match_info["id"]))
        except ApiError:
            return web.Response(status=404, text="no such file")

    async def _avatar(self, request: web.Request) -> web.Response:
        user_id = request.match_info["id"]
        user = self._context.workspace.users.get(user_id)
        initials = "S" if user_id == SLACKBOT_ID else "?"
        if user is not None:
            initials = "".join(word[0] for word in user.real_name.split()[:2]).upper()
        picture = (
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 72 72">'
            f'<rect width="72" height="72" rx="14" fill="#{user.color if user else "777777"}"/>'
            '<text x="36" y="46" font-family="sans-serif" font-size="28" font-weight="600" '
            f'text-anchor="middle" fill="#fff">{initials}</text></svg>'
        )
        return web.Response(text=picture, content_type="image/svg+xml")


def _json_route(handler: PageHandler, app: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def serve(request: web.Request) -> web.Response:
        try:
            body = dict(request.query) if request.method == "GET" else await _body(request)
            return web.json_response(await handler(str(body.pop("as", "")), body))
        except ApiError as error:
            sentence = SENTENCES.get(error.error, error.error.replace("_", " ").capitalize() + ".")
            text = sentence.format_map({"app": app, **error.extra})
            return web.json_response({"ok": False, "error": text, "code": error.error})
        except KeyError as error:
            return web.json_response(
                {"ok": False, "error": f"missing argument {error}"}, status=400
            )

    return serve


async def _body(request: web.Request) -> Json:
    try:
        body = json.loads(await request.text() or "{}")
    except ValueError:
        raise ApiError("invalid_json") from None
    if not isinstance(body, dict):
        raise ApiError("json_not_object")
    return body


def _attached(item: Json) -> FileUpload:
    try:
        data = base64.b64decode(item.get("data") or "", validate=True)
    except (binascii.Error, ValueError):
        raise ApiError("invalid_file") from None
    return str(item["name"]), str(item.get("type") or ""), data


def _choice(body: Json) -> Json:
    names = ("block_id", "action_id", "channel", "message_ts", "view_id", "is_ephemeral", "state")
    return {key: value for key, value in body.items() if key not in names and value is not None}
