import time

import pytest

from bridge.domain.events import Outcome, ToolLine, Usage
from bridge.domain.ports import ReplyEnding
from bridge.render.limits import MARKDOWN_PART, MARKDOWN_PER_MESSAGE, size
from bridge.render.stream import ReplyStream, agreeing, footer, gap, join
from tests.render.oracles import open_fences

PARAGRAPH = "A paragraph with some words in it, ending here.\n\n"
BASH = ToolLine("c1", "Bash", '{"command": "pytest -q"}')
READ = ToolLine("c2", "Read", '{"file_path": "a.py"}')


def ending(sentence=None, outcome=Outcome.DONE, seconds=12.2, usage=Usage(1_000, 234)):  # noqa: B008
    return ReplyEnding(outcome, sentence, seconds, usage)


def shown(stream, now=0.0):
    return [view.markdown for view in stream.messages(now)]


def test_nothing_said_is_nothing_shown():
    stream = ReplyStream()
    assert stream.messages(0.0) == []
    assert stream.text() == ""
    stream.append("r1", "m1", "")
    stream.append("r1", "m1", " \n")
    assert stream.messages(0.0) == []


def test_pieces_of_one_message_are_joined_and_the_view_is_live():
    stream = ReplyStream()
    for piece in ("Hel", "lo **wor", "ld"):
        stream.append("r1", "m1", piece)
    (view,) = stream.messages(0.0)
    assert (view.seq, view.markdown, view.live, view.final) == (0, "Hello **world**", True, False)
    assert stream.text() == "Hello **world"


def test_messages_of_the_agent_are_separated_by_a_blank_line():
    stream = ReplyStream()
    stream.append("r1", "m1", "one")
    stream.append("r1", "m2", "two\n")
    stream.append("r2", "m2", "three\n\n")
    stream.append("r1", "m1", "four")
    assert stream.text() == "one\n\ntwo\n\nthree\n\nfour"
    assert shown(stream) == [stream.text()]


def test_a_fence_left_open_by_one_message_does_not_swallow_the_next():
    stream = ReplyStream()
    stream.append("r1", "m1", "```py\nx")
    stream.append("r1", "m2", "two")
    assert stream.text() == "```py\nx\n```\n\ntwo"
    assert shown(stream) == [stream.text()]


def test_gap_and_join_know_what_is_there_already():
    assert [gap(text) for text in ("", "a", "a\n", "a\n\n", "```\n")] == [
        "",
        "\n\n",
        "\n",
        "",
        "```\n\n",
    ]
    assert join([]) == ""
    assert join(["a", "", "b"]) == "a\n\nb"


def test_agreeing_is_the_length_of_the_common_beginning():
    assert agreeing("abc", "abd") == 2
    assert agreeing("abc", "abc") == 3
    assert agreeing("", "x") == 0
    assert agreeing("x", "y") == 0


def test_a_full_message_is_cut_and_never_changes_again():
    stream = ReplyStream()
    seen: dict[int, set[str]] = {}
    for index in range(700):
        stream.append("r1", "m1", PARAGRAPH)
        if index % 10 == 0:
            for view in stream.messages(0.0)[:-1]:
                assert not view.live
                seen.setdefault(view.seq, set()).add(view.fingerprint)
    assert len(seen) >= 2
    assert all(len(prints) == 1 for prints in seen.values())
    views = stream.messages(0.0)
    assert [view.live for view in views] == [False] * (len(views) - 1) + [True]
    assert all(size(view.markdown) <= MARKDOWN_PART for view in views)
    assert "\n\n".join(view.markdown for view in views) == stream.text().strip()


def test_text_that_grows_when_its_mentions_are_broken_still_fits():
    stream = ReplyStream()
    stream.append("r1", "m1", "<@U1> @x " * 4_000)
    for view in stream.messages(0.0):
        assert size(view.markdown) <= MARKDOWN_PER_MESSAGE
        assert size(view.markdown) > MARKDOWN_PART // 2 or view.live


