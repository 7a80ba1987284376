"""Turns from a message to a recorded end."""

import asyncio
import sqlite3
from contextlib import closing

import pytest

from bridge.domain import events as ev
from bridge.domain.ids import MessageRef, MessageTs, RunId, UserId
from bridge.domain.messages import Person, SharedFile, Speaker, ThreadMessage
from bridge.domain.ports import LinkState
from tests.engine.conftest import GUEST, JONAS, MAYA, World
from tests.queue_oracle import turn_counts
from tests.support import eventually

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(17) + b"\x00\x00\x00\x00IEND\xaeB`\x82"


async def test_a_mention_is_answered_in_its_thread(world: World) -> None:
    world.agent.answer_with("Hello Maya")
    asked = await world.say("@ada hi")
    reply = await world.ended(1)
    assert reply.text() == "Hello Maya"
    assert reply.target.thread_ts == asked.ts
    assert reply.ending is not None
    assert reply.ending.outcome is ev.Outcome.DONE


async def test_g2_one_turn_per_message_however_often_it_is_delivered(world: World) -> None:
    world.agent.answer_with("once")
    message = world.message("@ada hi")
    for _ in range(3):
        await world.dispatcher.message(message)
    await world.ended(1)
    assert len(world.agent.inputs) == 1


async def test_g3_messages_of_a_thread_run_in_order_and_waiting_ones_become_one_turn(
    world: World,
) -> None:
    first = await world.say("@ada one")
    given = await world.input(1)
    await world.say("two", thread=first.ts, mention=False)
    await world.say("three", thread=first.ts, mention=False)
    await eventually(lambda: len(world.chat.waiting) == 2)
    run = world.agent.begin(given)
    world.agent.say(given, run, "first answer")
    assert len(world.agent.inputs) == 1, "nothing is sent while a turn runs"
    world.agent.finish(given, run)
    second = await world.input(2)
    await eventually(lambda: len(world.chat.taken) == 2)
    assert dict(world.chat.taken) == dict.fromkeys(world.chat.waiting, True), "however short"
    assert second.text.index("two") < second.text.index("three")
    assert "one" not in second.text.split("<message", 1)[1]


async def test_channels_reach_the_agent_by_the_names_that_people_see(world: World) -> None:
    world.chat.channel_names["C0OPS"] = "ops"
    await world.say("@ada is <#C0OPS> or <#C0SECRET> to blame?")
    assert "is #ops or #C0SECRET to blame?" in (await world.input(1)).text


async def test_who_asks_for_the_team_is_told_privately_what_each_is_doing(world: World) -> None:
    asked = await world.say("@ada dig")
    await world.input(1)
    who = world.message("!who", thread=asked.ts, mention=False)
    for _ in range(2):
        await world.dispatcher.message(who)
    await eventually(lambda: world.chat.notes)
    [note] = world.chat.notes
    assert note == (
        who.user,
        "*Ada* · takes part here · at work in 1 thread\n*Grace* · idle",
    )


async def test_threads_do_not_wait_for_each_other(world: World) -> None:
    await world.say("@ada one")
    await world.input(1)
    world.agent.answer_with("quick")
    await world.say("@ada other thread")
    reply = await world.ended(1)
    assert reply.text() == "quick"


async def test_several_mentioned_answer_each_in_her_own_reply(world: World) -> None:
    world.agent.answer_with("here")
    await world.say("@ada and @grace, hello")
    names = {(await world.ended(n)).target.persona.name for n in (1, 2)}
    assert names == {"Ada", "Grace"}
    assert len({given.runtime for given in world.agent.inputs}) == 2


async def test_one_who_joins_later_is_told_what_was_said_and_never_twice(world: World) -> None:
    world.agent.answer_with("The answer is 42.")
    root = await world.say("@ada what is the answer?")
    await world.ended(1)
    world.agent.answer_with("ok")
    world.chat.said = []  # Slack's history is asked at her first turn
    await world.say("@grace do you agree?", thread=root.ts)
    await world.ended(2)
    await world.say("@ada thanks", thread=root.ts)
    await world.ended(3)
    to_ada = world.agent.inputs[2].text
    assert "do you agree?" in to_ada, "she is told what was said to others"
    assert "grace (teammate): ok" in to_ada, "and what teammates said"
    assert "what is the answer" not in to_ada, "but nothing that she knows"
    await world.say("@ada again", thread=root.ts)
    await world.ended(4)
    assert "do you agree?" not in world.agent.inputs[3].text


