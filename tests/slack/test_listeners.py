"""Events over a real Socket Mode connection, into an intake that remembers or fails."""

import json
import time
from contextlib import asynccontextmanager

import pytest
from slack_bolt.request.async_request import AsyncBoltRequest

from bridge.domain.errors import StoreUnavailable
from bridge.domain.ids import ChannelId, MessageTs, ThreadKey
from bridge.render import action_ids
from bridge.slack.auth_check import SocketAddresses
from bridge.slack.inbound.listeners import ELSEWHERE, NOT_NOW, Listeners
from bridge.slack.inbound.receiver import envelope_handler, make_app
from bridge.slack.inbound.socket_mode import SocketMode, SocketOptions
from bridge.telemetry import Tasks
from tests.slack.conftest import ADA
from tests.slack.samples import approval
from tests.support import eventually


class Notebook:
    """An intake that notes what it was told; the next `failures` events cannot be stored."""

    def __init__(self):
        self.heard = []
        self.failures = 0
        self.approvals = {}

    def _note(self, *what):
        if self.failures:
            self.failures -= 1
            raise StoreUnavailable("The disk is full.")
        self.heard.append(what)

    async def message(self, message):
        self._note("message", message)
        return True

    async def edited(self, message):
        self._note("edited", message.ts, message.text)

    async def deleted(self, team, ref):
        self._note("deleted", ref.ts)

    async def channel_renamed(self, team, old, new):
        self._note("renamed", old, new)

    async def reaction(self, team, ref, *, user, name):
        self._note("reaction", ref.ts, user, name)

    async def click(self, approval_id, *, user, verdict, card, team):
        self._note("click", approval_id, user, verdict.value, card.ts)

    async def reason(self, approval_id, *, user, reason, team):
        self._note("reason", approval_id, user, reason)

    async def stop(self, turn_id, *, user, ref, team):
        self._note("stop", turn_id, user, ref.ts)

    async def approval(self, approval_id, *, user, card, team):
        return self.approvals.get(approval_id)

    def messages(self):
        return [what[1] for what in self.heard if what[0] == "message"]


@asynccontextmanager
async def listening(desk, *, observer=None, **options):
    notebook, tasks = Notebook(), Tasks()
    app = make_app(desk.web_api, desk.us)
    Listeners(
        us=desk.us, intake=notebook, forms=desk.chat, tasks=tasks, observer=observer
    ).register(app)
    link = SocketMode(
        SocketOptions(app_token=desk.playground.app_token, **options),
        web_api=desk.web_api,
        addresses=SocketAddresses(
            desk.web_api, desk.playground.app_token, monotonic=time.monotonic
        ),
        handle=envelope_handler(app),
    )
    await link.start()
    try:
        await eventually(lambda: link.is_up)
        yield notebook
    finally:
        await link.stop()
        await tasks.aclose()


async def settled(desk):
    await eventually(lambda: desk.playground.undelivered == 0)


async def test_g1_an_event_that_cannot_be_stored_is_not_acked_and_comes_again(desk_with):
    async with (
        desk_with(ack_timeout_s=0.3, redelivery_delays_s=(0.0, 0.1, 0.1)) as desk,
        listening(desk) as notebook,
    ):
        notebook.failures = 2
        ts = desk.say("keep this")
        message = (await eventually(notebook.messages))[0]
        assert (message.ts, message.text) == (ts, "keep this")
        await settled(desk)
        tries = [entry for entry in desk.playground.entries("event") if entry["name"] == "message"]
        assert [entry["ok"] for entry in tries] == [False, False, True]


async def test_a_mention_arrives_twice_as_the_same_message(desk):
    async with listening(desk) as notebook:
        ts = desk.say(f"<@{desk.us.bot_user}> hello &amp; welcome")
        await eventually(lambda: len(notebook.messages()) == 2)
        assert {message.ts for message in notebook.messages()} == {ts}
        assert all(message.mentions_app for message in notebook.messages())
        assert len({message.event_id for message in notebook.messages()}) == 2


async def test_every_event_is_acked_also_those_that_nobody_asked_for(desk_with):
    async with desk_with(events=None) as desk, listening(desk) as notebook:
        desk.playground.dm("maya")  # app_home_opened
        desk.playground.invite("#random", "letta")  # member_joined_channel, channel_join
        await settled(desk)
        events = await eventually(lambda: desk.playground.entries("event"))
        assert {entry["name"] for entry in events} >= {"app_home_opened"}
        assert all(entry["ok"] for entry in events)
        assert notebook.messages() == []


async def test_our_own_posts_come_back_and_start_nothing(desk):
    async with listening(desk) as notebook:
        target = await desk.target()
        await eventually(notebook.messages)
        await desk.chat.notice(target.thread, "a notice", persona=ADA)
        await settled(desk)
        assert [message.text for message in notebook.messages()] == ["please look at this"]


