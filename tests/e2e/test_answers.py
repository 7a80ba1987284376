"""Answers on the page: streamed, stopped, side by side, waited for, failed."""

import base64

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.e2e.pages import (
    answer,
    answers,
    bash,
    button,
    message,
    open_newest_thread,
    reply,
    say,
    thread,
)
from tests.e2e.world import World, actions
from tests.support import eventually

pytestmark = [
    pytest.mark.browser,
    pytest.mark.appserver,
    pytest.mark.asyncio(loop_scope="session"),
]

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


async def test_an_answer_grows_asks_runs_what_was_approved_and_ends(
    world: World, open_page: OpenPage
) -> None:
    page = await open_page()
    script = f"[[say 60 tokens at 20/s]]{bash('touch approved.txt')}[[then]][[text It is there.]]"
    await say(page, f"@Letta please create the file {script}")
    pane = await open_newest_thread(page, "please create the file")
    await grows(page, times=2)
    await expect(button(pane, "turn_stop")).to_be_visible()
    card = answer(pane, "asks to use Bash")
    await expect(card).to_contain_text("touch approved.txt")
    await expect(card).to_contain_text("@Maya Chen can decide")
    assert not (world.project / "approved.txt").exists()

    await button(card, "approval_allow").click()
    await expect(answer(pane, "✓ @Maya Chen approved Bash touch approved.txt")).to_be_visible()
    await expect(button(pane, "approval_allow")).to_have_count(0)
    await expect(answer(pane, "It is there.")).to_be_visible()
    await expect(button(pane, "turn_stop")).to_have_count(0)
    await expect(pane.get_by_test_id("status-line")).to_be_hidden()
    assert (world.project / "approved.txt").exists()
    text = " ".join(await answers(page).all_inner_texts())
    assert text.split()[:60] == [f"w{number}" for number in range(1, 61)]


async def grows(page: Page, *, times: int) -> None:
    """The live answer is seen with more text, so many times."""
    growing = answers(page).first
    await expect(growing).to_be_visible()
    for _ in range(times):
        length = len(await growing.inner_text())
        await eventually(lambda seen=length: longer(page, seen))


async def longer(page: Page, length: int) -> bool:
    return len(await answers(page).first.inner_text()) > length


@pytest.mark.parametrize("how", ["button", "word", "reaction"])
async def test_a_turn_can_be_stopped(world: World, open_page: OpenPage, how: str) -> None:
    page = await open_page(channel="#engineering")
    await say(page, f"@Letta count, I stop you by {how} [[say 900 tokens at 20/s]]")
    pane = await open_newest_thread(page, f"by {how}")
    await expect(answers(page)).to_contain_text("w5 ")
    if how == "button":
        await button(pane, "turn_stop").click()
    elif how == "word":
        await reply(page, "!stop")
    else:
        streamed = answer(pane, "w5 ")
        await streamed.hover()
        await streamed.get_by_test_id("react").click()
        await page.get_by_test_id("emoji-octagonal_sign").click()
    await expect(answer(pane, "w5 ")).to_contain_text("Stopped.")
    await expect(button(pane, "turn_stop")).to_have_count(0)
    await expect(pane.get_by_test_id("status-line")).to_be_hidden()


async def test_two_threads_answer_at_once_each_in_its_own(
    world: World, open_page: OpenPage
) -> None:
    page = await open_page()
    slow = world.ask("<@U01LETTABOT> slow [[say 60 tokens at 10/s]]")
    await world.live(slow, "w3 ")
    await say(page, "@Letta quick [[text Only the quick thread says this.]]")
    pane = await open_newest_thread(page, "quick [[")
    await expect(answer(pane, "Only the quick thread says this.")).to_be_visible()
    await expect(button(pane, "turn_stop")).to_have_count(0)
    assert "turn_stop" in actions(await world.live(slow))

    text = await world.until(slow, "w60")
    assert "quick" not in text
    await expect(pane.get_by_text("w3 ")).to_have_count(0)


async def test_a_message_during_a_turn_waits_visibly_and_is_answered_after(
    world: World, open_page: OpenPage
) -> None:
    first = world.ask("<@U01LETTABOT> begin [[say 900 tokens at 20/s]]")
    await world.live(first, "w3 ")
    page = await open_page(thread=first)
    pane = thread(page)
    await reply(page, "and then [[text This came second.]]")
    waiting = message(pane, "and then")
    await expect(waiting.get_by_test_id("reaction-hourglass_flowing_sand")).to_be_visible()
    await expect(answer(pane, "This came second.")).to_have_count(0)
    await button(pane, "turn_stop").click()
    await expect(waiting.get_by_test_id("reaction-eyes")).to_be_visible()
    await expect(waiting.get_by_test_id("reaction-hourglass_flowing_sand")).to_have_count(0)
    await expect(answer(pane, "This came second.")).to_be_visible()
    await expect(pane.locator(".message")).to_have_count(4)


async def test_a_direct_message_is_answered(world: World, open_page: OpenPage) -> None:
    page = await open_page()
    await page.get_by_test_id("channel-letta").click()
    await say(page, "Between us [[text I can keep a secret.]]")
    await expect(answer(page.locator(".channel"), "I can keep a secret.")).to_be_visible()
    await say(page, "And again [[text Still here.]]")
    await expect(answer(page.locator(".channel"), "Still here.")).to_be_visible()


async def test_a_failing_model_ends_in_a_sentence_without_raw_words(
    world: World, open_page: OpenPage
) -> None:
    page = await open_page()
    await say(page, "@Letta go [[fail 402 says insufficient credits, ref raw-4711]]")
    pane = await open_newest_thread(page, "raw-4711")
    sentence = "The model's account has no credit or quota left."
    await expect(answer(pane, sentence)).to_be_visible()
    await expect(button(pane, "turn_stop")).to_have_count(0)
    root = world.place.messages("#general")[-1]["ts"]
    assert "raw-4711" not in world.thread(root)
    assert "402" not in world.thread(root)


async def test_files_are_given_to_the_agent_and_others_are_named_quietly(
    world: World, open_page: OpenPage
) -> None:
    page = await open_page()
    await page.get_by_test_id("file-input").first.set_input_files(
        [
            {"name": "dot.png", "mimeType": "image/png", "buffer": PIXEL},
            {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"the text file's words"},
            {
                "name": "all.zip",
                "mimeType": "application/zip",
                "buffer": b"PK\x03\x04\x14\x00\x00\x00",
            },
        ]
    )
    await say(page, "@Letta look at these [[text I looked.]]")
    pane = await open_newest_thread(page, "look at these")
    await expect(answer(pane, "I looked.")).to_be_visible()
    await expect(
        pane.get_by_text("Not read: all.zip (neither a picture nor text).")
    ).to_be_visible()
    [given] = await world.requests("look at these", "the text file's words")
    assert "(picture, attached)" in given
    assert "image omitted: model does not support images" in given, "the server's own words"
    assert "(not read: neither a picture nor text)" in given
