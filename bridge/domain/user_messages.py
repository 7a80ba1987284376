"""User-facing messages: technical causes as sentences that say what to do.

The patterns are words seen in the App Server's and the providers' errors (PROTOCOL §15 to §17).
"""

import re
import unicodedata

from bridge.domain.events import Outcome

_STUCK = re.compile(r"already has an active run", re.I)
_REFUSAL = re.compile(r"^(The App Server refused \w+: )+")
"""How `CommandRefused` begins; what counts is the reason that follows."""

_BAD_PICTURE = (
    "The picture could not be read. Send it again as PNG or JPEG, or describe it in words."
)


def _when(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.I)


def _code(digits: str) -> str:
    """An HTTP status; not the number in an id such as `local-run-429`."""
    return rf"(?<![\w-]){digits}(?!\w)"


_SENTENCES: tuple[tuple[re.Pattern[str], str], ...] = (
    # what the App Server says of its own things: ids in these texts may look like a status
    (
        _STUCK,
        "The agent's conversation is stuck and could not be moved. Start a new thread to go on.",
    ),
    (
        _when(r"conversation \S+ (not found|no longer exists)"),
        "The agent's conversation is gone from its server. Send your message again: the agent then "
        "starts again with what was said in this thread.",
    ),
    (
        _when(r"agent \S+ (not found|no longer exists)"),
        "This teammate's agent is gone from its server. Ask the operator to set it up again.",
    ),
    (
        _when(r"^cwd missing"),
        "The directory set up for this teammate does not exist on the agent server. Ask the "
        "operator to create it or to choose another.",
    ),
    (
        _when(r"app server.{0,200}refused the login"),
        "The agent server refused the bridge's login. Ask the operator to check its token.",
    ),
    (
        _when(r"this program needs"),
        "The agent server is too old for this bridge. Ask the operator to update it.",
    ),
    (
        _when(r"app server", r"websocket", r"not connected", r"no answer", r"connection broke"),
        "The agent server is away. Send your message again in a few minutes.",
    ),
    # what the model's provider says
    (_when(r"prepare image"), _BAD_PICTURE),
    (
        _when(
            r"quota",
            r"insufficient[_ ](credits|funds)",
            r"billing",
            r"payment required",
            _code("402"),
        ),
        "The model's account has no credit or quota left. Ask whoever runs it to top it up, "
        "then send your message again.",
    ),
    (
        _when(r"rate.?limit", r"too many requests", r"overloaded", _code("(429|529)")),
        "The model is overloaded right now. Wait a minute, then send your message again.",
    ),
    (
        _when(r"unauthori[sz]ed", r"invalid.{0,20}api.?key", r"forbidden", _code("(401|403)")),
        "The model's provider refused the login. Ask whoever runs it to check the API key.",
    ),
    (
        _when(
            r"(model|handle).{0,80}(not found|does not exist|unknown|not available|unsupported)",
            r"unknown model",
            r"no such model",
            r"model_not_found",
        ),
        "The model set up for this teammate is not available. Ask the operator to choose another.",
    ),
    (
        _when(r"content.?filter", r"content policy", r"safety"),
        "The model's provider filtered this answer. Try to ask in other words.",
    ),
    (
        _when(r"context.?(window|length)", r"maximum context", r"too many tokens"),
        "This conversation has become too long for the model. Start a new thread to go on.",
    ),
    (_when(r"image"), _BAD_PICTURE),
    (
        _when(r"connection (error|refused|reset)", r"econnrefused", r"fetch failed", r"network"),
        "The model cannot be reached. Try again in a few minutes; if it stays away, tell the "
        "operator.",
    ),
    (
        _when(r"server error", r"\bunavailable", r"timed? ?out", r"llm_api_error", _code(r"5\d\d")),
        "The model's provider has a fault right now. Try again in a few minutes.",
    ),
)

_ENDS: dict[Outcome, str] = {
    Outcome.CANCELLED: "Stopped.",
    Outcome.TIMED_OUT: "Stopped: the time for one turn was used up. Write again to go on.",
    Outcome.INTERRUPTED: "Interrupted by a restart before the answer was complete. "
    "Write again to go on.",
    Outcome.FAILED: "Something went wrong before the answer was complete. Send your message "
    "again; if it happens again, tell the operator.",
}


def is_stuck(cause: str) -> bool:
    """Whether the server holds a run that nobody can end (PROTOCOL §15)."""
    return _STUCK.search(cause) is not None


TAKEN_BACK = "message deleted"
"""The cause of a stop: what the turn was working on was deleted."""


def explain(outcome: Outcome, cause: str | None) -> str | None:
    """The sentence with which a turn ends in the thread; None when its answer says it all.

    Never contains the cause itself: raw errors belong to the log.
    """
    if outcome is Outcome.DONE:
        if cause == "max_tokens_exceeded":
            return "The answer reached the model's length limit. Write “go on” for the rest."
        return None
    if outcome is Outcome.CANCELLED and cause == TAKEN_BACK:
        return "Stopped, because the message was deleted."
    if outcome is Outcome.FAILED and cause is not None:
        reason = _REFUSAL.sub("", cause)
        for pattern, sentence in _SENTENCES:
            if pattern.search(reason):
                return sentence
    return _ENDS[outcome]


_FENCE = re.compile(r"^[ \t>]*(?:`{3,}|~{3,})[^\n]*$", re.M)
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.S)


def is_visible(text: str) -> bool:
    """Whether people see anything of an answer: not of spaces, of characters without a shape, of
    a comment, nor of a fence around nothing.
    """
    bare = _FENCE.sub("", _COMMENT.sub("", text))
    return any(
        not char.isspace() and unicodedata.category(char) not in ("Cf", "Cc", "Mn", "Zs")
        for char in bare.replace("\u2800", "").replace("\u3164", "")
    )
