"""Text as people type it, and as Slack stores it: escaped, linked, with a rich_text block."""

import re

from slack_playground.slack_types import Json

_TOKEN = re.compile(
    r"<@(?P<user>[UW][A-Z0-9]+)>"
    r"|<#(?P<channel>[CG][A-Z0-9]+)(?:\|[^>]*)?>"
    r"|(?<![\w@])@(?P<broadcast>here|channel|everyone)\b"
    r"|(?P<url>https?://[^\s<>|]+[^\s<>|.,;:!?)\"'])"
)
_URL = re.compile(r"<[^>]*>|`[^`]*`|(https?://[^\s<>|]+[^\s<>|.,;:!?)\"'])")
_BARE_AMPERSAND = re.compile(r"&(?!amp;|lt;|gt;)")
_BARE_LESS = re.compile(r"<(?![@#!]|https?:|mailto:|tel:)")


def escape(text: str) -> str:
    """Replace the three characters Slack escapes."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def unescape(text: str) -> str:
    """The reverse of `escape`."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def compose(typed: str) -> tuple[str, Json]:
    """A person's text as Slack delivers it, and the rich_text block beside it."""
    text: list[str] = []
    elements: list[Json] = []
    end = 0
    for match in _TOKEN.finditer(typed):
        _add_text(text, elements, typed[end : match.start()])
        end = match.end()
        stored, element = _token(match)
        text.append(stored)
        elements.append(element)
    _add_text(text, elements, typed[end:])
    section = {"type": "rich_text_section", "elements": elements}
    return "".join(text), {"type": "rich_text", "elements": [section]}


def _add_text(text: list[str], elements: list[Json], piece: str) -> None:
    if piece:
        text.append(escape(piece))
        elements.append({"type": "text", "text": piece})


def _token(match: re.Match[str]) -> tuple[str, Json]:
    if user := match["user"]:
        return f"<@{user}>", {"type": "user", "user_id": user}
    if channel := match["channel"]:
        return f"<#{channel}>", {"type": "channel", "channel_id": channel}
    if broadcast := match["broadcast"]:
        return f"<!{broadcast}>", {"type": "broadcast", "range": broadcast}
    url = match["url"]
    return f"<{escape(url)}>", {"type": "link", "url": url}


def normalize(text: str, *, link: bool = True) -> str:
    """An app's text as Slack stores it: stray specials escaped, URLs in angle brackets."""
    text = _BARE_LESS.sub("&lt;", _BARE_AMPERSAND.sub("&amp;", text))
    if not link or "http" not in text:
        return text
    return _URL.sub(lambda m: f"<{m[1]}>" if m[1] else m[0], text)
