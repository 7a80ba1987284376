import pytest

from bridge.render import action_ids
from bridge.render.block_kit import button, markdown, mrkdwn, plain
from bridge.render.blocks import WITHDRAWN, WORKING, notice_blocks, private_note, reply_blocks
from bridge.render.stream import MessageView
from tests.render.oracles import check_blocks, pings


def kinds(rendered):
    return [block["type"] for block in rendered.blocks]


def reply(**fields):
    rendered = reply_blocks(MessageView(**{"seq": 0, "markdown": ""} | fields), turn_id="t1")
    check_blocks(rendered.blocks)
    assert rendered.text.strip()
    return rendered


def test_a_live_message_has_its_text_what_runs_and_a_stop_button():
    shown = reply(markdown="**Hi**", live=True, tools_line="⚙ Bash `ls`")
    assert kinds(shown) == ["markdown", "context", "actions"]
    (stop,) = shown.blocks[2]["elements"]
    assert (stop["action_id"], stop["value"], stop["text"]["text"]) == ("turn_stop", "t1", "Stop")
    assert shown.text == "Hi"


def test_a_full_message_has_no_button_while_the_reply_goes_on():
    assert kinds(reply(markdown="Hi")) == ["markdown"]


def test_a_finished_message_has_no_button_but_its_footer():
    shown = reply(markdown="Hi", final=True, footer="12 s", sentence="Stopped.")
    assert kinds(shown) == ["markdown", "section", "context"]
    assert shown.text == "Hi\nStopped."


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"live": True}, WORKING),
        ({"live": True, "tools_line": "⚙ Bash"}, "⚙ Bash"),
        ({"final": True, "footer": "12 s"}, "12 s"),
        ({"final": True, "sentence": "Stopped.", "footer": "12 s"}, "Stopped."),
        ({"final": True}, WITHDRAWN),
        ({"markdown": "```\n```"}, WITHDRAWN),
    ],
)
def test_a_message_without_text_still_says_something(fields, text):
    assert reply(**fields).text == text


def test_blocks_are_named_after_the_outbox_id():
    view = MessageView(0, "Hi", live=True, tools_line="x", footer="y")
    rendered = reply_blocks(view, turn_id="t1", outbox_id="ob7")
    check_blocks(rendered.blocks)
    assert [action_ids.is_from(block["block_id"], "ob7") for block in rendered.blocks] == [True] * 4
    assert rendered.blocks[0]["block_id"] == "out-ob7"


def test_text_over_a_limit_is_cut_even_when_somebody_else_made_the_view():
    shown = reply(markdown="x" * 30_000, sentence="y" * 9_000, tools_line="&amp;" * 2_000)
    assert len(shown.text) <= 3_000


def test_a_notice_is_one_quiet_line_that_pings_only_whom_it_may():
    rendered = notice_blocks("Moved by <@U1>, not <@U2> <!here>", allowed={"U1"}, outbox_id="o")
    check_blocks(rendered.blocks)
    assert kinds(rendered) == ["context"]
    assert pings(rendered.text, markdown=False) == {"U1"}
    assert pings(notice_blocks("<@U1>").text, markdown=False) == set()
    assert pings(notice_blocks("<@U1>", allowed=None).text, markdown=False) == {"U1"}


def test_a_private_note_keeps_names_readable():
    rendered = private_note("Only <@U1> can decide this. <!here>")
    check_blocks(rendered.blocks)
    assert rendered.text == "Only <@U1> can decide this. &lt;!here&gt;"
    check_blocks(private_note("").blocks)


def test_no_element_is_ever_empty_or_too_long():
    assert mrkdwn(" ")["text"] == "…"
    assert plain("", 75)["text"] == "…"
    assert len(plain("x" * 100, 75)["text"]) == 75
    assert len(markdown("x" * 20_000)["text"]) == 12_000


def test_a_button_value_is_never_cut():
    with pytest.raises(ValueError, match=r"2,000"):
        button("x", action_id="a", value="v" * 2_001)
