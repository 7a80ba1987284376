from bridge.domain.events import DiffLine, FileDiff
from bridge.render.code_blocks import (
    chunks,
    code_block,
    command_and_rest,
    diff_text,
    excerpt,
    pretty,
    reveal,
)
from bridge.render.mentions import JOINER


def unquoted(block):
    assert block.startswith("```\n")
    assert block.endswith("\n```")
    assert "```" not in block[3:-3]
    return block[4:-4]


def test_what_nobody_sees_is_written_out():
    assert reveal("a\u202eb\u200b\x1b\td\ne\U000e0041") == (
        "a⟨U+202E⟩b⟨U+200B⟩⟨U+001B⟩\td\ne⟨U+E0041⟩"
    )


def test_arguments_are_indented_json_whatever_they_hold():
    assert pretty({"a": [1, "ü"]}) == '{\n  "a": [\n    1,\n    "ü"\n  ]\n}'
    assert "object at" in pretty({"a": object()})
    loop: list = []
    loop.append(loop)
    assert pretty(loop) == "(These arguments cannot be shown.)"
    assert pretty({(1, 2): 3}) == "(These arguments cannot be shown.)"


def test_a_shell_call_is_its_command_its_description_and_the_rest():
    call = {"command": "ls", "description": "List", "timeout": 5}
    assert command_and_rest("Bash", call) == ("ls", "List", {"timeout": 5})
    assert command_and_rest("Bash", {"command": "ls"}) == ("ls", None, {})
    assert command_and_rest("Bash", {"command": "ls", "description": 1}) == (
        "ls",
        None,
        {"description": 1},
    )
    assert command_and_rest("Bash", {"command": 5}) == (None, None, {"command": 5})
    assert command_and_rest("Read", call) == (None, None, call)


def test_a_diff_has_a_sign_before_each_line():
    lines = (DiffLine("context", "a"), DiffLine("add", "b"), DiffLine("remove", "c"))
    assert diff_text(FileDiff("x", lines)) == " a\n+b\n-c"
    assert diff_text(FileDiff("x", (), "binary file")) == "binary file"


def test_data_cannot_end_its_code_block():
    assert unquoted(code_block("a```b````c")) == (
        f"a`{JOINER}`{JOINER}`b`{JOINER}`{JOINER}`{JOINER}`c"
    )
    assert unquoted(code_block("`x` & <!here>")) == "`x` &amp; &lt;!here&gt;"


def test_an_excerpt_says_how_much_is_left_out():
    assert excerpt("short", 100) == (code_block("short"), 0)
    block, left = excerpt("x" * 500, 100)
    assert len(block) <= 100
    assert unquoted(block) == "x" * (500 - left)


def test_an_excerpt_ends_with_a_line_where_it_can():
    block, left = excerpt("a line\n" * 50, 100)
    assert unquoted(block).endswith("line\n")
    assert left % 7 == 0


def test_no_escaping_makes_a_block_too_long():
    for hostile in ("&" * 900, "<" * 900, "`" * 900, "@here " * 300, "\u202e" * 900, "😀" * 900):
        block, left = excerpt(hostile, 300)
        assert len(block.encode("utf-16-le")) // 2 <= 300
        assert left > 0
        pieces = list(chunks(hostile, 300))
        assert all(len(piece.encode("utf-16-le")) // 2 <= 300 for piece, _ in pieces)
        assert pieces[-1][1] == len(hostile)


def test_chunks_hold_all_of_the_text():
    text = "".join(f"line {index}\n" for index in range(200))
    pieces = [unquoted(block) for block, _ in chunks(text, 300)]
    assert "\n".join(pieces) + "\n" == text + "\n" or "\n".join(pieces) == text.rstrip("\n")
    assert list(chunks("", 300)) == []
