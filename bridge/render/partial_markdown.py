"""A growing Markdown text made fit to look at before it is complete."""

import re

from bridge.render.markdown_lines import SEPARATOR, Fence, code_spans, fence_after, numbered

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
    spans = code_spans(text)
    rest = spans[-1][1] if spans else 0
    run = re.search("(?<![\\\\`])`+(?!`)", text[rest:])
    if run is not None:
        return run[0]
    stack: list[str] = []
    for found in _MARKS.finditer(_without_code(text, spans)):
        start, end = found.span()
        _meet(stack, found[0], text[max(start - 1, 0) : start], text[end : end + 1])
    return "".join(reversed(stack))


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
