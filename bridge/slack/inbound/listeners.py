"""Bolt listeners: Slack's events are stored first and acknowledged after (G1).

Bolt runs with `process_before_response`: an event's listener ends before the ack goes out, and
when it fails there is no ack, so Slack sends the event again (PLATFORM §11.1). Clicks are the
other way round: acknowledged at once, because people wait for it, and worked on in a task.
"""

import re
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, Protocol, assert_never

from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_bolt.response import BoltResponse

from bridge.domain.approvals import Approval
from bridge.domain.errors import BridgeError
from bridge.domain.events import Verdict
from bridge.domain.ids import (
    ApprovalId,
    ChannelId,
    MessageRef,
    MessageTs,
    TeamId,
    TurnId,
    UserId,
)
from bridge.domain.messages import InboundMessage
from bridge.render import action_ids
from bridge.slack.event_parser import (
    ChannelIdChanged,
    Installation,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    ReactionAdded,
    SlackEvent,
    Unsupported,
    read_event,
)
from bridge.slack.interaction_parser import (
    ButtonPressed,
    ReasonSubmitted,
    is_from_our_workspace,
    read_button,
    read_submission,
)
from bridge.slack.json_values import as_mapping, as_string
from bridge.telemetry import EVENTS, Tasks, get_logger

ANYTHING: Final = re.compile(".*", re.DOTALL)
NOT_NOW: Final = "That did not work just now. Please try again in a moment."

ELSEWHERE: Final = "This was pressed from another workspace, so it does not count."

_log = get_logger("slack.inbound.listeners")


class InboundHandler(Protocol):
    """Who takes what comes in. When a method of the first group returns, it is stored for good;
    when it raises, Slack is not told that the event arrived and sends it again.
    """

    async def message(self, message: InboundMessage) -> bool:
        """A person said something. Comes again with the same team, channel and ts.

        True when it is new and somebody will answer it.
        """

    async def edited(self, message: InboundMessage) -> None:
        """A person changed a message to this. Comes again with the same `edited_ts`."""

    async def deleted(self, team: TeamId, ref: MessageRef) -> None:
        """A message is gone."""

    async def channel_renamed(self, team: TeamId, old: ChannelId, new: ChannelId) -> None:
        """A channel has another id from now on. Comes again."""

    async def reaction(self, team: TeamId, ref: MessageRef, *, user: UserId, name: str) -> None:
        """A person put the emoji `name` (without colons) on a message."""

    # Each of these answers the person privately when it may not be. `team` is the workspace to
    # which the click says that the person belongs, empty when it does not say.

    async def click(
        self,
        approval_id: ApprovalId,
        *,
        user: UserId,
        verdict: Verdict,
        card: MessageRef,
        team: str,
    ) -> None:
        """A person pressed allow or deny on a card."""

    async def reason(
        self, approval_id: ApprovalId, *, user: UserId, reason: str, team: str
    ) -> None:
        """A person denied and said why; `reason` may be empty."""

    async def stop(self, turn_id: TurnId, *, user: UserId, ref: MessageRef, team: str) -> None:
        """A person pressed stop on a reply."""

    async def approval(
        self, approval_id: ApprovalId, *, user: UserId, card: MessageRef, team: str
    ) -> Approval | None:
        """The approval for a person who wants to see it whole; None when they may not."""


class EventObserver(Protocol):
    """Who keeps account of what was heard. All return at once and never raise."""

    def heard(self, event_ts: str) -> None:
        """An event of that Slack timestamp was taken in, or needs nothing."""

    def unstored(self, event_ts: str) -> None:
        """An event could not be taken in."""

    def dropped(self, minute: int) -> None:
        """Slack drops events of the minute that begins at this Unix second."""


class Modals(Protocol):
    """What a click needs of Slack; the surface has it."""

    async def ask_reason(self, approval: Approval, *, trigger_id: str) -> None:
        """Open the form that asks why something is denied."""

    async def show_all(self, approval: Approval, *, trigger_id: str) -> None:
        """Open a view of everything that would run."""

    async def private_note(
        self, channel: ChannelId, user: UserId, text: str, *, thread_ts: MessageTs | None
    ) -> None:
        """A note that only one person sees."""


class _Foreign(Exception):
    """An interaction of another workspace."""