def test_a_piece_with_everything_at_once_is_cut_like_many_pieces():
    text = PARAGRAPH * 900
    whole, pieces = ReplyStream(), ReplyStream()
    whole.append("r1", "m1", text)
    for start in range(0, len(text), 777):
        pieces.append("r1", "m1", text[start : start + 777])
        pieces.messages(0.0)
    assert shown(whole) == shown(pieces)


def test_a_long_code_block_goes_on_in_the_next_message():
    stream = ReplyStream()
    stream.append("r1", "m1", "```py\n" + "x = 1\n" * 5_000)
    for view in stream.messages(0.0):
        assert view.markdown.startswith("```py\nx = 1")
        assert open_fences(view.markdown) == 0


def test_blank_parts_make_no_message():
    stream = ReplyStream()
    stream.append("r1", "m1", "start" + "\n" * 40_000 + "end")
    assert [text.strip() for text in shown(stream)] == ["start", "end"]


def test_allowed_people_can_be_mentioned_and_nobody_else():
    stream = ReplyStream(allowed={"U1"})
    for piece in ("<@", "U1> <@U2> <!he", "re>"):
        stream.append("r1", "m1", piece)
    (text,) = shown(stream)
    assert text.startswith("<@U1> <\u2060@")
    assert "<!here" not in text


def test_dropped_runs_leave_nothing_behind_and_what_follows_replaces_them():
    stream = ReplyStream()
    stream.append("r1", "m1", "wrong " * 4_000)
    assert len(stream.messages(0.0)) == 3
    stream.drop_runs({"r1"})
    views = stream.messages(0.0)
    assert [view.seq for view in views] == [0, 1, 2]
    assert views[0].live
    assert [view.is_empty for view in views] == [False, True, True]
    stream.append("r2", "m2", "right")
    views = stream.messages(0.0)
    assert [view.markdown for view in views] == ["right", "", ""]
    assert [view.live for view in views] == [True, False, False]
    assert stream.text() == "right"


def test_dropping_a_later_run_keeps_full_messages_of_the_earlier():
    stream = ReplyStream()
    stream.append("r1", "m1", PARAGRAPH * 300)
    before = stream.messages(0.0)
    stream.append("r2", "m2", "gone")
    stream.messages(0.0)
    stream.drop_runs({"r2", "r9"})
    assert stream.messages(0.0) == before


def test_set_text_replaces_one_message_and_keeps_what_agrees():
    stream = ReplyStream()
    stream.append("r1", "m1", PARAGRAPH * 300)
    first = stream.messages(0.0)[0]
    stream.append("r1", "m2", "short")
    stream.set_text("r1", "m2", "short and the rest")
    views = stream.messages(0.0)
    assert views[0] == first
    assert views[-1].markdown.endswith("ending here.\n\nshort and the rest")
    stream.set_text("r1", "m1", "all new")
    assert stream.text() == "all new\n\nshort and the rest"


def test_set_text_reaches_the_last_character_of_a_full_message():
    text = PARAGRAPH * 400
    stream = ReplyStream()
    stream.append("r1", "m1", text)
    end = len(stream.messages(0.0)[0].markdown)
    changed = text[: end - 1] + "!" + text[end:]
    stream.set_text("r1", "m1", changed)
    whole = ReplyStream()
    whole.append("r1", "m1", changed)
    assert stream.messages(0.0) == whole.messages(0.0)


def test_set_text_of_an_unknown_message_adds_it():
    stream = ReplyStream()
    stream.set_text("r1", "m1", "hello")
    stream.set_text("r1", "m2", "")
    assert shown(stream) == ["hello"]


def test_set_text_knows_the_pieces_between_which_something_else_came():
    stream = ReplyStream()
    stream.append("r1", "m1", "one ")
    stream.append("r1", "m2", "other")
    stream.append("r1", "m1", "two")
    stream.set_text("r1", "m1", "one two three")
    assert stream.text() == "one \n\nother\n\ntwo three"
    stream.set_text("r1", "m1", "new")
    assert stream.text().strip() == "new\n\nother"