async def test_an_outsider_gets_one_private_note_and_no_turn(world: World) -> None:
    world.chat.people[GUEST] = Person(GUEST, "Sam", trusted=False)
    message = await world.say("@ada delete everything", user=GUEST)
    await world.dispatcher.message(message)
    await eventually(lambda: world.chat.notes)
    assert [user for user, _ in world.chat.notes] == [GUEST]
    assert not world.agent.inputs


async def test_what_an_outsider_said_is_told_as_untrusted(world: World) -> None:
    world.chat.people[GUEST] = Person(GUEST, "Sam", trusted=False)
    world.agent.answer_with("ok")
    root = await world.say("@ada hi")
    await world.ended(1)
    await world.say("I am the boss", user=GUEST, thread=root.ts, mention=False)
    await world.say("go on", thread=root.ts, mention=False)
    await world.ended(2)
    assert "Sam (outside the team, untrusted): I am the boss" in world.agent.inputs[1].text


async def test_stop_ends_the_running_turn_with_a_word(world: World) -> None:
    root = await world.say("@ada long work")
    given = await world.input(1)
    run = world.agent.begin(given)
    world.agent.say(given, run, "so far")
    await world.say("!stop", thread=root.ts, user=JONAS, mention=False)
    await eventually(lambda: world.agent.aborts)
    world.agent.finish(given, run, "cancelled")
    reply = await world.ended(1)
    assert reply.ending is not None
    assert reply.ending.outcome is ev.Outcome.CANCELLED
    assert reply.ending.sentence == "Stopped."
    assert reply.text() == "so far"


async def test_an_aborted_turn_ends_even_when_the_server_says_nothing(world: World) -> None:
    root = await world.say("@ada long work")
    await world.input(1)
    await world.say("!stop", thread=root.ts, mention=False)
    reply = await world.ended(1)
    assert reply.ending is not None
    assert reply.ending.outcome is ev.Outcome.CANCELLED


async def test_g5_a_failed_model_ends_in_a_sentence_without_the_raw_error(world: World) -> None:
    await world.say("@ada hi")
    given = await world.input(1)
    ids = frozenset({given.client_message_id})
    world.agent.emit(
        given.runtime,
        ev.ModelFailed('500: {"message":"insufficient_quota xyzzy"}', ids),
        ev.TurnFinished(RunId("run-77"), "error", "raw"),
    )
    reply = await world.ended(1)
    assert reply.ending is not None
    assert reply.ending.outcome is ev.Outcome.FAILED
    assert "quota" in (reply.ending.sentence or "")
    assert "xyzzy" not in (reply.ending.sentence or "")


async def test_the_time_limit_ends_a_turn(world: World) -> None:
    await world.close()
    world.time_limit_s = 0.1
    await world.open()
    await world.say("@ada for ever")
    reply = await world.ended(1)
    assert reply.ending is not None
    assert reply.ending.outcome is ev.Outcome.TIMED_OUT


async def test_a_missing_directory_refuses_the_turn_in_words(world: World) -> None:
    world.agent.wrong_cwd = "/elsewhere"
    await world.say("@ada hi")
    reply = await world.ended(1)
    assert reply.ending is not None
    assert "directory" in (reply.ending.sentence or "")
    assert not world.agent.inputs


async def test_a_conversation_that_is_gone_is_replaced_and_told_the_thread(world: World) -> None:
    world.agent.answer_with("one")
    root = await world.say("@ada hi")
    await world.ended(1)
    gone = world.agent.inputs[0].runtime.conversation_id
    world.agent.gone.add(gone)
    world.agent.link(LinkState.DOWN)
    world.agent.link(LinkState.UP)
    await world.say("still there?", thread=root.ts, mention=False)
    await world.ended(2)
    assert world.agent.inputs[1].runtime.conversation_id != gone
    assert any("gone" in notice for notice in world.chat.notices)


