"""What people say while nobody listens is answered afterwards: once, in order, and said so."""

import time
from dataclasses import replace

import pytest

from bridge.domain.errors import ChatRefused, StoreUnavailable
from bridge.domain.ids import MessageTs
from bridge.slack.auth_check import SocketAddresses
from bridge.slack.inbound.socket_mode import SocketMode, SocketOptions
from tests.queue_oracle import turn_counts
from tests.slack.lives import QUICKLY, answers, late_lines, lives_on, remember
from tests.support import eventually

DROPPED = {"offline_events": "drop", "redelivery_delays_s": ()}
"""A Slack that never sends again what nobody took."""

LOCKED = StoreUnavailable("The database is locked.")
GRANTED = ("app_mentions:read", "channels:history", "chat:write", "chat:write.customize")
LEAST = (*GRANTED, "groups:history", "im:history", "users:read")


def mention(desk, text):
    return f"<@{desk.us.bot_user}> {text}"


async def a_known_thread(lives, text="@ada hello"):
    """A thread in which ada has answered once."""
    desk = lives.desk
    root = desk.say(mention(desk, text))
    await lives.answered("#engineering", root)
    return root


async def test_g1_what_was_said_while_the_bridge_was_away_is_answered_once(desk_with):
    async with desk_with(**DROPPED) as desk, lives_on(desk) as lives:
        await lives.begin()
        await lives.event_gaps()
        thread = await a_known_thread(lives)
        dm = desk.playground.dm("maya")
        desk.say("hello in private", channel=dm)
        await lives.answered(dm, None)
        await lives.die()
        for text in ("second", "third"):
            desk.say(text, thread_ts=thread)
        fresh = desk.say(mention(desk, "new question"))
        desk.say("again in private", channel=dm)
        first_dm = desk.playground.dm("priya")
        desk.say("nobody knows me yet", channel=first_dm, as_="priya")
        desk.say("nothing for you", as_="jonas")
        await lives.begin()
        for channel, root, times in (
            ("#engineering", thread, 2),
            ("#engineering", fresh, 1),
            (dm, None, 2),
            (first_dm, None, 1),
        ):
            shown = await lives.answered(channel, root, times=times)
            await lives.caught_up()
            assert len(answers(shown)) == times
            assert len(late_lines(shown)) == 1
            assert "I was not running" in str(late_lines(shown))
        told = " ".join(lives.asked())
        assert told.index("second") < told.index("third"), "the oldest first"
        assert "nothing for you" not in told
        assert all(told.count(words) == 1 for words in ("third", "new question", "nobody knows"))


async def test_what_was_said_while_both_connections_were_down_is_answered(desk_with):
    async with desk_with(**DROPPED) as desk, lives_on(desk) as lives:
        await lives.begin()
        await lives.event_gaps()
        thread = await a_known_thread(lives)
        await desk.playground.set_fault("drop_socket", how="abort")
        await eventually(lambda: desk.playground.connections == 0)
        desk.say("are you there?", thread_ts=thread)
        await eventually(lambda: desk.playground.entries("event")[-1]["error"] == "dropped")
        shown = await lives.answered("#engineering", thread, times=2)
        await eventually(lambda: len(late_lines(lives.shown("#engineering", thread))) == 1)
        await lives.caught_up()
        assert "my connection to Slack was down" in str(lives.shown("#engineering", thread))
        assert len(answers(shown)) == 2


async def test_g2_what_came_as_an_event_is_not_answered_again(desk_with):
    async with desk_with() as desk, lives_on(desk) as lives:
        await lives.begin()
        await lives.event_gaps()
        thread = await a_known_thread(lives)
        for _ in range(2):
            await lives.die()
            await lives.begin()
            await lives.caught_up()
        shown = lives.shown("#engineering", thread)
        assert (len(answers(shown)), late_lines(shown)) == (1, [])
        assert len(lives.agent.inputs) == 1


async def test_what_was_said_before_somebody_was_asked_is_no_question(desk_with):
    """The overlap of a gap reaches back to words that were nobody's business then."""
    async with desk_with() as desk, lives_on(desk) as lives:
        await lives.begin()
        await lives.event_gaps()
        root = desk.say("shall we release?")
        desk.say("I think so", thread_ts=root, as_="jonas")
        await eventually(lambda: desk.playground.undelivered == 0)
        desk.say(mention(desk, "@ada do you?"), thread_ts=root)
        await lives.answered("#engineering", root)
        await lives.die()
        await lives.begin()
        await lives.caught_up()
        assert len(lives.agent.inputs) == 1


async def test_a_first_start_looks_for_nothing(desk_with):
    async with desk_with(**DROPPED) as desk, lives_on(desk) as lives:
        desk.say(mention(desk, "long before"))
        await lives.begin()
        await lives.event_gaps()
        await lives.caught_up()
        assert lives.agent.inputs == []
        assert desk.playground.calls("conversations.history") == []


