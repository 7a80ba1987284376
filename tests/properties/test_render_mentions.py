"""Agent text can never produce a broadcast, or a mention that is not on the allow-list."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from bridge.render.mentions import JOINER, clean, escape_mrkdwn, safe_markdown, safe_mrkdwn
from bridge.render.plain import plain_fallback
from tests.render.oracles import pings

PIECES = [
    *("<", "!", "@", ">", "|", "^", "\\", "`", "```", "\n", " ", "\n\n", "&", ";", "#", "/", "a"),
    *("here", "HERE", "channel", "everyone", "group", "subteam^S1", "U1", "U2", "W3", "date^1^x"),
    *("&lt;", "&gt;", "&#60;", "&#x3c;", "&#33;", "&excl;", "&#64;", "&commat;", "&amp;", "&#104;"),
    *("\u200b", "\u200d", "\ufeff", "\u202e", JOINER, "\x00", "\ud800", "\uff20", "\u00ad"),
    *("<!here>", "<@U1>", "<@U2|x>", "<!--", "-->", "<!DOCTYPE ", "[CDATA[", "https://x.y/", "~~~"),
]
hostile = st.lists(st.one_of(st.sampled_from(PIECES), st.characters()), max_size=25).map("".join)


@settings(deadline=None)
@given(hostile)
@example("<!-\u200b-here>")
@example("<\\\u200b!here>")
@example("\uff20\nhere")
def test_markdown_can_ping_only_the_allowed(text):
    assert pings(safe_markdown(text, allowed={"U1"})) <= {"U1"}


@settings(deadline=None)
@given(hostile)
def test_mrkdwn_can_ping_only_the_allowed(text):
    assert pings(safe_mrkdwn(text, allowed={"U1"}), markdown=False) <= {"U1"}
    assert not pings(escape_mrkdwn(text), markdown=False)
    assert not pings(plain_fallback(text), markdown=False)


@settings(deadline=None)
@given(hostile)
def test_breaking_is_idempotent_and_invisible(text):
    once = safe_markdown(text, allowed={"U1"})
    assert safe_markdown(once, allowed={"U1"}) == once
    assert once.replace(JOINER, "") == clean(text).replace(JOINER, "")


@settings(deadline=None)
@given(hostile)
def test_escaping_is_applied_once(text):
    shown = escape_mrkdwn(text).replace(JOINER, "")
    back = shown.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    assert back == clean(text).replace(JOINER, "")


@settings(deadline=None)
@given(hostile)
def test_what_is_safe_can_be_sent(text):
    safe_markdown(text).encode("utf-8")
    plain_fallback(text).encode("utf-8")