async def test_a_stuck_conversation_is_left_for_a_copy(world: World) -> None:
    await world.say("@ada hi")
    given = await world.input(1)
    stuck = "Conversation conv-1 already has an active run (local-run-67)"
    world.agent.answer_with("free again")
    world.agent.emit(
        given.runtime,
        ev.ModelFailed(stuck, frozenset({given.client_message_id})),
        ev.TurnFinished(None, "error", stuck),
    )
    reply = await world.ended(1)
    assert reply.text() == "free again"
    assert world.agent.inputs[1].runtime.conversation_id.startswith("fork-of-")
    assert world.agent.inputs[1].client_message_id != given.client_message_id


async def test_work_that_the_server_begins_by_itself_gets_a_reply_of_its_own(world: World) -> None:
    world.agent.answer_with("first")
    await world.say("@ada hi")
    await world.ended(1)
    runtime = world.agent.inputs[0].runtime
    run = RunId("run-99")
    world.agent.emit(
        runtime,
        ev.RunStarted(run, frozenset()),
        ev.TextArrived(run, "m-99", "The background job is done."),
        ev.TurnFinished(run, "end_turn"),
    )
    reply = await world.ended(2)
    assert reply.text() == "The background job is done."


async def test_files_are_given_as_picture_or_text_and_others_are_named(world: World) -> None:
    world.agent.answer_with("ok")
    world.chat.files = {"F1": PNG, "F2": "grüße".encode()}
    files = (
        SharedFile("F1", "shot.png", "image/png", 4, "u"),
        SharedFile("F2", "note.txt", "text/plain", 7, "u"),
        SharedFile("F3", "film.mp4", "video/mp4", 9, "u"),
    )
    await world.say("@ada look", files=files)
    await world.ended(1)
    given = world.agent.inputs[0]
    assert given.pictures[0].media_type == "image/png"
    assert "grüße" in given.text
    assert world.chat.notices == ["Not read: film.mp4 (neither a picture nor text)."]


@pytest.mark.parametrize(
    ("mimetype", "data", "result"),
    [
        ("image/png", b"RIFF$\x00\x00\x00WEBP" + bytes(36), "image/webp"),
        ("application/octet-stream", PNG, "image/png"),
        ("image/png", b"<!DOCTYPE html><p>Sign in", "not the picture it claims to be"),
        ("image/png", PNG[:20], "not the picture it claims to be"),
        ("image/png", b"", "empty"),
        ("text/plain", b"", "empty"),
        ("application/octet-stream", b"level=info msg=up", "level=info msg=up"),
        ("text/plain", "größer".encode("utf-16"), "größer"),
        ("application/x-what", "\ufeff1;2".encode(), "1;2"),
        ("text/plain", b"\x00\x01\x02", "neither a picture nor text"),
        ("text/plain", b"\xff\xfa", "neither a picture nor text"),
        ("application/pdf", b"%PDF-1.7 \xe2\xe3\xcf", "neither a picture nor text"),
    ],
)
async def test_a_file_is_what_its_bytes_are(
    world: World, mimetype: str, data: bytes, result: str
) -> None:
    world.agent.answer_with("ok")
    world.chat.files = {"F1": data}
    shared = SharedFile("F1", "shared", mimetype, len(data), "u")
    await world.say("@ada look", files=(shared,))
    await world.ended(1)
    given = world.agent.inputs[0]
    if result.startswith("image/"):
        assert [picture.media_type for picture in given.pictures] == [result]
    else:
        assert given.pictures == []
        assert result in given.text
    assert ("(not read:" in given.text) == (result.startswith(("not ", "neither", "empty")))


async def test_a_dm_is_one_conversation_without_any_mention(world: World) -> None:
    world.agent.answer_with("hi")
    await world.say("hello", dm=True)
    await world.ended(1)
    await world.say("again", dm=True)
    await world.ended(2)
    assert len({given.runtime for given in world.agent.inputs}) == 1
    assert world.chat.replies[0].target.thread_ts is None