async def test_g10_a_429_in_the_middle_is_waited_for(desk_with):
    async with desk_with(**DROPPED) as desk, lives_on(desk) as lives:
        await lives.begin()
        await lives.event_gaps()
        threads = [await a_known_thread(lives) for _ in range(2)]
        await lives.die()
        for thread in threads:
            desk.say("and then?", thread_ts=thread)
        for method in ("users.conversations", "conversations.history", "conversations.replies"):
            await desk.playground.set_fault("rate_limited", method=method, count=1, retry_after_s=1)
            await lives.begin()
            await eventually(lambda: not desk.playground.fault("rate_limited")["on"])
            await lives.die() if method != "conversations.replies" else None
        for thread in threads:
            await lives.answered("#engineering", thread, times=2)
        await lives.caught_up()
        assert len(lives.agent.inputs) == 4


async def test_g1_a_process_that_dies_while_catching_up_is_followed_by_one_that_goes_on(desk_with):
    async with desk_with(**DROPPED) as desk, lives_on(desk) as lives:
        await lives.begin()
        await lives.event_gaps()
        threads = [await a_known_thread(lives) for _ in range(3)]
        await lives.die()
        for thread in threads:
            desk.say("and then?", thread_ts=thread)
        await desk.playground.set_fault("slow", method="conversations.replies", delay_s=0.3)
        await lives.begin()
        await eventually(lambda: len(lives.agent.inputs) == 4)
        await lives.quiet()
        await lives.die()
        await desk.playground.set_fault("slow", False)
        assert await desk.store.event_gaps.gaps(desk.us.team), "what is still to be read is stored"
        # The next life hears a newer event at once; the gap still begins where it began.
        await lives.begin()
        newest = desk.say(mention(desk, "new"))
        await lives.answered("#engineering", newest)
        for thread in threads:
            shown = await lives.answered("#engineering", thread, times=2)
            assert len(answers(shown)) == 2
        await lives.caught_up()
        assert len(lives.agent.inputs) == 7


class Stumbling:
    """An engine that cannot take in its first `failures` messages, as `error` says."""

    def __init__(self, engine, failures, error=LOCKED):
        self._engine, self._failures, self._error = engine, failures, error

    def __getattr__(self, name):
        return getattr(self._engine, name)

    async def message(self, message):
        if self._failures:
            self._failures -= 1
            raise self._error
        return await self._engine.message(message)


class Choking:
    """An engine with a bug: it fails at one message, however often that comes."""

    def __init__(self, engine):
        self._engine = engine

    def __getattr__(self, name):
        return getattr(self._engine, name)

    async def message(self, message):
        if "odd" in message.text:
            raise KeyError("odd")
        return await self._engine.message(message)


class Crowded:
    """An engine to which Slack sends no message, so that only the past has any."""

    def __init__(self, engine):
        self._engine = engine
        self.dropped = []

    def __getattr__(self, name):
        return getattr(self._engine, name)

    async def message(self, message):
        if message.event_id is None:
            return await self._engine.message(message)
        self.dropped.append(message.ts)
        return False


class Unwilling:
    """A way to Slack on which one method is refused while there is a `code`."""

    def __init__(self, web_api, method, code):
        self._web_api, self._method, self.code = web_api, method, code
        self.refused = 0

    def __getattr__(self, name):
        return getattr(self._web_api, name)

    async def read(self, method, arguments, **options):
        if self.code is not None and method == self._method:
            self.refused += 1
            raise ChatRefused(method, self.code)
        return await self._web_api.read(method, arguments, **options)


class Reticent(Unwilling):
    """A Slack that does not say when a thread's newest reply came."""

    async def read(self, method, arguments, **options):
        answer = await self._web_api.read(method, arguments, **options)
        for item in answer.get("messages", ()):
            item.pop("latest_reply", None)
        return answer


async def test_g1_a_thread_that_does_not_say_when_its_newest_reply_came_is_read(desk_with):
    async with desk_with(**DROPPED) as desk, lives_on(desk) as lives:
        await lives.begin()
        await lives.event_gaps()
        root = desk.say("nobody asked you yet")
        await lives.die()
        desk.say(mention(desk, "but now"), thread_ts=root)
        await lives.begin(web_api=Reticent(desk.web_api, "", None))
        shown = await lives.answered("#engineering", root)
        assert len(answers(shown)) == 1


async def test_g1_a_mention_added_by_an_edit_while_the_bridge_was_away_is_answered(desk_with):
    async with desk_with(**DROPPED) as desk, lives_on(desk) as lives:
        await lives.begin()
        await lives.event_gaps()
        asked = desk.say("please look")
        await a_known_thread(lives)
        await lives.die()
        desk.playground.edit("maya", "#engineering", asked, mention(desk, "please look"))
        await lives.begin()
        shown = await lives.answered("#engineering", asked)
        assert len(answers(shown)) == 1


