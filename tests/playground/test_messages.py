"""Traps 5 to 11: timestamps, threads, ephemeral messages, updates, block limits, people's text."""

import inspect
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.models.blocks import block_elements, blocks
from slack_sdk.web.async_client import AsyncWebClient

from slack_playground import Playground, PlaygroundOptions
from slack_playground.block_fields import BLOCK_FIELDS, ELEMENT_FIELDS
from slack_playground.slack_types import TsClock
from tests.playground.conftest import Start, refusal, web_client

GENERAL = "C01GENERAL1"


def section(text: str = "hi", **more: Any) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}, **more}


def button(action_id: str = "a", text: str = "Go") -> dict[str, Any]:
    return {
        "type": "button",
        "action_id": action_id,
        "text": {"type": "plain_text", "text": text},
    }


def actions(*elements: dict[str, Any]) -> dict[str, Any]:
    return {"type": "actions", "elements": list(elements)}


async def test_timestamps_are_unique_rising_text_with_six_decimals(playground: Playground) -> None:
    stamps = [playground.post("maya", "#general", str(n)) for n in range(500)]
    assert all(len(ts.partition(".")[2]) == 6 for ts in stamps)
    hooks = [Decimal(ts) for ts in stamps]
    assert hooks == sorted(set(hooks))


def test_timestamps_rise_even_when_the_clock_does_not() -> None:
    clock = TsClock()
    clock.after("9999999999.999998")
    assert [clock.next(), clock.next()] == ["9999999999.999999", "10000000000.000000"]


async def test_a_reply_carries_thread_ts_and_its_parent_counts_it(
    playground: Playground, client: AsyncWebClient
) -> None:
    root = playground.post("maya", "#general", "root")
    answer = await client.chat_postMessage(channel=GENERAL, text="one", thread_ts=root)
    assert answer["message"]["thread_ts"] == root
    parent = playground.messages("#general")[0]
    assert parent["thread_ts"] == root
    assert (parent["reply_count"], parent["latest_reply"]) == (1, answer["ts"])
    nested = await client.chat_postMessage(channel=GENERAL, text="two", thread_ts=answer["ts"])
    assert nested["message"]["thread_ts"] == root


async def test_replies_list_the_parent_first_on_every_page(
    playground: Playground, client: AsyncWebClient
) -> None:
    root = playground.post("maya", "#general", "root")
    for number in range(5):
        playground.post("jonas", "#general", str(number), root)
    pages = []
    cursor = None
    while cursor != "":
        answer = await client.conversations_replies(
            channel=GENERAL, ts=root, limit=2, cursor=cursor
        )
        pages.append([message["text"] for message in answer["messages"]])
        cursor = answer.get("response_metadata", {}).get("next_cursor", "")
        assert answer["has_more"] == bool(cursor)
    assert pages == [["root", "0", "1"], ["root", "2", "3"], ["root", "4"]]


async def test_an_unknown_thread_or_cursor_is_refused(client: AsyncWebClient) -> None:
    unknown = client.conversations_replies(channel=GENERAL, ts="1.000000")
    assert await refusal(unknown) == "thread_not_found"
    assert (
        await refusal(client.conversations_history(channel=GENERAL, cursor="bm9uZQ=="))
        == "invalid_cursor"
    )
    reply = client.chat_postMessage(channel=GENERAL, text="x", thread_ts="1.000000")
    assert await refusal(reply) == "thread_not_found"


async def test_history_is_newest_first_without_replies_but_with_broadcasts(
    playground: Playground, client: AsyncWebClient
) -> None:
    root = playground.post("maya", "#general", "root")
    playground.post("maya", "#general", "quiet", root)
    playground.post("maya", "#general", "loud", root, broadcast=True)
    latest = playground.post("maya", "#general", "latest")
    answer = await client.conversations_history(channel=GENERAL)
    assert [message["text"] for message in answer["messages"]] == ["latest", "loud", "root"]
    older = await client.conversations_history(channel=GENERAL, oldest=root, latest=latest)
    assert [message["text"] for message in older["messages"]] == ["loud"]
    both = await client.conversations_history(
        channel=GENERAL, oldest=root, latest=latest, inclusive=True
    )
    assert len(both["messages"]) == 3


