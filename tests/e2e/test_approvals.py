"""Approvals on the page: refused, with a reason, with a diff, and by the wrong people."""

import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenPage
from tests.e2e.pages import answer, bash, button, open_newest_thread, say, thread
from tests.e2e.world import GUEST, JONAS, World

pytestmark = [
    pytest.mark.browser,
    pytest.mark.appserver,
    pytest.mark.asyncio(loop_scope="session"),
]


async def test_a_denied_command_is_not_run_and_the_agent_is_told(
    world: World, open_page: OpenPage
) -> None:
    page = await open_page()
    await say(page, f"@Letta try this {bash('touch denied.txt')}")
    pane = await open_newest_thread(page, "try this")
    await button(pane, "approval_deny").click()
    await expect(answer(pane, "✕ @Maya Chen denied Bash touch denied.txt")).to_be_visible()
    await expect(button(pane, "approval_deny")).to_have_count(0)
    await expect(answer(pane, "Maya Chen denied this action.")).to_be_visible()
    assert not (world.project / "denied.txt").exists()


async def test_a_reason_for_a_denial_is_shown_and_reaches_the_agent(
    world: World, open_page: OpenPage
) -> None:
    page = await open_page()
    await say(page, f"@Letta try that {bash('touch reasons.txt')}")
    pane = await open_newest_thread(page, "try that")
    await button(pane, "approval_deny_reason").click()
    await button(page.get_by_test_id("modal"), "reason_text").fill("Fridays are for reading")
    await page.get_by_test_id("modal-submit").click()
    await expect(page.get_by_test_id("modal")).to_have_count(0)
    line = answer(pane, "✕ @Maya Chen denied Bash touch reasons.txt")
    await expect(line).to_contain_text("“Fridays are for reading”")
    told = "Maya Chen denied this action and said: Fridays are for reading"
    await expect(answer(pane, told)).to_be_visible()
    assert not (world.project / "reasons.txt").exists()


async def test_an_edit_is_shown_as_a_diff_with_a_full_view(
    world: World, open_page: OpenPage
) -> None:
    (world.project / "plan.md").write_text("one\ntwo\nthree\n")
    edit = '{"file_path": "%s", "old_string": "two", "new_string": "zwei"}'
    path = world.project / "plan.md"
    steps = f'[[tool Read {{"file_path": "{path}"}}]][[then]][[tool Edit {edit % path}]]'
    page = await open_page()
    await say(page, f"@Letta translate {steps}[[then]][[text Translated.]]")
    pane = await open_newest_thread(page, "translate")
    card = answer(pane, "asks to use Edit")
    await expect(card).to_contain_text("Changes in")
    await expect(card).to_contain_text("-two")
    await expect(card).to_contain_text("+zwei")
    await button(card, "approval_view").click()
    modal = page.get_by_test_id("modal")
    await expect(modal).to_contain_text("Full view")
    await expect(modal).to_contain_text("+zwei")
    await page.get_by_test_id("modal-close").click()
    await button(pane, "approval_allow").click()
    await expect(answer(pane, "Translated.")).to_be_visible()
    assert path.read_text() == "one\nzwei\nthree\n"


async def test_another_person_cannot_decide_and_is_told_privately(
    world: World, open_page: OpenPage
) -> None:
    maya = await open_page()
    await say(maya, f"@Letta mine alone {bash('touch mine.txt')}")
    await open_newest_thread(maya, "mine alone")
    await expect(button(thread(maya), "approval_allow")).to_be_visible()
    root = world.place.messages("#general")[-1]["ts"]

    jonas = await open_page(as_=JONAS, thread=root)
    await button(thread(jonas), "approval_allow").click()
    note = thread(jonas).get_by_test_id("ephemeral")
    await expect(note).to_contain_text("Only @Maya Chen can decide this.")
    await expect(button(thread(maya), "approval_allow")).to_be_visible()
    await expect(maya.get_by_test_id("ephemeral")).to_have_count(0)
    assert not (world.project / "mine.txt").exists()

    await button(thread(maya), "approval_deny").click()
    await expect(answer(thread(jonas), "✕ @Maya Chen denied")).to_be_visible()


async def test_a_guests_message_gets_a_private_note_and_no_turn(
    world: World, open_page: OpenPage
) -> None:
    page = await open_page(channel="#partners", as_=GUEST)
    await say(page, "@Letta let me in, said the guest [[text Never.]]")
    note = page.get_by_test_id("ephemeral")
    await expect(note).to_contain_text("Agents here take work only from full members")
    root = world.place.messages("#partners")[-1]["ts"]
    assert world.replies(root, channel="#partners") == []
    assert await world.requests("said the guest") == []
