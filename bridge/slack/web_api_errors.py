"""Web API errors: what each of Slack's error codes means. Pure; the one table (PLATFORM §1.3).

A refusal is about a call, a message, a thread, a channel, a person, the workspace or our token,
and lasts for a moment or for good. What is refused in one place changes nothing elsewhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bridge.domain.errors import ChatError, ChatRefused, StoreError
from bridge.telemetry import get_logger

_log = get_logger("slack.web_api_errors")


class About(StrEnum):
    """What a refusal says something of; from the narrowest to the widest."""

    CALL = "call"
    CONTENT = "content"
    MESSAGE = "message"
    THREAD = "thread"
    CHANNEL = "channel"
    PERSON = "person"
    METHOD = "method"
    WORKSPACE = "workspace"
    TOKEN = "token"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code means. `passes`: trying again later may help. `sentence`: why something could
    not be shown, for people and agents.
    """

    about: About
    passes: bool
    sentence: str


_CALL = Meaning(About.CALL, False, "Slack did not accept it.")
_CONTENT = Meaning(About.CONTENT, False, "Slack did not accept its form.")
_MESSAGE = Meaning(About.MESSAGE, False, "The message can no longer be changed.")
_THREAD = Meaning(About.THREAD, False, "The message that it belongs to was deleted.")
_LOCKED = Meaning(About.THREAD, False, "The thread no longer takes replies.")
_CHANNEL = Meaning(About.CHANNEL, False, "The app is not in that channel any more.")
_ARCHIVED = Meaning(About.CHANNEL, False, "The channel is archived.")
_FORBIDDEN = Meaning(About.CHANNEL, False, "The app may not post in that channel.")
_PERSON = Meaning(About.PERSON, False, "Slack does not know this person.")
_METHOD = Meaning(About.METHOD, False, "The app lacks a permission that this needs.")
_MOMENT = Meaning(About.WORKSPACE, True, "Slack could not take it just then.")
_MIGRATION = Meaning(About.WORKSPACE, True, "The workspace is being moved by Slack.")
_CHANNEL_MIGRATION = Meaning(About.CHANNEL, True, "The channel is being moved by Slack.")
_FULL = Meaning(About.WORKSPACE, True, "The workspace has used up its messages.")
_TOKEN = Meaning(About.TOKEN, True, "The app's access to Slack is not valid just now.")
_SUSPENDED = Meaning(About.TOKEN, True, "The organisation has suspended the app's access.")


def _table(*rows: tuple[Meaning, str]) -> Mapping[str, Meaning]:
    return {code: meaning for meaning, codes in rows for code in codes.split()}


CODES: Final = _table(
    (_MOMENT, "ratelimited rate_limited internal_error fatal_error service_unavailable"),
    (_MOMENT, "request_timeout rollup_error accesslimited update_failed_temporarily"),
    (_MIGRATION, "team_added_to_org org_login_required migration_in_progress"),
    (_MIGRATION, "team_access_not_granted enterprise_migration"),
    (_CHANNEL_MIGRATION, "external_channel_migrating channel_migrating"),
    (_FULL, "message_limit_exceeded"),
    (_TOKEN, "invalid_auth not_authed account_inactive token_expired token_revoked"),
    (_SUSPENDED, "ekm_access_denied access_denied two_factor_setup_required"),
    (_SUSPENDED, "enterprise_is_restricted"),
    (_METHOD, "missing_scope no_permission not_allowed_token_type method_deprecated"),
    (_METHOD, "deprecated_endpoint unknown_method feature_not_enabled not_allowed"),
    (_METHOD, "as_user_not_supported cant_broadcast_message no_dual_broadcast_content_update"),
    (_METHOD, "is_bot bot_not_allowed app_not_installed insecure_request"),
    (_CHANNEL, "channel_not_found not_in_channel user_not_in_channel"),
    (_ARCHIVED, "is_archived channel_is_archived is_inactive"),
    (_FORBIDDEN, "restricted_action restricted_action_read_only_channel cannot_post"),
    (_FORBIDDEN, "restricted_action_thread_only_channel posting_to_general_channel_denied"),
    (_FORBIDDEN, "method_not_supported_for_channel_type messages_tab_disabled cannot_dm_bot"),
    (_FORBIDDEN, "channel_type_not_supported cannot_post_to_shared_channel"),
    (_FORBIDDEN, "slackbot_not_allowed external_channel_blocked is_inactive_channel"),
    (_LOCKED, "restricted_action_thread_locked restricted_action_non_threadable_channel"),
    (_LOCKED, "cannot_reply_to_message"),
    (_THREAD, "thread_not_found invalid_thread_ts"),
    (_MESSAGE, "message_not_found cant_update_message cant_delete_message edit_window_closed"),
    (_MESSAGE, "streaming_state_conflict update_failed delete_failed"),
    (_MESSAGE, "message_not_in_streaming_state compliance_exports_prevent_deletion"),
    (_MESSAGE, "already_reacted no_reaction too_many_reactions too_many_emoji bad_timestamp"),
    (_MESSAGE, "no_item_specified not_reactable external_channel_message"),
    (_CONTENT, "invalid_blocks invalid_blocks_format block_mismatch msg_blocks_too_long"),
    (_CONTENT, "msg_blocks_too_many msg_too_long no_text too_many_attachments blocks_too_long"),
    (_CONTENT, "attachment_payload_limit_exceeded markdown_text_conflict too_many_contact_cards"),
    (_CONTENT, "slack_connect_canvas_sharing_blocked slack_connect_file_link_sharing_blocked"),
    (_CONTENT, "slack_connect_lists_sharing_blocked view_too_large"),
    (_PERSON, "user_not_found users_not_found user_not_visible user_disabled"),
    (_CALL, "invalid_name invalid_arguments invalid_arg_name invalid_array_arg invalid_charset"),
    (_CALL, "invalid_form_data invalid_post_type missing_post_type invalid_json json_not_object"),
    (_CALL, "duplicate_channel_not_found duplicate_message_not_found invalid_ts_latest"),
    (_CALL, "invalid_ts_oldest invalid_cursor invalid_limit invalid_types limit_required"),
    (_CALL, "invalid_metadata_format invalid_metadata_schema metadata_too_large"),
    (_CALL, "metadata_must_be_sent_from_app invalid_trigger expired_trigger_id"),
    (_CALL, "exchanged_trigger_id trigger_expired trigger_exchanged duplicate_external_id"),
    (_CALL, "push_limit_reached hash_conflict not_found file_not_found file_deleted"),
    (_CALL, "upgrade_required invalid_status invalid_icon timezone_count"),
)
"""Codes that mean the same whichever method answers with them."""

