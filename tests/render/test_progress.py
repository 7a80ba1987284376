import json

import pytest

from bridge.domain.events import ToolLine
from bridge.render.progress import (
    HINT_LIMIT,
    code_span,
    hint_of,
    tool_hint,
    tool_name,
    tools_line,
)


@pytest.mark.parametrize(
    ("name", "arguments", "hint"),
    [
        ("Bash", {"command": "pytest -q", "description": "Run tests"}, "pytest -q"),
        ("Bash", {"command": " ", "description": "Run tests"}, "Run tests"),
        ("Read", {"file_path": "/srv/a.py"}, "/srv/a.py"),
        ("Edit", {"path": "b.py", "old_string": "x"}, "b.py"),
        ("Write", {"file_path": "/" + "d/" * 60 + "end.py"}, "…" + "/d" * 36 + "/end.py"),
        ("Agent", {"description": "Look around", "prompt": "…"}, "Look around"),
        ("Skill", {"skill": "pdf"}, "pdf"),
        ("lookup", {"id": "LET-1"}, '{"id": "LET-1"}'),
        ("Bash", {"command": 5}, '{"command": 5}'),
        ("Bash", {"command": "a\n\n  b\tc"}, "a b c"),
        ("Bash", {"command": "echo \u202edlrow"}, "echo ⟨U+202E⟩dlrow"),
        ("TaskList", {}, ""),
    ],
)
def test_a_hint_says_what_the_tool_touches(name, arguments, hint):
    assert tool_hint(name, json.dumps(arguments)) == hint


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", "null", '"x"', "plain words", "[" * 100_000])
def test_a_hint_never_raises_and_stays_short(text):
    hint = tool_hint("Bash", text)
    assert len(hint) <= HINT_LIMIT
    assert "\n" not in hint


def test_arguments_that_are_no_json_give_no_hint():
    loop: dict = {}
    loop["self"] = loop
    assert hint_of("x", loop) == ""


def test_a_hint_in_code_cannot_leave_its_span():
    assert code_span("a `b` <!here>") == "`a 'b' &lt;!here&gt;`"
    assert code_span("") == ""


def tool(name, index=0, command="ls"):
    return ToolLine(f"c{index}", name, json.dumps({"command": command}))


def test_the_tool_line_says_what_runs_and_for_how_long():
    line = tools_line([tool("Bash", command="pytest -q")], {"c0": 100.0}, 112.0)
    assert line == "⚙ Bash `pytest -q` · 10 s"
    assert tools_line([tool("Bash")], {}, 5.0) == "⚙ Bash `ls`"
    assert tools_line([ToolLine("c", "TaskList", "{}")], {}, 0.0) == "⚙ TaskList"
    assert tools_line([], {}, 0.0) == ""


def test_the_tool_line_names_three_and_counts_the_rest():
    line = tools_line([tool("Bash", index) for index in range(5)], {}, 0.0)
    assert line == "⚙ Bash `ls`, Bash `ls`, Bash `ls` and 2 more"


def test_a_tool_name_cannot_format():
    assert tool_name("*x* `y` <b>") == "∗x∗ 'y' &lt;b&gt;"
    assert tool_name("") == "a tool"
