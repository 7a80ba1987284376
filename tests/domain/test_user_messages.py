"""From a technical cause to a sentence that helps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.errors import AgentUnreachable, CommandRefused, RuntimeGone
from bridge.domain.events import Outcome
from bridge.domain.user_messages import explain, is_stuck, is_visible

STUCK = "Conversation local-conv-20 already has an active run (local-run-67)"

CLASSES: dict[str, tuple[str, ...]] = {
    "no credit": (
        '429: {"error":{"message":"You exceeded your current quota"}}',
        "insufficient_credits",
        "402 Payment Required",
    ),
    "overloaded": (
        "429: rate limit exceeded",
        "Too many requests",
        '529: {"type":"overloaded_error"}',
    ),
    "check the API key": (
        '401: {"message":"scripted failure 401"}',
        "403 Forbidden",
        "Invalid API key provided",
    ),
    "choose another": (
        "The model `gpt-9` does not exist",
        "Handle anthropic/claude-9 not found",
        "unknown model: x",
        "model_not_found",
    ),
    "filtered": ("content_filter", "blocked by our content policy"),
    "too long for the model": (
        "This model's maximum context length is 8192 tokens",
        "context_window_overflow_in_system_prompt",
    ),
    "picture": (
        "Failed to prepare image for model: unsupported format",
        "Failed to prepare image for model: Input buffer contains unsupported image format",
        "Could not process image",
    ),
    "stuck": (STUCK, STUCK.replace("67", "429")),
    "conversation is gone": (
        "Conversation nope not found",
        "Conversation local-conv-402 not found",
        str(RuntimeGone("conversation", "local-conv-5")),
    ),
    "agent is gone": (
        "Agent agent-none not found",
        "Agent agent-local-401 not found",
        str(RuntimeGone("agent", "agent-local-default")),
    ),
    "cannot be reached": ("Connection error.", "connect ECONNREFUSED", "fetch failed"),
    "agent server is away": (
        str(AgentUnreachable("The App Server is not connected.")),
        "The App Server did not answer in time (input).",
        "The App Server at ws://127.0.0.1:4500/ws cannot be reached: Connection refused",
        "The App Server at ws://127.0.0.1:4500/ws answered with status 503.",
        "The connection broke while the runtime was started.",
    ),
    "refused the bridge's login": (
        "The App Server at ws://127.0.0.1:4500/ws refused the login (401). Put the right token.",
    ),
    "too old": ("The App Server is Letta Code 0.20.1; this program needs 0.29.0 or newer.",),
    "directory": ("cwd missing: /srv/models/api does not exist, the server would use /srv",),
    "has a fault": (
        '500: {"message":"scripted failure 500","type":"scripted_error"}',
        "503 Service Unavailable",
        "Request timed out",
        "llm_api_error",
    ),
    "Something went wrong": (
        "terminated",
        "a_new_reason",
        "",
        "The agent server dropped the message from its queue.",
        str(CommandRefused("input", "Input was rejected by the queue or durable ledger")),
        "send of t1: StoreUnavailable('The disk is full.')",
    ),
}
CASES = [(cause, words) for words, causes in CLASSES.items() for cause in causes]


@pytest.mark.parametrize(("cause", "words"), CASES)
def test_each_class_of_failure_has_its_own_sentence(cause: str, words: str) -> None:
    sentence = explain(Outcome.FAILED, cause)
    assert sentence is not None
    assert words in sentence


@pytest.mark.parametrize(("cause", "words"), CASES)
def test_what_a_refused_command_says_counts_not_that_it_was_refused(cause: str, words: str) -> None:
    refused = str(CommandRefused("runtime_start", cause))
    assert explain(Outcome.FAILED, refused) == explain(Outcome.FAILED, cause)


def test_no_two_classes_share_a_sentence() -> None:
    sentences = {words: explain(Outcome.FAILED, causes[0]) for words, causes in CLASSES.items()}
    assert len(set(sentences.values())) == len(CLASSES)


@pytest.mark.parametrize("number", [401, 402, 403, 429, 503, 529])
def test_the_number_in_an_id_is_no_status(number: int) -> None:
    assert explain(Outcome.FAILED, f"run local-run-{number} broke") == explain(Outcome.FAILED, None)
    assert explain(Outcome.FAILED, f"{number}: x") != explain(Outcome.FAILED, None)


def test_only_an_answer_that_says_it_all_needs_no_sentence() -> None:
    assert explain(Outcome.DONE, None) is None
    assert "length limit" in (explain(Outcome.DONE, "max_tokens_exceeded") or "")
    for outcome in set(Outcome) - {Outcome.DONE}:
        assert explain(outcome, None)


def test_each_way_to_end_early_has_its_own_sentence() -> None:
    early = set(Outcome) - {Outcome.DONE}
    assert len({explain(outcome, None) for outcome in early}) == len(early)
    assert explain(Outcome.CANCELLED, "429: rate limit") == explain(Outcome.CANCELLED, None)


KNOWN = {explain(Outcome.FAILED, cause) for cause, _ in CASES} | {
    explain(outcome, cause) for outcome in Outcome for cause in (None, "max_tokens_exceeded")
}


@given(st.sampled_from(Outcome), st.text() | st.sampled_from([c for c, _ in CASES]), st.text())
def test_the_cause_itself_never_reaches_people(outcome: Outcome, cause: str, more: str) -> None:
    assert explain(outcome, cause + more) in KNOWN


def test_a_stuck_conversation_is_recognised() -> None:
    assert is_stuck(STUCK)
    assert is_stuck(f'{{"error":"{STUCK}"}}')
    assert not is_stuck("Connection error.")


@pytest.mark.parametrize(
    "text",
    ["", " \n\t", "\u200b\u2060\ufeff", "<!-- done -->", "```\n```", "> ```py\n> ```", "\u2800"],
)
def test_an_answer_of_which_nothing_is_seen_is_none(text: str) -> None:
    assert not is_visible(text)


@pytest.mark.parametrize("text", ["ok", "👍", "```\nx\n```", "<!-- x --> y", "---", "\u200bé"])
def test_an_answer_of_which_anything_is_seen_is_one(text: str) -> None:
    assert is_visible(text)
