"""The page's own routes, its live socket, and who may use them."""

import base64
import json
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from slack_playground import Playground, PlaygroundOptions
from slack_playground.origin_check import is_own_request
from tests.playground.conftest import App, Start
from tests.playground.test_messages import actions, button
from tests.support import eventually

MAYA, SAM, LETTA = "U01MAYACHEN", "U04SAMRIVER", "U01LETTABOT"
GENERAL = "C01GENERAL1"
METADATA = {"event_type": "row", "event_payload": {"id": 1}}


class Page:
    """The page's calls and the frames it gets as one person."""

    def __init__(self, http: aiohttp.ClientSession, place: Playground, as_: str = MAYA) -> None:
        self._http = http
        self._base = f"{place.page_url}playground/"
        self.as_ = as_
        self.frames: list[dict[str, Any]] = []

    async def get(self, path: str, **query: str) -> dict[str, Any]:
        async with self._http.get(self._base + path, params={"as": self.as_, **query}) as response:
            body: dict[str, Any] = await response.json()
            return body

    async def post(self, path: str, **body: Any) -> dict[str, Any]:
        async with self._http.post(self._base + path, json={"as": self.as_, **body}) as response:
            answer: dict[str, Any] = await response.json()
            return answer

    async def read_one(self, socket: aiohttp.ClientWebSocketResponse) -> dict[str, Any]:
        self.frames.append(json.loads(await socket.receive_str(timeout=2)))
        return self.frames[-1]

    async def until(
        self, socket: aiohttp.ClientWebSocketResponse, wanted: Callable[[dict[str, Any]], bool]
    ) -> dict[str, Any]:
        while not wanted(frame := await self.read_one(socket)):
            pass
        return frame

    def live(self) -> Any:
        return self._http.ws_connect(f"{self._base}live?as={self.as_}")


@pytest.fixture
async def page(playground: Playground, http: aiohttp.ClientSession) -> Page:
    return Page(http, playground)


def kind(name: str) -> Callable[[dict[str, Any]], bool]:
    return lambda frame: frame["type"] == name


async def test_the_state_shows_people_channels_and_switches(page: Page) -> None:
    state = await page.get("state")
    assert state["me"]["real_name"] == "Maya Chen"
    assert [user["name"] for user in state["people"]] == ["maya", "jonas", "priya", "sam"]
    assert [channel["name"] for channel in state["channels"]] == [
        "general",
        "engineering",
        "partners",
        "random",
    ]
    assert {fault["name"] for fault in state["faults"]} == {
        "rate_limited",
        "server_error",
        "error",
        "late_error",
        "slow",
        "lost_answer",
        "lost_call",
        "drop_socket",
        "deaf_socket",
        "late_delivery",
        "double_delivery",
        "hold_acks",
    }
    assert (state["rate_limits"], state["notice"]) == (False, None)


async def test_nobody_in_particular_is_the_first_person(page: Page) -> None:
    page.as_ = ""
    assert (await page.get("state"))["me"]["id"] == MAYA


async def test_a_guests_state_holds_only_what_the_guest_sees(page: Page) -> None:
    page.as_ = SAM
    state = await page.get("state")
    assert [channel["name"] for channel in state["channels"]] == ["partners"]
    assert state["me"]["is_guest"] is True


async def test_the_notice_is_shown(start: Start, http: aiohttp.ClientSession) -> None:
    place = await start(PlaygroundOptions(notice="The model is a scripted stand-in."))
    assert (await Page(http, place).get("state"))["notice"].startswith("The model")


async def test_a_conversation_through_the_page(page: Page, playground: Playground) -> None:
    root = (await page.post("post", channel=GENERAL, text="hello"))["ts"]
    data = base64.b64encode(b"notes").decode()
    file = {"name": "notes.txt", "type": "text/plain", "data": data}
    await page.post("post", channel=GENERAL, text="see", thread_ts=root, files=[file])
    await page.post("edit", channel=GENERAL, ts=root, text="hello <you>")
    await page.post("react", channel=GENERAL, ts=root, name="eyes")
    thread = (await page.get("messages", channel=GENERAL, thread_ts=root))["messages"]
    assert [message["text"] for message in thread] == ["hello &lt;you&gt;", "see"]
    assert thread[0]["reactions"][0]["users"] == [MAYA]
    file_id = thread[1]["files"][0]["id"]
    async with page._http.get(f"{page._base}file/{file_id}") as response:
        assert await response.read() == b"notes"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in response.headers["Content-Security-Policy"]
    await page.post("delete", channel=GENERAL, ts=thread[1]["ts"])
    assert len(playground.messages("#general", root)) == 1