async def test_edits_deletions_and_reactions_of_people_are_heard(desk):
    async with listening(desk) as notebook:
        ts = desk.say("first")
        desk.playground.edit("maya", "#engineering", ts, "second")
        desk.playground.react("jonas", "#engineering", ts, "octagonal_sign")
        await eventually(lambda: len(notebook.heard) == 3)
        assert ("edited", ts, "second") in notebook.heard
        assert ("reaction", ts, "U02JONASWEB", "octagonal_sign") in notebook.heard
        desk.playground.delete("maya", "#engineering", ts)
        await eventually(lambda: ("deleted", ts) in notebook.heard)


async def test_people_from_outside_and_direct_messages_are_told_apart(desk):
    async with listening(desk) as notebook:
        desk.say("hi from Northwind", channel="#partners", as_="sam")
        desk.playground.post("maya", desk.playground.dm("maya"), "just us")
        await eventually(lambda: len(notebook.messages()) == 2)
        outside, direct = sorted(notebook.messages(), key=lambda message: message.is_dm)
        assert (outside.from_outside, outside.is_dm) == (True, False)
        assert (direct.from_outside, direct.is_dm) == (False, True)


async def test_files_come_with_the_message(desk):
    async with listening(desk) as notebook:
        desk.playground.post("maya", "#engineering", "see", files=[("log.txt", b"all fine")])
        (message,) = await eventually(notebook.messages)
        (file,) = message.files
        assert (file.name, file.size) == ("log.txt", 8)
        assert await desk.chat.fetch(file, limit_bytes=100) == b"all fine"


@pytest.fixture
async def card(desk):
    """A posted card: its approval and where it stands."""
    target = await desk.target()
    asked = approval(target.turn_id, target.thread)
    ref = (await desk.ask(asked, thread_ts=target.thread_ts)).card
    return asked, ref


@pytest.mark.parametrize(
    ("action", "verdict"),
    [(action_ids.APPROVAL_ALLOW, "allow"), (action_ids.APPROVAL_DENY, "deny")],
)
async def test_a_click_on_a_card_is_acked_and_handed_on(desk, card, action, verdict):
    asked, ref = card
    async with listening(desk) as notebook:
        await desk.playground.click("maya", ref.channel, ref.ts, action)
        await eventually(lambda: [what for what in notebook.heard if what[0] == "click"])
        click = ("click", asked.approval_id, "U01MAYACHEN", verdict, ref.ts)
        assert click in notebook.heard


@pytest.mark.parametrize("team", [{"id": "T09OTHER"}, {}, None])
@pytest.mark.parametrize("kind", ["block_actions", "view_submission"])
async def test_g6_what_is_pressed_in_another_workspace_is_refused_and_answered(
    desk, card, kind, team
):
    asked, ref = card
    notebook, tasks = Notebook(), Tasks()
    app = make_app(desk.web_api, desk.us)
    Listeners(us=desk.us, intake=notebook, forms=desk.chat, tasks=tasks).register(app)
    metadata = {"approval": asked.approval_id, "channel": ref.channel, "thread_ts": None}
    body = {
        "type": kind,
        "team": team,
        "user": {"id": "U01MAYACHEN", "team_id": "T01PLAYGRND"},
        "container": {"channel_id": ref.channel, "message_ts": ref.ts},
        "actions": [
            {"type": "button", "action_id": action_ids.APPROVAL_ALLOW, "value": asked.approval_id}
        ],
        "view": {
            "type": "modal",
            "callback_id": action_ids.VIEW_REASON,
            "private_metadata": json.dumps(metadata),
        },
    }
    await app.async_dispatch(AsyncBoltRequest(mode="socket_mode", body=body))
    (note,) = await eventually(lambda: desk.playground.ephemerals("maya"))
    assert note["text"] == ELSEWHERE
    assert notebook.heard == []
    await tasks.aclose()


async def test_a_click_that_fails_is_answered_not_met_with_silence(desk, card):
    _, ref = card
    async with listening(desk) as notebook:
        await settled(desk)
        notebook.failures = 1
        await desk.playground.click("maya", ref.channel, ref.ts, action_ids.APPROVAL_ALLOW)
        note = (await eventually(lambda: desk.playground.ephemerals("maya")))[0]
        assert note["text"] == NOT_NOW


async def test_a_denial_with_a_reason_opens_a_form_and_hands_on_the_words(desk, card):
    asked, ref = card
    async with listening(desk) as notebook:
        notebook.approvals[asked.approval_id] = asked
        await desk.playground.click("maya", ref.channel, ref.ts, action_ids.APPROVAL_DENY_REASON)
        view = (await eventually(lambda: desk.playground.views("maya")))[-1]
        typed = {action_ids.REASON_BLOCK: {action_ids.REASON_INPUT: {"value": "too wide"}}}
        await desk.playground.submit_view("maya", view["id"], typed)
        said = ("reason", asked.approval_id, "U01MAYACHEN", "too wide")
        await eventually(lambda: said in notebook.heard)
        assert desk.playground.views("maya") == []