async def test_an_unlisted_app_reads_at_most_fifteen_messages_once_a_minute(start: Start) -> None:
    place = await start(PlaygroundOptions(history_limit=15, history_per_minute=1))
    for number in range(20):
        place.post("maya", "#general", str(number))
    client = web_client(place)
    answer = await client.conversations_history(channel=GENERAL, limit=200)
    assert len(answer["messages"]) == 15
    with pytest.raises(SlackApiError) as refused:
        await client.conversations_history(channel=GENERAL)
    assert refused.value.response.status_code == 429


async def test_ephemeral_messages_are_in_no_history_and_take_no_update(
    playground: Playground, client: AsyncWebClient
) -> None:
    answer = await client.chat_postEphemeral(channel=GENERAL, user="U01MAYACHEN", text="psst")
    assert [note["text"] for note in playground.ephemerals("maya")] == ["psst"]
    assert playground.ephemerals("jonas") == []
    assert (await client.conversations_history(channel=GENERAL))["messages"] == []
    update = client.chat_update(channel=GENERAL, ts=answer["message_ts"], text="x")
    assert await refusal(update) == "message_not_found"
    outsider = client.chat_postEphemeral(channel=GENERAL, user="U04SAMRIVER", text="x")
    assert await refusal(outsider) == "user_not_in_channel"


async def test_an_update_with_text_alone_removes_the_blocks(client: AsyncWebClient) -> None:
    posted = await client.chat_postMessage(channel=GENERAL, text="x", blocks=[section()])
    assert posted["message"]["blocks"]
    updated = await client.chat_update(channel=posted["channel"], ts=posted["ts"], text="y")
    assert "blocks" not in updated["message"]
    assert updated["message"]["edited"]["user"] == "U01LETTABOT"


async def test_an_update_of_more_than_4000_characters_is_too_long(client: AsyncWebClient) -> None:
    posted = await client.chat_postMessage(channel=GENERAL, text="x")
    place = {"channel": posted["channel"], "ts": posted["ts"]}
    assert (await client.chat_update(**place, text="y" * 4000))["ok"]
    assert await refusal(client.chat_update(**place, text="y" * 4001)) == "msg_too_long"


async def test_a_post_of_more_than_40000_characters_is_cut_with_a_warning(
    playground: Playground, client: AsyncWebClient
) -> None:
    answer = await client.chat_postMessage(channel=GENERAL, text="y" * 40_001)
    assert answer["warning"] == "message_truncated"
    assert len(playground.messages("#general")[0]["text"]) == 40_000


async def test_long_posts_are_split_where_the_workspace_does_so(start: Start) -> None:
    place = await start(PlaygroundOptions(split_long_posts=True))
    answer = await web_client(place).chat_postMessage(channel=GENERAL, text="y" * 4041)
    posted = place.messages("#general")
    assert [len(message["text"]) for message in posted] == [4000, 41]
    assert answer["ts"] == posted[0]["ts"]


async def test_only_own_messages_can_be_updated_or_deleted(
    playground: Playground, client: AsyncWebClient
) -> None:
    ts = playground.post("maya", "#general", "mine")
    assert await refusal(client.chat_update(channel=GENERAL, ts=ts, text="x")) == (
        "cant_update_message"
    )
    assert await refusal(client.chat_delete(channel=GENERAL, ts=ts)) == "cant_delete_message"


async def test_metadata_is_kept_and_shown_only_when_asked_for(client: AsyncWebClient) -> None:
    metadata = {"event_type": "row", "event_payload": {"id": 7}}
    posted = await client.chat_postMessage(channel=GENERAL, text="x", metadata=metadata)
    plain = await client.conversations_history(channel=GENERAL)
    assert "metadata" not in plain["messages"][0]
    full = await client.conversations_history(channel=GENERAL, include_all_metadata=True)
    assert full["messages"][0]["metadata"] == metadata
    await client.chat_update(channel=GENERAL, ts=posted["ts"], text="y")
    kept = await client.conversations_history(channel=GENERAL, include_all_metadata=True)
    assert kept["messages"][0]["metadata"] == metadata
    await client.chat_update(channel=GENERAL, ts=posted["ts"], text="y", metadata={})
    gone = await client.conversations_history(channel=GENERAL, include_all_metadata=True)
    assert "metadata" not in gone["messages"][0]


