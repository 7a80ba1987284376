"""Parts joined give the source, none is over the limit, fences are balanced in every part."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.render.markdown import closing, cut, split
from bridge.render.plain import plain_fallback
from tests.render.oracles import open_fences, units

LINES = [
    *("", "", "plain words", "# Heading", "## Next", "- item", "  - nested", "1. one", "   more"),
    *("```", "```py", "````md", "~~~", "~~~~ x", "- ```js", "  ```", "> quote", "> ```", "> x"),
    *(
        "| a | b |",
        "|---|---|",
        "| 1 | 2 |",
        "a | b",
        "---",
        "===",
        "***",
        "`code`",
        "[x](http://y)",
    ),
    *("word " * 30, "x" * 300, "😀" * 90, "e\u0301" * 90, "``` not a fence ```", "\t```", "\r"),
    *(
        "A sentence. Another one! A third? " * 6,
        "**bold** *it* ~~no~~ `c` " * 9,
        "`" * 50,
        " " * 50,
    ),
]
documents = st.lists(st.one_of(st.sampled_from(LINES), st.text(max_size=60)), max_size=60).map(
    "\n".join
)
limits = st.integers(256, 900)


@settings(deadline=None)
@given(documents, limits)
def test_parts_are_whole_within_the_limit_and_balanced(text, limit):
    parts = split(text, limit=limit)
    assert "".join(part.body for part in parts) == text
    for part in parts:
        assert part.body
        assert units(part.text) <= limit
        assert open_fences(part.text) == 0
    for before, after in pairwise(parts):
        assert after.opening == before.carry


@settings(deadline=None)
@given(documents, limits, st.data())
def test_more_text_after_the_limit_does_not_move_a_cut(text, limit, data):
    whole = cut(text, limit=limit)
    if len(whole.body) < len(text):
        end = data.draw(st.integers(min(limit * 2, len(text)), len(text)))
        assert cut(text[:end], limit=limit).body == whole.body or end <= limit


@settings(deadline=None)
@given(documents)
def test_the_view_of_a_growing_text_is_balanced_and_hardly_longer(text):
    shown = closing(text)
    assert open_fences(shown) == 0
    assert units(shown) <= units(text) + 200


@settings(deadline=None)
@given(documents, st.integers(4, 400))
def test_the_plain_form_is_within_its_limit(text, limit):
    assert units(plain_fallback(text, limit)) <= limit
