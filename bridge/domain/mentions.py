"""Mentions in a message's text: where a person means to address somebody, and where not. Pure.

In the text of a message, people, user groups and channels without a label stand as Slack's
tokens, `<@U…>`, `<!subteam^S…|@name>` and `<#C…>`. What was typed and only looks like a token
begins with `TYPED`, so that nobody can forge one; `as_typed` gives it back for the agent.
"""

import re
from collections.abc import Mapping
from typing import Final

TYPED: Final = "<\u2060"

_USER = re.compile(r"<@([A-Z0-9]+)(?:\|[^<>]*)?>")
_GROUP = re.compile(r"<!subteam\^([A-Z0-9]+)(?:\|([^<>]*))?>")
_CHANNEL = re.compile(r"<#([A-Z0-9]+)(?:\|[^<>]*)?>")
_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`", re.S)
_QUOTE = re.compile(r"^[ \t]*(?:>>>.*|>[^\n]*)", re.M)
_REST = re.compile(r"^[ \t]*>>>.*\Z", re.M | re.S)
_ADDRESS = re.compile(
    r"\[[^\[\]\n]*\]\([^()\s]*\)"  # a link with a label
    r"|[A-Za-z][A-Za-z0-9+.-]*://[!-;=?-~]*"
    r"|(?:www\.|(?<![\w@])[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+[/?#])[!-;=?-~]*"
)
_FULL_WIDTH = str.maketrans("＠：，！", "@:,!")


def prose(text: str) -> str:
    """The text with code, quoted lines, links and addresses blanked out, as long as before.

    Full-width `＠：，！` become their ASCII forms.
    """
    for kind in (_CODE, _REST, _QUOTE, _ADDRESS):
        text = kind.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
    return text.translate(_FULL_WIDTH)


def without_tokens(text: str) -> str:
    """The text with the tokens of people and groups blanked out, as long as before."""
    for token in (_USER, _GROUP):
        text = token.sub(lambda match: " " * len(match[0]), text)
    return text


def users_in(text: str) -> frozenset[str]:
    """The ids of all people whom the text names, wherever it does."""
    return frozenset(match[1] for match in _USER.finditer(text))


def group_at(prose_text: str, group: str) -> int | None:
    """Where prose mentions the user group; None when it does not."""
    found = (match.start() for match in _GROUP.finditer(prose_text) if match[1] == group)
    return next(found, None)


def addresses_user(text: str, user: str) -> bool:
    """Whether a person means `user` with this text: not in code, a quote or an address."""
    return user in users_in(prose(text))


def with_group_names(text: str) -> str:
    """The text with user groups as people see them."""
    return _GROUP.sub(lambda match: match[2] or f"@{match[1]}", text)


def channels_in(text: str) -> frozenset[str]:
    """The ids of all channels that the text names without a label."""
    return frozenset(match[1] for match in _CHANNEL.finditer(text))


def with_channel_names(text: str, names: Mapping[str, str]) -> str:
    """The text with channels as people see them; the others by their ids."""
    return _CHANNEL.sub(lambda match: f"#{names.get(match[1], match[1])}", text)


def as_typed(text: str) -> str:
    """The text with what only looked like a token as it was typed."""
    return text.replace(TYPED, "<")
