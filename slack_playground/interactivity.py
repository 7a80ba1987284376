"""Triggers and response URLs: the short-lived keys that an interaction hands to the app."""

import secrets
import time
from dataclasses import dataclass

from slack_playground.options import PlaygroundOptions
from slack_playground.slack_types import ApiError


@dataclass(slots=True)
class Trigger:
    """Permission to open one view for one person, for three seconds."""

    user: str
    expires: float
    used: bool = False


@dataclass(slots=True)
class ResponseUrl:
    """Permission to answer one interaction a few times, beside the Web API."""

    id: str
    user: str
    channel: str
    message_ts: str
    ephemeral: bool
    expires: float
    uses_left: int


class Keys:
    """Every trigger and response URL given out."""

    def __init__(self, options: PlaygroundOptions) -> None:
        self._options = options
        self._triggers: dict[str, Trigger] = {}
        self._responses: dict[str, ResponseUrl] = {}

    def new_trigger(self, user: str) -> str:
        """A trigger id for `user`."""
        trigger_id = f"{time.monotonic_ns()}.{secrets.randbelow(10**9)}.{secrets.token_hex(16)}"
        self._triggers[trigger_id] = Trigger(user, time.monotonic() + self._options.trigger_ttl_s)
        return trigger_id

    def exchange(self, trigger_id: str) -> str:
        """Use a trigger and return its person.

        Raises `invalid_trigger_id`, `exchanged_trigger_id` or `expired_trigger_id`.
        """
        trigger = self._triggers.get(trigger_id)
        if trigger is None:
            raise ApiError("invalid_trigger_id")
        if trigger.used:
            raise ApiError("exchanged_trigger_id")
        if trigger.expires < time.monotonic():
            raise ApiError("expired_trigger_id")
        trigger.used = True
        return trigger.user

    def new_response_url(
        self, *, user: str, channel: str, message_ts: str, ephemeral: bool
    ) -> ResponseUrl:
        """A fresh response URL; `message_ts` is empty where there is no message to replace."""
        response = ResponseUrl(
            id=secrets.token_hex(20),
            user=user,
            channel=channel,
            message_ts=message_ts,
            ephemeral=ephemeral,
            expires=time.monotonic() + self._options.response_url_ttl_s,
            uses_left=self._options.response_url_uses,
        )
        self._responses[response.id] = response
        return response

    def use_response(self, response_id: str) -> ResponseUrl:
        """Spend one use. Raises `used_url`, `expired_url` or `invalid_url`."""
        response = self._responses.get(response_id)
        if response is None:
            raise ApiError("invalid_url")
        if response.expires < time.monotonic():
            raise ApiError("expired_url")
        if response.uses_left <= 0:
            raise ApiError("used_url")
        response.uses_left -= 1
        return response