async def test_others_messages_cannot_be_edited(page: Page, playground: Playground) -> None:
    ts = playground.post("jonas", "#general", "mine")
    answer = await page.post("edit", channel=GENERAL, ts=ts, text="x")
    assert (answer["ok"], answer["code"]) == (False, "not_your_message")
    page.as_ = "U03PRIYANAI"
    assert (await page.post("delete", channel=GENERAL, ts=ts))["ok"] is False


async def test_unread_counts_until_read(page: Page, playground: Playground) -> None:
    playground.post("jonas", "#general", "one")
    playground.post("jonas", "#general", "two")
    assert (await page.get("state"))["channels"][0]["unread"] == 2
    await page.get("messages", channel=GENERAL)
    assert (await page.get("state"))["channels"][0]["unread"] == 0


async def test_live_frames_follow_the_conversation(
    page: Page, playground: Playground, client: AsyncWebClient
) -> None:
    async with page.live() as socket:
        root = playground.post("jonas", "#general", "hello")
        assert (await page.until(socket, kind("message")))["message"]["ts"] == root
        posted = await client.chat_postMessage(
            channel=GENERAL,
            thread_ts=root,
            text="hi",
            metadata=METADATA,
        )
        reply = await page.until(socket, kind("message"))
        assert "metadata" not in reply["message"]
        counted = await page.until(socket, kind("message_changed"))
        assert counted["message"]["reply_count"] == 1
        await client.chat_delete(channel=GENERAL, ts=posted["ts"])
        assert (await page.until(socket, kind("message_deleted")))["ts"] == posted["ts"]
        await client.chat_postEphemeral(channel=GENERAL, user=MAYA, text="psst")
        assert (await page.until(socket, kind("ephemeral")))["message"]["is_ephemeral"] is True
        await client.assistant_threads_setStatus(
            channel_id=GENERAL, thread_ts=root, status="is thinking", username="ada"
        )
        status = await page.until(socket, kind("status"))
        assert (status["status"], status["username"]) == ("is thinking", "ada")
        assert (await page.until(socket, kind("session")))["status"] == "processing"
        await playground.set_fault("slow", delay_s=0.0)
        assert (await page.until(socket, kind("faults")))["faults"]


async def test_frames_reach_only_those_who_may_see_them(
    page: Page, playground: Playground, client: AsyncWebClient
) -> None:
    page.as_ = SAM
    async with page.live() as socket:
        playground.post("maya", "#general", "not for Sam")
        playground.post("maya", playground.dm("maya", "jonas"), "not for Sam either")
        await client.chat_postEphemeral(channel=GENERAL, user=MAYA, text="nor this")
        playground.post("maya", "#partners", "for Sam")
        await page.until(socket, kind("message"))
    seen = [frame for frame in page.frames if frame["type"] in {"message", "ephemeral"}]
    assert [frame["message"]["text"] for frame in seen] == ["for Sam"]


async def test_a_page_that_connects_late_gets_what_stands_open(
    page: Page, playground: Playground, client: AsyncWebClient, app: App
) -> None:
    root = playground.post("maya", "#general", "please")
    await client.assistant_threads_setStatus(channel_id=GENERAL, thread_ts=root, status="is busy")
    home = {"type": "home", "blocks": [{"type": "divider"}]}
    await client.views_publish(user_id=MAYA, view=home)
    async with page.live() as socket:
        await page.until(socket, kind("socket"))
    kinds = [frame["type"] for frame in page.frames]
    assert kinds == ["status", "session", "home", "socket"]
    assert page.frames[-1]["connected"] == 1


async def test_a_button_pressed_on_the_page_reaches_the_app_or_says_why_not(
    page: Page, playground: Playground, client: AsyncWebClient, app: App
) -> None:
    posted = await client.chat_postMessage(channel=GENERAL, text="x", blocks=[actions(button())])
    block_id = posted["message"]["blocks"][0]["block_id"]
    press = {"channel": GENERAL, "message_ts": posted["ts"], "action_id": "a"}
    assert (await page.post("action", **press, block_id=block_id)) == {"ok": True}
    app.acks = False
    refused = await page.post("action", **press, block_id=block_id)
    assert refused["error"].startswith("Letta did not respond")
    gone = await page.post("action", **{**press, "action_id": "b"})
    assert gone["code"] == "action_not_found"


