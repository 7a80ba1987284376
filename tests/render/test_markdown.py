import pytest

from bridge.render.code_ranges import code_ranges
from bridge.render.limits import size
from bridge.render.markdown import cut, split
from bridge.render.markdown_lines import (
    code_spans,
    open_fence,
    opened_by,
    with_fence_closed,
)
from tests.render.oracles import open_fences

LIMIT = 300
WORDS = "Some words that fill a line without end. " * 40


def parts_of(text, limit=LIMIT):
    parts = split(text, limit=limit)
    assert "".join(part.body for part in parts) == text
    for part in parts:
        assert size(part.text) <= limit
        assert part.body
        assert open_fences(part.text) == 0
    return [part.text for part in parts]


def test_text_that_fits_is_one_part_and_empty_text_is_none():
    assert parts_of("short") == ["short"]
    assert split("", limit=LIMIT) == ()


def test_a_limit_that_leaves_no_room_is_refused():
    with pytest.raises(ValueError, match="256"):
        cut("x", limit=255)


def test_a_long_fence_is_closed_and_opened_again_with_its_info_string():
    code = "".join(f"line {index}\n" for index in range(80))
    parts = parts_of(f"Intro\n\n````python title=x\n```\n{code}````\n\nEnd")
    assert len(parts) > 2
    for part in parts[:-1]:
        assert part.endswith("\n````")
    for part in parts[1:]:
        assert part.startswith("````python title=x\n")
    assert parts[-1].endswith("````\n\nEnd")


@pytest.mark.parametrize(
    ("opening", "closing", "again"),
    [
        ("~~~ruby", "~~~", "~~~ruby"),
        ("- ```js", "  ```", "  ```js"),
        ("1. - ```js", "     ```", "     ```js"),
        ("> ```", "> ```", "> ```"),
        ("    ```", "    ```", "    ```"),
        ("```" + "i" * 150, "```", "```"),
        ("```\r", "```\r", "```"),
    ],
)
def test_fences_of_every_kind_go_on_in_the_next_part(opening, closing, again):
    lead = closing.split("`")[0].split("~")[0]
    code = "".join(f"{lead}line {index}\n" for index in range(60))
    parts = parts_of(f"{opening}\n{code}{closing}\nafter")
    assert parts[1].startswith(again + "\n")
    assert parts[0].endswith("\n" + closing.rstrip("\r"))


def test_a_quoted_fence_ends_with_its_quotation():
    assert open_fence("> ```\n> x\nplain") is None
    assert open_fence("> ```\n> x\n~~~") is not None
    assert open_fence("> ```\n> x") is not None


def test_a_run_of_marks_that_could_not_be_repeated_is_no_fence():
    assert opened_by("`" * 41) is None
    assert opened_by(" " * 41 + "```") is None
    assert opened_by("```a`b") is None
    assert opened_by("``") is None


def test_a_fence_left_open_by_the_source_is_closed_in_its_last_part():
    assert parts_of("```\nx") == ["```\nx\n```"]
    assert with_fence_closed("~~~\n") == "~~~\n~~~"
    assert with_fence_closed("plain") == "plain"


def test_a_table_that_fits_is_kept_whole():
    table = "| a | b |\n|---|---|\n" + "| 1 | 2 |\n" * 12
    parts = parts_of("Words before it. " * 12 + "\n\n" + table + "\nEnd\n")
    assert any(table.strip() in part for part in parts)


def test_a_heading_goes_with_the_table_below_it():
    table = "| a | b |\n|---|---|\n" + "| 1 | 2 |\n" * 20
    parts = parts_of("Words. " * 20 + "\n\n## Figures\n\n" + table)
    assert parts[1].startswith("## Figures\n\n| a | b |")


def test_a_long_table_is_cut_between_rows_and_repeats_its_header():
    rows = [f"| {index} | row |" for index in range(60)]
    parts = parts_of("| n | what |\n|--:|:-----|\n" + "\n".join(rows) + "\n\nEnd")
    assert len(parts) > 2
    for part in parts:
        assert part.startswith("| n | what |\n|--:|:-----|\n| ")
    shown = [line for part in parts for line in part.split("\n") if line in rows]
    assert shown == rows


def test_a_header_too_long_to_repeat_is_not_repeated():
    header = "| " + "h" * 90 + " | b |"
    parts = parts_of(f"{header}\n|---|---|\n" + "| 1 | 2 |\n" * 60)
    assert sum(header in part for part in parts) == 1


def test_a_table_row_longer_than_a_part_is_cut_somewhere():
    parts_of("| a | b |\n|---|---|\n| " + "x" * 700 + " | y |\n| 1 | 2 |\n" * 3)


def test_a_fence_right_after_a_table_is_no_row():
    code = "".join(f"{index} | {index}\n" for index in range(60))
    parts = parts_of("| a | b |\n|---|---|\n| 1 | 2 |\n```\n" + code + "```\n")
    assert parts[1].startswith("```\n")


def test_a_heading_stays_with_what_follows():
    parts = parts_of("Words. " * 26 + "\n\n# Next\n\n" + "More words here. " * 20)
    assert not any(part.rstrip().endswith("# Next") for part in parts)
    assert any(part.startswith("# Next\n\nMore") for part in parts)


