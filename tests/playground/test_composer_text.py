"""What people type, and what Slack's composer makes of it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slack_playground.composer_text import compose, unescape

Json = dict[str, Any]
MARKS = set("*_~`>-•.) \n")
"""What may be shown in another form than typed: marks, and how lists begin."""


def first(typed: str) -> list[Json]:
    """The elements of the one section that is made of what was typed."""
    _, block = compose(typed)
    [section] = block["elements"]
    elements: list[Json] = section["elements"]
    return elements


@pytest.mark.parametrize(
    ("typed", "style"),
    [
        ("*word*", {"bold": True}),
        ("_word_", {"italic": True}),
        ("~word~", {"strike": True}),
        ("`word`", {"code": True}),
        ("*_word_*", {"bold": True, "italic": True}),
        ("*`word`*", {"bold": True, "code": True}),
    ],
)
def test_marks_become_styles_and_stay_in_the_text(typed: str, style: Json) -> None:
    assert first(typed) == [{"type": "text", "text": "word", "style": style}]
    assert compose(typed)[0] == typed


@pytest.mark.parametrize(
    "typed", ["2*3*4", "snake_case_name", "so * alone *", "**x**", "`", "10:30:45"]
)
def test_what_is_no_mark_stays_as_typed(typed: str) -> None:
    assert first(typed) == [{"type": "text", "text": typed}]


def test_emoji_mentions_and_links_have_elements_of_their_own() -> None:
    typed = ":tada: <@U01MAYACHEN> <#C01GENERAL1> @here *https://example.com/a_b*"
    assert [element["type"] for element in first(typed) if element["type"] != "text"] == [
        "emoji",
        "user",
        "channel",
        "broadcast",
        "link",
    ]
    assert first(typed)[-1] == {
        "type": "link",
        "url": "https://example.com/a_b",
        "style": {"bold": True},
    }


def test_lists_quotations_and_code_are_parts_of_their_own() -> None:
    text, block = compose("so:\n- one\n- two\n1. first\n> said\n```\na < b\n```\nend")
    assert text == "so:\n• one\n• two\n1. first\n&gt; said\n```a &lt; b```\nend"
    assert [(part["type"], part.get("style")) for part in block["elements"]] == [
        ("rich_text_section", None),
        ("rich_text_list", "bullet"),
        ("rich_text_list", "ordered"),
        ("rich_text_quote", None),
        ("rich_text_preformatted", None),
        ("rich_text_section", None),
    ]


def test_a_list_keeps_the_numbers_that_were_typed() -> None:
    text, block = compose("5. five\n6. six\n9. nine\n2) two")
    assert text == "5. five\n6. six\n9. nine\n2) two"
    assert [part.get("offset") for part in block["elements"]] == [4, 8, None]


@given(st.text(alphabet="ab1 *_~`>-•.:\n<&@éあ", max_size=60) | st.text(max_size=60))
def test_whatever_is_typed_no_visible_character_is_lost(typed: str) -> None:
    text, block = compose(typed)
    wanted = [character for character in typed if character not in MARKS]
    assert [character for character in unescape(text) if character not in MARKS] == wanted
    assert [character for character in shown(block) if character not in MARKS] == wanted


def shown(node: Json) -> str:
    """All text of a rich_text block, in order."""
    match node["type"]:
        case "text":
            return str(node["text"])
        case "emoji":
            return f":{node['name']}:"
        case "link":
            return str(node["url"])
        case "broadcast":
            return f"@{node['range']}"
        case "rich_text_list" if node["style"] == "ordered":
            first = node.get("offset", 0) + 1
            return "\n".join(
                f"{at}. {shown(item)}" for at, item in enumerate(node["elements"], first)
            )
        case _:
            return "\n".join(shown(element) for element in node["elements"])
