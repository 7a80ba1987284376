"""What people see of a message reaches the agent: words of blocks, attachments and files."""

import json
import re
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.domain.ids import MessageTs, TeamId, UserId
from bridge.domain.mentions import as_typed
from bridge.domain.messages import Person, Speaker, ThreadMessage
from bridge.domain.prompt import Files, compose
from bridge.slack.event_parser import (
    Installation,
    MessageEdited,
    MessagePosted,
    Unsupported,
    read_event,
    read_past,
)
from bridge.slack.message_reader import read_content
from bridge.slack.mrkdwn import plain_text
from tests.fuzz.messages import Maker, lost

US = Installation(TeamId("T01HOME"), UserId("U0BOT"), "B0BOT")


def event(kind="message", **said):
    """A payload of the Events API."""
    base = {"type": kind, "channel": "C0ENG", "user": "U0MIA", "ts": "5.000001", "team": US.team}
    return {
        "type": "event_callback",
        "team_id": US.team,
        "event_id": "Ev1",
        "event": {**base, **said},
    }


def read(kind="message", **said):
    """The message that such an event brings."""
    found = read_event(event(kind, **said), us=US)
    assert isinstance(found, MessagePosted), found
    return found.message


def told(message):
    """What the agent is told of a message."""
    said = ThreadMessage(message.ts, Speaker.PERSON, message.user, message.text, message.files)
    return compose(
        heard=(), asked=[said], files=Files(), me="ada", person=lambda u: Person(u, u, trusted=True)
    )


def from_history(**said):
    """How the same message reads in a channel's history."""
    base = {"type": "message", "user": "U0MIA", "ts": "5.000001"}
    found = read_past({**base, **said}, channel="C0ENG", us=US)
    assert isinstance(found, MessagePosted), found
    return found.message


LOG = {"id": "F0LOG", "name": "log.txt", "mimetype": "text/plain", "size": 9}
FORWARDED = {
    "is_share": True,
    "is_msg_unfurl": True,
    "author_name": "Leo",
    "channel_id": "C0OPS",
    "channel_name": "ops",
    "text": "checkout is down since 09:12",
    "files": [LOG],
}


@pytest.mark.parametrize("reader", [read, from_history])
def test_a_forwarded_message_arrives_with_author_place_words_and_files(reader):
    message = reader(text="", attachments=[FORWARDED])
    assert message.text == "> Leo in #ops said:\n> checkout is down since 09:12\n> [file: log.txt]"
    assert [file.name for file in message.files] == ["log.txt"]


def test_a_forwarded_message_with_a_comment_has_both():
    message = read(text="<@U0BOT> look", attachments=[FORWARDED])
    assert message.text.startswith("<@U0BOT> look\n> Leo in #ops said:")
    assert message.mentions_app


def test_whoever_is_named_in_a_forwarded_message_is_not_addressed():
    message = read(text="what is this?", attachments=[{**FORWARDED, "text": "<@U0BOT> do it"}])
    assert not message.mentions_app


def test_a_forwarded_message_made_of_blocks_is_read():
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "disk full on *db-1*"}}]
    inner = {"is_share": True, "message_blocks": [{"message": {"blocks": blocks}}]}
    assert "> disk full on *db-1*" in read(text="", attachments=[inner]).text


TABLE = {
    "type": "table",
    "rows": [
        [{"type": "raw_text", "text": "Item"}, {"type": "raw_text", "text": "Price"}],
        [
            {"type": "raw_text", "text": "Lamp"},
            {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [
                {"type": "text", "text": "12|50"}]}]},
        ],
    ],
}  # fmt: skip


@pytest.mark.parametrize("text", ["which of these is dearest?", ""])
def test_a_pasted_table_reaches_the_agent(text):
    pasted = {"fallback": "[no preview available]", "blocks": [TABLE]}
    said = read(text=text, attachments=[pasted]).text
    assert "| Item | Price |\n| --- | --- |\n| Lamp | 12\\|50 |" in said
    assert ">" not in said
    assert "no preview" not in said