async def test_g1_what_could_not_be_stored_is_found_even_if_slack_gives_up(desk_with):
    async with desk_with(**DROPPED) as desk, lives_on(desk) as lives:
        await lives.begin(wrap=lambda engine: Stumbling(engine, failures=4))
        await lives.event_gaps()
        asked = desk.say(mention(desk, "do not lose this"))
        shown = await lives.answered("#engineering", asked)
        await lives.caught_up()
        assert len(answers(shown)) == 1


@pytest.mark.parametrize("method", ["users.conversations", "conversations.history"])
async def test_g1_a_refusal_that_says_nothing_of_a_channel_closes_no_gap(desk_with, method):
    """A token that Slack does not take for a while must not cost what was said meanwhile."""
    async with desk_with(**DROPPED) as desk, lives_on(desk) as lives:
        await lives.begin()
        await lives.event_gaps()
        await lives.die()
        asked = desk.say(mention(desk, "still there?"))
        unwilling = Unwilling(desk.web_api, method, "token_expired")
        await lives.begin(web_api=unwilling)
        await eventually(lambda: unwilling.refused >= 5)
        unwilling.code = None
        shown = await lives.answered("#engineering", asked)
        assert len(answers(shown)) == 1


async def test_g1_a_late_message_waits_until_slack_says_again_who_speaks(desk_with):
    async with desk_with(**DROPPED) as desk, lives_on(desk) as lives:
        await lives.begin()
        await lives.event_gaps()
        await lives.die()
        asked = desk.say(mention(desk, "still there?"))
        error = ChatRefused("users.info", "token_expired")
        await lives.begin(wrap=lambda engine: Stumbling(engine, failures=6, error=error))
        shown = await lives.answered("#engineering", asked)
        assert len(answers(shown)) == 1


