"""Markdown splitting: standard Markdown cut into parts that each stand alone.

A part is shown as `opening + body + closing`. Bodies joined give the source exactly; openings and
closings are the only additions, so that a cut never changes what a thing is: a code fence that goes
on is closed and opened again with its info string, a table that goes on repeats its header, nested
items get their parents again as `…`, a quotation its mark, and bold is bold on both sides. Where to
cut depends only on the text up to the limit, so cutting a growing text early gives the same parts
as cutting it whole.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from bridge.render.limits import fit, size
from bridge.render.markdown_lines import (
    HEADING,
    ITEM,
    SEPARATOR,
    UNDERLINE,
    Fence,
    code_spans,
    fence_after,
    numbered,
    open_fence,
    opened_by,
)

SMALLEST_LIMIT = 256
_CLOSING_ROOM = 82
_LOOKAHEAD = 400
_LINK = re.compile(r"!?\[[^\[\]\n]*\]\([^()\s]*\)|<[^<>\s]+>")
_SENTENCE = re.compile(r"[.!?…。！？][\"'”’)\]*_]*\s+|[。！？]")
_WORD = re.compile(r"\s+")
_QUOTE = re.compile(r"[ \t]{0,3}(?:>[ \t]?)+")


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of a longer text. `carry` is the opening of the part that follows."""

    opening: str
    body: str
    closing: str
    carry: str = ""

    @property
    def text(self) -> str:
        """What is shown. Marks close nothing behind a space."""
        tight = self.closing.startswith(("*", "_", "~"))
        return self.opening + (self.body.rstrip(" ") if tight else self.body) + self.closing


@dataclass(frozen=True, slots=True)
class _Break:
    """A line start at which the text may be cut. `rank` 0 is bad, 6 is best (a heading)."""

    at: int
    rank: int
    table: str | None = None
    """The header to repeat when cut here, inside a table; None outside of tables."""

    table_at: int = 0


def split(text: str, *, limit: int) -> tuple[Part, ...]:
    """Cut `text` into parts of at most `limit` (in UTF-16 units, 256 or more).

    Every fence is balanced in each part, also one that the source leaves open. Empty text gives
    no part.
    """
    parts: list[Part] = []
    carry = ""
    while text:
        part = cut(text, limit=limit, opening=carry)
        parts.append(part)
        text, carry = text[len(part.body) :], part.carry
    return tuple(parts)


def cut(text: str, *, limit: int, opening: str = "") -> Part:
    """Return the first part of `text`: all of it when it fits.

    `opening` is the `carry` of the part before. Raises `ValueError` for a limit under 256.
    """
    if limit < SMALLEST_LIMIT:
        raise ValueError(f"A part needs a limit of at least {SMALLEST_LIMIT}.")
    if len(text) <= limit:
        whole = _closed(opening, text)
        if size(whole.text) <= limit:
            return whole
    end = fit(text, limit - size(opening) - _CLOSING_ROOM)
    chosen = _choose(text, end, opening)
    header = chosen.table or ""
    header = header if size(header) <= limit // 4 else ""
    return _closed(opening, text[: chosen.at], header, rest=text[chosen.at :])


def _closed(opening: str, body: str, header: str = "", *, rest: str = "") -> Part:
    fence = open_fence(opening + body)
    if fence is None and rest and not header:
        return Part(opening, body, *_reopened(opening + body, rest))
    if fence is None:
        return Part(opening, body, "", header)
    newline = "" if body.endswith("\n") or not body else "\n"
    return Part(opening, body, newline + fence.closing, fence.opening + "\n")


# --- what goes on in the next part ---------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Item:
    """A list item that may go on: how far it stands in, and its mark."""

    indent: int
    mark: str

    @property
    def opening(self) -> str:
        return f"{' ' * self.indent}{self.mark} …\n"


def _reopened(before: str, rest: str) -> tuple[str, str]:
    """What closes a part outside of fences and tables, and what opens the one that follows."""
    if before.endswith("\n"):
        return "", "".join(item.opening for item in _parents(before, rest))
    begun = before.rfind("\n") + 1
    line = before[begun:]
    marks = _open_marks(before[_state(before)[1] :])
    carry = _line_again(before[:begun], line) + "".join(marks)
    if opened_by(carry + rest.partition("\n")[0]) is not None:
        return "", ""
    return "".join(reversed(marks)), carry


def _line_again(before: str, line: str) -> str:
    """What the rest of a line begins with, to be still in its quotation or item."""
    if quote := _QUOTE.match(line):
        return quote[0]
    if item := ITEM.match(line):
        parents = "".join(parent.opening for parent in _parents(before, line))
        return f"{parents}{item[0].rstrip()} … "
    return ""


def _parents(before: str, rest: str) -> list[_Item]:
    """The items that the next line stands in, outermost first; none for a line at the margin."""
    line = rest.partition("\n")[0]
    indent = len(line) - len(line.lstrip(" "))
    if not (indent and line.strip()):
        return []
    return [item for item in _open_items(before) if item.indent < indent]


