"""The page against the real playground; the test itself plays the app."""

import base64
from typing import Any

import pytest
from playwright.async_api import Browser, FilePayload, Locator, Page, WebSocketRoute, expect
from slack_sdk.web.async_client import AsyncWebClient

from slack_playground import Playground, PlaygroundOptions
from tests.browser.conftest import App, OpenPage
from tests.support import eventually

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

LETTA = "U01LETTABOT"
MAYA = "U01MAYACHEN"
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def plain(text: str) -> dict[str, str]:
    return {"type": "plain_text", "text": text}


def markdown(text: str) -> list[dict[str, str]]:
    return [{"type": "markdown", "text": text}]


def buttons(*elements: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"type": "actions", "block_id": "choice", "elements": list(elements)}]


def button(action: str, **more: Any) -> dict[str, Any]:
    return {"type": "button", "action_id": action, "text": plain(action.title()), **more}


def message(page: Page, text: str) -> Locator:
    return page.get_by_test_id("message").filter(has_text=text)


async def say(page: Page, text: str, *, where: str = "composer") -> None:
    await page.get_by_test_id(where).fill(text)
    await page.keyboard.press("Enter")


async def test_a_completed_mention_and_typed_text_reach_the_workspace(
    open_page: OpenPage, playground: Playground
) -> None:
    page = await open_page()
    await page.get_by_test_id("composer").press_sequentially("@let")
    await expect(page.get_by_test_id("mention-Letta")).to_have_attribute("aria-selected", "true")
    await page.keyboard.press("Enter")
    await page.keyboard.type("a < b")
    await page.keyboard.press("Shift+Enter")
    await page.keyboard.type("and `@Letta` in code")
    await page.keyboard.press("Enter")
    await expect(message(page, "a < b").locator(".mention")).to_have_text("@Letta")
    await expect(page.get_by_test_id("composer")).to_have_value("")
    text = playground.messages("#general")[-1]["text"]
    assert text == f"<@{LETTA}> a &lt; b\nand `@Letta` in code"


async def test_names_that_signed_messages_are_offered_as_plain_text(
    open_page: OpenPage, slack: AsyncWebClient, playground: Playground
) -> None:
    where = playground.channel("#general")["id"]
    await slack.chat_postMessage(channel=where, text="Hello", username="Ada")
    page = await open_page()
    await page.get_by_test_id("composer").press_sequentially("@ad")
    await page.keyboard.press("Tab")
    await page.keyboard.type("hi")
    await page.keyboard.press("Enter")
    await expect(message(page, "@Ada hi")).to_be_visible()
    assert playground.messages("#general")[-1]["text"] == "@Ada hi"


async def test_a_growing_answer_keeps_its_nodes_and_the_view_at_the_bottom(
    open_page: OpenPage, slack: AsyncWebClient, playground: Playground
) -> None:
    where = playground.channel("#general")["id"]
    page = await open_page(height=600)
    text = "First paragraph.\n\n```python\nprint(1)\n```\n\n"
    sent = await slack.chat_postMessage(channel=where, text="…", blocks=markdown(text))
    row = message(page, "First paragraph.")
    await row.locator(".markdown > p").first.evaluate("node => (node.seen = 'before')")
    for step in range(60):
        text += f"- point {step} with **bold** words and `code`\n"
        await slack.chat_update(channel=where, ts=sent["ts"], text="…", blocks=markdown(text))
    await expect(row.locator("li")).to_have_count(60)
    assert await row.locator(".markdown > p").first.evaluate("node => node.seen") == "before"
    left = "node => node.scrollHeight - node.scrollTop - node.clientHeight"
    scroller = page.locator(".channel .scroller")
    await eventually(lambda: near(scroller, left, at_most=2))
    await page.get_by_test_id("composer").fill("a\nb\nc\nd\ne\nf")
    await eventually(lambda: near(scroller, left, at_most=2))
    await expect(row.locator(".edited")).to_have_count(0)


async def near(scroller: Locator, left: str, *, at_most: int) -> bool:
    return abs(float(await scroller.evaluate(left))) <= at_most


