"""Interaction parser: what clicks on our buttons and submitted forms mean. Pure.

As tolerant of any JSON as the event parser (guarantee G8). Payloads: PLATFORM §5.1.
"""

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from bridge.domain.ids import ApprovalId, ChannelId, MessageRef, MessageTs, UserId
from bridge.render import action_ids
from bridge.slack.event_parser import Installation, Unsupported
from bridge.slack.json_values import JsonObject, as_mapping, as_string


class ButtonKind(StrEnum):
    """What a button of ours is for."""

    ALLOW = "allow"
    DENY = "deny"
    DENY_WITH_REASON = "deny_with_reason"
    SHOW_ALL = "show_all"
    STOP = "stop"


BUTTONS: Final = {
    action_ids.APPROVAL_ALLOW: ButtonKind.ALLOW,
    action_ids.APPROVAL_DENY: ButtonKind.DENY,
    action_ids.APPROVAL_DENY_REASON: ButtonKind.DENY_WITH_REASON,
    action_ids.APPROVAL_VIEW: ButtonKind.SHOW_ALL,
    action_ids.TURN_STOP: ButtonKind.STOP,
}
"""Our action ids."""


@dataclass(frozen=True, slots=True)
class ButtonPressed:
    """A person pressed a button of ours.

    `value` is the opaque id that we put on it: of a turn for `STOP`, else of an approval.
    `ref` is the message with the button. `team` is the workspace to which Slack says that the
    person belongs, empty when it does not say. `trigger_id` opens a form within three seconds,
    once.
    """

    kind: ButtonKind
    value: str
    user: UserId
    team: str
    ref: MessageRef
    thread_ts: MessageTs | None
    trigger_id: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ReasonSubmitted:
    """A person denied with a reason, in the form that the button opened.

    `channel` and `thread_ts` (None: no thread) are where the approval was asked for; `team` is as
    in `ButtonPressed`.
    """

    approval_id: ApprovalId
    user: UserId
    team: str
    reason: str
    channel: ChannelId
    thread_ts: MessageTs | None


def is_from_our_workspace(payload: Any, us: Installation) -> bool:
    """Whether the interaction happened in our workspace or organisation (PLATFORM §5.1)."""
    body = as_mapping(payload)
    teams = {as_string(as_mapping(body.get(key)).get("id")) for key in ("team", "enterprise")}
    return not teams.isdisjoint(us.teams)


def read_button(payload: Any) -> ButtonPressed | Unsupported:
    """What a `block_actions` payload means (PLATFORM §5.1)."""
    body = as_mapping(payload)
    actions = body.get("actions")
    action = as_mapping(actions[0]) if isinstance(actions, list) and actions else {}
    kind = BUTTONS.get(as_string(action.get("action_id")))
    if kind is None:
        return Unsupported("block_actions", "not a button of ours")
    container, user = as_mapping(body.get("container")), as_mapping(body.get("user"))
    channel = as_string(container.get("channel_id")) or as_string(
        as_mapping(body.get("channel")).get("id")
    )
    ts, value = as_string(container.get("message_ts")), as_string(action.get("value"))
    person = as_string(user.get("id"))
    if not (channel and ts and value and person):
        return Unsupported("block_actions", "a field is missing")
    thread_ts = as_string(container.get("thread_ts")) or as_string(
        as_mapping(body.get("message")).get("thread_ts")
    )
    return ButtonPressed(
        kind=kind,
        value=value,
        user=UserId(person),
        team=as_string(user.get("team_id")),
        ref=MessageRef(ChannelId(channel), MessageTs(ts)),
        thread_ts=MessageTs(thread_ts) if thread_ts else None,
        trigger_id=as_string(body.get("trigger_id")),
    )


def read_submission(payload: Any) -> ReasonSubmitted | Unsupported:
    """What a `view_submission` payload means."""
    body = as_mapping(payload)
    view, user = as_mapping(body.get("view")), as_mapping(body.get("user"))
    if view.get("callback_id") != action_ids.VIEW_REASON:
        return Unsupported("view_submission", "not a form of ours")
    asked, person = _metadata(view), as_string(user.get("id"))
    approval_id, channel = as_string(asked.get("approval")), as_string(asked.get("channel"))
    if not (approval_id and channel and person):
        return Unsupported("view_submission", "a field is missing")
    thread_ts = as_string(asked.get("thread_ts"))
    values = as_mapping(as_mapping(view.get("state")).get("values"))
    typed = as_mapping(as_mapping(values.get(action_ids.REASON_BLOCK)).get(action_ids.REASON_INPUT))
    return ReasonSubmitted(
        approval_id=ApprovalId(approval_id),
        user=UserId(person),
        team=as_string(user.get("team_id")),
        reason=as_string(typed.get("value")).strip(),
        channel=ChannelId(channel),
        thread_ts=MessageTs(thread_ts) if thread_ts else None,
    )


def _metadata(view: JsonObject) -> JsonObject:
    """What we put on the form ourselves; empty when it is not ours."""
    try:
        return as_mapping(json.loads(as_string(view.get("private_metadata"))))
    except (ValueError, RecursionError):
        return {}
