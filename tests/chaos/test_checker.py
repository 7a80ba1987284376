"""The judge, judged: each verdict is provoked by a world that deserves it."""

from dataclasses import replace
from typing import Any

import pytest

from tests.chaos.checker import (
    ALLOW_BUTTON,
    HOURGLASS,
    STOP_BUTTON,
    Asked,
    Evidence,
    Post,
    Press,
    Verdict,
    judge,
)

KEY = "k1x0"
WORDS = tuple(f"{KEY}-{number}" for number in range(1, 13))
ANSWER = " ".join(WORDS[:10]) + "\n\n" + " ".join(WORDS[10:])
ASKED = Asked(keys=(KEY,), answers=((ANSWER,),), channel="C1", root="1.0", ts="1.0", who="UMAYA")
ENDED = "Interrupted by a restart before the answer was complete. Write again to go on."


def ours(ts: str, text: str = "", *, shown: str | None = None, **more: Any) -> Post:
    return Post(
        channel="C1",
        root="1.0",
        ts=ts,
        ours=True,
        markdown=text,
        shown=text if shown is None else shown,
        **more,
    )


def world(*posts: Post, asked: Asked = ASKED, **more: Any) -> Evidence:
    question = Post(channel="C1", root="1.0", ts="1.0", ours=False)
    return Evidence(asked=(asked,), posts=(question, *posts), **more)


def verdict(evidence: Evidence) -> Verdict:
    return judge(evidence)[0].verdict


# --- what is well ----------------------------------------------------------------------------


def test_a_whole_answer_is_well() -> None:
    judged = judge(world(ours("2.0", ANSWER)))[0]
    assert (judged.verdict, judged.whole) == (Verdict.OK, True)


def test_an_answer_over_two_messages_is_well() -> None:
    first, second = " ".join(WORDS[:6]), ANSWER[ANSWER.index(WORDS[6]) :]
    asked = replace(ASKED, answers=((first, second),))
    assert verdict(world(ours("2.0", first), ours("3.0", second), asked=asked)) is Verdict.OK


@pytest.mark.parametrize("words", [1, 4, 11])
def test_a_true_beginning_with_an_honest_end_is_well(words: int) -> None:
    begun = ANSWER[: ANSWER.index(WORDS[words])].strip()
    judged = judge(world(ours("2.0", begun, shown=f"{begun}\n{ENDED}")))[0]
    assert (judged.verdict, judged.whole) == (Verdict.OK, False)
    assert "Interrupted" in judged.why


def test_what_was_never_accepted_need_not_be_answered() -> None:
    assert verdict(world(asked=replace(ASKED, acked=False))) is Verdict.OK


def test_a_deleted_message_needs_no_answer() -> None:
    assert verdict(world(asked=replace(ASKED, deleted=True))) is Verdict.OK


def test_each_version_of_an_edited_message_ends_in_its_own_words() -> None:
    begun = ANSWER[: ANSWER.index(WORDS[7])].strip()
    later = ANSWER.replace(KEY, f"{KEY}e")
    edited = replace(ASKED, keys=(KEY, f"{KEY}e"), answers=((ANSWER,), (later,)))
    explained = ours("2.0", begun, shown=f"{begun}\n{ENDED}")
    assert verdict(world(explained, ours("3.0", later), asked=edited)) is Verdict.OK
    silent = ours("2.0", begun)
    assert verdict(world(silent, ours("3.0", later), asked=edited)) is Verdict.WRONG_TEXT


def test_an_edited_message_is_answered_in_either_version() -> None:
    later = ANSWER.replace(KEY, f"{KEY}e")
    edited = replace(ASKED, keys=(KEY, f"{KEY}e"), answers=((ANSWER,), (later,)))
    assert verdict(world(ours("2.0", later), asked=edited)) is Verdict.OK


def test_a_server_that_lost_its_memory_may_say_things_again_below_a_card() -> None:
    first = " ".join(WORDS[:6])
    asked = replace(ASKED, answers=((first, ANSWER[len(first) + 1 :]),))
    again = (ours("2.0", first), ours("3.0", ANSWER))
    assert verdict(world(*again, asked=asked, server_killed=True)) is Verdict.OK
    assert verdict(world(*again, asked=asked)) is Verdict.DOUBLED


# --- what is not -----------------------------------------------------------------------------


def test_silence_is_lost() -> None:
    assert verdict(world()) is Verdict.LOST


def test_an_ending_of_an_earlier_time_answers_nothing() -> None:
    assert verdict(world(ours("0.5", shown=ENDED))) is Verdict.LOST


@pytest.mark.parametrize(
    "posts",
    [
        (ours("2.0", ANSWER), ours("3.0", ANSWER)),
        (ours("2.0", f"{ANSWER} {ANSWER}"),),
        (ours("2.0", ANSWER), ours("3.0", " ".join(WORDS[5:]))),
        (ours("2.0", shown=ENDED), ours("3.0", shown=ENDED)),
        (ours("2.0", WORDS[0], shown=f"{WORDS[0]}\n{ENDED}"), ours("3.0", shown=ENDED)),
        (ours("2.0", ANSWER), ours("3.0", shown=ENDED)),
    ],
)
def test_what_is_said_twice_is_doubled(posts: tuple[Post, ...]) -> None:
    assert verdict(world(*posts)) is Verdict.DOUBLED