def _open_items(text: str) -> list[_Item]:
    """The list items that are open at the end of a text, outermost first."""
    items: list[_Item] = []
    fence: Fence | None = None
    blank = False
    for _, line in numbered(text):
        inside, fence = fence, fence_after(fence, line)
        if inside is not None or not line.strip():
            blank = inside is None
            continue
        indent = len(line) - len(line.lstrip(" "))
        found = ITEM.match(line)
        if found is not None or blank or fence is not None:
            items = [item for item in items if item.indent < indent]
        if found is not None:
            items.append(_Item(indent, found[0].strip()))
        blank = False
    return items


# --- where to cut --------------------------------------------------------------------------


def _choose(text: str, end: int, opening: str) -> _Break:
    breaks = list(_breaks(text[:end], opening))
    half = end // 2
    table = breaks[-1] if breaks and breaks[-1].table is not None else None
    if table is not None:
        before = [found for found in breaks if found.rank and found.at <= table.table_at]
        return before[-1] if before else table
    for ranks in ((5, 6), (4,), (3,), (1, 2)):
        for found in reversed(breaks):
            if found.rank in ranks and found.at >= half:
                return found
    return _Break(_inside_line(text, end, half), 0)


def _breaks(window: str, opening: str) -> Iterator[_Break]:
    """Yield the line starts after the first, in order, with what speaks for cutting there."""
    fence = open_fence(opening)
    header = opening if opening and fence is None else None
    table_at = 0
    before = solid = ""
    lines = list(numbered(window))
    for index, (start, line) in enumerate(lines):
        after = fence_after(fence, line)
        if header is not None and (after is not None or "|" not in line):
            header = None
        if start:
            rank = (
                _rank(line, before, solid)
                if fence is None
                else _rank_in_code(before, line, fence, after)
            )
            yield _Break(start, rank, header if rank else None, table_at)
        if header is None and after is None and fence is None and index + 1 < len(lines):
            header = _table_header(line, lines[index + 1][1])
            table_at = start
        fence, before, solid = after, line, line if line.strip() else solid


def _table_header(line: str, following: str) -> str | None:
    if "|" in line and "|" in following and SEPARATOR.match(following):
        return f"{line}\n{following}\n"
    return None


def _rank_in_code(before: str, line: str, fence: Fence, after: Fence | None) -> int:
    if after is None or opened_by(before) == fence:
        return 0
    return 1 if before.strip() else 2


def _rank(line: str, before: str, solid: str) -> int:
    """Say how well a cut before `line` reads. `solid` is the last line that is not blank."""
    blank = not before.strip()
    if not line.strip() or HEADING.match(solid):
        return 0
    if not blank and (UNDERLINE.match(line) or SEPARATOR.match(line)):
        return 0
    if HEADING.match(line):
        return 6
    indented = line.startswith(("  ", "\t"))
    if ITEM.match(line):
        return 3 if indented else 4
    if blank:
        return 3 if indented else 5
    return 3 if opened_by(line) or _is_fence_end(before) else 2


def _is_fence_end(line: str) -> bool:
    return line.lstrip(" \t>").startswith(("```", "~~~"))


# --- inside a line -------------------------------------------------------------------------


def _inside_line(text: str, end: int, low: int) -> int:
    """Find a place in (low, end]: after a sentence, else a word, else between characters."""
    start = text.rfind("\n", 0, end) + 1
    if mark := ITEM.match(text, start):
        if start and end <= mark.end():
            return start
        low = max(low, mark.end())  # a mark without a word is no item
    region = text[start : end + _LOOKAHEAD]
    whole = [*code_spans(region), *(found.span() for found in _LINK.finditer(region))]
    kept = [(start + first, start + last) for first, last in whole if start + first > low]
    for pattern in (_SENTENCE, _WORD):
        places = [found.end() for found in pattern.finditer(text, low, end)]
        for place in reversed(places):
            torn = _within(place, kept) or _joined(text, place)
            if not torn and opened_by(_line_at(text, place)) is None:
                return place
    inside = [first for first, last in kept if first < end < last]
    return _between_clusters(text, min(inside, default=end))


def _line_at(text: str, place: int) -> str:
    return text[place : place + _CLOSING_ROOM].partition("\n")[0]


def _within(place: int, ranges: list[tuple[int, int]]) -> bool:
    return any(first < place < last for first, last in ranges)


def _between_clusters(text: str, place: int) -> int:
    """Step back to where no accent, joined emoji, flag or surrogate pair is torn."""
    for candidate in range(place, max(place - 32, 0), -1):
        if not _joined(text, candidate):
            return candidate
    return place