BY_METHOD: Final[Mapping[str, Mapping[str, Meaning]]] = {
    "chat.postMessage": {"message_not_found": _THREAD, "not_found": _CHANNEL},
    "chat.postEphemeral": {"user_not_in_channel": _PERSON, "message_not_found": _THREAD},
    "chat.update": {"not_found": _MESSAGE},
    "chat.delete": {"not_found": _MESSAGE},
    "conversations.replies": {"message_not_found": _THREAD},
    "conversations.history": {"not_found": _CHANNEL},
    "conversations.info": {"not_found": _CHANNEL},
    "users.conversations": {},
    "users.info": {"not_found": _PERSON},
    "reactions.add": {"invalid_name": _METHOD},
    "reactions.remove": {"invalid_name": _METHOD},
    "views.open": {"not_found": _CALL},
    "assistant.threads.setStatus": {
        "message_not_found": _THREAD,
        "not_found": _THREAD,
        "thread_ts_invalid": _THREAD,
    },
    "files.info": {},
    "auth.test": {},
    "apps.connections.open": {"forbidden_team": _TOKEN},
}
"""Every method that the bridge calls, with the codes that mean something else there."""

_BY_PREFIX: Final = (
    ("invalid_blocks", _CONTENT),
    ("msg_", _CONTENT),
    ("slack_connect_", _CONTENT),
    ("restricted_action", _FORBIDDEN),
    ("thread_", _THREAD),
    ("channel_", _CHANNEL),
    ("user", _PERSON),
    ("token_", _TOKEN),
    ("team_", _MIGRATION),
    ("org_", _MIGRATION),
    ("enterprise_", _MIGRATION),
    ("external_", _CHANNEL_MIGRATION),
    ("migrat", _MIGRATION),
)
_said: set[tuple[str, str]] = set()


def meaning(error: ChatRefused) -> Meaning:
    """What a refusal means. One that nobody knows is taken for the nearest that is safe: it is
    about this call alone and not tried again. Said in the log once.
    """
    known = BY_METHOD.get(error.method, {}).get(error.code) or CODES.get(error.code)
    if known is not None:
        return known
    nearest = next((row for prefix, row in _BY_PREFIX if error.code.startswith(prefix)), _CALL)
    if (error.method, error.code) not in _said and len(_said) < 1_000:
        _said.add((error.method, error.code))
        _log.warning("unknown error code", method=error.method, code=error.code, as_=nearest.about)
    return nearest


def passes(error: ChatError | StoreError) -> bool:
    """Whether trying again may help."""
    return not isinstance(error, ChatRefused) or meaning(error).passes


def is_about(error: ChatRefused, *abouts: About) -> bool:
    """Whether the refusal is about one of these."""
    return meaning(error).about in abouts
