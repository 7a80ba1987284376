"""mrkdwn: Slack's escaped message text to what its author typed. Pure.

People and user groups stay as tokens (`bridge.domain.mentions`).
"""

import re
from typing import Final

from bridge.domain.mentions import TYPED

_TOKEN = re.compile(r"<([^<>\n]+)>")
_LOOKS_LIKE_TOKEN = re.compile(
    r"<(?=(?:@[UW][A-Z0-9]+|!subteam\^|!here|!channel|!everyone|#[CDG][A-Z0-9]+)[^<>\n]*>)"
)
_KEPT: Final = "\ue000"
"""Stands for the `<` of a real token while the rest is unescaped."""

_DIGITS = re.compile(r"[^\d]")
_SCHEME = re.compile(r"(?:[a-z][a-z0-9+.-]*:)(?://)?", re.I)
_MASS = re.compile(r"!(here|channel|everyone)(?:\|.*)?", re.S)


def plain_text(escaped: str) -> str:
    """What a person wrote, from Slack's escaped form (PLATFORM §3.2, §3.3).

    Links that Slack made of what was typed are as typed, others Markdown links; channels are
    `#name`, dates their fallback. What a person typed and only looks like a token is marked, so
    that typing one never counts as mentioning.
    """
    text = _TOKEN.sub(_token, escaped.replace(_KEPT, "\ufffd"))
    return unescape(text).replace(_KEPT, "<")


def unescape(escaped: str) -> str:
    """Text in which Slack knows no tokens: what looks like one was typed."""
    return typed(escaped.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))


def typed(text: str) -> str:
    """Text as it was typed, where what looks like a token is marked as none."""
    return _LOOKS_LIKE_TOKEN.sub(TYPED, text)


def _token(match: re.Match[str]) -> str:
    target, _, label = match[1].partition("|")
    if target.startswith("@"):
        return f"{_KEPT}{target}>"
    if target.startswith("!subteam^"):
        return f"{_KEPT}{target}|{label}>" if label else f"{_KEPT}{target}>"
    if target.startswith("#"):
        return f"#{label}" if label else f"{_KEPT}{target}>"
    if mass := _MASS.fullmatch(target):
        return f"@{mass[1]}"
    if target.startswith("!"):
        return label or target
    return link_text(target, label)


def link_text(target: str, label: str) -> str:
    """A link as it was typed where Slack made it of that, else as a Markdown link."""
    bare = _SCHEME.sub("", target, count=1)
    if target.startswith("tel:") and _DIGITS.sub("", label) == _DIGITS.sub("", bare):
        return label
    if not label:
        return target.removeprefix("mailto:").removeprefix("tel:")
    if label.rstrip("/") in (target.rstrip("/"), bare.rstrip("/")):
        return label
    return f"[{label}]({target})"