class Listeners:
    """Turns Slack's payloads into calls of the intake.

    Args:
        tasks: where work goes on after an ack; closed by the owner.
        observer: told of every event; None when nobody keeps account.
    """

    def __init__(
        self,
        *,
        us: Installation,
        intake: InboundHandler,
        forms: Modals,
        tasks: Tasks,
        observer: EventObserver | None = None,
    ) -> None:
        self._us = us
        self._observer = observer
        self._intake = intake
        self._forms = forms
        self._tasks = tasks

    def register(self, app: AsyncApp) -> None:
        """Register on `app`. The last one takes every event left over, so that all are acked."""
        app.error(self._failed)
        app.middleware(self._note_dropped_events)
        app.event("message")(self._event)
        app.event("app_mention")(self._event)
        app.event("reaction_added")(self._event)
        app.event("channel_id_changed")(self._event)
        app.action(action_ids.APPROVAL_ALLOW)(self._allow)
        app.action(action_ids.APPROVAL_DENY)(self._deny)
        app.action(action_ids.APPROVAL_DENY_REASON)(self._ask_reason)
        app.action(action_ids.APPROVAL_VIEW)(self._show_all)
        app.action(action_ids.TURN_STOP)(self._stop_turn)
        app.view(action_ids.VIEW_REASON)(self._reason_given)
        # Everything else is acknowledged as well: Slack would send it again.
        app.event(ANYTHING)(self._event)
        app.action(ANYTHING)(self._ignored)
        app.view(ANYTHING)(self._ignored)

    async def _note_dropped_events(
        self, body: dict[str, Any], next: Callable[[], Awaitable[object]]
    ) -> BoltResponse | None:
        """Slack sends no more than so many events, and says so in none of them (PLATFORM §1.5)."""
        if body.get("type") != "app_rate_limited":
            await next()
            return None
        minute = body.get("minute_rate_limited")
        _log.warning("slack drops events", minute=minute)
        if self._observer is not None and isinstance(minute, int):
            self._observer.dropped(minute)
        return BoltResponse(status=200)

    async def _event(self, body: dict[str, Any]) -> None:
        event_ts = as_string(as_mapping(body.get("event")).get("event_ts"))
        try:
            await self._take_in(read_event(body, us=self._us))
        except BaseException:
            if self._observer is not None:
                self._observer.unstored(event_ts)
            raise
        if self._observer is not None:
            self._observer.heard(event_ts)

    async def _take_in(self, event: SlackEvent) -> None:
        match event:
            case MessagePosted(message):
                await self._intake.message(message)
            case MessageEdited(message):
                await self._intake.edited(message)
            case MessageDeleted(team, channel, ts):
                await self._intake.deleted(team, MessageRef(channel, ts))
            case ReactionAdded(team, channel, ts, user, name):
                await self._intake.reaction(team, MessageRef(channel, ts), user=user, name=name)
            case ChannelIdChanged(team, old, new):
                await self._intake.channel_renamed(team, old, new)
            case Unsupported(kind, why):
                _log.debug("event left aside", kind=kind, why=why)
            case _:
                assert_never(event)
        EVENTS.labels(type(event).__name__).inc()

    async def _allow(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        await self._on_click(ack, body, partial(self._decide, Verdict.ALLOW))

    async def _deny(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        await self._on_click(ack, body, partial(self._decide, Verdict.DENY))

    async def _ask_reason(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        await self._on_click(ack, body, partial(self._open, self._forms.ask_reason))

    async def _show_all(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        await self._on_click(ack, body, partial(self._open, self._forms.show_all))

    async def _stop_turn(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        async def stop(click: ButtonPressed) -> None:
            await self._intake.stop(
                TurnId(click.value), user=click.user, ref=click.ref, team=click.team
            )

        await self._on_click(ack, body, stop)

    async def _reason_given(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        await ack()
        sent = read_submission(body)
        EVENTS.labels(type(sent).__name__).inc()
        if isinstance(sent, ReasonSubmitted):
            deny = partial(
                self._intake.reason,
                sent.approval_id,
                user=sent.user,
                reason=sent.reason,
                team=sent.team,
            )
            place = sent.channel, sent.thread_ts
            work = self._answered(self._if_ours(body, deny), place, sent.user)
            self._tasks.spawn(work, name="reason")

    async def _ignored(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        await ack()
        EVENTS.labels("Unsupported").inc()
        _log.debug("interaction left aside", kind=as_string(body.get("type")))

    async def _on_click(
        self,
        ack: AsyncAck,
        body: dict[str, Any],
        work: Callable[[ButtonPressed], Awaitable[None]],
    ) -> None:
        await ack()
        click = read_button(body)
        EVENTS.labels(type(click).__name__).inc()
        if isinstance(click, ButtonPressed):
            place = click.ref.channel, click.thread_ts
            wanted = self._if_ours(body, partial(work, click))
            answered = self._answered(wanted, place, click.user)
            self._tasks.spawn(answered, name=f"click {click.kind}")

    def _if_ours(
        self, body: dict[str, Any], work: Callable[[], Awaitable[None]]
    ) -> Callable[[], Awaitable[None]]:
        """The work, unless another workspace wants it."""
        if is_from_our_workspace(body, self._us):
            return work

        async def refuse() -> None:
            _log.warning("an interaction from another workspace is refused")
            raise _Foreign

        return refuse

    async def _answered(
        self,
        work: Callable[[], Awaitable[None]],
        place: tuple[ChannelId, MessageTs | None],
        user: UserId,
    ) -> None:
        """Do what a person wants; a failure is told to them, never met with silence."""
        try:
            await work()
        except _Foreign:
            await self._tell(user, place, ELSEWHERE)
        except BridgeError as error:
            _log.warning("an interaction failed", error=str(error))
            await self._tell(user, place, NOT_NOW)

    async def _tell(
        self, user: UserId, place: tuple[ChannelId, MessageTs | None], sentence: str
    ) -> None:
        channel, thread_ts = place
        await self._forms.private_note(channel, user, sentence, thread_ts=thread_ts)

    async def _decide(self, verdict: Verdict, click: ButtonPressed) -> None:
        approval_id = ApprovalId(click.value)
        await self._intake.click(
            approval_id, user=click.user, verdict=verdict, card=click.ref, team=click.team
        )

    async def _open(self, form: Callable[..., Awaitable[None]], click: ButtonPressed) -> None:
        approval = await self._intake.approval(
            ApprovalId(click.value), user=click.user, card=click.ref, team=click.team
        )
        if approval is not None:
            await form(approval, trigger_id=click.trigger_id)

    async def _failed(self, error: Exception) -> None:
        """An event could not be stored. Bolt answers 500, which is no ack in Socket Mode."""
        EVENTS.labels("failed").inc()
        _log.error("event not stored, Slack will send it again", exc_info=error)