async def test_deleting_a_root_with_replies_leaves_a_tombstone(
    playground: Playground, client: AsyncWebClient
) -> None:
    root = playground.post("maya", "#general", "root")
    reply = playground.post("maya", "#general", "reply", root)
    playground.delete("maya", "#general", root)
    messages = (await client.conversations_replies(channel=GENERAL, ts=root))["messages"]
    assert messages[0]["subtype"] == "tombstone"
    assert messages[1]["text"] == "reply"
    playground.delete("maya", "#general", reply)
    assert "reply_count" not in playground.messages("#general")[0]


REFUSED_BLOCKS = {
    "fifty_one_blocks": [{"type": "divider"}] * 51,
    "section_3001": [section("x" * 3001)],
    "empty_section": [section("")],
    "eleven_fields": [
        {"type": "section", "fields": [{"type": "mrkdwn", "text": "x"}] * 11},
    ],
    "field_2001": [{"type": "section", "fields": [{"type": "mrkdwn", "text": "x" * 2001}]}],
    "button_label_76": [actions(button(text="x" * 76))],
    "button_with_mrkdwn": [
        actions({**button(), "text": {"type": "mrkdwn", "text": "x"}}),
    ],
    "button_value_2001": [actions({**button(), "value": "x" * 2001})],
    "twenty_six_buttons": [actions(*(button(str(n)) for n in range(26)))],
    "same_action_id": [actions(button(), button())],
    "same_block_id": [section(block_id="b"), section(block_id="b")],
    "unknown_block": [{"type": "hologram"}],
    "block_type_that_is_no_word": [{"type": ["section"]}],
    "unknown_field_of_a_block": [section(color="red")],
    "unknown_field_of_a_nested_block": [
        {"type": "container", "child_blocks": [section(color="x")]}
    ],
    "emoji_of_a_mrkdwn_text": [
        {"type": "section", "text": {"type": "mrkdwn", "text": "x", "emoji": True}}
    ],
    "unknown_field_of_a_button": [actions({**button(), "color": "red"})],
    "unknown_field_of_an_image": [
        {
            "type": "context",
            "elements": [
                {"type": "image", "image_url": "https://x.org/i.png", "alt_text": "i", "width": 2}
            ],
        }
    ],
    "unknown_element": [actions({"type": "lever", "action_id": "x"})],
    "header_151": [{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}],
    "eleven_context_elements": [
        {"type": "context", "elements": [{"type": "mrkdwn", "text": "x"}] * 11}
    ],
    "long_block_id": [section(block_id="b" * 256)],
    "select_without_options": [actions({"type": "static_select", "action_id": "s", "options": []})],
    "long_option": [
        actions(
            {
                "type": "static_select",
                "action_id": "s",
                "options": [{"text": {"type": "plain_text", "text": "x" * 76}, "value": "v"}],
            }
        )
    ],
    "table_of_101_rows": [{"type": "table", "rows": [[{"type": "raw_text", "text": "x"}]] * 101}],
    "wrong_confirm": [
        actions({**button(), "confirm": {"title": {"type": "plain_text", "text": "x" * 101}}})
    ],
}


@pytest.mark.parametrize("name", REFUSED_BLOCKS)
async def test_blocks_over_a_limit_are_invalid_and_the_answer_says_where(
    client: AsyncWebClient, name: str
) -> None:
    with pytest.raises(SlackApiError) as refused:
        await client.chat_postMessage(channel=GENERAL, text="x", blocks=REFUSED_BLOCKS[name])
    answer = refused.value.response
    assert answer["error"] == "invalid_blocks"
    assert "json-pointer:/blocks" in answer["response_metadata"]["messages"][0]


async def test_blocks_in_attachments_are_held_to_the_same_rules(client: AsyncWebClient) -> None:
    post = client.chat_postMessage
    assert (await post(channel=GENERAL, text="x", attachments=[{"blocks": [section()]}]))["ok"]
    with pytest.raises(SlackApiError) as refused:
        await post(channel=GENERAL, text="x", attachments=[{}, {"blocks": [section(color="red")]}])
    answer = refused.value.response
    assert answer["error"] == "invalid_attachments"
    assert "json-pointer:/attachments/1/blocks/0" in answer["response_metadata"]["messages"][0]


async def test_blocks_at_the_limits_are_accepted(client: AsyncWebClient) -> None:
    limits = [
        section("x" * 3000),
        actions(*(button(str(n), "x" * 75) for n in range(25))),
        {"type": "header", "text": {"type": "plain_text", "text": "x" * 150}},
        *({"type": "divider"} for _ in range(46)),
        {"type": "markdown", "text": "x" * 12_000},
    ]
    assert (await client.chat_postMessage(channel=GENERAL, text="x", blocks=limits))["ok"]


