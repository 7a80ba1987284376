"""What happens in real workspaces, done by hand on the page and answered by a real agent."""

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.conftest import OpenPage
from tests.e2e.pages import answer, open_newest_thread, reply, say, thread
from tests.e2e.world import World
from tests.support import eventually

pytestmark = [
    pytest.mark.browser,
    pytest.mark.appserver,
    pytest.mark.asyncio(loop_scope="session"),
]


async def test_the_agent_knows_the_alert_under_which_it_is_asked(
    world: World, open_page: OpenPage
) -> None:
    page = await open_page()
    await happens(page, "Another app posts an alert")
    await open_newest_thread(page, "Job batch-17 failed on web-3")
    await reply(page, "@letta investigate [[text I have read the alert.]]")
    await expect(answer(thread(page), "I have read the alert.")).to_be_visible()
    [given, *_] = await world.requests("investigate", "I have read the alert.")
    for words in ("Alertmanager", "[FIRING:1] KubeJobFailed", "exit code 137", "critical"):
        assert words in given


async def test_a_message_forwarded_with_a_question_is_read_whole(
    world: World, open_page: OpenPage
) -> None:
    world.place.post("jonas", "#general", "The nightly backup took nine hours.")
    page = await open_page()
    await expect(page.get_by_text("The nightly backup took nine hours.")).to_be_visible()
    await happens(page, "Forward it with a question to the app")
    await open_newest_thread(page, "what do you make of this?")
    await expect(answer(thread(page), "Echo:")).to_be_visible()
    [given, *_] = await world.requests("what do you make of this?")
    assert "The nightly backup took nine hours." in given
    assert "Jonas Weber" in given


async def test_a_question_deleted_while_its_answer_grows_leaves_the_channel_quiet(
    world: World, open_page: OpenPage
) -> None:
    page = await open_page()
    await say(page, "@letta a long one [[say 200 tokens at 20/s]]")
    await say(page, "@letta another thread [[delay 6]][[text Here it is.]]")
    await open_newest_thread(page, "a long one")
    await expect(answer(thread(page), "w20")).to_be_visible()
    await delete(page, row(page, "a long one"))
    await expect(row(page, "a long one")).to_have_count(0)
    where = world.place.channel("#general")["id"]
    other = next(m["ts"] for m in world.place.messages("#general") if "another" in m["text"])
    await eventually(lambda: "cause='message deleted'" in world.bridge.said())
    assert world.place.status(where, other) == "is thinking…"
    await world.until(other, "Here it is.")
    in_channel = world.place.messages("#general")
    assert not [said for said in in_channel if said.get("username") == "Ada"]


async def test_who_asked_is_told_privately_that_the_channel_was_archived(
    world: World, open_page: OpenPage
) -> None:
    page = await open_page(channel="#random")
    world.place.invite("#random", "letta")
    await say(page, "@letta something long [[say 120 tokens at 20/s]]")
    await open_newest_thread(page, "something long")
    await expect(answer(thread(page), "w10")).to_be_visible()
    await happens(page, "The channel is archived")
    dm = world.place.dm("maya")
    try:
        await eventually(lambda: "The channel is archived." in str(world.place.messages(dm)))
    finally:
        await happens(page, "The channel is opened again")
    own = await open_page(channel=dm)
    await expect(own.get_by_text("The channel is archived.")).to_be_visible()


async def happens(page: Page, what: str) -> None:
    """Choose from the menu of what happens in real workspaces."""
    await page.get_by_test_id("happenings").click()
    await page.get_by_role("menuitem", name=what, exact=True).click()


def row(page: Page, text: str) -> Locator:
    """The channel's newest message with this text."""
    return page.locator(".channel").get_by_test_id("message").filter(has_text=text).last


async def delete(page: Page, message: Locator) -> None:
    """Delete a message of one's own by its tools."""
    await message.hover()
    await message.get_by_test_id("delete").click()
    await page.get_by_test_id("confirm-yes").click()