async def test_who_reads_further_up_is_left_there_and_told_of_news(
    open_page: OpenPage, slack: AsyncWebClient, playground: Playground
) -> None:
    where = playground.channel("#general")["id"]
    for number in range(40):
        playground.post("jonas", "#general", f"line {number}")
    page = await open_page(height=500)
    scroller = page.locator(".channel .scroller")
    await expect(message(page, "line 39")).to_be_in_viewport()
    await scroller.hover()
    await page.mouse.wheel(0, -4000)
    await eventually(lambda: scroller.evaluate("node => node.scrollTop === 0"))
    await slack.chat_postMessage(channel=where, text="fresh")
    pill = page.get_by_test_id("new-messages")
    await expect(pill).to_have_text("1 new message")
    assert await scroller.evaluate("node => node.scrollTop") == 0
    await pill.click()
    await expect(message(page, "fresh")).to_be_in_viewport()
    await expect(pill).to_be_hidden()


async def test_a_message_of_twelve_thousand_characters_grows_smoothly(
    open_page: OpenPage, slack: AsyncWebClient, playground: Playground
) -> None:
    where = playground.channel("#general")["id"]
    page = await open_page()
    part = "## Part\n\nSome *words*, `code`, [a link](https://example.com).\n\n- one\n  - two\n\n"
    await page.evaluate(
        """() => {
          window.slow = [];
          const note = (list) => window.slow.push(...list.getEntries().map((one) => one.duration));
          new PerformanceObserver(note).observe({ type: "longtask" });
        }"""
    )
    sent = await slack.chat_postMessage(channel=where, text="…", blocks=markdown(part))
    most = 11_900 // len(part)
    for count in [*range(2, most, 5), most]:
        grown = markdown(part * count)
        await slack.chat_update(channel=where, ts=sent["ts"], text="…", blocks=grown)
    await expect(page.locator(".heading-2")).to_have_count(most)
    assert max(await page.evaluate("window.slow"), default=0) < 400


async def test_a_thread_opens_beside_the_channel_and_counts_its_replies(
    open_page: OpenPage, slack: AsyncWebClient, playground: Playground
) -> None:
    where = playground.channel("#general")["id"]
    root = playground.post("maya", "#general", "Shall we?")
    page = await open_page()
    await message(page, "Shall we?").hover()
    await message(page, "Shall we?").get_by_test_id("open-thread").click()
    pane = page.get_by_test_id("thread-pane")
    await say(page, "Yes", where="thread-composer")
    await expect(pane.get_by_test_id("message")).to_have_count(2)
    await expect(page.get_by_test_id("thread-summary")).to_contain_text("1 reply")
    await slack.assistant_threads_setStatus(
        channel_id=where, thread_ts=root, status="is thinking…", username="Ada"
    )
    await expect(pane.get_by_test_id("status-line")).to_contain_text("Ada is thinking…")
    await slack.chat_postMessage(channel=where, thread_ts=root, text="Done", username="Ada")
    await expect(pane.get_by_test_id("status-line")).to_be_hidden()
    await expect(page.get_by_test_id("thread-summary")).to_contain_text("2 replies")
    await page.reload()
    await expect(pane.get_by_test_id("message")).to_have_count(3)
    await page.get_by_test_id("close-thread").click()
    await expect(pane).to_be_hidden()


async def test_a_pressed_button_reaches_the_app_and_the_card_is_replaced(
    open_page: OpenPage, slack: AsyncWebClient, app: App, playground: Playground
) -> None:
    where = playground.channel("#general")["id"]
    sure = {"title": plain("Sure?"), "text": plain("Really"), "confirm": plain("Do it")}
    card = buttons(
        button("approve", style="primary", value="7", confirm=sure | {"deny": plain("No")})
    )
    sent = await slack.chat_postMessage(channel=where, text="May I?", blocks=card)
    page = await open_page()
    await page.get_by_test_id("action-approve").click()
    await page.get_by_test_id("confirm-yes").click()
    pressed = await app.next("block_actions")
    assert pressed["user"]["id"] == MAYA
    assert pressed["container"]["message_ts"] == sent["ts"]
    assert [(a["action_id"], a["value"]) for a in pressed["actions"]] == [("approve", "7")]
    await slack.chat_update(channel=where, ts=sent["ts"], text="*Approved* by you")
    await expect(page.get_by_test_id("action-approve")).to_have_count(0)
    await expect(page.get_by_test_id("message").locator("strong").last).to_have_text("Approved")


