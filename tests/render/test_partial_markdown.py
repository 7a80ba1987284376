import pytest

from bridge.render.markdown import closing


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("a **bold", "a **bold**"),
        ("a **bold ", "a **bold** "),
        ("a **bold** and *it", "a **bold** and *it*"),
        ("**a *b", "**a *b***"),
        ("***both", "***both***"),
        ("__a _b", "__a _b___"),
        ("~~gone", "~~gone~~"),
        ("snake_case_name", "snake_case_name"),
        ("2 * 3 * 4", "2 * 3 * 4"),
        ("* item with *it", "* item with *it*"),
        (r"\*not \_it", r"\*not \_it"),
        ("a `code", "a `code`"),
        ("a ``co`de", "a ``co`de``"),
        ("`done` and **b", "`done` and **b**"),
        ("`a * b` **c", "`a * b` **c**"),
        ("hi **", "hi "),
        ("hi `", "hi "),
        ("see [x](http://a", "see x"),
        ("see ![x](http://a", "see x"),
        ("see [", "see "),
        ("see [x", "see [x"),
        ("ask <@U12", "ask "),
        ("this &am", "this "),
        ("**old\n\nnew *b", "**old\n\nnew *b*"),
        ("", ""),
    ],
)
def test_dangling_inline_marks_are_closed_or_held_back(text, shown):
    assert closing(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("```py\nx = 1", "```py\nx = 1\n```"),
        ("```py\nx = 1\n", "```py\nx = 1\n```"),
        ("```py\nx = 1\n``", "```py\nx = 1\n```"),
        ("```py\nx **1\n```", "```py\nx **1\n```"),
        ("before\n```p", "before\n"),
        ("```", ""),
        ("```\n", "```\n```"),
        ("```\nx\n```\n**b", "```\nx\n```\n**b**"),
        ("```\nx\n\n**y", "```\nx\n\n**y\n```"),
    ],
)
def test_dangling_fences_are_closed_and_half_ones_held_back(text, shown):
    assert closing(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("So:\n\n| a | b |", "So:\n\n"),
        ("So:\n\n| a | b |\n", "So:\n\n"),
        ("So:\n\n| a | b |\n|--", "So:\n\n"),
        ("So:\n| a | b |\n|--", "So:\n"),
        ("| a | b |\n|---|---|", "| a | b |\n|---|---|"),
        ("| a | b |\n|---|---|\n| 1", "| a | b |\n|---|---|\n| 1"),
        ("| a | b |\nno table", "| a | b |\nno table"),
        ("a | b", "a | b"),
    ],
)
def test_a_table_header_is_held_back_until_its_separator_confirms_it(text, shown):
    assert closing(text) == shown
