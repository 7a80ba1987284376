"""How people call the app without a message: slash commands and shortcuts (PLATFORM §5.2)."""

import re

from slack_playground.app_manifest import Shortcut, SlashCommand
from slack_playground.context import Context
from slack_playground.interaction_payloads import global_shortcut, message_action, slash_command
from slack_playground.interactivity import ResponseUrl
from slack_playground.response_urls import respond
from slack_playground.slack_types import ApiError, Json
from slack_playground.workspace import Channel, is_outside

_MENTION = re.compile(r"<([@#])([A-Z0-9]+)>")


class Invocations:
    """Calls of what the manifest names; each raises ApiError when Slack would not let them."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def command(
        self, as_: str, channel: Channel, typed: str, *, thread_ts: str | None = None
    ) -> None:
        """Type a slash command, such as `/ask what is new`; also where the app is no member.

        Raises `invalid_command`, `command_in_thread`, `external_member` or
        `app_did_not_respond`.
        """
        name, _, text = typed.strip().partition(" ")
        command = self._command(name)
        if thread_ts:
            raise ApiError("command_in_thread", command=name)
        self._check_member(as_)
        key = self._key(as_, channel)
        shown = self._text(text.strip(), command)
        payload = slash_command(self._context, as_, channel, name, shown, key)
        answer = await self._deliver(payload, name, kind="slash_commands")
        if answer:
            respond(self._context, key, answer)

    async def shortcut(
        self, as_: str, callback_id: str, *, channel: Channel | None = None, ts: str | None = None
    ) -> None:
        """Choose a global shortcut, or for the message `ts` of `channel` one of its menu.

        Raises `unknown_shortcut`, `external_member`, `message_not_found` or
        `app_did_not_respond`.
        """
        if not self._context.options.is_interactive:
            raise ApiError("interactivity_disabled")
        shortcut = self._shortcut(callback_id, "global" if ts is None else "message")
        if ts is None or channel is None:
            payload = global_shortcut(self._context, as_, shortcut)
        else:
            self._check_member(as_)
            message = self._context.workspace.message(channel, ts)
            key = self._key(as_, channel)
            payload = message_action(self._context, as_, shortcut, channel, message, key)
        await self._deliver(payload, callback_id)

    def _command(self, name: str) -> SlashCommand:
        for command in self._context.options.commands:
            if command.command == name:
                return command
        raise ApiError("invalid_command", command=name)

    def _shortcut(self, callback_id: str, kind: str) -> Shortcut:
        for shortcut in self._context.options.shortcuts:
            if (shortcut.callback_id, shortcut.type) == (callback_id, kind):
                return shortcut
        raise ApiError("unknown_shortcut")

    def _check_member(self, as_: str) -> None:
        if is_outside(self._context.workspace.users[as_]):
            raise ApiError("external_member")

    def _key(self, as_: str, channel: Channel) -> ResponseUrl:
        return self._context.keys.new_response_url(
            user=as_, channel=channel.id, message_ts="", ephemeral=False
        )

    def _text(self, typed: str, command: SlashCommand) -> str:
        """Mentions as Slack hands them to a command: by name, or by id and name."""

        def spelled(match: re.Match[str]) -> str:
            sign, key = match.groups()
            workspace = self._context.workspace
            known = workspace.users.get(key) if sign == "@" else workspace.channels.get(key)
            if known is None:
                return match[0]
            return f"<{sign}{key}|{known.name}>" if command.should_escape else sign + known.name

        return _MENTION.sub(spelled, typed)

    async def _deliver(self, payload: Json, name: str, *, kind: str = "interactive") -> Json:
        answer = await self._context.transport.interact(
            payload, kind=kind, name=str(payload.get("type", kind)), summary=name
        )
        if answer is None:
            raise ApiError("app_did_not_respond")
        return answer