def test_a_rerun_in_the_same_message_is_doubled_whatever_happened_to_the_server() -> None:
    twice = ours("2.0", f"{' '.join(WORDS[:4])} {ANSWER}")
    assert verdict(world(twice, server_killed=True)) is Verdict.DOUBLED


def test_two_cards_for_one_command_are_doubled() -> None:
    card = f"✓ <@UMAYA> approved *Bash* `echo {KEY} >> ran.txt`"
    seen = world(
        ours("2.0", shown=card),
        ours("3.0", shown=card),
        ours("4.0", ANSWER),
        asked=replace(ASKED, command=True),
        presses=(Press(key=KEY, who="UMAYA", allow=True),),
        executed=(KEY,),
        called=(KEY,),
    )
    assert verdict(seen) is Verdict.DOUBLED
    assert verdict(replace(seen, server_killed=True)) is Verdict.OK


def test_a_stop_button_that_stays_hangs() -> None:
    assert verdict(world(ours("2.0", ANSWER, buttons=(STOP_BUTTON,)))) is Verdict.HANGING
    assert verdict(world(ours("2.0", buttons=(STOP_BUTTON,)))) is Verdict.HANGING


def test_a_card_that_stays_open_hangs() -> None:
    asked = replace(ASKED, command=True)
    card = ours("2.0", shown=f"echo {KEY} >> ran.txt", buttons=(ALLOW_BUTTON,))
    assert verdict(world(card, asked=asked)) is Verdict.HANGING


def test_a_live_status_hangs() -> None:
    seen = world(ours("2.0", ANSWER), statuses={("C1", "1.0"): "is thinking…"})
    assert verdict(seen) is Verdict.HANGING


def test_an_hourglass_that_stays_hangs() -> None:
    question = Post(channel="C1", root="1.0", ts="1.0", ours=False, reactions=(HOURGLASS,))
    assert verdict(Evidence(asked=(ASKED,), posts=(question, ours("2.0", ANSWER)))) is (
        Verdict.HANGING
    )


@pytest.mark.parametrize(
    "text",
    [
        " ".join(WORDS[:4]),  # breaks off
        " ".join(WORDS[3:]),  # begins late
        " ".join((*WORDS[:3], *WORDS[5:])),  # a hole
        " ".join((*WORDS[:3], WORDS[4], WORDS[3], *WORDS[5:])),  # another order
        ANSWER.replace("\n\n", "\n"),  # another shape
        ANSWER.replace(f"{KEY}-4 ", f"{KEY}-4  "),  # a letter more
    ],
)
def test_a_text_that_was_not_said_is_wrong(text: str) -> None:
    assert verdict(world(ours("2.0", text))) is Verdict.WRONG_TEXT


def test_a_hole_is_wrong_even_with_an_honest_end() -> None:
    text = " ".join((*WORDS[:3], *WORDS[5:7]))
    assert verdict(world(ours("2.0", text, shown=f"{text}\n{ENDED}"))) is Verdict.WRONG_TEXT


def test_a_ping_is_wrong() -> None:
    assert verdict(world(ours("2.0", ANSWER, shown=f"{ANSWER} <!here>"))) is Verdict.WRONG_TEXT


def decided(
    line: str = "",
    *,
    allow: bool | None = True,
    ran: int = 1,
    text: str = ANSWER,
    who: str = "UMAYA",
) -> Evidence:
    """A world with a command: what its card says, who pressed what, how often it ran."""
    presses = () if allow is None else (Press(key=KEY, who=who, allow=allow),)
    return world(
        *([ours("2.0", shown=f"{line} *Bash* `echo {KEY} >> ran.txt`")] if line else []),
        ours("3.0", text),
        asked=replace(ASKED, command=True),
        presses=presses,
        executed=(KEY,) * ran,
        called=(KEY,),
    )


APPROVED, DENIED = "✓ <@UMAYA> approved", "✕ <@UMAYA> denied"


def test_decisions_that_match_are_well() -> None:
    assert verdict(decided(APPROVED)) is Verdict.OK
    assert verdict(decided(DENIED, allow=False, ran=0)) is Verdict.OK


@pytest.mark.parametrize(
    "seen",
    [
        decided(APPROVED, ran=2),  # once too often
        decided(APPROVED, ran=0),  # said and not done
        decided(DENIED, allow=False, ran=1),  # denied and done
        decided(APPROVED, allow=False, ran=0, text=WORDS[0]),  # nobody approved
        decided(DENIED, ran=0),  # nobody denied
        decided(allow=None),  # done, and nobody was asked
        decided(who="UJONAS"),  # done for a stranger
        decided("✓ <@UJONAS> approved"),  # in another's name
    ],
)
def test_decisions_that_do_not_match_are_wrong(seen: Evidence) -> None:
    assert verdict(seen) is Verdict.WRONG_DECISION


def test_a_server_that_lost_its_memory_may_run_a_command_as_often_as_it_was_called() -> None:
    twice = replace(decided(APPROVED, ran=2), server_killed=True)
    assert verdict(twice) is Verdict.WRONG_DECISION
    assert verdict(replace(twice, called=(KEY, KEY))) is Verdict.OK
