"""Two teammates in one thread: own names, own answers, and what one hears of the other."""

import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenPage
from tests.e2e.pages import answer, open_newest_thread, reply, say
from tests.e2e.world import World

pytestmark = [
    pytest.mark.browser,
    pytest.mark.appserver,
    pytest.mark.asyncio(loop_scope="session"),
]


async def test_both_mentioned_answer_under_their_own_names_and_faces(
    world: World, open_page: OpenPage
) -> None:
    page = await open_page()
    await say(page, "@ada and @grace, say hello [[text Hello from me.]]")
    pane = await open_newest_thread(page, "say hello")
    for name, persona in (("ada", "🦉"), ("grace", "🚢")):
        row = pane.locator(f'[data-testid="message"][data-author="{name}" i]')
        await expect(row).to_contain_text("Hello from me.")
        await expect(row.locator(".avatar")).to_have_text(persona)


async def test_one_who_joins_later_is_told_once_what_was_said(
    world: World, open_page: OpenPage
) -> None:
    page = await open_page()
    await say(page, "@ada good morning, joiners")
    pane = await open_newest_thread(page, "joiners")
    await expect(answer(pane, "Echo:")).to_have_count(1)
    await reply(page, "@grace your turn [[text I read along.]]")
    await expect(answer(pane, "I read along.")).to_be_visible()
    [given] = await world.requests("your turn", "joiners")
    assert "Maya Chen: @ada good morning, joiners" in given
    assert "ada (teammate): Echo:" in given

    await reply(page, "@grace and once more [[text Twice now.]]")
    await expect(answer(pane, "Twice now.")).to_be_visible()
    [later] = await world.requests("and once more", "joiners")
    assert later.count("Maya Chen: @ada good morning, joiners") == 1
