"""Code ranges: where code stands in standard Markdown, as CommonMark reads it.

Read by markdown-it, because here a wrong guess would let an agent's text ping people, or change
its code. Slow beside the line reader of `markdown_lines`: asked only where it matters.
"""

import re
from collections.abc import Iterator
from typing import Final

from markdown_it import MarkdownIt

from bridge.render.markdown_lines import code_spans

_LINE_END: Final = re.compile(r"\r\n|\r|\n")
_BAR: Final = re.compile(r"(?<!\\)\|")
_MARKDOWN: Final = MarkdownIt("commonmark").enable("table")


def code_ranges(text: str) -> list[tuple[int, int]]:
    """Return start and end of all code, in order: fenced and indented lines (with their markers)
    and inline spans.
    """
    starts = _line_starts(text)
    ranges: list[tuple[int, int]] = []
    for kind, first, last in _leaves(text):
        start, end = starts[first], starts[last]
        if kind in ("fence", "code_block"):
            ranges.append((start, end))
            continue
        for begin, stop in _cells(text, start, end) if kind == "tr_open" else [(start, end)]:
            ranges += [(begin + a, begin + b) for a, b in code_spans(text[begin:stop])]
    return sorted(ranges)


def _leaves(text: str) -> Iterator[tuple[str, int, int]]:
    """The kind and the lines of every block that holds words; a table's row is one."""
    in_row = False
    for token in _MARKDOWN.parse(text):
        if token.type in ("tr_open", "tr_close"):
            in_row = token.type == "tr_open"
        is_leaf = token.type in ("fence", "code_block", "tr_open")
        if token.map is not None and (is_leaf or (token.type == "inline" and not in_row)):
            yield token.type, token.map[0], token.map[1]


def _cells(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The cells of a row: no code span reaches over a bar."""
    begin = start
    for bar in _BAR.finditer(text, start, end):
        yield begin, bar.start()
        begin = bar.end()
    yield begin, end


def _line_starts(text: str) -> list[int]:
    ends = [found.end() for found in _LINE_END.finditer(text)]
    return [0, *ends, len(text), len(text)]