async def test_a_button_that_nobody_answers_says_so(
    open_page: OpenPage, slack: AsyncWebClient, playground: Playground
) -> None:
    where = playground.channel("#general")["id"]
    await slack.chat_postMessage(channel=where, text="?", blocks=buttons(button("approve")))
    page = await open_page()
    await page.get_by_test_id("action-approve").click()
    await expect(page.get_by_role("alert").filter(has_text="did not respond")).to_be_visible()
    await expect(page.get_by_test_id("action-approve")).to_be_enabled()


FORM = {
    "type": "modal",
    "title": plain("Answer"),
    "submit": plain("Send"),
    "blocks": [
        {
            "type": "input",
            "block_id": "who",
            "label": plain("Name"),
            "element": {"type": "plain_text_input", "action_id": "name"},
        },
        {
            "type": "input",
            "block_id": "kind",
            "label": plain("Kind"),
            "element": {
                "type": "radio_buttons",
                "action_id": "one",
                "options": [{"text": plain("This"), "value": "this"}],
            },
        },
    ],
}


async def test_a_modal_keeps_what_was_typed_until_the_app_accepts_it(
    open_page: OpenPage, slack: AsyncWebClient, app: App, playground: Playground
) -> None:
    where = playground.channel("#general")["id"]
    await slack.chat_postMessage(channel=where, text="?", blocks=buttons(button("ask")))
    page = await open_page()
    await page.get_by_test_id("action-ask").click()
    pressed = await app.next("block_actions")
    await slack.views_open(trigger_id=pressed["trigger_id"], view=FORM)
    modal = page.get_by_test_id("modal")
    await expect(page.get_by_test_id("action-name")).to_be_focused()
    await page.get_by_test_id("modal-submit").click()
    await expect(modal.get_by_text("Please complete this required field.")).to_have_count(2)
    await page.get_by_test_id("action-name").fill("ada")
    await modal.get_by_text("This", exact=True).click()
    app.answer = lambda _: {"response_action": "errors", "errors": {"who": "That name is taken."}}
    await page.get_by_test_id("modal-submit").click()
    await expect(modal.get_by_text("That name is taken.")).to_be_visible()
    await expect(page.get_by_test_id("action-name")).to_be_focused()
    app.answer = lambda _: None
    await page.get_by_test_id("action-name").fill("grace")
    await page.keyboard.press("Enter")
    await expect(modal).to_have_count(0)
    values = (await app.next("view_submission"))["view"]["state"]["values"]
    assert values["who"]["name"]["value"] == "grace"
    assert values["kind"]["one"]["selected_option"]["value"] == "this"


async def test_focus_stays_in_a_modal_and_returns_after_escape(
    open_page: OpenPage, slack: AsyncWebClient, app: App, playground: Playground
) -> None:
    where = playground.channel("#general")["id"]
    await slack.chat_postMessage(channel=where, text="?", blocks=buttons(button("ask")))
    page = await open_page()
    await page.get_by_test_id("action-ask").focus()
    await page.keyboard.press("Enter")
    pressed = await app.next("block_actions")
    await slack.views_open(trigger_id=pressed["trigger_id"], view=FORM)
    await expect(page.get_by_test_id("modal")).to_be_visible()
    for _ in range(12):
        await page.keyboard.press("Tab")
        assert await page.evaluate("Boolean(document.activeElement.closest('dialog'))")
    await page.keyboard.press("Escape")
    await expect(page.get_by_test_id("modal")).to_have_count(0)
    await expect(page.get_by_test_id("action-ask")).to_be_focused()


async def test_an_ephemeral_note_is_seen_by_one_person_and_can_be_dismissed(
    open_page: OpenPage, slack: AsyncWebClient, playground: Playground
) -> None:
    where = playground.channel("#general")["id"]
    mine, other = await open_page(), await open_page(as_="U02JONASWEB")
    await slack.chat_postEphemeral(channel=where, user=MAYA, text="You may not decide this.")
    await slack.chat_postMessage(channel=where, text="for all")
    note = mine.get_by_test_id("ephemeral")
    await expect(note).to_contain_text("Only visible to you")
    await expect(message(other, "for all")).to_be_visible()
    await expect(other.get_by_test_id("ephemeral")).to_have_count(0)
    await note.get_by_test_id("dismiss").click()
    await expect(note).to_have_count(0)