def test_a_heading_wins_over_a_later_paragraph_end_never_over_half_of_the_part():
    text = "A. " * 10 + "\n\n# Early\n\n" + "B. " * 50 + "\n\n" + "C. " * 60
    assert parts_of(text)[0].startswith("A. ")
    assert "# Early" in parts_of(text)[0]


def test_paragraphs_are_kept_whole_where_possible():
    paragraphs = [f"Paragraph {index} " + "word " * 20 + "end." for index in range(10)]
    for part in parts_of("\n\n".join(paragraphs)):
        assert part.strip().endswith("end.")


def test_list_items_are_kept_whole_where_possible():
    items = [f"- item {index} " + "word " * 10 + "\n  more of it, end." for index in range(12)]
    for part in parts_of("\n".join(items)):
        assert part.startswith("- item")
        assert part.strip().endswith("end.")


def test_nested_items_are_cut_before_their_continuation():
    items = ["- top"] + [f"  - nested {index} " + "w " * 20 + "\n    end." for index in range(12)]
    for part in parts_of("\n".join(items)):
        assert part.strip().endswith("end.")


def test_an_indented_paragraph_of_an_item_is_cut_like_an_item():
    text = "- item\n\n" + "\n\n".join("  " + "word " * 20 + "end." for _ in range(12))
    for part in parts_of(text):
        assert part.strip().endswith("end.")


def test_an_underlined_heading_is_not_cut_from_its_line():
    text = "\n".join(["word " * 8 + "end", "----------"] * 12)
    assert not any(part.startswith("----") for part in parts_of(text))


def test_code_is_cut_at_a_blank_line_or_a_line_never_before_its_end():
    code = "\n".join("statement()\n" for _ in range(18))
    parts = parts_of("```\n" + code + "\n```\n" + "word " * 40)
    assert not any(part.startswith("```\n```") for part in parts)


def test_a_fence_begins_a_part_rather_than_ends_one():
    text = "word " * 52 + "\n```\n" + "code\n" * 30 + "```\nafter\n" + "word " * 50
    for part in parts_of(text):
        assert "```\n```" not in part


def test_lines_are_kept_before_sentences_and_sentences_before_words():
    lines = "\n".join("A line of words, no sentence" for _ in range(30))
    assert all(part.strip().endswith("sentence") for part in parts_of(lines))
    assert all(part.strip().endswith("end.") for part in parts_of(WORDS.replace("out end", " end")))
    assert all(part.endswith((" ", "word")) for part in parts_of(" ".join(["word"] * 200)))


def test_links_and_inline_code_are_not_torn():
    for whole in ("[a link with words](https://example.com/x)", "`some inline code`"):
        for shift in range(0, 60, 7):
            parts = parts_of("x" * shift + " " + f"{whole} and " * 30)
            assert sum(part.count(whole) for part in parts) == 30


def test_a_link_is_kept_whole_even_where_no_blank_is():
    link = "[a](https://example.com/" + "x" * 60 + ")"
    parts = parts_of(link * 12)
    assert sum(part.count(link) for part in parts) == 12


def test_a_link_longer_than_half_a_part_is_torn_in_the_end():
    parts_of("[a](https://example.com/" + "x" * 900 + ")")


def test_a_word_that_would_open_a_fence_does_not_begin_a_part():
    for shift in range(30):
        parts = parts_of("x" * shift + "word " * 40 + "~~~ " * 20 + "end " * 60)
        assert not any(part.startswith("~~~") for part in parts)


@pytest.mark.parametrize(
    "cluster", ["e\u0301", "👨\u200d👩\u200d👧", "👍🏽", "🇩🇪", "\r\n", "नि", "\ud83d\ude00"]
)
def test_characters_that_belong_together_are_not_torn(cluster):
    for shift in range(5):
        parts = parts_of("x" * shift + cluster * 300)
        count = sum(part.count(cluster) for part in parts)
        assert count == 300


def test_an_endless_cluster_is_torn_in_the_end():
    parts_of("e" + "\u0301" * 900)


def test_blank_lines_without_end_are_cut():
    parts_of("\n" * 1000)


def test_cutting_early_gives_the_same_first_part_as_cutting_whole():
    text = "".join(f"## Part {index}\n\n" + "Words here. " * 12 + "\n\n" for index in range(9))
    whole = cut(text, limit=LIMIT)
    assert [cut(text[:end], limit=LIMIT).body for end in (400, 600)] == [whole.body] * 2


def test_code_spans_pair_equal_runs_and_honour_backslashes():
    assert code_spans("a `b` c ``d ` e`` f `g") == [(2, 5), (8, 17)]
    assert code_spans(r"\`a` b `c`") == [(3, 8)]
    assert code_spans(r"\``a`") == [(2, 5)]
    assert code_spans("x" * 80 + r"\\`a`") == [(82, 85)]
    assert code_spans("none") == []


def test_code_ranges_cover_fenced_and_indented_code_and_spans_of_one_paragraph_only():
    text = "`a`\n\n```\nb\n```\n`c\n\nd` `e`\n\n    @f\n\n- g\n\n    @h\n\n| `i` | j |\n|---|---|\n"
    assert [text[start:end] for start, end in code_ranges(text)] == [
        "`a`",
        "```\nb\n```\n",
        "` `",
        "    @f\n",
        "`i`",
    ]
