import pytest

from bridge.render.mentions import JOINER, clean, escape_mrkdwn, safe_markdown, safe_mrkdwn
from tests.render.oracles import pings

HOSTILE = [
    "<!here>",
    "<!HERE>",
    "<!channel|all of you>",
    "<!everyone>",
    "<!subteam^S0123|@team>",
    "<!date^1392734382^Posted {date}^https://example.com|now>",
    "<@U0123>",
    "<@W0123|ada>",
    "<<@U0123>>",
    "<<!here>!here>",
    "<@U01<!here>23>",
    "@here @channel @everyone @group",
    "@Here, @CHANNEL! (@EvErYoNe)",
    "\uff20here",
    "a@here",
    "&lt;!here&gt;",
    "&LT;!here&GT;",
    "&#60;!here&#62;",
    "&#0060;!here&gt;",
    "&#x3C;!here&#x3e;",
    "&lt!here&gt",
    "<&#33;here>",
    "<&excl;here>",
    "&lt;&#x21;here&gt;",
    "&commat;here",
    "&#64;channel",
    "&#x40;everyone",
    "@&#104;ere",
    "&lt;&commat;U0123&gt;",
    "<\\!here>",
    "\\<\\!here\\>",
    "<\\@U0123>",
    "<\u200b!here>",
    "<!\u200bhere>",
    "@\u200bhere",
    "@he\u200dre",
    "<\x00!here>",
    "@\x07here",
    "<\u200b\\\u200b!here>",
    "`<!here>`",
    "```\n<!here> <@U0123> @here\n```",
    "~~~html\n<!channel>\n",
    "[x](<!here>)",
    "| <!here> | @everyone |\n|---|---|\n",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_pings_nobody_in_markdown(text):
    assert pings(text) or pings(clean(text)), "the oracle sees no danger here: a vain sample"
    assert not pings(safe_markdown(text))


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_pings_nobody_in_mrkdwn(text):
    assert not pings(escape_mrkdwn(text), markdown=False)
    assert not pings(safe_mrkdwn(text), markdown=False)


@pytest.mark.parametrize("text", HOSTILE)
def test_breaking_twice_changes_nothing_more(text):
    once = safe_markdown(text, allowed={"U0123"})
    assert safe_markdown(once, allowed={"U0123"}) == once


@pytest.mark.parametrize("text", ["<!here> <@U9> @here", "&lt;!here> `@channel`"])
def test_a_reader_sees_the_same_text(text):
    assert safe_markdown(text).replace(JOINER, "") == text


def test_people_of_the_thread_can_be_mentioned():
    text = "<@U1> <@U1|ada> `<@U1>` and <@U2>, <@u1>"
    assert pings(safe_markdown(text, allowed={"U1"})) == {"U1"}
    assert safe_markdown("<@U1> hi", allowed={"U1"}) == "<@U1> hi"
    assert safe_mrkdwn("a<b <@U1|x> & <@U2>", allowed={"U1"}) == "a&lt;b <@U1> &amp; &lt;@U2&gt;"


def test_a_note_for_one_person_keeps_every_user_but_no_broadcast():
    assert safe_mrkdwn("<@U1>, <@W2> <!here>", allowed=None) == "<@U1>, <@W2> &lt;!here&gt;"


@pytest.mark.parametrize(
    "text",
    [
        "<!DOCTYPE html>",
        "<!-- a comment -->",
        "<![CDATA[x]]>",
        "&lt;!doctype html>",
        "a@b.com and me.too+x@example.org",
        "https://medium.com/@ada/post and http://x.y/?q=@z",
        "`@dataclass` and ``npm i @slack/bolt``",
        "```py\n@dataclass\nclass A: ...\n```",
        "> ```\n> @property\n> ```",
        "<#C0123> and <https://example.com|a link>",
        "5 < 6 && 7 > 3; @ home",
        "no token here at all",
        '```java\n@Channel("prices") Emitter<P> e;\n```',
        "```html\n<!--[if mso]>x<![endif]-->\n```",
        "```haskell\nf <@> g\n```",
        "run `npm i @here/harp` first",
        "```yaml\nnotify: @here\n```",
        "Put this in:\n\n    @app.route('/')\n    def home(): ...\n",
        "- in a list:\n\n  ```py\n  @property\n  ```",
        "`&lt;!here&gt;` is how it is escaped",
        "f <@> g and x<![endif]-->",
        "AT&T &amp; sons",
    ],
)
def test_harmless_text_and_code_stay_as_they_are(text):
    assert safe_markdown(text) == text


@pytest.mark.parametrize("text", ["ask @backend-team", "@@team", "x\n\n@team.", "(@team)"])
def test_a_plain_name_in_prose_may_be_a_user_group_and_is_broken(text):
    assert f"@{JOINER}" in safe_markdown(text)


def test_a_name_after_code_is_prose_again():
    assert safe_markdown("```\n@x\n```\n@y `@z` @w") == (
        f"```\n@x\n```\n@{JOINER}y `@z` @{JOINER}w"
    )


def test_an_allowed_user_is_no_plain_name():
    assert safe_markdown("x <@U1>, `c` <@U1>", allowed={"U1"}) == "x <@U1>, `c` <@U1>"


def test_escaping_is_applied_once_and_not_undone():
    assert escape_mrkdwn("a & <b>") == "a &amp; &lt;b&gt;"
    assert escape_mrkdwn("&lt;!here&gt;") == "&amp;lt;!here&amp;gt;"


def test_what_cannot_be_sent_is_taken_out():
    assert clean("a\x00b\x1b[1m\tc\nd\x85") == "ab[1m\tc\nd"
    assert clean("x\ud800y") == "x\ufffdy"
    safe_markdown("\udfff<!here>").encode("utf-8")
