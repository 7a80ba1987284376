"""Slack's escaped message text to plain text, with mentions kept as `<@U…>` tokens."""

import re

_TOKEN = re.compile(r"<([^<>\n]+)>")
_DISGUISED = re.compile(
    r"&lt;(?=(?:@[UW][A-Z0-9]+|!subteam\^|!here|!channel|!everyone)[^<>&]*&gt;)"
)
_MASS = re.compile(r"!(here|channel|everyone)")


def plain_text(escaped: str) -> str:
    """What a person wrote, from Slack's escaped form (PLATFORM §3.2, §3.3).

    Links become bare addresses or Markdown links, channels `#name`, dates their fallback.
    People and user groups stay as tokens. A person who *typed* something that looks like a
    mention token keeps it escaped, so that typing one never counts as mentioning.
    """
    text = _TOKEN.sub(_token, escaped)
    text = _DISGUISED.sub("&amp;lt;", text)
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def mentions(escaped: str, user: str) -> bool:
    """Whether the escaped text holds a real mention token of `user`."""
    return re.search(rf"<@{re.escape(user)}(?:\|[^<>]*)?>", escaped) is not None


def _token(match: re.Match[str]) -> str:
    target, _, label = match[1].partition("|")
    if target.startswith("@"):
        return f"<{target}>"
    if target.startswith("!subteam^"):
        return f"<{target}>"
    if target.startswith("#"):
        return f"#{label}" if label else f"<{target}>"
    if mass := _MASS.fullmatch(target):
        return f"@{mass[1]}"
    if target.startswith("!"):
        return label
    return _link(target, label)


def _link(target: str, label: str) -> str:
    bare = target.removeprefix("mailto:")
    if not label or label in (target, bare, bare.removeprefix("https://").removeprefix("http://")):
        return bare
    return f"[{label}]({target})"
