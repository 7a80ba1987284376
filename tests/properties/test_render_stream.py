"""Revisions never go back, full messages never change, finishing yields the whole text."""

import re
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.domain.events import Outcome, ToolLine, Usage
from bridge.domain.ports import ReplyEnding
from bridge.render.blocks import reply_blocks
from bridge.render.stream import ReplyStream
from tests.fuzz.replies import faults
from tests.render.oracles import check_blocks, open_fences, pings, units

CHUNKS = [
    *(
        "word ",
        "word. ",
        "\n",
        "\n\n",
        "```py\n",
        "```\n",
        "# Title\n\n",
        "- item\n",
        "| a | b |\n",
    ),
    *("|---|---|\n", "**", "*", "`", "[x](", "http://y)", "<!here>", "<!he", "re>", "<@U1>", "@x "),
    *("long line " * 400, "code = 1\n" * 900, "| 1 | 2 |\n" * 700, "x" * 6_000, "😀" * 3_000),
    *("Paragraph of words, ending here.\n\n" * 90, "<@U9> @here " * 700, "\n" * 3_000),
]
runs = st.sampled_from(["r1", "r2"])
appends = st.tuples(st.just("append"), runs, st.sampled_from(["m1", "m2"]), st.sampled_from(CHUNKS))
others = st.one_of(
    st.tuples(st.just("seal")),
    st.tuples(st.just("tools"), st.integers(0, 5)),
    st.tuples(st.just("note"), st.sampled_from(["", "Trying again…"])),
)
rewrites = st.one_of(
    st.tuples(st.just("set"), runs, st.sampled_from(["m1", "m2"]), st.sampled_from(CHUNKS)),
    st.tuples(st.just("drop"), runs),
)


def perform(stream, step):
    match step:
        case ("append", run, message, text):
            stream.append(run, message, text)
        case ("set", run, message, text):
            stream.set_text(run, message, text)
        case ("drop", run):
            stream.drop_runs({run})
        case ("seal",):
            stream.seal()
        case ("tools", count):
            tools = tuple(ToolLine(f"c{index}", "Bash", "<!here>") for index in range(count))
            stream.show_tools(tools, 0.0)
        case ("note", text):
            stream.note(text)


def check_views(views):
    assert [view.seq for view in views] == list(range(len(views)))
    assert sum(view.live for view in views) <= 1
    for view in views:
        assert units(view.markdown) <= 12_000
        assert open_fences(view.markdown) == 0
        assert pings(view.markdown) <= {"U1"} if len(view.markdown) < 400 else True
        check_blocks(reply_blocks(view, turn_id="t", outbox_id="o").blocks)


def letters(text):
    """What must survive cutting, closing and breaking: words, not marks that may be repeated."""
    return re.sub(r"[^A-Za-z0-9😀]|py\b", "", text)


@settings(deadline=None)
@given(st.lists(st.one_of(appends, others), max_size=25), st.booleans())
def test_appending_never_changes_what_is_full_or_sealed(steps, render):
    stream = ReplyStream(allowed={"U1"})
    before: list = []
    for step in steps:
        perform(stream, step)
        if not render:
            continue
        views = stream.messages(1.0)
        check_views(views)
        assert len(views) >= len(before)
        for old, new in zip(before[:-1], views, strict=False):
            assert old.markdown == new.markdown
        before = views
    text = stream.text()
    stream.finish(ReplyEnding(Outcome.DONE, None, 1.0, Usage()))
    final = stream.messages(2.0)
    check_views(final)
    assert all(view.final and not view.live for view in final)
    assert any(view.footer for view in final)
    if not re.search(r"\|", text):
        assert letters("".join(view.markdown for view in final)) == letters(text)


@settings(deadline=None)
@given(st.lists(st.one_of(appends, appends, others, rewrites), max_size=25))
def test_whatever_happens_views_stay_named_and_the_end_is_the_whole_text(steps):
    stream = ReplyStream(allowed={"U1"})
    count = 0
    for step in steps:
        perform(stream, step)
        views = stream.messages(1.0)
        check_views(views)
        assert len(views) >= count
        count = len(views)
    text = stream.text()
    stream.finish(ReplyEnding(Outcome.FAILED, "It failed.", 1.0, Usage()))
    final = stream.messages(2.0)
    check_views(final)
    assert sum(view.sentence == "It failed." for view in final) == 1
    if not re.search(r"\|", text):
        assert letters("".join(view.markdown for view in final)) == letters(text)


@settings(deadline=None)
@given(st.lists(st.sampled_from(CHUNKS[:21]), min_size=1, max_size=40), st.integers(1, 7))
def test_the_size_of_the_pieces_does_not_matter(chunks, size):
    text = "".join(chunks)
    whole, pieces = ReplyStream(), ReplyStream()
    whole.append("r", "m", text)
    for start in range(0, len(text), size):
        pieces.append("r", "m", text[start : start + size])
    assert whole.messages(0.0) == pieces.messages(0.0)
    assert whole.text() == pieces.text()
    assert whole.text().strip() == text.strip()


@settings(deadline=None, max_examples=60)
@given(st.integers(min_value=0))
def test_any_answer_is_shown_whole_and_pings_nobody(seed):
    assert faults(Random(seed)) == []