async def test_g1_what_slack_drops_because_there_is_too_much_is_answered(desk_with):
    """It goes on dropping until the minute is over, after it said so."""
    async with desk_with(**DROPPED) as desk, lives_on(desk) as lives:
        wrapped = []
        await lives.begin(
            wrap=lambda engine: wrapped.append(Crowded(engine)) or wrapped[0],
            catch_up=replace(QUICKLY, dropping_s=1.0),
        )
        await lives.event_gaps()
        first = desk.say(mention(desk, "one of too many"))
        await eventually(lambda: first in wrapped[0].dropped)
        desk.playground.too_many_events(int(float(first)) // 60 * 60)
        await lives.answered("#engineering", first)
        second = desk.say(mention(desk, "and another"))
        shown = await lives.answered("#engineering", second)
        assert len(answers(shown)) == 1
        assert "Slack had too much to tell me at once" in str(late_lines(shown))
        (told,) = (e for e in desk.playground.entries("event") if e["name"] == "app_rate_limited")
        assert told["ok"], "it is acknowledged"


async def test_a_message_that_breaks_us_does_not_take_others_with_it(desk_with):
    async with desk_with(**DROPPED) as desk, lives_on(desk) as lives:
        await lives.begin()
        await lives.event_gaps()
        await lives.die()
        desk.say(mention(desk, "odd"))
        asked = desk.say(mention(desk, "even"))
        await lives.begin(wrap=Choking)
        shown = await lives.answered("#engineering", asked)
        await lives.caught_up()
        assert len(answers(shown)) == 1


async def test_what_was_said_before_we_were_in_a_channel_is_no_question(desk_with):
    """As it is when the bridge runs: Slack tells an app nothing of channels that it is not in."""
    async with desk_with(**DROPPED) as desk, lives_on(desk) as lives:
        await lives.begin()
        await lives.event_gaps()
        await lives.die()
        root = desk.say("@ada is who does that", channel="#random")
        desk.say("@ada or not?", channel="#random", thread_ts=root)
        desk.playground.invite("#random", "letta")
        asked = desk.say(mention(desk, "now I ask you"), channel="#random")
        desk.say("and @ada here", channel="#random", thread_ts=root)
        await lives.begin()
        await lives.answered("#random", asked)
        await lives.answered("#random", root)
        await lives.caught_up()
        assert len(lives.agent.inputs) == 2


async def test_bots_and_our_own_words_start_nothing(desk_with):
    async with desk_with(**DROPPED) as desk, lives_on(desk) as lives:
        await lives.begin()
        await lives.event_gaps()
        thread = await a_known_thread(lives)
        channel = desk.channel()
        await lives.die()
        for text in ("our own words", mention(desk, "to ourselves")):
            arguments = {"channel": channel, "text": text, "thread_ts": thread}
            await desk.web_api.client.chat_postMessage(**arguments)
        await lives.begin()
        await lives.caught_up()
        assert len(lives.agent.inputs) == 1
        assert late_lines(lives.shown("#engineering", thread)) == []


async def test_an_edit_in_the_gap_reaches_what_waits(desk_with):
    async with desk_with(**DROPPED) as desk, lives_on(desk) as lives:
        lives.agent.on_input = lambda _: None  # at work, and not done when the process dies
        await lives.begin()
        await lives.event_gaps()
        root = desk.say(mention(desk, "@ada begin"))
        await eventually(lambda: lives.agent.inputs)
        waiting = desk.say("then count the fils", thread_ts=root)

        async def waits():
            return (await turn_counts(desk.store))["waiting"] == 1

        await eventually(waits)
        await lives.die()
        desk.playground.edit("maya", "#engineering", waiting, "then count the files")
        await lives.begin()
        await lives.caught_up()
        located = await desk.store.messages.find(desk.us.team, desk.channel(), MessageTs(waiting))
        (turn,) = located.turns
        (message,) = await desk.store.turn_queue.messages(turn.turn_id)
        assert message.said.text == "then count the files"


async def test_without_the_scopes_known_places_are_caught_up(desk_with):
    async with desk_with(scopes=LEAST, **DROPPED) as desk, lives_on(desk) as lives:
        await lives.begin()
        await lives.event_gaps()
        thread = await a_known_thread(lives)
        await lives.die()
        desk.say("and then?", thread_ts=thread)
        await lives.begin()
        await lives.answered("#engineering", thread, times=2)
        await lives.caught_up()
        assert desk.playground.calls("users.conversations") == []


async def test_apps_that_may_read_fifteen_at_a_time_are_caught_up_too(desk_with):
    async with desk_with(history_limit=15, **DROPPED) as desk, lives_on(desk) as lives:
        await lives.begin()
        await lives.event_gaps()
        thread = await a_known_thread(lives)
        await lives.die()
        for number in range(40):
            desk.say(f"chatter {number}", as_="jonas")
            desk.say(f"part {number}", thread_ts=thread)
        asked = desk.say(mention(desk, "after all that"))
        await lives.begin()
        await lives.answered("#engineering", asked)
        await lives.answered("#engineering", thread, times=2)
        await lives.caught_up()
        told = " ".join(lives.asked())
        assert [told.count(f"part {n}<") for n in range(40)] == [1] * 40


async def test_ten_thousand_known_threads_take_a_dozen_calls(desk_with):
    """The threads began long before the gap; two of them have news."""
    old = replace(QUICKLY, overlap_s=0.0, look_back_s=0.0)
    async with desk_with(inspector_size=20_000, **DROPPED) as desk, lives_on(desk) as lives:
        roots = [desk.say(f"thread {number}") for number in range(10_000)]
        await remember(desk, roots)
        for root in (roots[17], roots[5_000]):
            desk.say("and then?", thread_ts=root)
        before = len(desk.playground.calls())
        await lives.begin(catch_up=old)
        for root in (roots[17], roots[5_000]):
            shown = await lives.answered("#engineering", root)
            assert len(answers(shown)) == 1
        await lives.caught_up()
        calls = [entry.name for entry in desk.playground.calls()[before:]]
        assert len(lives.agent.inputs) == 2
        channels = 3
        assert calls.count("users.conversations") == 1
        assert calls.count("conversations.history") == channels + 11
        news, fresh_histories = 2, 2
        assert calls.count("conversations.replies") == news + fresh_histories


async def test_what_another_program_takes_is_answered_all_the_same(desk_with):
    """Two processes on one app: Slack gives each event to any one of their connections."""
    taken = []

    async def take(client, request):
        taken.append(request)
        await client.send_socket_mode_response({"envelope_id": request.envelope_id})

    async with desk_with(**DROPPED) as desk, lives_on(desk) as lives:
        await lives.begin(connections=1, census_s=0.1, confirm_s=1.0)
        await lives.event_gaps()
        app_token = desk.playground.app_token
        thief = SocketMode(
            SocketOptions(app_token=app_token, connections=5),
            web_api=desk.web_api,
            addresses=SocketAddresses(desk.web_api, app_token, monotonic=time.monotonic),
            handle=take,
        )
        await thief.start()
        try:
            await eventually(lambda: lives.now.intake.warning)
            roots = [desk.say(mention(desk, f"question {number}")) for number in range(6)]
            for root in roots:
                shown = await lives.answered("#engineering", root)
                assert len(answers(shown)) == 1
        finally:
            await thief.stop()
        assert taken, "the other program got some of them"
        await eventually(lambda: lives.now.intake.warning is None)
        await lives.caught_up()
        lines = [late_lines(lives.shown("#engineering", root)) for root in roots]
        assert all(len(late) <= 1 for late in lines)
        assert "another program received them" in str(lines)
        assert len(lives.agent.inputs) == 6