async def test_an_unaddressed_message_in_a_channel_is_left_alone(world: World) -> None:
    await world.say("lunch, anyone?", mention=False)
    await world.say("elsewhere", thread=MessageTs("1500000000.000001"), mention=False)
    assert await turn_counts(world.store) == {"waiting": 0, "active": 0}


async def test_the_stop_reaction_drops_a_waiting_message(world: World) -> None:
    root = await world.say("@ada one")
    await world.input(1)
    waiting = await world.say("two", thread=root.ts, mention=False)
    ref = MessageRef(waiting.channel, waiting.ts)
    await world.dispatcher.reaction(waiting.team, ref, user=JONAS, name="octagonal_sign")
    assert (await turn_counts(world.store))["waiting"] == 0


async def test_who_may_not_stop_is_told_so_in_the_thread(world: World) -> None:
    root = await world.say("@ada one")
    await world.input(1)
    turn_id = world.chat.replies[0].target.turn_id
    world.chat.people[GUEST] = Person(GUEST, "Guest", trusted=False)
    ref = MessageRef(root.channel, root.ts)
    await world.dispatcher.stop(turn_id, user=GUEST, ref=ref)
    await world.dispatcher.reaction(root.team, ref, user=GUEST, name="octagonal_sign")
    assert [user for user, _ in world.chat.notes] == [GUEST, GUEST]
    assert world.chat.noted_in == [root.ts, root.ts]
    assert not world.agent.aborts


async def test_g5_an_empty_answer_ends_in_words_too(world: World) -> None:
    await world.say("@ada hi")
    given = await world.input(1)
    world.agent.finish(given, world.agent.begin(given))
    reply = await world.ended(1)
    assert reply.ending is not None
    assert reply.ending.sentence == "Finished without a word."


async def test_a_spare_conversation_waits_for_new_threads_and_survives_a_flapping_link(
    world: World,
) -> None:
    for _ in range(3):
        world.agent.link(LinkState.DOWN)
        world.agent.link(LinkState.UP)
        await eventually(lambda: len(world.dispatcher.pooled()) == 2)
    new = [start for start in world.agent.starts if start.conversation_id is None]
    assert len(new) == 2, "one for each teammate, however often the link came back"
    world.agent.answer_with("hi")
    await world.say("@ada hello")
    await world.ended(1)
    assert world.agent.inputs[0].runtime.conversation_id in {"conv-1", "conv-2"}


async def test_a_spare_conversation_outlives_the_process(world: World) -> None:
    world.agent.link(LinkState.UP)
    await eventually(lambda: len(world.dispatcher.pooled()) == 2)
    made = await world.store.teammates.spare(world.server, "ada")
    await world.crash()
    await world.open()
    world.agent.link(LinkState.UP)
    await eventually(lambda: len(world.dispatcher.pooled()) == 2)
    new = [start for start in world.agent.starts if start.conversation_id is None]
    assert len(new) == 2, "one for each teammate, however often the process began"
    world.agent.answer_with("hi")
    await world.say("@ada hello")
    await world.ended(1)
    assert world.agent.inputs[0].runtime == made


async def test_a_spare_that_a_thread_has_taken_is_not_given_to_another(world: World) -> None:
    world.agent.link(LinkState.UP)
    await eventually(lambda: len(world.dispatcher.pooled()) == 2)
    world.agent.answer_with("hi")
    await world.say("@ada hello")
    await world.ended(1)
    await world.crash()
    await world.open()
    world.agent.link(LinkState.UP)
    await eventually(lambda: len(world.dispatcher.pooled()) == 2)
    await world.say("@ada hello from elsewhere")
    await world.ended(2)
    first, second = (given.runtime for given in world.agent.inputs)
    assert first != second


async def test_a_spare_that_is_gone_from_the_server_is_made_anew(world: World) -> None:
    world.agent.link(LinkState.UP)
    await eventually(lambda: len(world.dispatcher.pooled()) == 2)
    await world.crash()
    world.agent.gone = {"conv-1", "conv-2"}
    await world.open()
    world.agent.link(LinkState.UP)
    await eventually(lambda: len(world.dispatcher.pooled()) == 2)
    made = await world.store.teammates.spare(world.server, "ada")
    assert made is not None
    assert made.conversation_id not in world.agent.gone


