"""Payloads in the form in which Slack sends them, and hostile ones."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.domain.ids import TeamId, UserId
from bridge.render import action_ids
from bridge.slack.event_parser import Installation, Unsupported, read_event
from bridge.slack.interaction_parser import (
    ButtonKind,
    ButtonPressed,
    ReasonSubmitted,
    read_button,
    read_submission,
)
from bridge.slack.mrkdwn import plain_text

US = Installation(TeamId("T01HOME"), UserId("U0BOT"), "B0BOT")
PAYLOADS = Path(__file__).parent / "payloads"


def recorded(name):
    return json.loads((PAYLOADS / f"{name}.json").read_text())


@pytest.mark.parametrize("name", sorted(path.stem for path in PAYLOADS.glob("*.json")))
def test_each_recorded_payload_means_what_its_file_says(name):
    case = recorded(name)
    event = read_event(case["payload"], us=US)
    expected = dict(case["expect"])
    assert type(event).__name__ == expected.pop("is")
    seen = getattr(event, "message", event)
    if "files" in expected:
        assert [file.name for file in seen.files] == expected.pop("files")
        assert [file.url for file in seen.files] == expected.pop("urls")
    assert {key: getattr(seen, key) for key in expected} == expected


def test_the_twins_of_one_mention_name_the_same_message():
    twins = [
        read_event(recorded(name)["payload"], us=US).message
        for name in ("mention_twin_message", "mention_twin_app_mention")
    ]
    assert len({(twin.team, twin.channel, twin.ts) for twin in twins}) == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)


@given(JSON)
@settings(max_examples=60)
def test_g8_any_json_is_read_without_an_error(value):
    assert read_event(value, us=US) is not None
    assert isinstance(read_button(value), Unsupported)
    assert isinstance(read_submission(value), Unsupported)


@given(st.data())
@settings(max_examples=60)
def test_a_payload_with_any_field_gone_wrong_is_read_without_an_error(data):
    name = data.draw(st.sampled_from(sorted(path.stem for path in PAYLOADS.glob("*.json"))))
    payload = recorded(name)["payload"]
    for _ in range(data.draw(st.integers(1, 3))):
        spoil(payload, data)
    assert read_event(payload, us=US) is not None


def spoil(value, data):
    """Replace one value somewhere inside by any JSON."""
    while True:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        if not keys:
            return
        key = data.draw(st.sampled_from(keys))
        if not isinstance(value[key], dict | list) or data.draw(st.booleans()):
            value[key] = data.draw(JSON)
            return
        value = value[key]


@given(st.text())
def test_what_was_escaped_once_is_unescaped_once(text):
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    shown = plain_text(escaped)
    # A typed token alone keeps its first character escaped.
    assert shown == text or "&lt;" in shown


def pressed(action_id, **more):
    return {
        "type": "block_actions",
        "user": {"id": "U0ADA1", "team_id": "T01HOME"},
        "team": {"id": "T01HOME"},
        "container": {"type": "message", "message_ts": "1.2", "channel_id": "C1"},
        "channel": {"id": "C1"},
        "message": {"ts": "1.2", "thread_ts": "1.0"},
        "actions": [{"action_id": action_id, "block_id": "b", "value": "id-1", "action_ts": "3"}],
        "trigger_id": "t.1",
        "response_url": "https://hooks.slack.com/actions/T/1/secret",
        **more,
    }


@pytest.mark.parametrize(
    ("action_id", "kind"),
    [
        (action_ids.APPROVAL_ALLOW, ButtonKind.ALLOW),
        (action_ids.APPROVAL_DENY, ButtonKind.DENY),
        (action_ids.APPROVAL_DENY_REASON, ButtonKind.DENY_WITH_REASON),
        (action_ids.APPROVAL_VIEW, ButtonKind.SHOW_ALL),
        (action_ids.TURN_STOP, ButtonKind.STOP),
    ],
)
def test_our_buttons_are_known_by_their_action_ids(action_id, kind):
    press = read_button(pressed(action_id))
    assert isinstance(press, ButtonPressed)
    assert (press.kind, press.value, press.user) == (kind, "id-1", "U0ADA1")
    assert (press.ref.channel, press.ref.ts, press.thread_ts) == ("C1", "1.2", "1.0")


def test_a_press_shows_neither_its_trigger_nor_the_response_url():
    """Guarantee G9."""
    shown = repr(read_button(pressed(action_ids.APPROVAL_ALLOW)))
    assert "t.1" not in shown
    assert "hooks.slack.com" not in shown


def test_a_foreign_button_is_unsupported():
    assert isinstance(read_button(pressed("some_link")), Unsupported)
    assert isinstance(read_button(pressed(action_ids.TURN_STOP, actions=[])), Unsupported)


def test_a_submitted_reason_carries_the_approval_and_the_words():
    values = {action_ids.REASON_BLOCK: {action_ids.REASON_INPUT: {"value": " too wide "}}}
    payload = {
        "type": "view_submission",
        "user": {"id": "U0ADA1", "team_id": "T01HOME"},
        "view": {
            "callback_id": action_ids.VIEW_REASON,
            "private_metadata": '{"approval": "id-1", "channel": "C1", "thread_ts": "1.0"}',
            "state": {"values": values},
        },
    }
    sent = read_submission(payload)
    assert isinstance(sent, ReasonSubmitted)
    assert (sent.approval_id, sent.user, sent.reason) == ("id-1", "U0ADA1", "too wide")
    assert (sent.channel, sent.thread_ts) == ("C1", "1.0")
    payload["view"]["callback_id"] = "other"
    assert isinstance(read_submission(payload), Unsupported)