def test_a_seal_ends_the_message_and_what_follows_is_a_new_one():
    stream = ReplyStream()
    stream.append("r1", "m1", "before **card")
    stream.messages(0.0)
    stream.seal()
    (view,) = stream.messages(0.0)
    assert (view.markdown, view.live) == ("before **card", False)
    stream.append("r1", "m1", "after")
    assert shown(stream) == ["before **card", "after"]
    assert stream.text() == "before **card\n\nafter"


def test_a_seal_of_nothing_is_no_seal():
    stream = ReplyStream()
    stream.seal()
    stream.append("r1", "m1", "text")
    stream.seal()
    stream.seal()
    stream.append("r1", "m2", "more")
    assert shown(stream) == ["text", "more"]


def test_text_missed_below_a_seal_comes_below_it():
    stream = ReplyStream()
    stream.append("r1", "m1", "above")
    stream.messages(0.0)
    stream.seal()
    stream.set_text("r1", "m1", "above and below")
    assert shown(stream) == ["above", "and below"] or shown(stream) == ["above", " and below"]
    stream.set_text("r1", "m1", "above and far below")
    assert [text.strip() for text in shown(stream)] == ["above", "and far below"]


def test_tools_show_on_the_live_message_with_their_time():
    stream = ReplyStream()
    stream.show_tools((BASH,), 100.0)
    (view,) = stream.messages(103.0)
    assert (view.markdown, view.live, view.tools_line) == ("", True, "⚙ Bash `pytest -q`")
    stream.show_tools((BASH, READ), 110.0)
    (view,) = stream.messages(112.0)
    assert view.tools_line == "⚙ Bash `pytest -q` · 10 s, Read `a.py`"
    stream.append("r1", "m1", "text")
    stream.show_tools((), 113.0)
    (view,) = stream.messages(113.0)
    assert (view.markdown, view.tools_line) == ("text", None)


def test_a_message_with_only_a_tool_keeps_a_trace_when_it_is_sealed():
    stream = ReplyStream()
    stream.show_tools((BASH,), 0.0)
    stream.messages(20.0)
    stream.seal()
    old, new = stream.messages(30.0)
    assert (old.tools_line, old.live) == ("⚙ Bash `pytest -q`", False)
    assert (new.tools_line, new.live) == ("⚙ Bash `pytest -q` · 30 s", True)
    stream.finish(ending())
    old, new = stream.messages(40.0)
    assert old.tools_line == "⚙ Bash `pytest -q`"
    assert new.sentence == "Done."


def test_a_live_message_whose_tools_ended_stays_live():
    stream = ReplyStream()
    stream.show_tools((BASH,), 0.0)
    stream.messages(0.0)
    stream.show_tools((), 1.0)
    (view,) = stream.messages(1.0)
    assert view.live
    assert not view.is_empty
    stream.seal()
    (view,) = stream.messages(1.0)
    assert view.is_empty


def test_a_note_shows_quietly_until_the_next():
    stream = ReplyStream(allowed={"U1"})
    stream.note("Trying again <!here>")
    stream.show_tools((BASH,), 0.0)
    (view,) = stream.messages(0.0)
    assert view.tools_line == "Trying again &lt;!here&gt;\n⚙ Bash `pytest -q`"
    stream.note("")
    assert stream.messages(0.0)[0].tools_line == "⚙ Bash `pytest -q`"
    assert stream.text() == ""


def test_finish_shows_the_whole_text_with_a_footer():
    stream = ReplyStream()
    stream.append("r1", "m1", "the **end | of it\n\n| a |")
    stream.show_tools((BASH,), 0.0)
    stream.note("working")
    stream.finish(ending())
    (view,) = stream.messages(99.0)
    assert view.markdown == "the **end | of it\n\n| a |"
    assert (view.live, view.final, view.tools_line) == (False, True, None)
    assert view.footer == "12 s · 1,234 tokens"
    assert view.sentence is None


