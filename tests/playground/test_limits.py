"""Trap 23: rate limits by tier, per channel, with 429 and Retry-After."""

import dataclasses

import pytest
from slack_sdk.errors import SlackApiError

from slack_playground import Playground
from slack_playground.api import METHODS
from slack_playground.rate_limits import Bucket, RateLimits, Window
from tests.playground.conftest import QUICK, Start, web_client

LIMITED = dataclasses.replace(QUICK, rate_limits=True)


@pytest.mark.parametrize("per_minute", [1, 20, 50, 100])
def test_a_window_allows_its_number_in_any_sixty_seconds(per_minute: int) -> None:
    window = Window(per_minute)
    for _ in range(per_minute):
        assert window.wait_s(100.0) == 0.0
        window.take(100.0)
    assert window.wait_s(130.0) == 30.0
    assert window.wait_s(159.9) == pytest.approx(0.1)
    assert window.wait_s(160.0) == 0.0


def test_a_channel_takes_five_at_once_and_then_one_a_second() -> None:
    bucket = Bucket(burst=5.0, at=0.0)
    for _ in range(5):
        assert bucket.wait_s(0.0) == 0.0
        bucket.take()
    assert bucket.wait_s(0.25) == pytest.approx(0.75)
    assert bucket.wait_s(1.0) == 0.0
    bucket.take()
    assert bucket.wait_s(100.0) == 0.0
    assert bucket.tokens == 5.0


def test_the_workspace_takes_three_hundred_posts_a_minute_over_all_channels() -> None:
    limits = RateLimits()
    refused = [
        limits.refuse("chat.postMessage", per_minute=300, channel=f"C{n}", now=0.0)
        for n in range(301)
    ]
    assert refused[:300] == [None] * 300
    assert refused[300] == 60
    assert limits.refused == {"chat.postMessage": 1}


def test_a_refusal_blocks_that_method_only_and_is_not_counted_as_a_call() -> None:
    limits = RateLimits()
    assert limits.refuse("a", per_minute=1, channel=None, now=0.0) is None
    assert limits.refuse("a", per_minute=1, channel=None, now=30.0) == 30
    assert limits.refuse("a", per_minute=1, channel=None, now=30.5) == 30
    assert limits.refuse("a", per_minute=1, channel=None, now=31.5) == 29
    assert limits.refuse("b", per_minute=1, channel=None, now=30.0) is None
    assert limits.refuse("a", per_minute=1, channel=None, now=60.0) is None


@pytest.mark.parametrize(
    ("method", "per_minute"),
    [
        ("chat.update", 50),
        ("chat.postEphemeral", 100),
        ("chat.startStream", 20),
        ("chat.appendStream", 100),
        ("chat.stopStream", 20),
        ("assistant.threads.setStatus", 600),
        ("agents.sessions.setStatus", 50),
        ("conversations.replies", 50),
        ("conversations.list", 20),
        ("conversations.members", 100),
        ("reactions.add", 50),
        ("reactions.remove", 20),
        ("users.info", 100),
        ("users.list", 20),
        ("views.open", 100),
        ("files.completeUploadExternal", 100),
        ("apps.connections.open", 50),
    ],
)
def test_each_method_has_its_tier(method: str, per_minute: int) -> None:
    assert METHODS[method].per_minute == per_minute


async def test_too_many_posts_in_a_channel_are_429_with_seconds_to_wait(start: Start) -> None:
    place = await start(LIMITED)
    client = web_client(place)
    for _ in range(5):
        await client.chat_postMessage(channel="#general", text="x")
    with pytest.raises(SlackApiError) as refused:
        await client.chat_postMessage(channel="#general", text="x")
    answer = refused.value.response
    assert (answer.status_code, answer["error"]) == (429, "ratelimited")
    assert answer.headers["Retry-After"] == "1"
    assert (await client.chat_postMessage(channel="#engineering", text="x"))["ok"]
    assert place.rate_limited() == {"chat.postMessage": 1}
    assert len(place.messages("#general")) == 5


async def test_the_name_and_the_id_of_a_channel_share_one_limit(start: Start) -> None:
    place = await start(LIMITED)
    client = web_client(place)
    for number in range(5):
        name = ("#general", "C01GENERAL1")[number % 2]
        await client.chat_postMessage(channel=name, text="x")
    with pytest.raises(SlackApiError):
        await client.chat_postMessage(channel="C01GENERAL1", text="x")


async def test_the_limits_can_be_turned_off_and_on_while_running(start: Start) -> None:
    place = await start(LIMITED)
    client = web_client(place)
    place.set_rate_limits(on=False)
    for _ in range(10):
        await client.chat_postMessage(channel="#general", text="x")
    assert place.rate_limited() == {}
    place.set_rate_limits(on=True)
    for _ in range(5):
        await client.chat_postMessage(channel="#general", text="x")
    with pytest.raises(SlackApiError):
        await client.chat_postMessage(channel="#general", text="x")


async def test_people_are_not_limited(playground: Playground) -> None:
    playground.set_rate_limits(on=True)
    for number in range(50):
        playground.post("maya", "#general", str(number))
    assert len(playground.messages("#general")) == 50
