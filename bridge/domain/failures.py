"""From a technical cause to a sentence that says what a person can do.

The patterns are words seen in the App Server's and the providers' errors (PROTOCOL §15 to §17).
"""

import re

from bridge.domain.events import Outcome

_STUCK = re.compile(r"already has an active run", re.I)

_SENTENCES: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"cwd missing", re.I),
        "This teammate's working directory does not exist on the agent's machine. "
        "Ask the operator to create it or to change `cwd`.",
    ),
    (
        re.compile(r"quota|insufficient[_ ](credits|funds)|billing|payment required|\b402\b", re.I),
        "The model's account has no credit or quota left. Ask whoever runs it to top it up, "
        "then send your message again.",
    ),
    (
        re.compile(r"rate.?limit|too many requests|\b429\b|overloaded|\b529\b", re.I),
        "The model is overloaded right now. Wait a minute, then send your message again.",
    ),
    (
        re.compile(r"\b401\b|\b403\b|unauthori[sz]ed|invalid.{0,20}api.?key|forbidden", re.I),
        "The model's provider refused the login. Ask whoever runs it to check the API key.",
    ),
    (
        re.compile(
            r"(model|handle).{0,80}(not found|does not exist|unknown|not available|unsupported)"
            r"|unknown model|no such model|model_not_found",
            re.I,
        ),
        "The model set up for this teammate is not available. Ask the operator to choose another.",
    ),
    (
        re.compile(r"content.?filter|content policy|safety", re.I),
        "The model's provider filtered this answer. Try to ask in other words.",
    ),
    (
        re.compile(r"context.?(window|length)|maximum context|too many tokens", re.I),
        "This conversation has become too long for the model. Start a new thread to go on.",
    ),
    (
        re.compile(r"prepare image|image", re.I),
        "The picture could not be read. Send it again as PNG or JPEG, or describe it in words.",
    ),
    (
        _STUCK,
        "The agent's conversation is stuck and could not be moved. Start a new thread to go on.",
    ),
    (
        re.compile(r"conversation .{0,80}not found|conversation .{0,120}no longer exists", re.I),
        "The agent's conversation is gone from its server. Send your message again: she then "
        "starts afresh with what was said in this thread.",
    ),
    (
        re.compile(r"agent .{0,80}(not found|no longer exists)", re.I),
        "This teammate's agent is gone from its server. Ask the operator to set her up again.",
    ),
    (
        re.compile(r"connection (error|refused|reset)|econnrefused|fetch failed|network", re.I),
        "The model cannot be reached. Try again in a few minutes; if it stays away, tell the "
        "operator.",
    ),
    (
        re.compile(r"app server|websocket|not connected|no answer", re.I),
        "The agent server is away. Your message is kept here: send it again in a few minutes.",
    ),
    (
        re.compile(r"\b5\d\d\b|server error|unavailable|timed? ?out", re.I),
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


def explain(outcome: Outcome, cause: str | None) -> str | None:
    """The sentence with which a turn ends in the thread; None when its answer says it all.

    Never contains the cause itself: raw errors belong to the log.
    """
    if outcome is Outcome.DONE:
        if cause == "max_tokens_exceeded":
            return "The answer reached the model's length limit. Write “go on” for the rest."
        return None
    if outcome is Outcome.FAILED and cause is not None:
        for pattern, sentence in _SENTENCES:
            if pattern.search(cause):
                return sentence
    return _ENDS[outcome]