async def test_becoming_the_guest_shows_what_a_guest_sees(
    open_page: OpenPage, playground: Playground
) -> None:
    page = await open_page()
    playground.post("jonas", "#partners", "Hello Sam")
    await expect(page.get_by_test_id("channel-partners").locator(".unread")).to_have_text("1")
    guest = page.get_by_test_id("person-U04SAMRIVER")
    await expect(guest).to_contain_text("Guest")
    await guest.click()
    await expect(guest).to_have_attribute("aria-checked", "true")
    await expect(page.get_by_test_id("channel-partners")).to_have_attribute("aria-current", "page")
    await expect(page.get_by_test_id("channel-engineering")).to_have_count(0)
    assert "as=U04SAMRIVER" in page.url
    await say(page, "Good to be here")
    await expect(message(page, "Good to be here").locator(".badge")).to_have_text("Guest")


async def test_the_chosen_theme_is_remembered(open_page: OpenPage) -> None:
    page = await open_page()
    paper = "getComputedStyle(document.querySelector('.channel')).backgroundColor"
    light = await page.evaluate(paper)
    await page.get_by_test_id("theme-toggle").click()
    dark = await page.evaluate(paper)
    assert light != dark
    await page.reload()
    await expect(page.get_by_test_id("theme-toggle")).to_have_attribute("title", "Light theme")
    assert await page.evaluate(paper) == dark


async def test_a_narrow_window_shows_one_pane_at_a_time(
    open_page: OpenPage, playground: Playground
) -> None:
    root = playground.post("maya", "#engineering", "Shall we?")
    playground.post("jonas", "#engineering", "w" * 400, thread_ts=root)
    page = await open_page(width=400, height=800)
    await page.get_by_test_id("back-to-list").click()
    await expect(page.get_by_test_id("composer")).to_be_hidden()
    await page.get_by_test_id("channel-engineering").click()
    await expect(page.get_by_test_id("composer")).to_be_visible()
    await page.get_by_test_id("thread-summary").click()
    await expect(page.get_by_test_id("composer")).to_be_hidden()
    await expect(page.get_by_test_id("thread-composer")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") <= 400
    await page.get_by_test_id("back-to-channel").click()
    await expect(page.get_by_test_id("composer")).to_be_visible()
    await page.get_by_test_id("inspector-toggle").click()
    box = await page.get_by_test_id("inspector").bounding_box()
    assert box is not None
    assert (box["width"], box["height"]) == (400, 800)


async def test_everything_needed_for_a_talk_works_by_keyboard_alone(
    open_page: OpenPage, playground: Playground
) -> None:
    page = await open_page()
    await page.keyboard.press("Alt+ArrowDown")
    await expect(page.get_by_test_id("channel-engineering")).to_have_attribute(
        "aria-current", "page"
    )
    await page.get_by_test_id("composer").focus()
    await page.keyboard.type("Frist")
    await page.keyboard.press("Enter")
    await expect(message(page, "Frist")).to_be_visible()
    await page.keyboard.press("ArrowUp")
    await expect(page.get_by_test_id("edit-composer")).to_have_value("Frist")
    await page.keyboard.press("ControlOrMeta+A")
    await page.keyboard.type("First")
    await page.keyboard.press("Enter")
    await expect(message(page, "First").locator(".edited")).to_have_text("(edited)")
    await expect(message(page, "First")).to_be_focused()
    await page.keyboard.press("r")
    await page.keyboard.type("tada")
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("reaction-tada")).to_have_attribute("aria-pressed", "true")
    await message(page, "First").focus()
    await page.keyboard.press("t")
    await expect(page.get_by_test_id("thread-composer")).to_be_focused()
    await page.keyboard.type("Reply")
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("thread-summary")).to_contain_text("1 reply")
    await page.keyboard.press("Escape")
    await expect(page.get_by_test_id("thread-pane")).to_be_hidden()
    assert playground.messages("#engineering")[-1]["text"] == "First"


