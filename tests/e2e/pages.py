"""What people do on the page, in its own terms."""

from playwright.async_api import Locator, Page, expect

expect.set_options(timeout=20_000)
"""Real agents answer here, on machines with other work; only failures wait this long."""


def bash(command: str) -> str:
    """A step of the scripted model: run a command that needs an approval."""
    return f'[[tool Bash {{"command": "{command}", "description": "For the test"}}]]'


async def say(page: Page, text: str) -> None:
    """Send a message to the open channel."""
    await page.get_by_test_id("composer").fill(text)
    await page.get_by_test_id("composer").press("Enter")


async def reply(page: Page, text: str) -> None:
    """Send a message to the open thread."""
    await page.get_by_test_id("thread-composer").fill(text)
    await page.get_by_test_id("thread-composer").press("Enter")


async def open_newest_thread(page: Page, text: str) -> Locator:
    """Open the thread below the newest message with this text; returns the pane."""
    row = page.locator(".channel").get_by_test_id("message").filter(has_text=text).last
    await row.hover()
    await row.get_by_test_id("open-thread").click()
    pane = page.get_by_test_id("thread-pane")
    await expect(pane).to_be_visible()
    return pane


def thread(page: Page) -> Locator:
    """The open thread."""
    return page.get_by_test_id("thread-pane")


def answers(page: Page) -> Locator:
    """The texts of Ada in the open thread."""
    return thread(page).locator('[data-author="Ada"] .markdown')


def message(place: Locator, text: str) -> Locator:
    """The messages with this text that people wrote."""
    return _by("Maya Chen", "Jonas Weber", place=place).filter(has_text=text)


def answer(place: Locator, text: str) -> Locator:
    """The messages with this text that teammates wrote."""
    return _by("Ada", "Grace", place=place).filter(has_text=text)


def _by(*names: str, place: Locator) -> Locator:
    return place.locator(", ".join(f'[data-author="{name}"]' for name in names))


def button(place: Page | Locator, action: str) -> Locator:
    """A Block Kit button, by its action id."""
    return place.get_by_test_id(f"action-{action}")
