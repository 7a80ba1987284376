"""Markdown lines: fences, headings, list items, tables, inline code.

One tolerant reading for all of `render`: a fence may be indented at will (it stands in list items)
or quoted with `>`, because a wrong guess costs an extra marker line and nothing else.
"""

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from bridge.render.limits import size

HEADING = re.compile(r"[ \t]{0,3}#{1,6}(?:[ \t]|$)")
UNDERLINE = re.compile(r"[ \t]{0,3}(?:=+|-+)[ \t\r]*$")
ITEM = re.compile(r"[ \t]*(?:[-*+]|\d{1,9}[.)])[ \t]")
SEPARATOR = re.compile(r"[ \t>]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t\r]*$")

_MARKER_LIMIT = 40
_OPENING_LIMIT = 100
_OPENS = re.compile(
    r"(?P<lead>[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)*[ \t>]*)(?P<mark>`{3,}|~{3,})(?P<info>.*)$"
)
_RUN = re.compile("`+")


@dataclass(frozen=True, slots=True)
class Fence:
    """An open code fence. `lead` is the white space and `>` that its closing line needs."""

    lead: str
    mark: str
    info: str

    @property
    def opening(self) -> str:
        """The line that opens the same fence again; a very long info string is left out."""
        line = self.lead + self.mark + self.info
        return line if size(line) <= _OPENING_LIMIT else self.lead + self.mark

    @property
    def closing(self) -> str:
        """The line that closes the fence."""
        return self.lead + self.mark

    def after(self, line: str) -> "Fence | None":
        """Which fence is open once `line` followed; a quoted fence ends with its quotation."""
        stripped = line.strip(" \t>\r")
        if len(stripped) >= len(self.mark) and not stripped.strip(self.mark[0]):
            return None
        if ">" in self.lead and not line.lstrip().startswith(">"):
            return opened_by(line)
        return self


def opened_by(line: str) -> Fence | None:
    """Return the fence that `line` opens outside of any other; None when it opens none.

    A run of more than 40 marks, or one that stands more than 40 columns in, is no fence to us:
    it could not be repeated in every part of a long text.
    """
    found = _OPENS.match(line)
    if found is None:
        return None
    lead, mark, info = found["lead"], found["mark"], found["info"].rstrip("\r")
    if (mark[0] == "`" and "`" in info) or max(len(lead), len(mark)) > _MARKER_LIMIT:
        return None
    return Fence(re.sub(r"[^>\t ]", " ", lead), mark, info)


def fence_after(fence: Fence | None, line: str) -> Fence | None:
    """Return the open fence after `line`, given the one open before it."""
    return opened_by(line) if fence is None else fence.after(line)


def open_fence(text: str) -> Fence | None:
    """Return the fence that is still open at the end of `text`."""
    fence: Fence | None = None
    for _, line in numbered(text):
        fence = fence_after(fence, line)
    return fence


def with_fence_closed(text: str) -> str:
    """Add the closing line when a fence is open at the end of `text`."""
    fence = open_fence(text)
    if fence is None:
        return text
    return text + ("" if text.endswith("\n") else "\n") + fence.closing


def numbered(text: str) -> Iterator[tuple[int, str]]:
    """Yield each line without its newline, with the index at which it starts."""
    start = 0
    for line in text.removesuffix("\n").split("\n"):
        yield start, line
        start += len(line) + 1


def code_spans(text: str) -> list[tuple[int, int]]:
    """Return start and end of every inline code span, marks included. Linear in the text."""
    runs = [found.span() for found in _RUN.finditer(text)]
    by_length: defaultdict[int, list[int]] = defaultdict(list)
    for index, (start, end) in enumerate(runs):
        by_length[end - start].append(index)
    spans = []
    index = 0
    while index < len(runs):
        start, end = runs[index]
        start += _escaped(text, start)
        same = by_length.get(end - start, [])
        later = bisect_right(same, index)
        if later < len(same):
            index = same[later]
            spans.append((start, runs[index][1]))
        index += 1
    return spans


def _escaped(text: str, index: int) -> bool:
    before = text[:index] if index < 64 else text[index - 64 : index]
    return (len(before) - len(before.rstrip("\\"))) % 2 == 1