async def test_each_dialect_is_shown_as_slack_shows_it_and_nothing_becomes_html(
    open_page: OpenPage, slack: AsyncWebClient, playground: Playground
) -> None:
    where = playground.channel("#general")["id"]
    typed = f"mrkdwn *bold* **stars** # no &lt;b&gt; <@{MAYA}> <https://a.example|label>"
    await slack.chat_postMessage(channel=where, text=typed)
    source = "markdown **bold** <img src=x onerror=alert(1)> [bad](javascript:alert(1))"
    source += "\n\n```js\nopen"
    await slack.chat_postMessage(channel=where, text="…", blocks=markdown(source))
    page = await open_page()
    first, second = message(page, "mrkdwn"), message(page, "markdown")
    await expect(first.locator(".content strong")).to_have_text("bold")
    await expect(first.locator(".content")).to_contain_text("**stars** # no <b> @Maya Chen label")
    await expect(first.locator("a")).to_have_attribute("rel", "noopener noreferrer")
    await expect(second.locator(".content strong")).to_have_text("bold")
    await expect(second.locator(".content")).to_contain_text("<img src=x onerror=alert(1)> bad")
    await expect(second.locator("a, img")).to_have_count(0)
    await expect(second.locator("pre")).to_have_text("open")


async def test_files_are_attached_and_shown(open_page: OpenPage, playground: Playground) -> None:
    page = await open_page()
    chosen: list[FilePayload] = [
        {"name": "dot.png", "mimeType": "image/png", "buffer": PIXEL},
        {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"hello"},
    ]
    await page.get_by_test_id("file-input").first.set_input_files(chosen)
    dropped = await page.evaluate_handle(
        """() => {
          const data = new DataTransfer();
          data.items.add(new File(["x"], "dropped.txt", { type: "text/plain" }));
          return data;
        }"""
    )
    await page.get_by_test_id("intro").dispatch_event("drop", {"dataTransfer": dropped})
    await expect(page.get_by_test_id("file-chip")).to_have_count(3)
    await page.get_by_role("button", name="Remove dropped.txt").click()
    await expect(page.get_by_test_id("file-chip")).to_have_count(2)
    await page.get_by_test_id("send").click()
    picture, card = page.get_by_test_id("file").first, page.get_by_test_id("file").last
    await expect(picture.locator("img")).to_have_js_property("naturalWidth", 1)
    async with page.expect_download() as download:
        await card.get_by_role("link", name="Download notes.txt").click()
    assert (await (await download.value).path()).read_bytes() == b"hello"
    assert [file["name"] for file in playground.messages("#general")[-1]["files"]] == [
        "dot.png",
        "notes.txt",
    ]


async def test_the_inspector_shows_calls_and_breaks_what_it_is_told_to(
    open_page: OpenPage, slack: AsyncWebClient, playground: Playground
) -> None:
    where = playground.channel("#general")["id"]
    slack.retry_handlers.clear()
    page = await open_page()
    await page.get_by_test_id("inspector-toggle").click()
    await page.get_by_test_id("fault-rate_limited-options").click()
    await page.get_by_test_id("fault-rate_limited-count").fill("1")
    await page.get_by_test_id("fault-rate_limited").click()
    await expect(page.get_by_test_id("fault-rate_limited")).to_be_checked()
    with pytest.raises(Exception, match="ratelimited"):
        await slack.chat_postMessage(channel=where, text="hello")
    entry = page.get_by_test_id("entry").filter(has_text="429 limited")
    await expect(entry).to_contain_text("chat.postMessage")
    await slack.chat_postMessage(channel=where, text="hello again")
    await expect(message(page, "hello again")).to_be_visible()
    await entry.get_by_text("429 limited").click()
    await expect(page.locator(".json").first).to_contain_text('"text": "hello"')
    await page.get_by_test_id("filter-events").click()
    await expect(entry).to_have_count(0)
    await page.get_by_test_id("inspector-clear").click()
    await page.get_by_test_id("filter-all").click()
    await expect(page.get_by_test_id("entry")).to_have_count(0)


async def test_after_a_lost_connection_the_page_catches_up(
    open_page: OpenPage, slack: AsyncWebClient, playground: Playground
) -> None:
    where = playground.channel("#general")["id"]
    sockets: list[WebSocketRoute] = []
    refuse = False

    async def relay(route: WebSocketRoute) -> None:
        sockets.append(route)
        if refuse:
            await route.close()
        else:
            route.connect_to_server()

    async def before(page: Page) -> None:
        await page.route_web_socket("**/playground/live?*", relay)

    page = await open_page(before=before)
    refuse = True
    await sockets[0].close()
    await expect(page.get_by_test_id("link-state")).to_contain_text("Reconnecting")
    await slack.chat_postMessage(channel=where, text="meanwhile")
    refuse = False
    await expect(message(page, "meanwhile")).to_be_visible()
    await expect(page.get_by_test_id("link-state")).to_be_hidden()


