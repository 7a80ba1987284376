import pytest

from bridge.render.plain import clip_escaped, plain_fallback
from tests.render.oracles import pings


def test_marks_go_and_words_stay():
    text = (
        "# Title\n\nSome **bold**, *it*, __b__, ~~old~~ and `code`.\n\n> quoted [link](http://a.b)\n\n"
        "```py\nx = a * b\n```\n\n| a | b |\n|---|:-:|\n| 1 | 2 |\n"
    )
    assert plain_fallback(text) == (
        "Title\nSome bold, it, b, old and code.\nquoted link\nx = a * b\n| a | b |\n| 1 | 2 |"
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Area is 2*3*4 = 24", "Area is 2*3*4 = 24"),
        ("Set `__init__.py` first", "Set __init__.py first"),
        ("SERVICE__US__EAST is up", "SERVICE__US__EAST is up"),
        ("x = a*b*c", "x = a*b*c"),
        ("def f(*args, **kwargs): and *args again", "def f(*args, **kwargs): and *args again"),
        ("`*.py` and **all** of src/**/*.js", "*.py and all of src/**/*.js"),
        ("snake_case_name and _really_", "snake_case_name and really"),
        ("(**bold**), ***both***, *it*.", "(bold), both, it."),
        ("~~old~~ ~/bin", "old ~/bin"),
        ("```py\n**x** = __name__\n```", "**x** = __name__"),
        ("5 * 3 * 2", "5 * 3 * 2"),
    ],
)
def test_names_and_numbers_keep_their_signs(text, shown):
    assert plain_fallback(text) == shown


def test_it_is_escaped_and_pings_nobody():
    shown = plain_fallback("**<!here>** &lt;!here&gt; @everyone <@U1>")
    assert not pings(shown, markdown=False)
    assert "<" not in shown


def test_it_is_cut_with_an_ellipsis_and_never_inside_an_entity():
    assert plain_fallback("x" * 9_000, 100) == "x" * 99 + "…"
    for limit in range(5, 20):
        shown = plain_fallback("a<&>" * 20, limit)
        assert len(shown) <= limit
        assert shown.rstrip("…").count("&") == shown.count(";")
    assert clip_escaped("short", 10) == "short"


def test_nothing_but_marks_gives_nothing():
    assert plain_fallback("```\n```\n") == ""
    assert plain_fallback("") == ""