async def test_modals_travel_to_the_page_and_back(
    page: Page, playground: Playground, client: AsyncWebClient, app: App
) -> None:
    posted = await client.chat_postMessage(channel=GENERAL, text="x", blocks=[actions(button())])
    async with page.live() as socket:
        await page.post("action", channel=GENERAL, message_ts=posted["ts"], action_id="a")
        trigger = app.interactions("block_actions")[0]["trigger_id"]
        view = {
            "type": "modal",
            "title": {"type": "plain_text", "text": "Form"},
            "blocks": [actions(button("more"))],
        }
        await client.views_open(trigger_id=trigger, view=view)
        frame = await page.until(socket, kind("view"))
        assert frame["op"] == "open"
        view_id = frame["view"]["id"]
        await page.post("view/action", view_id=view_id, action_id="more")
        assert len(app.interactions("block_actions")) == 2
        assert (await page.post("view/submit", view_id=view_id, state={"values": {}}))["ok"]
        closed = await page.until(socket, kind("view"))
        assert (closed["op"], closed["view"]["id"]) == ("close", view_id)
    assert (await page.post("view/close", view_id=view_id))["ok"] is False


async def test_a_dm_with_the_app_shows_it_both_tabs(page: Page, app: App) -> None:
    channel = (await page.post("dm", user=LETTA))["channel"]
    assert (channel["is_im"], channel["user"]) == (True, LETTA)
    await eventually(lambda: len(app.events("app_home_opened")) == 2)
    assert {event["tab"] for event in app.events("app_home_opened")} == {"messages", "home"}


async def test_the_inspector_shows_calls_and_events_without_tokens(
    page: Page, playground: Playground, client: AsyncWebClient, app: App
) -> None:
    playground.post("maya", "#general", "hello")
    await client.chat_postMessage(channel=GENERAL, text=f"leak {playground.bot_token}")
    slot = await client.files_getUploadURLExternal(filename="a", length=1)
    await eventually(lambda: len(app.events("message")) == 2)
    await eventually(lambda: len(playground.entries("event")) == 2)
    entries = (await page.get("inspector"))["entries"]
    kinds = [entry["kind"] for entry in entries]
    assert {"call", "event", "socket"} <= set(kinds)
    event = next(entry for entry in entries if entry["kind"] == "event")
    assert event["ok"] is True
    assert event["ms"] >= 0
    text = json.dumps(entries)
    for secret in (playground.bot_token, playground.app_token, slot["upload_url"], "/link/"):
        assert secret not in text
    await page.post("inspector/clear")
    assert (await page.get("inspector"))["entries"] == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example:80"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
    ],
)
async def test_a_foreign_page_is_refused(
    playground: Playground, http: aiohttp.ClientSession, headers: dict[str, str]
) -> None:
    url = f"{playground.page_url}playground/post"
    body = {"as": MAYA, "channel": GENERAL, "text": "forged"}
    async with http.post(url, json=body, headers=headers) as response:
        assert response.status == 403
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await http.ws_connect(f"{playground.page_url}playground/live?as={MAYA}", headers=headers)
    assert playground.messages("#general") == []


def test_the_own_page_is_recognised_by_every_loopback_name() -> None:
    for host in ("127.0.0.1:80", "localhost:80", "[::1]:80"):
        assert is_own_request(host, None)
        assert is_own_request(host, f"http://{host}")


async def test_the_page_comes_with_a_strict_content_policy(
    playground: Playground, http: aiohttp.ClientSession
) -> None:
    async with http.get(playground.page_url) as response:
        assert response.status == 200
        assert response.content_type == "text/html"
        policy = response.headers["Content-Security-Policy"]
        assert response.headers["Cache-Control"] == "no-cache"
    assert "default-src 'none'" in policy
    assert "img-src 'self' data:" in policy
    assert "unsafe" not in policy
    async with http.get(f"{playground.page_url}playground/avatar/{MAYA}.svg") as response:
        assert ">MC<" in await response.text()
    async with http.get(f"{playground.page_url}page/../playground.py") as response:
        assert response.status == 404


async def test_the_pages_routes_are_not_under_the_web_api(
    playground: Playground, client: AsyncWebClient, http: aiohttp.ClientSession
) -> None:
    async with http.post(f"{playground.api_url}playground/post", json={}) as response:
        assert response.status == 404
    async with http.post(f"{playground.api_url}faults", json={}) as response:
        assert (await response.json())["error"] == "unknown_method"
