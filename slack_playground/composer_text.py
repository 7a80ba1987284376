"""Text as people type it, and as Slack stores it: escaped mrkdwn with a rich_text block beside."""

import re
from collections.abc import Iterator
from itertools import groupby

from slack_playground.slack_types import Json

_INLINE = re.compile(
    r"(?<!`)`(?P<code>[^`\n]+)`(?!`)"
    r"|<@(?P<user>[UW][A-Z0-9]+)>"
    r"|<#(?P<channel>[CG][A-Z0-9]+)(?:\|[^>]*)?>"
    r"|(?<![\w@])@(?P<broadcast>here|channel|everyone)\b"
    r"|(?P<url>https?://[^\s<>|]+[^\s<>|.,;:!?)\"'*_~`])"
    r"|(?<![\w:]):(?P<emoji>(?=[^:]*[a-z])[a-z0-9_+-]+):(?![\w:])"
    r"|(?<![\w*])\*(?=[^\s*])(?P<bold>[^*\n]*[^\s*])\*(?![\w*])"
    r"|(?<![\w_])_(?=[^\s_])(?P<italic>[^_\n]*[^\s_])_(?![\w_])"
    r"|(?<![\w~])~(?=[^\s~])(?P<strike>[^~\n]*[^\s~])~(?![\w~])"
)
_FENCE = re.compile(r"```(.*?)```\n?", re.S)
_BULLET = re.compile(r"[-*•] +(?=\S)")
_NUMBER = re.compile(r"([1-9]\d{0,2})\. +(?=\S)")
_QUOTED = re.compile(r"> ?")
_MARKS = {"bold": "*", "italic": "_", "strike": "~"}
_URL = re.compile(r"<[^>]*>|`[^`]*`|(https?://[^\s<>|]+[^\s<>|.,;:!?)\"'])")
_BARE_AMPERSAND = re.compile(r"&(?!amp;|lt;|gt;)")
_BARE_LESS = re.compile(r"<(?![@#!]|https?:|mailto:|tel:)")

Piece = tuple[str, list[Json]]
"""What a piece of text becomes in `text` and in the rich_text block."""


def escape(text: str) -> str:
    """Replace the three characters Slack escapes."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def unescape(text: str) -> str:
    """The reverse of `escape`."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def compose(typed: str) -> tuple[str, Json]:
    """A person's text as Slack delivers it, and the rich_text block beside it.

    Marks, code, lists, quotations and emoji become what Slack's composer makes of them
    (https://docs.slack.dev/reference/block-kit/blocks/rich-text-block).
    """
    pieces = list(_pieces(typed)) or [_section([""])]
    text = "\n".join(stored for stored, _ in pieces)
    elements = [element for _, made in pieces for element in made]
    return text, {"type": "rich_text", "elements": elements}


def _pieces(typed: str) -> Iterator[Piece]:
    """Code blocks, and what stands between them, in order."""
    end = 0
    for match in _FENCE.finditer(typed):
        yield from _paragraphs(typed[end : match.start()].removesuffix("\n"))
        code = match[1].strip("\n")
        made = {"type": "rich_text_preformatted", "elements": [_text(code)] if code else []}
        yield f"```{escape(code)}```", [made]
        end = match.end()
    yield from _paragraphs(typed[end:])


def _paragraphs(typed: str) -> Iterator[Piece]:
    if not typed:
        return
    numbered = enumerate(typed.split("\n"))
    for (kind, first), group in groupby(numbered, key=lambda one: _kind(*one)):
        lines = [(at, line) for at, line in group]
        begin = first + lines[0][0]
        yield _paragraph(kind, [line for _, line in lines], begin)


def _paragraph(kind: str, lines: list[str], begin: int) -> Piece:
    match kind:
        case "bullet":
            return _list([_BULLET.sub("", line, count=1) for line in lines], begin=None)
        case "number":
            return _list([_NUMBER.sub("", line, count=1) for line in lines], begin=begin)
        case "quote":
            return _quote([_QUOTED.sub("", line, count=1) for line in lines])
        case _:
            return _section(lines)


def _kind(at: int, line: str) -> tuple[str, int]:
    """What the line is part of. Numbers that follow each other are one list: the second part is
    what its first number would be in line 0.
    """
    if number := _NUMBER.match(line):
        return "number", int(number[1]) - at
    kinds = {"bullet": _BULLET, "quote": _QUOTED}
    return next((kind for kind, begins in kinds.items() if begins.match(line)), "section"), 0


def _section(lines: list[str]) -> Piece:
    text, elements = _inline("\n".join(lines))
    return text, [{"type": "rich_text_section", "elements": elements}]


def _quote(lines: list[str]) -> Piece:
    text, elements = _inline("\n".join(lines))
    quoted = "\n".join(f"&gt; {line}" for line in text.split("\n"))
    return quoted, [{"type": "rich_text_quote", "elements": elements}]


def _list(items: list[str], *, begin: int | None) -> Piece:
    """`begin` is the first item's number; None for bullets."""
    made = [_inline(item) for item in items]
    marks = [f"{begin + at}." if begin else "•" for at in range(len(items))]
    text = "\n".join(f"{mark} {stored}" for mark, (stored, _) in zip(marks, made, strict=True))
    sections = [{"type": "rich_text_section", "elements": elements} for _, elements in made]
    block = {"type": "rich_text_list", "style": "ordered" if begin else "bullet", "indent": 0}
    offset = {"offset": begin - 1} if begin and begin > 1 else {}
    return text, [{**block, **offset, "elements": sections}]


def _inline(typed: str, style: Json | None = None) -> Piece:
    stored: list[str] = []
    elements: list[Json] = []
    end = 0
    for match in _INLINE.finditer(typed):
        plain = typed[end : match.start()]
        end = match.end()
        text, made = _marked(match, style or {})
        stored += [escape(plain), text]
        elements += [*([_text(plain, style)] if plain else []), *made]
    rest = typed[end:]
    stored.append(escape(rest))
    elements += [_text(rest, style)] if rest else []
    return "".join(stored), elements


def _marked(match: re.Match[str], style: Json) -> Piece:
    kind = match.lastgroup or ""
    inside = match[kind]
    if mark := _MARKS.get(kind):
        text, elements = _inline(inside, {**style, kind: True})
        return f"{mark}{text}{mark}", elements
    text, element = _token(kind, inside, style)
    if style and "style" not in element:
        element = {**element, "style": style}
    return text, [element]


def _token(kind: str, inside: str, style: Json) -> tuple[str, Json]:
    match kind:
        case "code":
            return f"`{escape(inside)}`", _text(inside, {**style, "code": True})
        case "user":
            return f"<@{inside}>", {"type": "user", "user_id": inside}
        case "channel":
            return f"<#{inside}>", {"type": "channel", "channel_id": inside}
        case "broadcast":
            return f"<!{inside}>", {"type": "broadcast", "range": inside}
        case "emoji":
            return f":{inside}:", {"type": "emoji", "name": inside}
        case _:
            return f"<{escape(inside)}>", {"type": "link", "url": inside}


def _text(text: str, style: Json | None = None) -> Json:
    return {"type": "text", "text": text, **({"style": style} if style else {})}


def normalize(text: str, *, link: bool = True) -> str:
    """An app's text as Slack stores it: stray specials escaped, URLs in angle brackets."""
    text = _BARE_LESS.sub("&lt;", _BARE_AMPERSAND.sub("&amp;", text))
    if not link or "http" not in text:
        return text
    return _URL.sub(lambda m: f"<{m[1]}>" if m[1] else m[0], text)
