"""Independent readings of what the builders make: Slack's tokens, its limits, open fences.

Nothing here shares code with the product: it asks what Slack could see, as badly as it may.
"""

import html
import itertools
import json
import re
from collections.abc import Iterator
from typing import Any

from markdown_it import MarkdownIt
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

COMMONMARK = MarkdownIt("commonmark").enable("table")
BROADCASTS = ("here", "channel", "everyone", "group")
STRIPPED = dict.fromkeys(
    itertools.chain(
        [0xAD, 0x34F, 0x61C, 0xFEFF],
        range(0x180B, 0x1810),
        range(0x200B, 0x2010),
        range(0x202A, 0x202F),
        range(0x2061, 0x2070),
        range(0xFE00, 0xFE10),
        range(0x20),
    )
)
"""What a careless reader may throw away before it looks for tokens (not the word joiner)."""


KNOWN = re.compile(r"<(?:!((?i:here|channel|everyone|group|subteam|date))|@([UW][A-Z0-9]+))")
"""The tokens that Slack knows, as it reads them in code, where nothing is decoded."""


def pings(text: str, *, markdown: bool = True) -> set[str]:
    """Who could be notified by `text`, under any order of decoding: words and user ids."""
    if not markdown:
        return _pings_in_prose(text, markdown=False)
    prose, code = _parted(text)
    found = {
        found[1] or found[2]
        for piece in code
        for reading in (piece, piece.translate(STRIPPED))
        for found in KNOWN.finditer(reading)
    }
    return found.union(*(_pings_in_prose(piece, markdown=True) for piece in prose))


def _parted(text: str) -> tuple[list[str], list[str]]:
    """Prose and code, as CommonMark has them."""
    prose: list[str] = []
    code: list[str] = []
    for token in COMMONMARK.parse(text):
        if token.type in ("fence", "code_block"):
            code += [token.info, token.content]
        elif token.type == "html_block":
            prose.append(token.content)
        elif token.type == "inline":
            parts = _inline_parts(token.content)
            prose.append(" ".join(part for part, is_code in parts if not is_code))
            code += [part for part, is_code in parts if is_code]
    return prose, code


def _inline_parts(text: str) -> list[tuple[str, bool]]:
    """The pieces of a paragraph, and whether each is a code span."""
    parts, at, begun = [], 0, 0
    while at < len(text):
        if text[at] == "\\":
            at += 2
            continue
        run = re.match("`+", text[at:])
        if run is None:
            at += 1
            continue
        size = len(run[0])
        close = re.search(f"(?<!`)`{{{size}}}(?!`)", text[at + size :])
        if close is None:
            at += size
            continue
        end = at + size + close.end()
        parts += [(text[begun:at], False), (text[at:end], True)]
        at = begun = end
    return [*parts, (text[begun:], False)]


def _pings_in_prose(text: str, *, markdown: bool) -> set[str]:
    readings = {text, text.translate(STRIPPED)}
    if markdown:
        bare = re.compile(r"\\(?=[!-/:-@\[-`{-~])")
        for reading in list(readings):
            readings |= {html.unescape(reading), bare.sub("", reading)}
            readings |= {bare.sub("", html.unescape(reading)), html.unescape(bare.sub("", reading))}
        readings |= {reading.translate(STRIPPED) for reading in readings}
    return set().union(*(_tokens(reading) for reading in readings))


def _tokens(text: str) -> set[str]:
    found: set[str] = set()
    for start, char in enumerate(text):
        rest = text[start + 1 :]
        if char == "<" and rest[:1] == "!":
            if re.match(r"\w", rest[1:]) and not re.match(
                r"--|\[CDATA\[|(?i:doctype|element|entity|attlist|notation)(?:\s|$)", rest[1:]
            ):
                found.add("!" + rest[1:12])
        elif char == "<" and re.match(r"@\w", rest):
            found.add(re.match(r"\w*", rest[1:])[0])
        elif char in "@\uff20":
            word = re.match(r"[A-Za-z0-9_]*", rest)[0].lower()
            if word in BROADCASTS:
                found.add(word)
    return found


def open_fences(text: str) -> int:
    """How many code fences are open at the end, read line by line, with any indentation."""
    mark = ""
    quoted = False
    for line in text.removesuffix("\n").split("\n"):
        inner = line.strip(" \t>\r")
        if mark:
            if len(inner) >= len(mark) and set(inner) == {mark[0]}:
                mark = ""
                continue
            if not (quoted and not line.lstrip().startswith(">")):
                continue
            mark = ""
        body = re.sub(r"^[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)*[ \t>]*", "", line)
        run = re.match(r"`+|~*", body)[0]
        info = body[len(run) :]
        lead = line[: len(line) - len(body)]
        if len(run) < 3 or len(run) > 40 or len(lead) > 40:
            continue
        if run[0] == "`" and "`" in info:
            continue
        mark, quoted = run, ">" in lead
    return int(bool(mark))


def texts(node: Any) -> Iterator[dict[str, Any]]:
    """Every text-bearing object of blocks: composition objects and markdown blocks."""
    if isinstance(node, dict):
        if node.get("type") in ("mrkdwn", "plain_text", "markdown") and isinstance(
            node.get("text"), str
        ):
            yield node
        for value in node.values():
            yield from texts(value)
    elif isinstance(node, list | tuple):
        for value in node:
            yield from texts(value)


def units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def check_blocks(blocks: Any, *, most: int = 50) -> None:
    """Slack's documented limits: the SDK's models first, then what they let pass."""
    assert 1 <= len(blocks) <= most
    for block in blocks:
        parsed = Block.parse(block)
        assert parsed is not None
        parsed.to_dict()
        if block["type"] == "context":
            assert 1 <= len(block["elements"]) <= 10
        if block["type"] == "actions":
            handles = [element["action_id"] for element in block["elements"]]
            assert len(set(handles)) == len(handles) <= 25
            for element in block["elements"]:
                assert element["text"]["type"] == "plain_text"
                assert 1 <= units(element["text"]["text"]) <= 75
                assert units(element["value"]) <= 2000
    named = [block["block_id"] for block in blocks if "block_id" in block]
    assert len(set(named)) == len(named)
    assert all(len(name) <= 255 for name in named)
    found = list(texts(blocks))
    assert sum(units(text["text"]) for text in found if text["type"] == "markdown") <= 12_000
    for text in found:
        assert text["text"].strip()
        assert text["type"] == "markdown" or units(text["text"]) <= 3_000
        if text["type"] == "mrkdwn":
            assert text["verbatim"] is True
    sent = json.dumps(blocks)
    assert "\\ud8" not in sent or _pairs_only(sent)


def _pairs_only(sent: str) -> bool:
    json.loads(sent).__repr__().encode("utf-8")
    return True


def check_view(view: dict[str, Any]) -> None:
    """A modal that Slack takes."""
    parsed = View(**view)
    parsed.validate_json()
    check_blocks(view["blocks"], most=100)
    assert len(json.dumps(view)) <= 250_000
    for key in ("title", "close", "submit"):
        assert units(view.get(key, {"text": ""})["text"]) <= 24
    assert len(view.get("private_metadata", "")) <= 3_000
    assert 1 <= len(view["callback_id"]) <= 255