def test_a_data_table_is_read_with_its_numbers():
    rows = [
        [{"type": "raw_text", "text": "City"}, {"type": "raw_text", "text": "EUR"}],
        [{"type": "raw_text", "text": "Bonn"}, {"type": "raw_number", "value": 12.5}],
    ]
    said = read(text="", blocks=[{"type": "data_table", "caption": "Costs", "rows": rows}]).text
    assert said == "Costs\n| City | EUR |\n| --- | --- |\n| Bonn | 12.5 |"


def test_a_chart_is_read_with_its_labels_and_numbers():
    series = [
        {"name": "Sales", "data": [{"label": "Jan", "value": 10}, {"label": "Feb", "value": 0}]}
    ]
    chart = {"type": "line", "series": series, "axis_config": {"categories": ["Jan", "Feb"]}}
    block = {"type": "data_visualization", "title": "This year", "chart": chart}
    said = read(text="", blocks=[block]).text
    for words in ("This year", "Sales", "Jan", "10", "Feb", "0"):
        assert words in said.splitlines()


@pytest.mark.parametrize("reader", [read, from_history])
def test_an_alert_that_is_all_attachments_is_read(reader):
    alert = {
        "bot_id": "B0ALERT",
        "subtype": "bot_message",
        "username": "Alertmanager",
        "user": None,
        "text": "",
        "attachments": [
            {
                "title": "[FIRING:1] KubeJobFailed",
                "title_link": "https://run.example/1",
                "text": "job batch-17 failed",
                "fields": [{"title": "Severity", "value": "critical"}, {"title": "n", "value": 3}],
                "footer": "prometheus",
                "fallback": "never shown",
            }
        ],
    }
    message = reader(**alert)
    assert message.user == "Alertmanager"
    assert message.from_bot
    assert message.text == (
        "> [[FIRING:1] KubeJobFailed](https://run.example/1)\n> job batch-17 failed\n"
        "> Severity: critical\n> n: 3\n> prometheus"
    )


def test_the_details_of_an_alert_that_stand_in_its_blocks_are_told_once():
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": "Incident #12"}},
        {
            "type": "section",
            "text": {"type": "mrkdwn", "text": "CPU 98 % on web-3, <https://run.example/12>"},
            "fields": [{"type": "mrkdwn", "text": "*Host*\nweb-3"}],
            "accessory": {
                "type": "button",
                "text": {"type": "plain_text", "text": "Runbook"},
                "url": "https://run.example/book",
            },
        },
        {"type": "context", "elements": [{"type": "mrkdwn", "text": "since 09:12"}]},
        {"type": "hologram", "caption": {"type": "plain_text", "text": "from the future"}},
    ]
    said = read(bot_id="B0ALERT", text="Incident #12", blocks=blocks).text
    assert said == (
        "Incident #12\nCPU 98 % on web-3, https://run.example/12\n*Host*\nweb-3\n"
        "[Runbook](https://run.example/book)\nsince 09:12\nfrom the future"
    )


def rich_text(*parts):
    return [{"type": "rich_text", "elements": list(parts)}]