async def test_markdown_blocks_count_together_and_are_refused_beyond_13000(
    client: AsyncWebClient,
) -> None:
    def halves(total: int) -> list[dict[str, Any]]:
        return [{"type": "markdown", "text": "x" * (total // 2)}] * 2

    assert (await client.chat_postMessage(channel=GENERAL, text="x", blocks=halves(13_000)))["ok"]
    call = client.chat_postMessage(channel=GENERAL, text="x", blocks=halves(13_002))
    assert await refusal(call) == "msg_blocks_too_long"


async def test_markdown_text_stands_alone_and_ends_at_12000(client: AsyncWebClient) -> None:
    good = await client.chat_postMessage(channel=GENERAL, markdown_text="**bold**")
    assert good["message"]["blocks"][0]["type"] == "markdown"
    both = client.chat_postMessage(channel=GENERAL, text="x", markdown_text="y")
    assert await refusal(both) == "markdown_text_conflict"
    long = client.chat_postMessage(channel=GENERAL, markdown_text="y" * 12_001)
    assert await refusal(long) == "msg_too_long"
    nothing = client.api_call("chat.postMessage", json={"channel": GENERAL, "text": ""})
    assert await refusal(nothing) == "no_text"


async def test_peoples_text_is_escaped_linked_and_has_a_rich_text_block(
    playground: Playground,
) -> None:
    playground.post("maya", "#general", "<@U01LETTABOT> a < b & c, see https://x.org/a?b=1. @here")
    message = playground.messages("#general")[0]
    assert message["text"] == (
        "<@U01LETTABOT> a &lt; b &amp; c, see <https://x.org/a?b=1>. <!here>"
    )
    elements = message["blocks"][0]["elements"][0]["elements"]
    assert [element["type"] for element in elements] == [
        "user",
        "text",
        "link",
        "text",
        "broadcast",
    ]
    assert elements[1]["text"] == " a < b & c, see "


async def test_the_apps_text_is_stored_as_slack_gives_it_back_and_not_as_markdown(
    client: AsyncWebClient,
) -> None:
    answer = await client.chat_postMessage(
        channel=GENERAL, text="**a** & b &lt;c&gt; https://x.org `https://y.org` <@U01MAYACHEN>"
    )
    assert answer["message"]["text"] == (
        "**a** &amp; b &lt;c&gt; <https://x.org> `https://y.org` <@U01MAYACHEN>"
    )


async def test_a_permalink_names_the_thread(playground: Playground, client: AsyncWebClient) -> None:
    root = playground.post("maya", "#general", "root")
    reply = playground.post("maya", "#general", "reply", root)
    answer = await client.chat_getPermalink(channel=GENERAL, message_ts=reply)
    assert answer["permalink"].endswith(
        f"/archives/{GENERAL}/p{reply.replace('.', '')}?thread_ts={root}&cid={GENERAL}"
    )


def sdk_fields() -> Iterator[tuple[str, set[str]]]:
    """Types of blocks and elements, and the fields that Slack's own library gives them."""
    for module in (blocks, block_elements):
        for name, model in vars(module).items():
            kind = getattr(model, "type", None)
            if name.endswith(("Block", "Element")) and isinstance(kind, str):
                yield kind, set(inspect.signature(model.__init__).parameters) - {"self", "others"}


@pytest.mark.parametrize(("kind", "fields"), list(sdk_fields()))
def test_every_field_that_slacks_library_knows_is_known(kind: str, fields: set[str]) -> None:
    known = BLOCK_FIELDS.get(kind) or set()
    if kind in ELEMENT_FIELDS:
        known |= ELEMENT_FIELDS[kind]
    assert kind.startswith("rich_text_") or kind == "url" or fields <= known


async def test_the_refusal_of_an_unknown_field_names_it(client: AsyncWebClient) -> None:
    with pytest.raises(SlackApiError) as refused:
        await client.chat_postMessage(channel=GENERAL, text="x", blocks=[section(color="red")])
    assert refused.value.response["response_metadata"]["messages"] == [
        "[ERROR] invalid additional property: color [json-pointer:/blocks/0]"
    ]
