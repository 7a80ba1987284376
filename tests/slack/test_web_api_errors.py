"""What Slack's refusals mean: where, for how long, and what people hear of it."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.web.async_client import AsyncWebClient

import bridge
from bridge.domain.errors import ChatRefused
from bridge.slack.web_api_errors import BY_METHOD, CODES, About, meaning, passes

CALLED = re.compile(
    r'"((?:apps|assistant|auth|chat|conversations|files|reactions|users|views)\.[a-zA-Z.]+)"'
)


def called() -> set[str]:
    """Every method that the bridge's code names."""
    sources = Path(bridge.__file__).parent.joinpath("slack").rglob("*.py")
    return {name for source in sources for name in CALLED.findall(source.read_text("utf-8"))}


def test_every_method_that_is_called_is_in_the_table_and_in_slacks_sdk():
    methods = called() - {"files.slack.com"}
    assert methods <= set(BY_METHOD)
    for method in BY_METHOD:
        assert hasattr(AsyncWebClient, method.replace(".", "_"))


@pytest.mark.parametrize("method", BY_METHOD)
@pytest.mark.parametrize("code", sorted(CODES))
def test_every_row_says_why_in_a_sentence(method, code):
    row = meaning(ChatRefused(method, code))
    assert row.sentence.endswith(".")


@given(st.sampled_from(sorted(BY_METHOD)), st.text(max_size=30))
def test_a_code_that_nobody_knows_gets_the_nearest_safe_row(method, code):
    row = meaning(ChatRefused(method, code))
    assert row.about in About
    if code not in CODES and row.passes:
        assert row.about in (About.WORKSPACE, About.CHANNEL, About.TOKEN)


@pytest.mark.parametrize(
    ("code", "about", "again"),
    [
        ("team_added_to_org", About.WORKSPACE, True),
        ("org_login_required", About.WORKSPACE, True),
        ("external_channel_migrating", About.CHANNEL, True),
        ("is_archived", About.CHANNEL, False),
        ("restricted_action_of_tomorrow", About.CHANNEL, False),
        ("invalid_thread_ts", About.THREAD, False),
        ("invalid_blocks", About.CONTENT, False),
        ("token_revoked", About.TOKEN, True),
        ("made_up", About.CALL, False),
    ],
)
def test_what_a_code_means(code, about, again):
    refused = ChatRefused("chat.postMessage", code)
    assert (meaning(refused).about, passes(refused)) == (about, again)
