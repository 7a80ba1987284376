"""Block text: the words that people see in Slack's blocks, as mrkdwn. Pure.

Every block gives its words; one of an unknown type gives every string in it that can be words.
Block types: PLATFORM §5; elements of rich text: PLATFORM §3.4.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from bridge.slack.json_values import JsonObject, as_mapping, as_objects, as_string
from bridge.slack.mrkdwn import link_text, plain_text, typed, unescape

_DEEPEST: Final = 12
_NOT_WORDS: Final = frozenset(
    {"type", "id", "style", "value", "format", "color", "verbatim", "emoji", "name", "lang"}
)
_NOT_WORDS_ENDINGS: Final = ("_id", "_ids", "_type", "_ts", "url", "_name", "domain", "token")
_STYLES: Final = (("code", "`"), ("strike", "~"), ("italic", "_"), ("bold", "*"))


def blocks_text(blocks: object) -> list[str]:
    """The words of each block that has any, in order."""
    return [words for block in as_objects(blocks) if (words := block_text(block).strip())]


def block_text(block: JsonObject) -> str:
    """The words of one block."""
    kind = as_string(block.get("type"))
    return _KINDS.get(kind, _unknown)(block)


def text_object(value: object) -> str:
    """The words of a text object (`mrkdwn`, `plain_text`, `raw_text`), or of a bare string."""
    if isinstance(value, str):
        return unescape(value)
    text = as_mapping(value)
    words = as_string(text.get("text"))
    return plain_text(words) if text.get("type") == "mrkdwn" else unescape(words)


def _lines(parts: Iterable[str]) -> str:
    return "\n".join(part for part in parts if part.strip())


def _section(block: JsonObject) -> str:
    fields = block.get("fields")
    listed = fields if isinstance(fields, list) else []
    accessory = _element(as_mapping(block.get("accessory")))
    return _lines([text_object(block.get("text")), *map(text_object, listed), accessory])


def _context(block: JsonObject) -> str:
    return " ".join(filter(None, map(_element, as_objects(block.get("elements")))))


def _markdown(block: JsonObject) -> str:
    return as_string(block.get("text"))


def _media(block: JsonObject) -> str:
    names = (text_object(block.get(key)) for key in ("title", "description"))
    by = (as_string(block.get(key)) for key in ("author_name", "provider_name"))
    link = as_string(block.get("title_url"))
    return _lines([*names, *by, link, as_string(block.get("alt_text"))])


def _input(block: JsonObject) -> str:
    labels = (text_object(block.get(key)) for key in ("label", "hint"))
    return _lines([*labels, _element(as_mapping(block.get("element")))])


def _actions(block: JsonObject) -> str:
    return _lines(map(_element, as_objects(block.get("elements"))))


def _table(block: JsonObject) -> str:
    rows = block.get("rows")
    listed = rows if isinstance(rows, list) else []
    cells = [[_cell(cell) for cell in as_objects(row)] for row in listed]
    lines = ["| " + " | ".join(row) + " |" for row in cells if row]
    if lines:
        lines.insert(1, "|" + " --- |" * len(next(row for row in cells if row)))
    caption = text_object(block.get("caption"))
    return _lines([caption, *lines])


def _cell(cell: JsonObject) -> str:
    if cell.get("type") == "rich_text":
        words = _rich_text(cell)
    else:
        value = cell.get("text", cell.get("value"))
        words = unescape(value) if isinstance(value, str) else "" if value is None else str(value)
    return " ".join(words.split()).replace("|", "\\|")


def _element(element: JsonObject) -> str:
    """A button, picture, menu or text inside another block."""
    match as_string(element.get("type")):
        case "mrkdwn" | "plain_text":
            return text_object(element)
        case "button" | "workflow_button":
            label, link = text_object(element.get("text")), as_string(element.get("url"))
            return f"[{label}]({link})" if link else f"[{label}]" if label else ""
        case "image":
            return _media(element)
        case _:
            return _unknown(element)


def _unknown(value: object, depth: int = 0) -> str:
    """Every string that can be words, and every number that is a value."""
    return _lines(_words(value, depth))


def _words(value: object, depth: int) -> Iterator[str]:
    if depth > _DEEPEST:
        return
    if isinstance(value, list):
        for item in value:
            yield from _words(item, depth + 1)
    elif isinstance(value, dict):
        if as_string(value.get("type")) in ("mrkdwn", "plain_text"):
            yield text_object(value)
        elif as_string(value.get("type")) in _KINDS and depth:
            yield block_text(value)
        else:
            yield from _words_of_keys(value, depth)
    elif isinstance(value, str) and depth:
        yield unescape(value)


def _words_of_keys(value: JsonObject, depth: int) -> Iterator[str]:
    holds_data = any(isinstance(item, list) for item in value.values())
    for key, item in value.items():
        is_label = key == "name" and holds_data  # of a series or a column
        is_name = key in _NOT_WORDS or key.endswith(_NOT_WORDS_ENDINGS)
        if is_label or not is_name or isinstance(item, dict | list):
            yield from _words(item, depth + 1)
        if key in ("value", "values", "data"):
            yield from _numbers(item)


def _numbers(value: object) -> Iterator[str]:
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, int | float) and not isinstance(item, bool):
            yield str(item)


# --- rich text -------------------------------------------------------------------------------


def _rich_text(block: JsonObject) -> str:
    return _lines(map(_rich_part, as_objects(block.get("elements"))))


def _rich_part(part: JsonObject) -> str:
    inside = as_objects(part.get("elements"))
    match as_string(part.get("type")):
        case "rich_text_preformatted":
            code = "".join(map(_inline_plain, inside))
            return f"```\n{code}\n```" if code.strip() else ""
        case "rich_text_quote":
            return quoted("".join(map(_inline, inside)))
        case "rich_text_list":
            return _list(part, inside)
        case "rich_text_section":
            return "".join(map(_inline, inside))
        case _:
            return _inline(part) or _unknown(part)


def _list(part: JsonObject, items: Iterable[JsonObject]) -> str:
    indent, offset = part.get("indent"), part.get("offset")
    depth = indent if isinstance(indent, int) and 0 <= indent <= _DEEPEST else 0
    first = offset + 1 if isinstance(offset, int) and offset >= 0 else 1
    ordered = part.get("style") == "ordered"
    lines = []
    for number, item in enumerate(items, first):
        mark = f"{number}." if ordered else "•"
        lines.append(f"{'    ' * depth}{mark} {_rich_part(item)}")
    return "\n".join(lines)


def _inline_plain(element: JsonObject) -> str:
    """An element inside preformatted text, where nothing is marked up."""
    if as_string(element.get("type")) in ("text", "link"):
        return as_string(element.get("text")) or as_string(element.get("url"))
    return _inline(element)


def _inline(element: JsonObject) -> str:
    words = _inline_words(element)
    style = as_mapping(element.get("style"))
    if not words.strip() or element.get("type") not in ("text", "link"):
        return words
    for name, mark in _STYLES:
        if style.get(name) is True:
            body = words.strip()
            lead = words[: len(words) - len(words.lstrip())]
            words = f"{lead}{mark}{body}{mark}{words[len(lead) + len(body) :]}"
    return words


def _inline_words(element: JsonObject) -> str:
    kind = as_string(element.get("type"))
    text = typed(as_string(element.get("text")))
    if kind == "link":
        url = as_string(element.get("url"))
        return link_text(url, text) if url else text
    if kind == "date":
        return as_string(element.get("fallback")) or str(element.get("timestamp") or "")
    if kind == "emoji" and isinstance(tone := element.get("skin_tone"), int):
        return f":{as_string(element.get('name'))}::skin-tone-{tone}:"
    key, shape = _INLINE.get(kind, ("text", "{}"))
    words = as_string(element.get(key))
    return text if key == "text" else shape.format(words) if words else ""


_INLINE: Final = {
    "broadcast": ("range", "@{}"),
    "channel": ("channel_id", "<#{}>"),
    "color": ("value", "{}"),
    "emoji": ("name", ":{}:"),
    "team": ("team_id", "{}"),
    "user": ("user_id", "<@{}>"),
    "usergroup": ("usergroup_id", "<!subteam^{}>"),
}
"""Elements whose words are one field, and how they stand in a message's text."""


def quoted(text: str) -> str:
    """Every line as a quoted one."""
    return "\n".join(f"> {line}".rstrip() for line in text.splitlines())


_KINDS: Final[dict[str, Callable[[Any], str]]] = {
    "actions": _actions,
    "context": _context,
    "context_actions": _actions,
    "data_table": _table,
    "image": _media,
    "input": _input,
    "markdown": _markdown,
    "rich_text": _rich_text,
    "section": _section,
    "table": _table,
    "video": _media,
}