def _joined(text: str, place: int) -> bool:
    before, after = text[place - 1], text[place]
    return (
        unicodedata.category(after) in ("Mn", "Me", "Mc")
        or "\u200d" in (before, after)
        or "\U0001f3fb" <= after <= "\U0001f3ff"
        or (_is_flag(after) and _flags_before(text, place) % 2 == 1)
        or ("\ud800" <= before <= "\udbff" and "\udc00" <= after <= "\udfff")
        or before + after == "\r\n"
    )


def _flags_before(text: str, place: int) -> int:
    count = 0
    while count < place and _is_flag(text[place - 1 - count]):
        count += 1
    return count


def _is_flag(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"


_MARKS = re.compile(r"\\.|\*\*\*|\*\*|\*|___|__|_|~~")
_HALF_LINK = re.compile(r"!?\[([^\[\]\n]*)\]\([^()\s]*$")
_HALF_TOKEN = re.compile(r"<[@#!][^<>\s]{0,80}$|&\#?\w{0,10}$")
_DANGLING = re.compile(r"(?<!\\)(?:[*_~`]+|!?\[)$")


def closing(text: str) -> str:
    """Return `text` as it may be shown now: dangling fences and inline marks are closed.

    A table header is held back until its separator confirms it, a link until its address is
    complete, a fence until its first line. For the view of a growing text only: with more text
    the next view may differ anywhere in the last paragraph.
    """
    fence, paragraph = _state(text)
    last = text.rfind("\n") + 1
    if fence is None:
        start = _unsure_table(text, paragraph)
        return text[:paragraph] + _inline_closed(text[paragraph:start])
    if paragraph == last:
        return text[:last]  # the fence's own first line is still arriving
    line = text[last:].strip(" \t>")
    if line and not line.strip(fence.mark[0]):
        text = text[:last]  # so is its closing line
    return text + ("" if text.endswith("\n") else "\n") + fence.closing


def _state(text: str) -> tuple[Fence | None, int]:
    """Return the open fence, with where it starts, or None and where the last paragraph starts."""
    fence: Fence | None = None
    paragraph = 0
    for start, line in numbered(text):
        before, fence = fence, fence_after(fence, line)
        if before is None and fence is not None:
            paragraph = start
            continue
        end = start + len(line) + 1
        if fence is None and (before is not None or (not line.strip() and end <= len(text))):
            paragraph = min(end, len(text))
    return fence, paragraph


def _unsure_table(text: str, paragraph: int) -> int:
    """Return where an unconfirmed table header begins in the last paragraph, else the end."""
    lines = text[paragraph:].split("\n")
    first = next((index for index, line in enumerate(lines) if line.lstrip().startswith("|")), None)
    if first is None:
        return len(text)
    arriving = lines[first:]
    if len(arriving) > 2 or (len(arriving) == 2 and not _may_be_separator(*arriving)):
        return len(text)
    return paragraph + sum(len(line) + 1 for line in lines[:first])


def _may_be_separator(header: str, line: str) -> bool:
    """Whether `line` is still on its way to the separator below `header`."""
    if line.strip(" \t|:-"):
        return False
    columns = len(header.strip(" \t|").split("|"))
    complete = SEPARATOR.match(line) and len(line.strip(" \t|").split("|")) >= columns
    return not complete


def _inline_closed(paragraph: str) -> str:
    shown = _HALF_LINK.sub(r"\1", paragraph)
    shown = _DANGLING.sub("", _HALF_TOKEN.sub("", shown))
    body = shown.rstrip()
    return body + _closers(body) + shown[len(body) :]


def _closers(text: str) -> str:
    """Return the marks that close what is open in a paragraph, innermost first."""
    return "".join(reversed(_open_marks(text)))


def _open_marks(text: str) -> list[str]:
    """Return the inline marks that are open at the end of a paragraph, outermost first."""
    spans = code_spans(text)
    rest = spans[-1][1] if spans else 0
    run = re.search("(?<![\\\\`])`+(?!`)", text[rest:])
    if run is not None:
        return [run[0]]
    stack: list[str] = []
    for found in _MARKS.finditer(_without_code(text, spans)):
        start, end = found.span()
        _meet(stack, found[0], text[max(start - 1, 0) : start], text[end : end + 1])
    return stack


def _without_code(text: str, spans: list[tuple[int, int]]) -> str:
    """Blot out code, whose marks mean nothing, in the same length."""
    shown: list[str] = []
    end = 0
    for start, stop in spans:
        shown += text[end:start], "x" * (stop - start)
        end = stop
    return "".join([*shown, text[end:]])


def _meet(stack: list[str], mark: str, before: str, after: str) -> None:
    """Open or close with one mark, by what stands on its two sides."""
    inner = mark[0] == "_" and before.isalnum() and after.isalnum()
    if mark[0] == "\\" or inner:
        return
    if mark in stack and not (before or " ").isspace():
        del stack[stack.index(mark) :]
    elif not (after or " ").isspace():
        stack.append(mark)
