"""Parts joined give the source, none is over the limit, fences are balanced in every part."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

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


# --- what a thing is -------------------------------------------------------------------------

COMMONMARK = MarkdownIt("commonmark")
items = st.recursive(
    st.tuples(st.sampled_from(["-", "1."]), st.just(())),
    lambda inner: st.tuples(st.sampled_from(["-", "1."]), st.lists(inner, max_size=6)),
    max_leaves=40,
)


def written(item, depth=0):
    """A list item with its own items, as agents write them: four columns further in."""
    mark, inner = item
    words = "nested words of an item " * 3
    return f"{'    ' * depth}{mark} {words.strip()}\n" + "".join(
        written(i, depth + 1) for i in inner
    )


@given(st.lists(items, min_size=3, max_size=12).map(lambda tops: "".join(map(written, tops))))
def test_a_list_is_a_list_in_every_part(text):
    for part in split(text, limit=256):
        kinds = {token.type for token in COMMONMARK.parse(part.text) if token.level == 0}
        assert kinds <= {
            *("bullet_list_open", "bullet_list_close"),
            *("ordered_list_open", "ordered_list_close"),
        }, part.text
        assert "code_block" not in {token.type for token in COMMONMARK.parse(part.text)}


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("> " + "quoted words without an end " * 60, "blockquote"),
        ("**" + "bold words without an end " * 60 + "**", "strong"),
        ("*" + "stressed words without an end " * 60 + "*", "em"),
    ],
)
def test_a_quotation_and_a_stress_go_on_in_the_next_part(text, tag):
    parts = split(text, limit=300)
    assert len(parts) > 3
    for part in parts[:-1]:
        shown = COMMONMARK.render(part.text)
        assert shown.count(f"<{tag}>") == 1, part.text
        assert "*" not in shown


def test_a_long_nested_list_is_still_a_list_in_the_second_message():
    text = "- Top item\n" + "    - nested item with some words\n" * 400
    second = split(text, limit=3_000)[1]
    assert second.text.startswith("- …\n    - nested item")
