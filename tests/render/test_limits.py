import pytest

from bridge.render import limits


@pytest.mark.parametrize(("text", "units"), [("", 0), ("abc", 3), ("äö", 2), ("a😀b", 4)])
def test_size_counts_utf_16_units(text, units):
    assert limits.size(text) == units


@pytest.mark.parametrize(
    ("text", "limit", "count"),
    [
        ("abc", 2, 2),
        ("abc", 9, 3),
        ("😀😀😀", 4, 2),
        ("😀😀😀", 5, 2),
        ("a😀b😀", 3, 2),
        ("abc", -1, 0),
    ],
)
def test_fit_gives_the_most_characters_that_fit(text, limit, count):
    assert limits.fit(text, limit) == count


def test_clip_leaves_short_text_alone_and_marks_a_cut():
    assert limits.clip("abc", 3) == "abc"
    assert limits.clip("abcd", 3) == "ab…"
    assert limits.clip("😀😀", 3) == "😀…"


def test_house_margins_lie_below_slacks_ceilings():
    assert limits.FALLBACK_TEXT < limits.TEXT_OF_UPDATE
    assert limits.MARKDOWN_PART < limits.MARKDOWN_PER_MESSAGE
    assert limits.SECTION_TEXT < limits.TEXT_OBJECT
    assert limits.MODAL_BYTES < limits.VIEW_BYTES
    assert limits.MODAL_BLOCKS < limits.BLOCKS_PER_VIEW