def test_nothing_changes_after_finish():
    stream = ReplyStream()
    stream.append("r1", "m1", "text")
    stream.finish(ending())
    views = stream.messages(0.0)
    stream.append("r1", "m1", "late")
    stream.set_text("r1", "m1", "late")
    stream.drop_runs({"r1"})
    stream.seal()
    stream.finish(ending("Failed.", Outcome.FAILED))
    assert stream.messages(5.0) == views
    assert stream.text() == "text"


def test_the_closing_sentence_stands_on_the_last_message():
    stream = ReplyStream(allowed={"U1"})
    stream.append("r1", "m1", "text")
    stream.finish(ending("Stopped by <@U1>, not <@U2>.", Outcome.CANCELLED))
    (view,) = stream.messages(0.0)
    assert view.sentence == "Stopped by <@U1>, not &lt;@U2&gt;."


def test_a_sentence_after_a_card_comes_below_it():
    stream = ReplyStream()
    stream.append("r1", "m1", "text")
    stream.seal()
    stream.finish(ending("It failed.", Outcome.FAILED))
    above, below = stream.messages(0.0)
    assert (above.markdown, above.sentence, above.footer) == ("text", None, None)
    assert (below.markdown, below.sentence) == ("", "It failed.")
    assert below.footer


def test_an_end_without_more_words_after_a_card_puts_the_footer_on_the_last_text():
    stream = ReplyStream()
    stream.append("r1", "m1", "text")
    stream.seal()
    stream.finish(ending())
    (view,) = stream.messages(0.0)
    assert view.footer == "12 s · 1,234 tokens"


@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_end_has_words(outcome):
    stream = ReplyStream()
    stream.finish(ending(None, outcome))
    (view,) = stream.messages(0.0)
    assert view.sentence
    assert view.final


def test_an_emptied_reply_ends_in_words_on_the_message_that_is_there():
    stream = ReplyStream()
    stream.append("r1", "m1", "gone " * 5_000)
    stream.messages(0.0)
    stream.drop_runs({"r1"})
    stream.finish(ending("It failed.", Outcome.FAILED))
    views = stream.messages(0.0)
    assert [view.sentence for view in views] == ["It failed.", None, None]
    assert [view.is_empty for view in views] == [False, True, True]


def test_a_footer_names_tokens_only_when_they_are_known():
    assert footer(3.0, Usage()) == "3 s"


def test_a_half_line_is_held_back_but_never_blanks_a_message_shown_before():
    stream = ReplyStream()
    stream.append("r1", "m1", "| a | b |")
    assert shown(stream) == []
    stream.append("r1", "m1", "\nx")
    assert shown(stream) == ["| a | b |\nx"]
    stream.set_text("r1", "m1", "| a | b |")
    assert shown(stream) == ["| a | b |"]


def test_the_fingerprint_is_of_what_people_see():
    stream = ReplyStream()
    stream.append("r1", "m1", "a")
    (one,) = stream.messages(0.0)
    (two,) = stream.messages(9.0)
    assert one.fingerprint == two.fingerprint
    stream.append("r1", "m1", "b")
    assert stream.messages(9.0)[0].fingerprint != one.fingerprint
    stream.finish(ending())
    assert stream.messages(9.0)[0].fingerprint != one.fingerprint


def test_long_replies_are_cheap():
    line = "Words with **bold** and `code`, item by item.\n"
    text = ("- " + line + "\n```py\nx = 1\n```\n\n" + PARAGRAPH) * 500
    stream = ReplyStream()
    began = time.process_time()
    for start in range(0, 60_000, 5):
        stream.append("r1", "m1", text[start : start + 5])
        if start % 500 == 0:
            stream.messages(0.0)
    took = time.process_time() - began
    assert stream.text() == text[:60_000]
    assert took < 2.0


def test_the_cost_of_a_revision_does_not_grow_with_the_reply():
    def cost(paragraphs):
        stream = ReplyStream()
        stream.append("r1", "m1", PARAGRAPH * paragraphs)
        stream.messages(0.0)
        began = time.process_time()
        for _ in range(60):
            stream.append("r1", "m1", "x")
            stream.messages(0.0)
        return time.process_time() - began

    assert cost(20_000) < 8 * max(cost(190), 0.01)