async def test_a_reason_that_cannot_be_stored_is_answered_not_met_with_silence(desk, card):
    asked, ref = card
    async with listening(desk) as notebook:
        notebook.approvals[asked.approval_id] = asked
        await desk.playground.click("maya", ref.channel, ref.ts, action_ids.APPROVAL_DENY_REASON)
        view = (await eventually(lambda: desk.playground.views("maya")))[-1]
        await settled(desk)
        notebook.failures = 1
        typed = {action_ids.REASON_BLOCK: {action_ids.REASON_INPUT: {"value": "too wide"}}}
        await desk.playground.submit_view("maya", view["id"], typed)
        note = (await eventually(lambda: desk.playground.ephemerals("maya")))[0]
        assert note["text"] == NOT_NOW
        assert note["thread_ts"] == asked.thread.thread_ts


async def test_the_full_view_opens_on_a_click(desk):
    target = await desk.target()
    asked = approval(target.turn_id, target.thread, command="x" * 5_000)
    ref = (await desk.ask(asked, thread_ts=target.thread_ts)).card
    async with listening(desk) as notebook:
        notebook.approvals[asked.approval_id] = asked
        await desk.playground.click("maya", ref.channel, ref.ts, action_ids.APPROVAL_VIEW)
        view = (await eventually(lambda: desk.playground.views("maya")))[-1]
        assert view["callback_id"] == action_ids.VIEW_FULL


async def test_the_stop_button_names_its_turn(desk):
    target = await desk.target()
    reply = desk.chat.open_reply(target)
    reply.append("1", "m", "Working on it")
    (message,) = await eventually(lambda: desk.thread(target))
    async with listening(desk) as notebook:
        await desk.playground.click(
            "maya", target.thread.channel, message["ts"], action_ids.TURN_STOP
        )
        stop = ("stop", target.turn_id, "U01MAYACHEN", message["ts"])
        await eventually(lambda: stop in notebook.heard)


async def test_a_dropped_connection_comes_back_and_nothing_is_lost(desk):
    async with listening(desk, ping_interval_s=0.5, down_s=0.5, check_s=0.05) as notebook:
        for abort in (False, True):
            await desk.playground.set_fault("drop_socket", abort=abort)
            text = f"said during the gap {abort}"
            desk.say(text)
            await eventually(
                lambda text=text: text in [m.text for m in notebook.messages()], within_s=8
            )
        await desk.playground.disconnect("refresh_requested")
        desk.say("after the refresh")
        await eventually(lambda: "after the refresh" in [m.text for m in notebook.messages()])


async def test_two_connections_serve_one_app(desk):
    async with listening(desk, connections=2) as notebook:
        await eventually(lambda: desk.playground.connections == 2)
        for number in range(10):
            desk.say(f"number {number}")
        await eventually(lambda: len(notebook.messages()) == 10)
        await settled(desk)
        assert len(notebook.messages()) == 10


class EventObserver:
    def __init__(self):
        self.took, self.missed = [], []

    def heard(self, event_ts):
        self.took.append(event_ts)

    def unstored(self, event_ts):
        self.missed.append(event_ts)

    def dropped(self, minute):
        self.missed.append(minute)


async def test_account_is_kept_of_every_event_by_slacks_clock(desk_with):
    observer = EventObserver()
    async with (
        desk_with(ack_timeout_s=0.3, redelivery_delays_s=(0.0, 0.1), events=None) as desk,
        listening(desk, observer=observer) as notebook,
    ):
        notebook.failures = 1
        ts = desk.say("keep this")
        await eventually(notebook.messages)
        await settled(desk)
        assert observer.missed == [ts]
        assert observer.took[-1] == ts
        desk.playground.invite("#random", "letta")  # nobody's words, and heard all the same
        await eventually(lambda: observer.took[-1] > ts)


async def test_a_channel_that_gets_another_id_is_told_and_called_by_it(desk):
    tasks, notebook = Tasks(), Notebook()
    app = make_app(desk.web_api, desk.us)
    Listeners(us=desk.us, intake=notebook, forms=desk.chat, tasks=tasks).register(app)
    old, new = ChannelId("G0OLD"), desk.channel()
    event = {"type": "channel_id_changed", "old_channel_id": old, "new_channel_id": new}
    body = {"type": "event_callback", "team_id": desk.us.team, "event_id": "Ev1", "event": event}
    await app.async_dispatch(AsyncBoltRequest(mode="socket_mode", body=body))
    assert notebook.heard == [("renamed", old, new)]
    desk.chat.channel_renamed(old, new)
    root = desk.say("please")
    await desk.chat.notice(ThreadKey(desk.us.team, old, MessageTs(root)), "still here")
    assert [m["text"] for m in desk.playground.messages(new, root)[1:]] == ["still here"]
    await tasks.aclose()
