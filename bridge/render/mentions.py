r"""Mention safety: text of an agent can ping nobody but the people of the thread (G9).

Slack reads angle tokens (`<!here>`, `<@U…>`, `<!subteam^…>`) in every dialect, in code too, and
may turn plain `@here` and names of user groups into references (PLATFORM §3.3). A word joiner
(U+2060) breaks a token without changing what people see. Everything that could become a token is
broken, not a list of known ones: Markdown removes backslashes and decodes entities, so the
backslash in `<\!here>` and the entities of `&lt;&#33;here&gt;` are seen through.
"""

import re
from collections.abc import Set

from bridge.domain.ids import UserId
from bridge.render.markdown_lines import code_ranges

JOINER = "\u2060"

_INVISIBLE = (
    "[\u00ad\u034f\u061c\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]"
)
_GAP = rf"(?:{_INVISIBLE}|[\t\n\r])"
"""What a careless reader may drop from inside a token."""

_LESS = r"(?:<|&(?:lt|LT|\#0{0,7}60|\#[xX]0{0,6}3[cC]);?)"
_BANG = r"(?:!|&(?:excl|\#0{0,7}33|\#[xX]0{0,6}21);?)"
_AT = r"(?:[@\uff20]|&(?:commat|\#0{0,7}64|\#[xX]0{0,6}40);?)"
_LETTER = r"&\#(?:\d{1,9}|[xX][0-9a-fA-F]{1,8});?"
_MARKUP = r"(?:--|\[CDATA\[|(?:DOCTYPE|ELEMENT|ENTITY|ATTLIST|NOTATION)\s)"
_EVERYBODY = "|".join(f"{_GAP}*".join(word) for word in ("here", "channel", "everyone", "group"))

_ANGLE = re.compile(
    rf"{_LESS}(?!{JOINER})(?=(?:{_GAP}|\\)*(?:{_BANG}(?!{_MARKUP})|{_AT}))", re.IGNORECASE
)
_BROADCAST = re.compile(
    rf"{_AT}(?!{JOINER})(?={_GAP}*(?:(?:{_EVERYBODY})(?![A-Za-z0-9_])|{_LETTER}))",
    re.IGNORECASE,
)
_NAME = re.compile(rf"https?://[^\s<>]*|(?<!\w){_AT}(?!{JOINER})(?={_INVISIBLE}*\w)")
_USER = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^<>\n]*)?>")
_NOISE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_SUSPECT = re.compile("[<@\uff20&]")


def clean(text: str) -> str:
    """Take out control characters; lone surrogates, which cannot be sent, become U+FFFD."""
    return _NOISE.sub(lambda found: "\ufffd" if found[0] >= "\ud800" else "", text)


def safe_markdown(text: str, *, allowed: Set[UserId] = frozenset()) -> str:
    """Break everything in standard Markdown that could ping anybody but `allowed`.

    Broadcasts, groups and users are broken everywhere. A plain `@name`, which might be a user
    group, is broken in prose only: an invisible character would spoil copied code and links.
    Channel links stay, they ping nobody. Applying it twice changes nothing more.
    """
    text = clean(text)
    if not _SUSPECT.search(text):
        return text
    text = _ANGLE.sub(lambda found: _kept_or_broken(found, allowed), text)
    text = _BROADCAST.sub(rf"\g<0>{JOINER}", text)
    return _without_names(text, allowed)


def escape_mrkdwn(text: str) -> str:
    """Escape foreign text for a mrkdwn object: entities for `& < >`, broadcast words broken.

    Give the object `verbatim: true` as well. Not idempotent: escape once.
    """
    escaped = clean(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _BROADCAST.sub(rf"\g<0>{JOINER}", escaped)


def safe_mrkdwn(text: str, *, allowed: Set[UserId] | None = frozenset()) -> str:
    """Escape a sentence for a mrkdwn object, keeping the mentions of `allowed` users.

    None keeps every user mention: only for notes that one person sees.
    """
    shown: list[str] = []
    end = 0
    for found in _USER.finditer(text):
        if allowed is None or found[1] in allowed:
            shown += escape_mrkdwn(text[end : found.start()]), f"<@{found[1]}>"
            end = found.end()
    return "".join([*shown, escape_mrkdwn(text[end:])])


def _kept_or_broken(found: re.Match[str], allowed: Set[UserId]) -> str:
    user = _USER.match(found.string, found.start())
    return found[0] if user and user[1] in allowed else found[0] + JOINER


def _without_names(text: str, allowed: Set[UserId]) -> str:
    shown: list[str] = []
    end = 0
    for start, stop in [*code_ranges(text), (len(text), len(text))]:
        shown += _NAME.sub(lambda found: _name(found, allowed), text[end:start]), text[start:stop]
        end = stop
    return "".join(shown)


def _name(found: re.Match[str], allowed: Set[UserId]) -> str:
    if len(found[0]) > 1 and not found[0].startswith("&"):
        return found[0]
    user = _USER.match(found.string, max(found.start() - 1, 0))
    return found[0] if user and user[1] in allowed else found[0] + JOINER
