"""Approval service: approvals from question to answer.

The stored row is the truth and changes state by one compare-and-set; the card only shows it, and
is delivered like every other write to Slack (G4, G6).
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from bridge.domain import approvals as policy
from bridge.domain import permissions
from bridge.domain.approvals import Approval, ApprovalState, Click
from bridge.domain.bindings import ClaimedTurn
from bridge.domain.errors import ChatError, StoreError
from bridge.domain.events import ApprovalAsked, ApprovalSettled, Verdict
from bridge.domain.ids import ApprovalId, MessageRef, MessageTs, TurnId, UserId
from bridge.domain.outbox_entry import OutboxEntry
from bridge.domain.teammates import Persona
from bridge.engine.context import EngineContext
from bridge.retry import RetryPolicy, retry
from bridge.telemetry import APPROVALS, Tasks, bounded, get_logger

log = get_logger("engine.approval_service")

Tell = Callable[[TurnId, ApprovalSettled], bool]
"""Hands a settled approval to the turn that waits for it; False when no turn does."""

Waits = Callable[[TurnId, str], bool | None]
"""Whether the turn waits for the answer to a request; None while that must be learnt anew."""

_STORE_RETRY = RetryPolicy(first_s=0.5, longest_s=5.0)

_NOT_NOW = "The connection to the agent is being restored. Please press again in a moment."
_TOO_LATE = "The agent no longer waits for this, so nothing was run."
_ENDED = "The turn has ended."
_NOT_SHOWN = "Slack would not show the agent's request for approval, so nobody was asked."
_UNKNOWN = "This request is not known any more."
_REPLACED = "This was replaced by a newer request in the thread, so nothing was run."

_ENDS = {
    Verdict.ALLOW: ApprovalState.ALLOWED,
    Verdict.DENY: ApprovalState.DENIED,
    Verdict.EXPIRED: ApprovalState.EXPIRED,
}
_VERDICTS = {state: verdict for verdict, state in _ENDS.items()}


class ApprovalTimeouts:
    """Asks the store what is pending and sleeps until the first is due; never in two tasks."""

    def __init__(
        self, context: EngineContext, tasks: Tasks, *, expire: Callable[[Approval], Awaitable[None]]
    ) -> None:
        self._context = context
        self._tasks = tasks
        self._expire = expire
        self._added = asyncio.Event()
        self._sweeping: asyncio.Task[None] | None = None
        self._due: dict[ApprovalId, float] = {}

    def watch(self) -> None:
        """There may be a new pending approval."""
        self._added.set()
        if self._sweeping is None or self._sweeping.done():
            self._sweeping = self._tasks.spawn(self._sweep(), name="expiries")

    def moment_of(self, approval: Approval) -> datetime:
        """Now, as far as this approval's end is concerned: it may be compared with that alone."""
        return approval.expires_at - timedelta(seconds=self._left_s(approval))

    async def _sweep(self) -> None:
        """Until nothing is pending."""
        while self._added.is_set():
            self._added.clear()
            await retry(
                self._work_off,
                policy=_STORE_RETRY,
                may_help=lambda error: isinstance(error, StoreError),
                failed=lambda error, _: log.warning(
                    "expiries wait for the database", cause=str(error)
                ),
            )

    async def _work_off(self) -> None:
        while pending := await self._context.store.approvals.open_all():
            first = min(pending, key=self._left_s)
            self._forget_all_but(pending)
            left_s = self._left_s(first)
            if left_s <= 0:
                await self._expire(first)
            else:
                await self._added_within(left_s)
        self._due.clear()

    def _left_s(self, approval: Approval) -> float:
        """Seconds until it expires; never more than it was given when it was asked."""
        monotonic = self._context.clock.monotonic()
        if approval.approval_id not in self._due:
            left = approval.expires_at - self._context.clock.now()
            left = min(left, approval.expires_at - approval.asked_at)
            self._due[approval.approval_id] = monotonic + left.total_seconds()
        return self._due[approval.approval_id] - monotonic

    def _forget_all_but(self, pending: list[Approval]) -> None:
        open_ids = {approval.approval_id for approval in pending}
        self._due = {which: due for which, due in self._due.items() if which in open_ids}

    async def _added_within(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._added.wait()
            self._added.clear()
        except TimeoutError:
            return


class ApprovalService:
    """Keeps the approvals of all turns."""

    def __init__(self, context: EngineContext, tasks: Tasks, *, tell: Tell, waits: Waits) -> None:
        self._context = context
        self._tasks = tasks
        self._tell = tell
        self._waits = waits
        self._storing = asyncio.Lock()
        self._busy: set[asyncio.Task[Any]] = set()
        self._timeouts = ApprovalTimeouts(context, tasks, expire=self._expire)
        context.chat.when_card_fails(self._nobody_can_answer)

    async def recover(self, live: frozenset[TurnId]) -> None:
        """At start: close what an earlier process left, but not the questions of `live` turns.

        Returns once it is stored; the cards follow. Raises `StoreError`.
        """
        for approval in await self._context.store.approvals.open_all():
            if approval.turn_id not in live:
                await self._void(approval, _ENDED)
        self._timeouts.watch()

    async def aclose(self, *, within_s: float) -> None:
        """Wait, at most so long, for questions and cards that are being stored and shown."""
        await bounded(self._idle(), within_s=within_s, what="cards")

    async def ask(
        self,
        claimed: ClaimedTurn,
        asked: ApprovalAsked,
        persona: Persona,
        thread_ts: MessageTs | None,
    ) -> None:
        """Store the question and show its card.

        A question that the server repeats after a reconnect keeps its row and its card; one that
        was decided meanwhile is told to the turn at once. A request that asks for something else
        than before is a new question, and the old one is void. Once begun, it is done to its
        end even when the caller is cancelled. Raises `StoreError`.
        """
        asking = self._spawn(
            self._ask(claimed, asked, persona, thread_ts), name=f"ask {asked.request_id}"
        )
        await asyncio.shield(asking)  # a turn that ends meanwhile leaves no live card behind

    async def _ask(
        self,
        claimed: ClaimedTurn,
        asked: ApprovalAsked,
        persona: Persona,
        thread_ts: MessageTs | None,
    ) -> None:
        approval = await self._draft(claimed, asked)
        card = self._context.chat.card(approval, persona=persona, thread_ts=thread_ts)
        known = await self._stored(approval, card)
        self._timeouts.watch()
        if known is not None:
            await self._again(known)
        elif self._waits(approval.turn_id, approval.request_id) is False:
            await self._void(approval, _TOO_LATE)
        else:
            await self._context.chat.show_card(approval, new=True)

    async def _stored(self, approval: Approval, card: OutboxEntry) -> Approval | None:
        """Store the question; or the one that was asked before, when it is the same."""
        async with self._storing:  # two questions under one name are stored one after the other
            known = await self._newest(approval)
            if known is not None and known.digest == approval.digest and not _is_void(known):
                return known
            if known is not None:
                await self._void(known, _REPLACED)
            await self._context.store.approvals.create(approval, card)
        return None

    async def decide(
        self,
        approval_id: ApprovalId,
        *,
        user: UserId,
        verdict: Verdict,
        card: MessageRef | None,
        team: str = "",
        reason: str | None = None,
    ) -> None:
        """Decide by a person's click, or tell that person privately why it does not count.

        `card` is the message that was pressed; None when the decision came from a form. `team` is
        the workspace to which the click says that the person belongs; empty: it does not say.
        Raises `ChatError` while Slack does not say who it is.
        """
        approval = await self._context.store.approvals.get(approval_id)
        if approval is not None and card is not None:
            approval = await self._adopted(approval, card)
        person = await self._context.chat.person(user, fresh=True)
        click = Click(approval_id, person, verdict, card, team, reason)
        refused = _UNKNOWN if approval is None else await self._click(approval, click)
        if refused is not None:
            await self._refuse(click, approval, refused)

    async def view(
        self, approval_id: ApprovalId, *, user: UserId, card: MessageRef, team: str
    ) -> Approval | None:
        """The approval, for a person who wants to see it whole; None when they may not, of which
        they are told. Raises `ChatError` while Slack does not say who it is.
        """
        approval = await self._context.store.approvals.get(approval_id)
        person = await self._context.chat.person(user, fresh=True)
        click = Click(approval_id, person, Verdict.DENY, card, team)
        options = self._context.options
        refused = (
            _UNKNOWN
            if approval is None
            else permissions.reason_to_hide(approval, click, options.people, options.approvals)
        )
        if refused is None:
            return approval
        await self._refuse(click, approval, refused)
        return None

    async def _refuse(self, click: Click, approval: Approval | None, sentence: str) -> None:
        user, place = click.person.user, click.card or (approval.card if approval else None)
        log.info("click refused", approval=click.approval_id, user=user, reason=sentence)
        if place is not None:
            thread_ts = approval.thread.thread_ts if approval is not None else None
            await self._context.chat.private_note(
                place.channel, user, sentence, thread_ts=thread_ts
            )

    async def _click(self, approval: Approval, click: Click) -> str | None:
        refused = permissions.reason_to_deny(
            approval, click, self._context.options.approvals, now=self._timeouts.moment_of(approval)
        )
        if refused is not None:
            return refused
        newest = await self._newest(approval)
        if newest is not None and newest.approval_id != approval.approval_id:
            await self._void(approval, _REPLACED)
            return _REPLACED
        waits = self._waits(approval.turn_id, approval.request_id)
        if waits is None:
            return _NOT_NOW
        if not waits:
            await self._void(approval, _TOO_LATE)
            return _TOO_LATE
        settled = await self._settle(
            approval.approval_id, _ENDS[click.verdict], by=click.person.user, cause=click.reason
        )
        if settled is None:
            first = await self._context.store.approvals.get(click.approval_id)
            return policy.settled_sentence(first or approval)
        if not self._tell_turn(settled, click.verdict, who=click.person.name):
            log.warning("decided, but no turn waits", approval=approval.approval_id)
            return _TOO_LATE
        return None

    async def _adopted(self, approval: Approval, pressed: MessageRef) -> Approval:
        """The approval with its card. A process that died had posted it, but not noted it."""
        if approval.card is not None or pressed.channel != approval.thread.channel:
            return approval
        outbox = self._context.store.outbox
        card = await outbox.card_of(approval.approval_id)
        if card is None:
            return approval
        await outbox.sent(card.outbox_id, pressed.ts, None)
        adopted = replace(approval, card=pressed)
        if adopted.state is not ApprovalState.PENDING:
            self._show(adopted)
        return adopted

    async def shown_calls(self, turn_id: TurnId) -> frozenset[str]:
        """The tool calls about which a card stands in the thread. Raises `StoreError`."""
        return await self._context.store.approvals.shown_calls(turn_id)

    async def void(self, turn_id: TurnId, request_ids: tuple[str, ...], cause: str) -> None:
        """Close questions that are no longer open on the server; `cause` is a sentence."""
        await self._void_open(turn_id, cause, lambda asked: asked.request_id in request_ids)

    async def void_unless(
        self, turn_id: TurnId, pending: frozenset[str], *, asked_before: datetime, cause: str
    ) -> None:
        """Close questions from before a lost link that the server does not wait for any more."""

        def gone(asked: Approval) -> bool:
            return asked.request_id not in pending and asked.asked_at < asked_before

        await self._void_open(turn_id, cause, gone)

    async def void_all_of(self, turn_id: TurnId, cause: str) -> None:
        """Close every open question of a turn that has ended."""
        await self._void_open(turn_id, cause, lambda _: True)

    async def _void_open(
        self, turn_id: TurnId, cause: str, gone: Callable[[Approval], bool]
    ) -> None:
        async with self._storing:  # a question that is asked again meanwhile finds it void
            for approval in await self._context.store.approvals.open_of_turn(turn_id):
                if gone(approval):
                    await self._void(approval, cause)

    async def _draft(self, claimed: ClaimedTurn, asked: ApprovalAsked) -> Approval:
        """Work that nobody asked for is in the hands of who asked last."""
        requester = claimed.requester or await self._context.store.turn_queue.last_requester(
            claimed.binding.binding_id
        )
        now = self._context.clock.now()
        return Approval(
            approval_id=ApprovalId(self._context.clock.new_id()),
            turn_id=claimed.turn_id,
            thread=claimed.binding.thread,
            teammate=claimed.binding.teammate,
            request_id=asked.request_id,
            call_id=asked.call_id,
            tool_name=asked.tool_name,
            arguments=asked.arguments,
            diffs=asked.diffs,
            digest=policy.digest(asked.tool_name, asked.arguments, asked.diffs),
            requester=requester,
            asked_at=now,
            expires_at=now + timedelta(seconds=self._context.options.approvals.expiry_s),
        )

    async def _again(self, known: Approval) -> None:
        """The server repeats itself: it did not hear the decision, if there is one."""
        if known.state is not ApprovalState.PENDING:
            who = await self._name_of(known.decided_by)
            self._tell_turn(known, _VERDICTS[known.state], who=who)

    async def _name_of(self, user: UserId | None) -> str | None:
        """What the person is called; None for nobody, and while Slack cannot say."""
        if user is None:
            return None
        try:
            return (await self._context.chat.person(user)).name
        except ChatError:
            return None

    def _tell_turn(self, settled: Approval, verdict: Verdict, *, who: str | None) -> bool:
        """Hand the decision to the turn, for exactly what was shown; False when none waits."""
        told = ApprovalSettled(settled.request_id, verdict, who, settled.cause, settled.digest)
        return self._tell(settled.turn_id, told)

    async def _newest(self, approval: Approval) -> Approval | None:
        """The newest question under this one's name: the only one that counts (G6)."""
        return await self._context.store.approvals.newest_by_request(
            approval.turn_id, approval.request_id
        )

    async def _nobody_can_answer(self, approval_id: ApprovalId) -> None:
        """Its card cannot be shown: people and the agent are told so. Raises `StoreError`."""
        settled = await self._settle(approval_id, ApprovalState.EXPIRED, by=None, cause=_NOT_SHOWN)
        if settled is not None:
            self._tell_turn(settled, Verdict.EXPIRED, who=None)
            await self._context.chat.notice(settled.thread, _NOT_SHOWN)

    async def _expire(self, approval: Approval) -> None:
        settled = await self._settle(
            approval.approval_id, ApprovalState.EXPIRED, by=None, cause=None
        )
        if settled is not None:
            self._tell_turn(settled, Verdict.EXPIRED, who=None)

    async def _void(self, approval: Approval, cause: str) -> None:
        await self._settle(approval.approval_id, ApprovalState.VOID, by=None, cause=cause)

    async def _settle(
        self, approval_id: ApprovalId, state: ApprovalState, *, by: UserId | None, cause: str | None
    ) -> Approval | None:
        settled = await self._context.store.approvals.settle(
            approval_id, state=state, by=by, cause=cause, now=self._context.clock.now()
        )
        if settled is not None:
            APPROVALS.labels(end=state.value).inc()
            self._show(settled)
        return settled

    def _show(self, approval: Approval) -> None:
        """Bring the card to what the approval is now. Returns at once."""
        self._spawn(
            self._context.chat.show_card(approval), name=f"show card {approval.approval_id}"
        )

    def _spawn(self, work: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        """Run work that `aclose` waits for."""
        task = self._tasks.spawn(work, name=name)
        self._busy.add(task)
        task.add_done_callback(self._busy.discard)
        return task

    async def _idle(self) -> None:
        while self._busy:
            await asyncio.wait(list(self._busy))


def _is_void(approval: Approval) -> bool:
    return approval.state is ApprovalState.VOID
