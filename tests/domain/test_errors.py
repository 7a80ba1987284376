"""The one error tree, as its module draws it."""

import inspect
import re

import pytest

from bridge.domain import errors


def drawn() -> dict[str, str]:
    """Each class in the drawing with the one that it hangs under."""
    parents: dict[str, str] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"^ {4}([│ ├└─]*)([A-Z]\w+)", line)
        if found:
            depth = len(found[1]) // 4
            path[depth:] = [found[2]]
            parents[found[2]] = path[depth - 1] if depth else "Exception"
    return parents


def test_the_drawing_is_the_tree() -> None:
    real = {
        name: kind.__bases__[0].__name__
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, Exception)
    }
    assert drawn() == real


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            errors.RuntimeGone("agent", "agent-1"),
            "The agent agent-1 no longer exists on the App Server.",
        ),
        (errors.CommandRefused("input", "too large"), "The App Server refused input: too large"),
        (
            errors.ChatRefused("chat.postMessage", "not_in_channel"),
            "Slack refused chat.postMessage: not_in_channel",
        ),
        (
            errors.IllegalTransition("queued", "Refused"),
            "A turn that is queued cannot take Refused.",
        ),
        (errors.ConfigurationError("Set it."), "Set it."),
    ],
)
def test_every_error_is_a_sentence(error: errors.BridgeError, sentence: str) -> None:
    assert error.sentence == str(error) == sentence


def test_errors_keep_what_they_are_about() -> None:
    gone = errors.RuntimeGone("conversation", "c1")
    refused = errors.CommandRefused("input", "no")
    chat = errors.ChatRefused("chat.update", "fatal")
    illegal = errors.IllegalTransition("queued", "Refused")
    assert (gone.what, gone.ident) == ("conversation", "c1")
    assert (refused.command, refused.reason) == ("input", "no")
    assert (chat.method, chat.code) == ("chat.update", "fatal")
    assert (illegal.phase, illegal.event) == ("queued", "Refused")
