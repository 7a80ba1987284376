"""The server and its Python handle: start, act as people, look, stop."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aiohttp import web

from slack_playground.actions import FileUpload, People
from slack_playground.api import WebApi
from slack_playground.context import Context
from slack_playground.happenings import Happenings
from slack_playground.hooks import Hook
from slack_playground.inspector import Entry
from slack_playground.invocations import Invocations
from slack_playground.objects import shown_channel
from slack_playground.options import PlaygroundOptions
from slack_playground.origin_check import guard
from slack_playground.page_routes import PageRoutes
from slack_playground.persistence import StateFile
from slack_playground.seed_data import BOT_USER_ID
from slack_playground.slack_types import Json
from slack_playground.url_routes import Urls

PAGE = Path(__file__).parent / "page"
MAX_BODY = 64 * 1024 * 1024


class Playground:
    """A Slack workspace on loopback.

    People are named by id or short name (`maya`), channels by id or `#name`; the id of a person
    as channel means the DM with that person. Helpers raise `ApiError` where Slack refuses.
    """

    def __init__(self, options: PlaygroundOptions | None = None) -> None:
        self.options = options or PlaygroundOptions()
        self._context = Context(self.options)
        self._people = People(self._context)
        self._happenings = Happenings(self._context)
        self._invocations = Invocations(self._context)
        self._state = StateFile(self._context)
        self._runner: web.AppRunner | None = None

    # ---- life

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Listen on `host` (port 0: any free one) and return the server's URL.

        Loads the state file if there is one. Raises OSError when the port is taken.
        """
        self._state.load()
        self._runner = web.AppRunner(self.application(), access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host, port).start()
        except OSError:
            runner, self._runner = self._runner, None
            await runner.cleanup()
            raise
        bound = self._runner.addresses[0][1]
        shown = f"[{host}]" if ":" in host else host
        self.listens(f"http://{shown}:{bound}")
        return self._context.url

    def application(self) -> web.Application:
        """The server's routes. Its end closes every socket and saves the state."""
        app = web.Application(middlewares=[guard], client_max_size=MAX_BODY)
        app.add_routes(self._routes())
        app.on_startup.append(self._begin)
        app.on_shutdown.append(self._close)
        app.on_cleanup.append(self._save)
        return app

    def listens(self, url: str) -> None:
        """Say where the application is served, for the addresses that the app is given."""
        self._context.listens(url)

    async def stop(self) -> None:
        """Save the state, close every socket and stop listening. May be called twice."""
        if self._runner is None:
            return
        runner, self._runner = self._runner, None
        await runner.cleanup()

    async def _begin(self, _app: web.Application) -> None:
        if self._context.http is not None:
            self._context.http.start()

    async def _close(self, _app: web.Application) -> None:
        await self._context.hub.drop()
        self._context.live.close()
        self._context.agents.close()

    async def _save(self, _app: web.Application) -> None:
        await self._context.tasks.aclose()
        if self._context.http is not None:
            await self._context.http.close()
        if self._context.url:  # a port that was taken must not cost the earlier state
            self._state.save()

    def _routes(self) -> list[web.AbstractRouteDef]:
        api, urls = WebApi(self._context), Urls(self._context)
        return [
            web.get("/api/{method}", api.serve),
            web.post("/api/{method}", api.serve),
            web.get("/link/{ticket}", self._context.hub.serve),
            web.post("/upload/v1/{slot}", urls.upload),
            web.get("/files/{file}/{tail:.*}", urls.download),
            web.post("/response/{id}", urls.respond),
            *PageRoutes(self._context, self._people).routes(),
            web.get("/", _index),
            web.static("/page", PAGE),
        ]

    @property
    def api_url(self) -> str:
        """The Web API's base URL, ending in `/api/`."""
        return f"{self._context.url}/api/"

    @property
    def page_url(self) -> str:
        """Where people open the workspace."""
        return f"{self._context.url}/"

    @property
    def bot_token(self) -> str:
        """The token for the Web API."""
        return self.options.bot_token

    @property
    def app_token(self) -> str:
        """The token for `apps.connections.open`."""
        return self.options.app_token

    @property
    def signing_secret(self) -> str:
        """What the app verifies requests to its address with."""
        return self.options.signing_secret

    # ---- people

    def post(
        self,
        as_: str,
        channel: str,
        text: str,
        thread_ts: str | None = None,
        *,
        broadcast: bool = False,
        files: Sequence[tuple[str, bytes]] = (),
    ) -> str:
        """Say something as a person; returns the timestamp. `files` are names and contents."""
        user = self._people.find(as_)
        uploads: list[FileUpload] = [(name, "", data) for name, data in files]
        where = self._people.channel(user, channel)
        return self._people.post(
            user, where, text, thread_ts=thread_ts, broadcast=broadcast, files=uploads
        )

    def edit(self, as_: str, channel: str, ts: str, text: str) -> None:
        """Change an own message."""
        user = self._people.find(as_)
        self._people.edit(user, self._people.channel(user, channel), ts, text)

    def delete(self, as_: str, channel: str, ts: str) -> None:
        """Delete an own message."""
        user = self._people.find(as_)
        self._people.delete(user, self._people.channel(user, channel), ts)

    def react(self, as_: str, channel: str, ts: str, name: str, *, remove: bool = False) -> None:
        """Add (or remove) a reaction."""
        user = self._people.find(as_)
        self._people.react(user, self._people.channel(user, channel), ts, name, remove=remove)

    def invite(self, channel: str, user: str, *, as_: str = "maya") -> None:
        """Bring `user` (the app by the name of its bot) into a channel."""
        inviter = self._people.find(as_)
        where = self._people.channel(inviter, channel)
        self._people.invite(inviter, where, self._people.find(user))

    def dm(self, as_: str, user: str = BOT_USER_ID) -> str:
        """Open a DM and return its id; with the app this also sends `app_home_opened`."""
        return self._people.open_dm(self._people.find(as_), self._people.find(user)).id

    def open_home(self, as_: str) -> Json | None:
        """Open the app's Home tab; the view published before, None for none."""
        return self._people.open_home(self._people.find(as_))

    def stop_session(self, as_: str, channel: str, thread_ts: str) -> None:
        """Press the native Stop of an agent session."""
        user = self._people.find(as_)
        self._people.stop_session(user, self._people.channel(user, channel), thread_ts)

    def rename_session(self, as_: str, channel: str, thread_ts: str, title: str) -> None:
        """Give an agent session another title."""
        user = self._people.find(as_)
        where = self._people.channel(user, channel)
        self._people.rename_session(user, where, thread_ts, title)

    async def click(
        self,
        as_: str,
        channel: str,
        ts: str,
        action_id: str,
        *,
        choice: Json | None = None,
        ephemeral: bool = False,
    ) -> None:
        """Use a button or menu and wait for the ack; raises ApiError without one."""
        user = self._people.find(as_)
        where = self._people.channel(user, channel)
        await self._people.click(user, where, ts, action_id, choice=choice, ephemeral=ephemeral)

    async def command(self, as_: str, channel: str, typed: str) -> None:
        """Type a slash command of the app, such as `/ask what is new`, and wait for the ack."""
        user = self._people.find(as_)
        await self._invocations.command(user, self._people.channel(user, channel), typed)

    async def shortcut(
        self, as_: str, callback_id: str, channel: str | None = None, ts: str | None = None
    ) -> None:
        """Choose a shortcut of the app: a global one, or one for the message `ts`."""
        user = self._people.find(as_)
        where = None if channel is None else self._people.channel(user, channel)
        await self._invocations.shortcut(user, callback_id, channel=where, ts=ts)

    async def submit_view(self, as_: str, view_id: str, values: Json) -> Json:
        """Send a modal with `{block_id: {action_id: {...}}}`; the page's result."""
        return await self._people.submit_view(self._people.find(as_), view_id, values)

    async def close_view(self, as_: str, view_id: str) -> None:
        """Dismiss a modal."""
        await self._people.close_view(self._people.find(as_), view_id)

    async def click_in_view(
        self, as_: str, view_id: str, action_id: str, *, choice: Json | None = None
    ) -> None:
        """Use a button or menu of a modal or of the Home tab."""
        await self._people.view_action(self._people.find(as_), view_id, action_id, choice=choice)

    def happen(self, what: str, as_: str, channel: str, **details: Any) -> Json:
        """Let something happen that happens in real workspaces (`happenings`)."""
        user = self._people.find(as_)
        return self._happenings.happen(what, user, self._people.channel(user, channel), details)

    # ---- looking

    def messages(self, channel: str, thread_ts: str | None = None) -> list[Json]:
        """Copies of a channel's messages (roots, broadcasts) or of a thread with its parent."""
        where = self._people.channel("U01MAYACHEN", channel) if channel.startswith("#") else None
        where = where or self._context.workspace.channels[channel]
        if thread_ts is None:
            return [dict(message) for message in where.roots()]
        parent = where.messages.get(thread_ts)
        return [dict(m) for m in ([parent] if parent else []) + where.thread(thread_ts)]

    def channel(self, name: str) -> Json:
        """A channel as Maya's page shows it, with its id, members and unread count."""
        maya = self._people.find("maya")
        return shown_channel(self._context.workspace, self._people.channel(maya, name), maya)

    def ephemerals(self, user: str) -> list[Json]:
        """What only `user` sees now, oldest first."""
        return [dict(message) for message in self._context.ephemerals.of(self._people.find(user))]

    def views(self, user: str) -> list[Json]:
        """The open modals of `user`, the visible one last."""
        return [dict(view) for view in self._context.views.stack(self._people.find(user))]

    def home(self, user: str) -> Json | None:
        """The published Home tab of `user`, None before the first publication."""
        return self._context.views.homes.get(self._people.find(user))

    def status(self, channel: str, thread_ts: str) -> str:
        """The status line under a thread, empty when there is none."""
        frame = self._context.agents.statuses.get((self.channel(channel)["id"], thread_ts), {})
        return str(frame.get("status", ""))

    def statuses(self) -> dict[tuple[str, str], str]:
        """Every status line that shows something now, by channel id and thread."""
        frames = self._context.agents.statuses.items()
        return {place: str(frame["status"]) for place, frame in frames if frame.get("status")}

    def session(self, channel: str, thread_ts: str) -> str | None:
        """The agent session's status, None where there is no session."""
        session = self._context.agents.sessions.get((self.channel(channel)["id"], thread_ts))
        return session.status if session else None

    def entries(self, kind: str | None = None) -> list[Json]:
        """What the inspector holds, oldest first; of one kind if given."""
        found = [e for e in self._context.inspector.entries if kind in {None, e.kind}]
        return [self._context.inspector.shown(entry) for entry in found]

    def calls(self, method: str | None = None) -> list[Entry]:
        """The Web API calls so far, oldest first; of one method if given."""
        return [
            entry
            for entry in self._context.inspector.entries
            if entry.kind == "call" and method in {None, entry.name}
        ]

    def rate_limited(self) -> dict[str, int]:
        """How many calls the limiter refused, by method; fault switches are not counted."""
        return dict(self._context.limits.refused)

    @property
    def connections(self) -> int:
        """How many Socket Mode connections are open; 1 for a verified address."""
        return self._context.transport.connected

    @property
    def undelivered(self) -> int:
        """How many deliveries still wait for an ack or a connection."""
        return self._context.transport.undelivered

    def watch(self, watcher: Hook) -> None:
        """Call `watcher` at each instant of each call and envelope, in place."""
        self._context.hooks.watchers.append(watcher)

    # ---- switches

    async def set_fault(self, name: str, on: bool = True, **params: object) -> None:
        """Turn a fault switch; raises KeyError for an unknown name."""
        await self._context.set_fault(name, on=on, params=dict(params))

    def fault(self, name: str) -> Json:
        """A switch as it stands: `on`, and `params` with the uses left under `count`."""
        return self._context.faults.by_name[name].shown()

    async def disconnect(self, reason: str = "refresh_requested") -> None:
        """Send a `disconnect` frame to every connection."""
        await self._context.hub.disconnect(reason)

    def too_many_events(self, minute: int) -> None:
        """Say, as Slack does, that it drops the events of that minute (Unix seconds)."""
        self._context.feed.too_many(minute)

    def set_rate_limits(self, on: bool) -> None:
        """Turn the rate limits on or off."""
        self._context.set_rate_limits(on=on)

    def forget_rates(self) -> None:
        """Empty all rate windows, as after a quiet minute."""
        self._context.limits.forget()


async def _index(request: web.Request) -> web.StreamResponse:
    return web.FileResponse(PAGE / "index.html")
