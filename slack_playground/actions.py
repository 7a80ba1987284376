"""What people do in the workspace: post, edit, react, press buttons, fill in modals."""

import re
import uuid
from collections.abc import Sequence

from slack_playground.api_files import share
from slack_playground.blocks import elements_of
from slack_playground.composer_text import compose
from slack_playground.context import Context
from slack_playground.interaction_payloads import (
    action_of,
    block_actions,
    view_closed,
    view_submission,
)
from slack_playground.seed_data import BOT_USER_ID
from slack_playground.slack_types import ApiError, Json, epoch_s, new_id
from slack_playground.workspace import Channel, has_app, team_of

LINK = re.compile(r"<(https?://[^>|]+)")
FileUpload = tuple[str, str, bytes]
"""A file a person attaches: name, media type ('' to guess) and content."""


class People:
    """Actions of members; each raises ApiError when Slack would not let them."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._workspace = context.workspace

    def find(self, name: str) -> str:
        """A user id from an id or a short name such as `maya`; the first person for no name."""
        for user in self._workspace.users.values():
            if name in {user.id, user.name} or not name:
                return user.id
        raise ApiError("user_not_found")

    def channel(self, as_: str, name: str) -> Channel:
        """A channel `as_` may see, by id, `#name` or the id of the person of a DM."""
        if name in self._workspace.users:
            return self._workspace.open_dm(as_, name)
        for channel in self._workspace.channels.values():
            if channel.id == name or (channel.name and channel.name == name.removeprefix("#")):
                if not self._workspace.sees(as_, channel):
                    break
                return channel
        raise ApiError("channel_not_found")

    def post(
        self,
        as_: str,
        channel: Channel,
        text: str,
        *,
        thread_ts: str | None = None,
        broadcast: bool = False,
        files: Sequence[FileUpload] = (),
    ) -> str:
        """Say something; returns its timestamp. `text` is what was typed, unescaped."""
        if as_ not in channel.members:
            raise ApiError("not_in_channel")
        if not text and not files:
            raise ApiError("no_text")
        if channel.is_im and has_app(channel) and not self._context.options.takes_messages:
            raise ApiError("messages_tab_disabled")
        message = self._said(as_, text)
        if channel.is_ext_shared:
            message["user_team"] = message["source_team"] = message["team"]
        if files:
            stored = [
                self._context.files.add(name=name, mimetype=kind, data=data, user=as_)
                for name, kind, data in files
            ]
            return str(share(self._context, channel, stored, message, thread_ts or "")["ts"])
        if thread_ts:
            message["thread_ts"] = thread_ts
        posted = self._workspace.post(channel, message, broadcast=broadcast)
        self._unfurl(channel, posted)
        return str(posted["ts"])

    def _unfurl(self, channel: Channel, message: Json) -> None:
        link = LINK.search(message["text"])
        if link and self._context.options.unfurls:
            card = {"id": 1, "from_url": link[1], "fallback": link[1], "title": link[1]}
            self._workspace.change(channel, message["ts"], {"attachments": [card]})

    def _said(self, as_: str, text: str) -> Json:
        escaped, block = compose(text)
        message: Json = {
            "user": as_,
            "text": escaped,
            "team": team_of(self._workspace.users[as_]),
            "client_msg_id": str(uuid.uuid4()),
        }
        if text:
            message["blocks"] = [{**block, "block_id": new_id("b")}]
        return message

    def edit(self, as_: str, channel: Channel, ts: str, text: str) -> None:
        """Change what one said oneself."""
        message = self._own(as_, channel, ts)
        said = self._said(as_, text)
        fields = {"text": said["text"], "blocks": said.get("blocks", [])}
        fields["edited"] = {"user": as_, "ts": f"{epoch_s()}.000000"}
        self._workspace.change(channel, message["ts"], fields)

    def delete(self, as_: str, channel: Channel, ts: str) -> None:
        """Delete what one said oneself; an admin may delete anything."""
        if not self._workspace.users[as_].is_admin:
            self._own(as_, channel, ts)
        self._workspace.delete(channel, ts)

    def _own(self, as_: str, channel: Channel, ts: str) -> Json:
        message = self._workspace.message(channel, ts)
        if message.get("user") != as_:
            raise ApiError("not_your_message")
        return message

    def react(self, as_: str, channel: Channel, ts: str, name: str, *, remove: bool) -> None:
        """Add or remove a reaction."""
        self._workspace.react(channel, ts, user=as_, name=name.strip(":"), add=not remove)

    def invite(self, as_: str, channel: Channel, user: str) -> None:
        """Bring somebody (for example the app) into a channel."""
        self._workspace.join(channel, user, inviter=None if as_ == user else as_)

    def open_dm(self, as_: str, user: str) -> Channel:
        """Open a DM; with the app this shows its tabs, Messages and Home."""
        channel = self._workspace.open_dm(as_, user)
        if user == BOT_USER_ID:
            if self._context.options.has_messages:
                self._context.feed.app_home_opened(as_, channel, tab="messages", view=None)
            if self._context.options.has_home:
                self.open_home(as_)
        return channel

    def open_home(self, as_: str) -> Json | None:
        """Look at the app's Home tab; what was published there, None for nothing yet.

        Raises `not_enabled` for an app without one.
        """
        if not self._context.options.has_home:
            raise ApiError("not_enabled")
        view = self._context.views.homes.get(as_)
        channel = self._workspace.open_dm(as_, BOT_USER_ID)
        self._context.feed.app_home_opened(as_, channel, tab="home", view=view)
        return view

    def stop_session(self, as_: str, channel: Channel, thread_ts: str) -> None:
        """Press the native Stop: live streams end, the app is told (PLATFORM §6.3)."""
        streams = self._context.streams.stop_by_user(channel, thread_ts)
        self._context.feed.session_stopped(channel, thread_ts, as_, streams)

    def rename_session(self, as_: str, channel: Channel, thread_ts: str, title: str) -> None:
        """Give an agent session another title; the app is told. Raises `session_not_found`."""
        if (channel.id, thread_ts) not in self._context.agents.sessions:
            raise ApiError("session_not_found")
        self._context.agents.set_title(channel, thread_ts, title)
        self._context.feed.session_renamed(channel, thread_ts, as_, title)

    # ---- interactions

    async def click(
        self,
        as_: str,
        channel: Channel,
        ts: str,
        action_id: str,
        *,
        block_id: str | None = None,
        choice: Json | None = None,
        ephemeral: bool = False,
    ) -> None:
        """Use a button or a menu of a message; raises `app_did_not_respond` without an ack.

        `choice` holds what was chosen (`value`, `selected_option`, ...), None for a button's own.
        """
        if ephemeral:
            message = self._context.ephemerals.find(as_, ts)
        else:
            message = self._workspace.message(channel, ts)
        block, element = _find_element(message.get("blocks", []), action_id, block_id)
        action = action_of(block, element, choice or {}, self._workspace.clock.next())
        payload = block_actions(
            self._context, as_, [action], channel=channel, message=message, ephemeral=ephemeral
        )
        await self._interact(payload, action_id)

    async def view_action(
        self,
        as_: str,
        view_id: str,
        action_id: str,
        *,
        block_id: str | None = None,
        choice: Json | None = None,
        values: Json | None = None,
    ) -> None:
        """Use a button or a menu inside a modal or the Home tab."""
        view = self._context.views.find(as_, view_id)
        if values is not None:
            view["state"] = {"values": values}
        block, element = _find_element(view["blocks"], action_id, block_id)
        action = action_of(block, element, choice or {}, self._workspace.clock.next())
        await self._interact(block_actions(self._context, as_, [action], view=view), action_id)

    async def submit_view(self, as_: str, view_id: str, values: Json) -> Json:
        """Send a modal; the result the page shows: closed, errors, or another view.

        Required inputs left empty are refused without asking the app.
        """
        view = self._context.views.find(as_, view_id)
        missing = _missing_inputs(view, values)
        if missing:
            return {"ok": True, "response_action": "errors", "errors": missing}
        view["state"] = {"values": values}
        answer = await self._interact(
            view_submission(self._context, as_, view), view["callback_id"]
        )
        return self._context.views.obey(as_, view, answer)

    async def close_view(self, as_: str, view_id: str) -> None:
        """Dismiss a modal; the app hears of it if it asked to."""
        view = self._context.views.find(as_, view_id)
        cleared = view["clear_on_close"]
        self._context.views.close(as_, view, clear=cleared)
        if view["notify_on_close"]:
            await self._interact(view_closed(as_, view, cleared=cleared), view["callback_id"])

    async def _interact(self, payload: Json, name: str) -> Json:
        if not self._context.options.is_interactive:
            raise ApiError("interactivity_disabled")
        answer = await self._context.transport.interact(
            payload, name=str(payload["type"]), summary=name
        )
        if answer is None:
            raise ApiError("app_did_not_respond")
        return answer


def _find_element(blocks: list[Json], action_id: str, block_id: str | None) -> tuple[Json, Json]:
    for block in blocks:
        if block_id and block.get("block_id") != block_id:
            continue
        for element in elements_of(block):
            if element.get("action_id") == action_id:
                return block, element
    raise ApiError("action_not_found")


def _missing_inputs(view: Json, values: Json) -> Json:
    missing: Json = {}
    for block in view["blocks"]:
        if block["type"] != "input" or block.get("optional"):
            continue
        given = values.get(block["block_id"], {}).get(block["element"].get("action_id"), {})
        held = [value for key, value in given.items() if key != "type"]
        if not any(value not in (None, "", []) for value in held):
            missing[block["block_id"]] = "Please complete this required field."
    return missing