async def test_an_empty_channel_proposes_what_to_try_and_who_to_invite(
    open_page: OpenPage, playground: Playground
) -> None:
    page = await open_page()
    await expect(page.get_by_test_id("banner")).to_contain_text("This is a test.")
    await page.get_by_test_id("suggestion").first.click()
    await expect(page.get_by_test_id("composer")).to_have_value("@Letta hello, who are you?")
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("message").locator(".mention")).to_have_text("@Letta")
    await page.get_by_test_id("channel-random").click()
    await page.get_by_test_id("invite").click()
    await expect(page.get_by_test_id("invite")).to_have_count(0)
    assert LETTA in playground.channel("#random")["members"]


async def test_what_is_typed_is_shown_as_slack_shows_it(
    open_page: OpenPage, playground: Playground
) -> None:
    page = await open_page()
    await page.get_by_test_id("composer").fill("*ship* `it` :tada:\n- one\n- two\n> said")
    await page.get_by_test_id("composer").press("Enter")
    row = page.get_by_test_id("message").last
    await expect(row.locator("strong", has_text="ship")).to_be_visible()
    await expect(row.locator("code")).to_have_text("it")
    await expect(row).to_contain_text("🎉")
    await expect(row.locator("li")).to_have_text(["one", "two"])
    await expect(row.locator("blockquote")).to_have_text("said")
    assert playground.messages("#general")[-1]["text"] == (
        "*ship* `it` :tada:\n• one\n• two\n&gt; said"
    )


async def test_teammates_are_offered_before_they_have_said_anything(browser: Browser) -> None:
    place = Playground(PlaygroundOptions(app_authors=("ada", "grace")))
    await place.start()
    page = await browser.new_page()
    try:
        await page.goto(place.page_url)
        await expect(page.locator("#app:not([aria-busy])")).to_be_attached()
        await page.get_by_test_id("composer").press_sequentially("@gr")
        await page.get_by_test_id("mention-grace").click()
        await expect(page.get_by_test_id("composer")).to_have_value("@grace ")
    finally:
        await page.close()
        await place.stop()


async def test_what_was_read_in_the_open_channel_is_read_in_the_next_tab_too(
    open_page: OpenPage, playground: Playground
) -> None:
    page = await open_page()
    async with page.expect_response("**/playground/read"):
        playground.post("jonas", "#general", "you see this")
    playground.post("jonas", "#engineering", "and not this")
    other = await open_page(channel="#random")
    unread = other.locator('[data-testid^="channel-"]:has(.unread)')
    await expect(unread).to_have_count(1)
    await expect(unread).to_contain_text("engineering")


async def test_a_deleted_question_keeps_its_thread_and_names_nobody(
    open_page: OpenPage, playground: Playground
) -> None:
    root = playground.post("maya", "#general", "never mind")
    playground.post("jonas", "#general", "I do mind", root)
    page = await open_page()
    await expect(page.get_by_text("never mind")).to_be_visible()
    playground.delete("maya", "#general", root)
    row = page.get_by_test_id("message").filter(has_text="This message was deleted.")
    await expect(row).to_be_visible()
    await expect(row.get_by_test_id("thread-summary")).to_contain_text("1 reply")
    await expect(row).not_to_contain_text("SLACKBOT")
    await expect(row.get_by_test_id("edit")).to_have_count(0)


async def test_what_happens_in_real_workspaces_is_a_menu_away(
    open_page: OpenPage, playground: Playground
) -> None:
    playground.post("jonas", "#general", "checkout is down")
    page = await open_page()
    await page.get_by_test_id("happenings").click()
    await page.get_by_role("menuitem", name="Another app posts an alert").click()
    await expect(page.get_by_text("Job batch-17 failed on web-3")).to_be_visible()
    await expect(page.get_by_text("critical")).to_be_visible()
    await page.get_by_test_id("happenings").click()
    await page.get_by_role("menuitem", name="The channel is archived").click()
    await page.get_by_test_id("happenings").click()
    await expect(page.get_by_role("menuitem", name="The channel is opened again")).to_be_visible()
