r"""Mention safety: text of an agent can ping nobody but the people of the thread (G9).

Slack reads angle tokens (`<!here>`, `<@U…>`, `<!subteam^…>`) in every dialect, in code too, and
may turn plain `@here` and names of user groups in prose into references (PLATFORM §3.3). A word
joiner (U+2060) breaks a token without changing what people see. In prose everything that could
become a token is broken, not a list of known ones: Markdown removes backslashes and decodes
entities, so the backslash in `<\!here>` and the entities of `&lt;&#33;here&gt;` are seen through.
Code stays as it is, byte for byte, but for angle tokens that Slack knows.
"""

import re
from collections.abc import Set

from bridge.domain.ids import UserId
from bridge.render.code_ranges import code_ranges

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
    rf"{_LESS}(?!{JOINER})(?=(?:{_GAP}|\\)*(?:{_BANG}(?!{_MARKUP})|{_AT})(?:{_GAP}|\\)*[\w&<])",
    re.IGNORECASE,
)
_TOKEN_IN_CODE = re.compile(
    rf"<(?!{JOINER})(?={_GAP}*(?:!{_GAP}*(?i:{_EVERYBODY}|subteam|date)|@{_GAP}*[UW]{_GAP}*[A-Z0-9]))"
)
_BROADCAST = re.compile(
    rf"{_AT}(?!{JOINER})(?={_GAP}*(?:(?:{_EVERYBODY})(?![A-Za-z0-9_])|{_LETTER}))",
    re.IGNORECASE,
)
_NAME = re.compile(rf"https?://[^\s<>]*|(?<!\w){_AT}(?!{JOINER})(?={_INVISIBLE}*\w)")
_USER = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^<>\n]*)?>")
_NOISE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def clean(text: str) -> str:
    """Take out control characters; lone surrogates, which cannot be sent, become U+FFFD."""
    return _NOISE.sub(lambda found: "\ufffd" if found[0] >= "\ud800" else "", text)


def safe_markdown(text: str, *, allowed: Set[UserId] = frozenset()) -> str:
    """Break everything in standard Markdown that could ping anybody but `allowed`.

    In prose that is broadcasts, groups and users, and a plain `@name`, which might be a user
    group; in code only angle tokens. Channel links stay, they ping nobody. Applying it twice
    changes nothing more.
    """
    text = clean(text)
    while True:
        safe = _broken_once(text, allowed)
        if safe == text:
            return safe
        text = safe  # a token that is broken may make code of prose and prose of code


def _broken_once(text: str, allowed: Set[UserId]) -> str:
    if not any(kind.search(text) for kind in (_ANGLE, _BROADCAST, _NAME, _TOKEN_IN_CODE)):
        return text
    shown: list[str] = []
    end = 0
    for start, stop in [*code_ranges(text), (len(text), len(text))]:
        code = _TOKEN_IN_CODE.sub(lambda found: _kept_or_broken(found, allowed), text[start:stop])
        shown += _safe_prose(text, end, start, allowed), code
        end = stop
    return "".join(shown)


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


def _safe_prose(text: str, start: int, end: int, allowed: Set[UserId]) -> str:
    prose = _ANGLE.sub(lambda found: _kept_or_broken(found, allowed), text[start:end])
    prose = _BROADCAST.sub(rf"\g<0>{JOINER}", prose)
    return _NAME.sub(lambda found: _name(found, allowed), prose)


def _name(found: re.Match[str], allowed: Set[UserId]) -> str:
    if len(found[0]) > 1 and not found[0].startswith("&"):
        return found[0]
    user = _USER.match(found.string, max(found.start() - 1, 0))
    return found[0] if user and user[1] in allowed else found[0] + JOINER
