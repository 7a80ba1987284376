"""Happenings: what comes about in real workspaces besides people typing, by hand or by a test.

Each is done to the workspace as Slack would, so that the app hears of it in Slack's own shapes.
"""

import uuid
from collections.abc import Callable
from dataclasses import replace

from slack_playground.api_membership import check_name
from slack_playground.composer_text import compose
from slack_playground.context import Context
from slack_playground.event_feed import of_kind
from slack_playground.objects import shown_channel
from slack_playground.seed_data import BOT_USER_ID, TEAM_ID, User
from slack_playground.slack_types import ApiError, Json, epoch_s, new_id
from slack_playground.workspace import Channel, team_of

ALERT_BOT = "B0ALERTMGR"
WORKFLOW_BOT = "B0WORKFLOW"
OTHER_APP_BOT = "B0OTHERAPP"
GRID_ENTERPRISE = "E0PLAYORG"
GRID_TEAM = "T02SISTER"
PARTNER_TEAM = "T0PARTNER1"

Happen = Callable[[str, Channel, Json], Json]


class Happenings:
    """Everything that can be made to happen, by name."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._workspace = context.workspace
        self._all: dict[str, Happen] = {
            "forward": self._forward,
            "alert": self._alert,
            "workflow": self._workflow,
            "other_app": self._other_app,
            "paste_table": self._paste_table,
            "group_message": self._group_message,
            "partner": self._partner,
            "grid_member": self._grid_member,
            "new_channel": self._new_channel,
            "leave": self._leave,
            "channel_id": self._channel_id,
            "archive": self._archive,
            "unarchive": self._unarchive,
            "remove_app": self._remove_app,
            "invite_app": self._invite_app,
            "deactivate": self._deactivate,
            "reactivate": self._reactivate,
        }

    def names(self) -> list[str]:
        """Everything that can happen."""
        return list(self._all)

    def happen(self, what: str, as_: str, channel: Channel, details: Json) -> Json:
        """Let it happen in `channel`, by the person `as_`; says what came of it.

        Raises:
            ApiError: `unknown_happening`, or what Slack would answer.
        """
        if what not in self._all:
            raise ApiError("unknown_happening")
        return {"ok": True, **self._all[what](as_, channel, details)}

    # ---- messages

    def _post(self, channel: Channel, message: Json, details: Json) -> Json:
        if thread_ts := details.get("thread_ts"):
            message = {**message, "thread_ts": thread_ts}
        return {"ts": self._workspace.post(channel, message)["ts"]}

    def _said(self, as_: str, text: str) -> Json:
        escaped, block = compose(text)
        user = self._workspace.user(as_)
        said: Json = {"user": as_, "text": escaped, "team": team_of(user)}
        return {**said, "blocks": [{**block, "block_id": new_id("b")}]} if text else said

    def _forward(self, as_: str, channel: Channel, details: Json) -> Json:
        """The message `ts` of the channel `from`, with the comment `text`, which may be empty."""
        source = self._workspace.channels.get(str(details.get("from") or channel.id), channel)
        original = self._workspace.message(source, str(details.get("ts") or _newest(source)))
        author = self._workspace.users.get(str(original.get("user", "")))
        link = f"https://playground.slack.com/archives/{source.id}/p{original['ts']}"
        attachment: Json = {
            "ts": original["ts"],
            "author_id": original.get("user", ""),
            "author_name": author.real_name if author else str(original.get("username", "")),
            "channel_id": source.id,
            "channel_team": TEAM_ID,
            "channel_name": source.name,
            "is_msg_unfurl": True,
            "is_share": True,
            "text": original.get("text", ""),
            "fallback": f"[{original['ts']}] {original.get('text', '')}",
            "from_url": link,
            "id": 1,
            "mrkdwn_in": ["text"],
            "footer": f"Posted in #{source.name}" if source.name else "Direct message",
        }
        if original.get("blocks"):
            attachment["message_blocks"] = [
                {
                    "team": TEAM_ID,
                    "channel": source.id,
                    "ts": original["ts"],
                    "message": {"blocks": original["blocks"]},
                }
            ]
        if original.get("files"):
            attachment["files"] = original["files"]
        said = self._said(as_, str(details.get("text") or ""))
        return self._post(channel, {**said, "attachments": [attachment]}, details)

    def _alert(self, _as: str, channel: Channel, details: Json) -> Json:
        """An alert of another app; `form`: `attachments` (default), `blocks`, or `both`."""
        bot: Json = {
            "subtype": "bot_message",
            "bot_id": ALERT_BOT,
            "username": "Alertmanager",
            "icons": {"emoji": ":rotating_light:"},
        }
        title, words = "[FIRING:1] KubeJobFailed", "Job batch-17 failed on web-3: exit code 137"
        field = {"title": "Severity", "value": "critical", "short": True}
        attachment: Json = {
            "id": 1,
            "color": "a30200",
            "title": title,
            "title_link": "https://alerts.example/17",
            "text": words,
            "fields": [field],
            "fallback": title,
        }
        blocks: list[Json] = [
            {"type": "header", "text": {"type": "plain_text", "text": title, "emoji": True}},
            {"type": "section", "text": {"type": "mrkdwn", "text": f"{words} · *critical*"}},
            {"type": "context", "elements": [{"type": "mrkdwn", "text": "Runbook: job restarts"}]},
        ]
        forms: dict[str, Json] = {
            "attachments": {"text": "", "attachments": [attachment]},
            "blocks": {"text": "", "blocks": [{**b, "block_id": new_id("b")} for b in blocks]},
            "both": {"text": title, "blocks": [{**b, "block_id": new_id("b")} for b in blocks]},
        }
        form = forms.get(str(details.get("form") or "attachments"))
        if form is None:
            raise ApiError("invalid_arguments")
        return self._post(channel, {**bot, **form}, details)

    def _workflow(self, _as: str, channel: Channel, details: Json) -> Json:
        """A workflow says `text`; without one it mentions the app."""
        said = self._said(BOT_USER_ID, str(details.get("text") or self._mention("standup time")))
        profile = {"id": WORKFLOW_BOT, "name": "Daily standup", "is_workflow_bot": True}
        message = {
            "subtype": "bot_message",
            "bot_id": WORKFLOW_BOT,
            "app_id": "A0WORKFLOW",
            "bot_profile": {**profile, "app_id": "A0WORKFLOW", "team_id": TEAM_ID},
            "username": "Daily standup",
            "text": said["text"],
            "blocks": said["blocks"],
        }
        return self._post(channel, message, details)

    def _other_app(self, as_: str, channel: Channel, details: Json) -> Json:
        """Another app with the person's token says `text` in their name."""
        said = self._said(as_, str(details.get("text") or self._mention("from my other app")))
        profile = {"id": OTHER_APP_BOT, "app_id": "A0OTHERAPP", "name": "Other app"}
        shape = {"bot_id": OTHER_APP_BOT, "app_id": "A0OTHERAPP", "bot_profile": profile}
        return self._post(channel, {**said, **shape}, details)

    def _paste_table(self, as_: str, channel: Channel, details: Json) -> Json:
        """Cells pasted from a spreadsheet, below `text`."""
        cells = details.get("rows") or [["Item", "Price"], ["Lamp", "49"], ["Desk", "310"]]
        rows = [[{"type": "raw_text", "text": str(cell)} for cell in row] for row in cells]
        table = {"type": "table", "block_id": new_id("b"), "rows": rows}
        pasted = {"id": 1, "fallback": "[no preview available]", "blocks": [table]}
        said = self._said(as_, str(details.get("text") or ""))
        return self._post(channel, {**said, "attachments": [pasted]}, details)

    def _mention(self, words: str) -> str:
        return f"<@{BOT_USER_ID}> {words}"

    # ---- people

    def _partner(self, _as: str, channel: Channel, _details: Json) -> Json:
        """A member of a partner's organisation comes into a channel shared with it."""
        return self._newcomer(channel, name="lena", real_name="Lena Park", team_id=PARTNER_TEAM)

    def _grid_member(self, _as: str, channel: Channel, _details: Json) -> Json:
        """A colleague whose account belongs to another workspace of our organisation."""
        return self._newcomer(
            channel,
            name="omar",
            real_name="Omar Haddad",
            team_id=GRID_TEAM,
            enterprise_teams=(TEAM_ID, GRID_TEAM),
        )

    def _newcomer(
        self,
        channel: Channel,
        *,
        name: str,
        real_name: str,
        team_id: str,
        enterprise_teams: tuple[str, ...] = (),
    ) -> Json:
        known = next((u for u in self._workspace.users.values() if u.name == name), None)
        user = known or User(
            id=f"U{uuid.uuid4().hex[:9].upper()}",
            name=name,
            real_name=real_name,
            title="",
            color="7a5aa8",
            team_id=team_id,
            enterprise_teams=enterprise_teams,
        )
        self._workspace.users[user.id] = user
        if not enterprise_teams:
            channel.is_ext_shared = True
        self._workspace.join(channel, user.id)
        return {"user": user.id}

    def _deactivate(self, as_: str, _channel: Channel, details: Json) -> Json:
        """The account of `user` (default: the person who does it) is deactivated."""
        return self._set_deleted(str(details.get("user") or as_), deleted=True)

    def _reactivate(self, as_: str, _channel: Channel, details: Json) -> Json:
        """The account is active again."""
        return self._set_deleted(str(details.get("user") or as_), deleted=False)

    def _set_deleted(self, user_id: str, *, deleted: bool) -> Json:
        user = replace(self._workspace.user(user_id), deleted=deleted)
        self._workspace.users[user_id] = user
        return {"user": user_id}

    # ---- places

    def _group_message(self, as_: str, _channel: Channel, details: Json) -> Json:
        """A group message of the person, `users` and the app."""
        others = [str(user) for user in details.get("users") or ["U02JONASWEB"]]
        members = list(dict.fromkeys([as_, *others, BOT_USER_ID]))
        group = self._workspace.open_group(members)
        shown = shown_channel(self._workspace, group, as_)
        return {"channel": shown}

    def _new_channel(self, as_: str, _channel: Channel, details: Json) -> Json:
        """The person makes a channel `name` with `users` in it; `private`: seen by them only."""
        name = str(details.get("name") or "new-channel")
        check_name(self._context, name)
        channel = self._workspace.create(name, as_, private=bool(details.get("private", True)))
        for user in details.get("users", [BOT_USER_ID]):
            self._workspace.join(channel, str(user), inviter=as_)
        return {"channel": shown_channel(self._workspace, channel, as_)}

    def _leave(self, as_: str, channel: Channel, details: Json) -> Json:
        """The person leaves the channel, or takes `user` out of it."""
        if channel.is_im or channel.is_mpim:
            raise ApiError("method_not_supported_for_channel_type")
        user = str(details.get("user") or as_)
        self._workspace.leave(channel, user, actor=None if user == as_ else as_)
        return {"user": user}

    def _channel_id(self, as_: str, channel: Channel, _details: Json) -> Json:
        """The channel is converted, as when it is shared: it has another id from now on."""
        if channel.is_im:
            raise ApiError("method_not_supported_for_channel_type")
        old = channel.id
        self._workspace.give_new_id(channel)
        event = {
            "type": "channel_id_changed",
            "old_channel_id": old,
            "new_channel_id": channel.id,
            "event_ts": f"{epoch_s()}.000000",
        }
        self._context.feed.send(channel, event)
        return {"channel": shown_channel(self._workspace, channel, as_), "old": old}

    def _archive(self, as_: str, channel: Channel, _details: Json) -> Json:
        """The channel is archived: it can be read and not written to."""
        return self._set_archived(as_, channel, archived=True)

    def _unarchive(self, as_: str, channel: Channel, _details: Json) -> Json:
        """The channel is open again."""
        return self._set_archived(as_, channel, archived=False)

    def _set_archived(self, as_: str, channel: Channel, *, archived: bool) -> Json:
        if channel.is_im or channel.is_mpim:
            raise ApiError("method_not_supported_for_channel_type")
        channel.is_archived = archived
        self._workspace.tell("channel_changed", channel)
        kind = of_kind(channel, "archive" if archived else "unarchive")
        event = {"type": kind, "channel": channel.id, "user": as_}
        self._context.feed.send(channel, {**event, "event_ts": f"{epoch_s()}.000000"})
        return {"channel": shown_channel(self._workspace, channel, as_)}

    def _remove_app(self, as_: str, channel: Channel, _details: Json) -> Json:
        """The app is removed from the channel."""
        self._workspace.leave(channel, BOT_USER_ID, actor=as_)
        return {"channel": shown_channel(self._workspace, channel, as_)}

    def _invite_app(self, as_: str, channel: Channel, _details: Json) -> Json:
        """The app is brought back."""
        self._workspace.join(channel, BOT_USER_ID, inviter=as_)
        return {"channel": shown_channel(self._workspace, channel, as_)}


def _newest(channel: Channel) -> str:
    return next(reversed(channel.messages), "")
