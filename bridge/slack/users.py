"""Users: `users.info`, cached."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Final
from weakref import WeakValueDictionary

from bridge.domain.errors import ChatError, ChatRefused
from bridge.domain.ids import UserId
from bridge.domain.messages import Person
from bridge.slack.event_parser import Installation
from bridge.slack.json_values import JsonObject, as_mapping, as_string
from bridge.slack.web_api import WebApi
from bridge.slack.web_api_errors import About, is_about
from bridge.telemetry import get_logger

KEPT_S: Final = 600.0
FAILURE_KEPT_S: Final = 15.0
FRESH_S: Final = 5.0
KEPT: Final = 2_000

_UNTRUSTED_FLAGS = ("is_restricted", "is_ultra_restricted", "is_stranger", "deleted", "is_bot")
_log = get_logger("slack.users")


class UserDirectory:
    """The people of one workspace. Trusts full members only; what is not known is not trusted.

    Args:
        monotonic: seconds that never jump.
    """

    def __init__(
        self, web_api: WebApi, us: Installation, *, monotonic: Callable[[], float]
    ) -> None:
        self._web_api = web_api
        self._us = us
        self._monotonic = monotonic
        self._known: OrderedDict[UserId, tuple[float, float, Person]] = OrderedDict()
        self._asking: WeakValueDictionary[UserId, asyncio.Lock] = WeakValueDictionary()

    async def person(self, user: UserId, *, fresh: bool = False) -> Person:
        """Who this is; whom Slack does not know is an untrusted person named by the id.

        `fresh`: what is known must be seconds old at most, because something is decided by it.

        Raises `ChatError` while Slack does not say, for somebody new and for a fresh look: nobody
        is taken for a stranger, or for a member, because of a fault.
        """
        if (known := self._recent(user, fresh=fresh)) is not None:
            return known
        asking = self._asking.setdefault(user, asyncio.Lock())
        async with asking:  # several messages of one person at once are one question
            return self._recent(user, fresh=fresh) or await self._ask(user, fresh=fresh)

    def _recent(self, user: UserId, *, fresh: bool) -> Person | None:
        until, asked_at, person = self._known.get(user, (0.0, 0.0, None))
        now = self._monotonic()
        if person is None or until <= now or (fresh and asked_at + FRESH_S <= now):
            return None
        self._known.move_to_end(user)
        return person

    async def _ask(self, user: UserId, *, fresh: bool) -> Person:
        kept_s = KEPT_S
        try:
            answer = await self._web_api.read("users.info", {"user": user})
            person = person_of(as_mapping(answer.get("user")), user, us=self._us)
        except ChatError as error:
            person, kept_s = self._without_answer(user, error, fresh=fresh), FAILURE_KEPT_S
            _log.info("person not found", user=user, error=str(error))
        now = self._monotonic()
        self._known[user] = (now + kept_s, now, person)
        self._known.move_to_end(user)
        if len(self._known) > KEPT:
            self._known.popitem(last=False)
        return person

    def _without_answer(self, user: UserId, error: ChatError, *, fresh: bool) -> Person:
        if isinstance(error, ChatRefused) and is_about(error, About.PERSON):
            return Person(user, user, trusted=False)
        if fresh or user not in self._known:
            raise error
        return self._known[user][2]  # somebody known stays who they were


def person_of(account: JsonObject, user: UserId, *, us: Installation) -> Person:
    """A person from Slack's user object. Pure. Trusted only when everything speaks for it."""
    profile = as_mapping(account.get("profile"))
    names = (
        as_string(profile.get("display_name")),
        as_string(profile.get("real_name")),
        as_string(account.get("real_name")),
        as_string(account.get("name")),
    )
    teams = _teams(account)
    return Person(
        user=user,
        name=next((name for name in names if name.strip()), user),
        trusted=not teams.isdisjoint(us.teams)
        and not any(account.get(flag) for flag in _UNTRUSTED_FLAGS),
        is_bot=account.get("is_bot") is True,
        active=not account.get("deleted"),
        teams=teams,
    )


def _teams(account: JsonObject) -> frozenset[str]:
    """The workspaces and the organisation of an account. On Enterprise Grid `team_id` is missing
    or names any of the person's workspaces (PLATFORM §4.8).
    """
    enterprise = as_mapping(account.get("enterprise_user"))
    listed = enterprise.get("teams")
    given = [
        account.get("team_id"),
        enterprise.get("enterprise_id"),
        *(listed if isinstance(listed, list) else ()),
    ]
    return frozenset(filter(None, map(as_string, given)))