async def test_g5_a_stopped_waiting_message_is_told_so_and_loses_its_hourglass(
    world: World,
) -> None:
    root = await world.say("@ada one")
    await world.input(1)
    waiting = await world.say("two", thread=root.ts, mention=False)
    await world.say("!stop", thread=root.ts, mention=False)
    await eventually(lambda: world.chat.notices)
    assert "will not be answered" in world.chat.notices[0]
    assert world.chat.dropped_messages == [MessageRef(waiting.channel, waiting.ts)]


async def test_g5_what_a_stop_dropped_is_said_although_the_process_dies_right_after(
    world: World,
) -> None:
    root = await world.say("@ada one")
    await world.input(1)
    waiting = await world.say("two", thread=root.ts, mention=False)
    world.chat.slack_is_there.clear()
    await world.say("!stop", thread=root.ts, mention=False)
    await world.crash()
    world.chat.slack_is_there.set()
    await world.open()
    assert await eventually(lambda: world.chat.dropped_messages)
    assert world.chat.dropped_messages == [MessageRef(waiting.channel, waiting.ts)]
    assert "will not be answered" in world.chat.notices[0]


async def test_g2_a_stop_that_is_delivered_again_does_not_stop_the_next_turn(
    world: World,
) -> None:
    root = await world.say("@ada one")
    await world.input(1)
    stop = await world.say("!stop", thread=root.ts, mention=False)
    await world.ended(1)
    await world.say("do this instead", thread=root.ts, mention=False)
    given = await world.input(2)
    await world.dispatcher.message(stop)
    run = world.agent.begin(given)
    world.agent.say(given, run, "as you wish")
    world.agent.finish(given, run)
    reply = await world.ended(2)
    assert (reply.text(), len(world.agent.aborts)) == ("as you wish", 1)


async def test_g3_a_reply_does_not_overtake_the_root_that_opens_its_thread(world: World) -> None:
    world.chat.slow_people = asyncio.Event()
    root = world.message("@ada one")
    reply = world.message("and two", thread=root.ts, mention=False)
    taking = [asyncio.ensure_future(world.dispatcher.message(m)) for m in (root, reply)]  # noqa: TID251
    given = asyncio.get_running_loop().call_later(0.05, world.chat.slow_people.set)
    await asyncio.gather(*taking)
    given.cancel()
    text = (await world.input(1)).text
    if "and two" not in text:
        first = world.agent.inputs[0]
        world.agent.finish(first, world.agent.begin(first))
        assert "and two" in (await world.input(2)).text


