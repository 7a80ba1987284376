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
_MARKDOWN: Final = MarkdownIt("commonmark").enable("table")


def code_ranges(text: str) -> list[tuple[int, int]]:
    """Return start and end of all code, in order: fenced and indented lines (with their markers)
    and inline spans.
    """
    starts = _line_starts(text)
    ranges: set[tuple[int, int]] = set()
    for kind, first, last in _leaves(text):
        start, end = starts[first], starts[last]
        if kind in ("fence", "code_block"):
            ranges.add((start, end))
        else:
            ranges.update((start + a, start + b) for a, b in code_spans(text[start:end]))
    return sorted(ranges)


def _leaves(text: str) -> Iterator[tuple[str, int, int]]:
    """The kind and the lines of every block that holds words."""
    for token in _MARKDOWN.parse(text):
        if token.map is not None and token.type in ("fence", "code_block", "inline", "tr_open"):
            yield token.type, token.map[0], token.map[1]


def _line_starts(text: str) -> list[int]:
    ends = [found.end() for found in _LINE_END.finditer(text)]
    return [0, *ends, len(text), len(text)]