def test_what_a_person_typed_is_not_told_twice():
    text = (
        "see <https://x.example/a|this>:\n1. one\n2. <@U0BOT> `two`\n"
        "&gt; quoted\n```\na &lt; b\n```"
    )
    blocks = rich_text(
        {
            "type": "rich_text_section",
            "elements": [
                {"type": "text", "text": "see "},
                {"type": "link", "url": "https://x.example/a", "text": "this"},
                {"type": "text", "text": ":\n"},
            ],
        },
        {
            "type": "rich_text_list",
            "style": "ordered",
            "elements": [
                {"type": "rich_text_section", "elements": [{"type": "text", "text": "one"}]},
                {
                    "type": "rich_text_section",
                    "elements": [
                        {"type": "user", "user_id": "U0BOT"},
                        {"type": "text", "text": " two", "style": {"code": True}},
                    ],
                },
            ],
        },
        {"type": "rich_text_quote", "elements": [{"type": "text", "text": "quoted"}]},
        {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": "a < b"}]},
    )
    said = read(text=text, blocks=blocks).text
    assert said == plain_text(text)
    alone = read(text="", blocks=blocks).text
    assert alone == (
        "see [this](https://x.example/a):\n\n1. one\n2. <@U0BOT> `two`\n> quoted\n```\na < b\n```"
    )


@given(st.integers(min_value=0))
@settings(max_examples=300)
def test_whatever_people_see_of_a_generated_message_is_told(seed):
    maker = Maker(Random(seed))
    message = maker.message()
    assert not lost(read_content(message), maker.marks)


def test_the_words_of_a_voice_clip_are_told():
    clip = {**LOG, "name": "note.m4a", "transcription": {"preview": {"content": "call me back"}}}
    assert read(text="", files=[clip]).text == "[transcript of note.m4a: call me back]"


def test_a_message_in_which_nothing_is_to_be_seen_is_empty():
    attachments = [{"fallback": "[no preview available]"}, {"id": 1, "color": "36a64f"}]
    found = read_event(event(text=" ", attachments=attachments), us=US)
    assert found == Unsupported("message", "empty")


@pytest.mark.parametrize(
    ("escaped", "typed"),
    [
        ("ping <http://build.example.com|build.example.com>", "ping build.example.com"),
        ("edit <http://main.py|main.py>", "edit main.py"),
        ("<http://main.py/|main.py>", "main.py"),
        ("<https://a.example/x|https://a.example/x>", "https://a.example/x"),
        ("<https://a.example/x>", "https://a.example/x"),
        ("<https://a.example/x|the page>", "[the page](https://a.example/x)"),
        ("<mailto:ann@a.example|ann@a.example>", "ann@a.example"),
        ("<tel:+4912345|+49 123 45>", "+49 123 45"),
        ("<tel:+4912345|+4912345>", "+4912345"),
        ("ask <!subteam^S0BACK|@backend-team>", "ask @backend-team"),
        ("in <#C0OPS|ops>", "in #ops"),
        ("what does &lt;!channel&gt; do?", "what does <!channel> do?"),
        ("&lt;@U0BOT&gt; &amp;lt;", "<@U0BOT> &lt;"),
        ("<!here> <!channel|channel>", "@here @channel"),
        ("<!date^1795000000^{date}|Nov 22>", "Nov 22"),
        ("a &lt; b &amp;&amp; c &gt; d", "a < b && c > d"),
    ],
)
def test_what_was_typed_reaches_the_agent_as_it_was_typed(escaped, typed):
    assert f">{typed}</message>" in told(read(text=escaped))


def test_a_user_group_that_stands_for_a_teammate_keeps_its_id_for_routing():
    assert "<!subteam^S0BACK|" in read(text="ask <!subteam^S0BACK|@backend-team>").text


@pytest.mark.parametrize(
    "text",
    [
        "`<@U0BOT>` is how you call it",
        "```\n<@U0BOT> deploy\n```",
        "&gt; <@U0BOT> said so\nwhat did it mean?",
        "&gt;&gt;&gt; all of this\n<@U0BOT> deploy",
    ],
)
@pytest.mark.parametrize("kind", ["message", "app_mention"])
def test_a_mention_in_code_or_in_a_quote_calls_nobody(text, kind):
    assert not read(kind, text=text).mentions_app


def test_a_mention_that_was_only_typed_calls_nobody():
    assert not read(text="typed: &lt;@U0BOT&gt;").mentions_app


def test_a_mention_beside_code_calls_the_app():
    assert read(text="<@U0BOT> what is `<@U0BOT>`?").mentions_app


EDITED = {"edited": {"user": "U0MIA", "ts": "6.000000"}}


def test_both_events_of_one_edit_say_the_same():
    now = {"user": "U0MIA", "ts": "5.000001", "text": "<@U0BOT> please look", **EDITED}
    changed = read_event(
        event(subtype="message_changed", message=now, previous_message={"text": "please look"}),
        us=US,
    )
    twin = read_event(event("app_mention", **now), us=US)
    assert isinstance(changed, MessageEdited)
    assert isinstance(twin, MessageEdited)
    for message in (changed.message, twin.message):
        assert message.mentions_app
        assert (message.ts, message.edited_ts) == (MessageTs("5.000001"), MessageTs("6.000000"))


# --- any message ------------------------------------------------------------------------------

MARKS = st.integers(0, 10**6).map(lambda number: f"mark{number}")


TEXT_TYPES = st.sampled_from(["mrkdwn", "plain_text"])


def text_objects(kind=TEXT_TYPES):
    return st.fixed_dictionaries({"type": kind, "text": MARKS})


def typed_as(kind, **parts):
    return st.fixed_dictionaries({"type": st.just(kind), **parts})


inline = st.one_of(
    typed_as("text", text=MARKS),
    typed_as("text", text=MARKS, style=st.just({"bold": True, "italic": True})),
    typed_as("link", url=st.just("https://x.example"), text=MARKS),
    typed_as("emoji", name=MARKS),
    typed_as("hologram", text=MARKS),
)
rich_section = typed_as("rich_text_section", elements=st.lists(inline, max_size=3))
rich = st.one_of(
    rich_section,
    typed_as("rich_text_quote", elements=st.lists(inline, max_size=3)),
    typed_as("rich_text_preformatted", elements=st.lists(inline, max_size=3)),
    typed_as(
        "rich_text_list",
        style=st.sampled_from(["bullet", "ordered"]),
        indent=st.integers(0, 3),
        elements=st.lists(rich_section, max_size=3),
    ),
)
cells = st.one_of(
    typed_as("raw_text", text=MARKS), typed_as("rich_text", elements=st.lists(rich_section))
)
blocks = st.one_of(
    typed_as("section", text=text_objects(), fields=st.lists(text_objects(), max_size=3)),
    typed_as("header", text=text_objects(st.just("plain_text"))),
    typed_as("context", elements=st.lists(text_objects(), max_size=3)),
    typed_as("markdown", text=MARKS),
    typed_as("image", alt_text=MARKS, title=text_objects(), image_url=st.just("https://i")),
    typed_as("rich_text", elements=st.lists(rich, max_size=3)),
    typed_as("table", rows=st.lists(st.lists(cells, max_size=3), max_size=3)),
    typed_as("input", label=text_objects(), element=st.just({"type": "plain_text_input"})),
    typed_as("actions", elements=st.lists(typed_as("button", text=text_objects()), max_size=2)),
    typed_as("hologram", content=st.lists(MARKS, max_size=2), body=text_objects()),
    typed_as("plan", title=MARKS, tasks=st.lists(typed_as("task_card", title=MARKS), max_size=2)),
)
attachments = st.recursive(
    st.fixed_dictionaries(
        {},
        optional={
            "pretext": MARKS,
            "title": MARKS,
            "text": MARKS,
            "fields": st.lists(st.fixed_dictionaries({"title": MARKS, "value": MARKS}), max_size=2),
            "footer": MARKS,
            "author_name": MARKS,
            "is_share": st.booleans(),
            "blocks": st.lists(blocks, max_size=2),
        },
    ),
    lambda inner: st.fixed_dictionaries(
        {"text": MARKS, "attachments": st.lists(inner, max_size=2)}
    ),
    max_leaves=4,
)
messages = st.fixed_dictionaries(
    {},
    optional={
        "text": MARKS,
        "blocks": st.lists(blocks, max_size=4),
        "attachments": st.lists(attachments, max_size=3),
    },
)


@given(messages)
def test_no_visible_word_of_any_message_is_lost(message):
    said = read_content(message).text
    shown = set(re.findall(r"mark\d+", json.dumps(message)))
    assert shown <= set(re.findall(r"mark\d+", said))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "text", "elements", "blocks", "rows", "fields", "files", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON, JSON, JSON)
def test_g8_any_json_in_a_message_is_read(text, some_blocks, some_attachments):
    message = {"text": text, "blocks": some_blocks, "attachments": some_attachments}
    assert isinstance(as_typed(read_content(message).text), str)