async def test_a_database_that_fails_at_the_end_of_a_turn_does_not_block_the_thread(
    world: World,
) -> None:
    root = await world.say("@ada one")
    given = await world.input(1)
    with closing(sqlite3.connect(world.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")  # another program holds the lock for a while
        world.agent.finish(given, world.agent.begin(given))
        await eventually(lambda: world.chat.replies[0].ending)
        asyncio.get_running_loop().call_later(2.5, other.rollback)
        await world.ended(1)
    world.agent.answer_with("still here")
    await world.say("two", thread=root.ts, mention=False)
    assert (await world.ended(2)).text() == "still here"


async def test_a_binding_of_another_server_begins_anew_and_keeps_her_agent(world: World) -> None:
    world.agent.answer_with("one")
    root = await world.say("@ada hi")
    await world.ended(1)
    await world.close()
    world.server = "ws://elsewhere"
    await world.open()
    await world.say("still there?", thread=root.ts, mention=False)
    await world.ended(2)
    await world.say("and now?", thread=root.ts, mention=False)
    await world.ended(3)
    agents = {given.runtime.agent_id for given in world.agent.inputs[1:]}
    assert len(agents) == 1
    assert agents.isdisjoint({world.agent.inputs[0].runtime.agent_id})


async def test_what_another_bot_says_in_the_thread_is_context_and_no_turn(world: World) -> None:
    world.agent.answer_with("ok")
    root = await world.say("@ada hi")
    await world.ended(1)
    await world.say("Build 7 failed", user=UserId("BCI"), thread=root.ts, mention=False, bot=True)
    await world.say("@ada see?", thread=root.ts)
    await world.ended(2)
    assert len(world.agent.inputs) == 2
    assert "(bot, untrusted): Build 7 failed" in world.agent.inputs[1].text


async def test_a_refused_first_input_does_not_cost_her_the_threads_history(world: World) -> None:
    world.chat.said = [
        ThreadMessage(MessageTs("1500000000.000001"), Speaker.PERSON, JONAS, "The plan is X."),
    ]
    world.agent.refuse_inputs = 1
    root = MessageTs("1500000000.000001")
    await world.say("@ada what is the plan?", thread=root)
    await world.ended(1)
    world.agent.answer_with("X")
    await world.say("@ada again please", thread=root)
    await world.ended(2)
    assert "The plan is X." in world.agent.inputs[0].text


async def test_five_threads_at_once_leave_one_spare_conversation(world: World) -> None:
    await eventually(lambda: world.agent.listener is not None)
    world.agent.link(LinkState.UP)
    await eventually(lambda: len(world.dispatcher.pooled()) == 2)
    world.agent.answer_with("hi")
    for _ in range(5):
        await world.say("@ada hello")
    await world.ended(5)
    await eventually(lambda: len(world.dispatcher.pooled()) == 2)
    new = [start for start in world.agent.starts if start.conversation_id is None]
    assert len(new) <= 2 + 5 + 1


async def test_an_answer_that_slack_does_not_show_is_told_to_who_waits_and_to_the_agent(
    world: World,
) -> None:
    root = await world.say("@ada one")
    given = await world.input(1)
    turn_id = world.chat.replies[0].target.turn_id
    run = world.agent.begin(given)
    world.agent.say(given, run, "The answer.")
    world.agent.finish(given, run)
    await world.ended(1)
    (row,) = await world.store.outbox.of_turn(turn_id)
    await world.store.outbox.failed(row.outbox_id, "msg_too_long")
    for _ in range(2):
        await world.chat.tell_of_failed_reply(turn_id, "Slack did not accept its form.")
    ((user, note),) = world.chat.notes
    assert user == MAYA
    assert "Slack did not accept its form." in note
    await world.say("and?", thread=root.ts, mention=False)
    told = (await world.input(2)).text
    assert "People have not read it" in told
    assert "msg_too_long" in told


async def test_who_took_the_question_back_is_not_told_that_there_is_no_answer(
    world: World,
) -> None:
    root = await world.say("@ada one")
    await world.input(1)
    turn_id = world.chat.replies[0].target.turn_id
    await world.dispatcher.deleted(root.team, MessageRef(root.channel, root.ts))
    await world.chat.tell_of_failed_reply(turn_id, "The message that it belongs to was deleted.")
    assert world.chat.notes == []


async def test_an_app_that_may_gives_work_by_a_mention_only(world: World) -> None:
    await world.close()
    world.apps = frozenset({"A0FLOW"})
    await world.open()
    world.agent.answer_with("on it")
    flow = UserId("Standup")
    for text in ("standup time", "@ada collect the news"):
        await world.say(text, user=flow, bot=True, apps=frozenset({"A0FLOW"}), mention=False)
    reply = await world.ended(1)
    assert reply.text() == "on it"
    assert len(world.agent.inputs) == 1
    await world.say("thanks", user=flow, bot=True, apps=frozenset({"A0FLOW"}), mention=False)
    assert len(world.agent.inputs) == 1


async def test_an_app_that_may_not_gets_one_quiet_line_a_day_in_a_channel(world: World) -> None:
    for _ in range(3):
        await world.say("@ada do it", user=UserId("CI"), bot=True, apps=frozenset({"B0CI"}))
    await eventually(lambda: world.chat.notices)
    world.clock.later_s = 25 * 3600.0
    await world.say("@ada do it", user=UserId("CI"), bot=True, apps=frozenset({"B0CI"}))
    await eventually(lambda: len(world.chat.notices) == 2)
    assert "people.apps" in world.chat.notices[0]
    assert world.agent.inputs == []
