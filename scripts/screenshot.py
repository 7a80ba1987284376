#!/usr/bin/env python3
"""Take the picture of the demo for the README: docs/images/demo.png, 1,400 pixels wide.

Run it from the project's directory with the environment of `make test`:

    .venv/bin/python scripts/screenshot.py [FILE]

It starts a demo of its own in a temporary directory, lets people talk there, and stops it.
Chromium is found by `CHROMIUM` or at its usual places, else Playwright's own is used.
"""

import asyncio
import os
import shutil
import signal
import struct
import sys
import tempfile
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from playwright.async_api import Page, async_playwright, expect

OUT = Path(__file__).parent.parent / "docs" / "images" / "demo.png"
SIZE = (1400, 900)
PATIENCE_MS = 60_000


@asynccontextmanager
async def demo() -> AsyncIterator[str]:
    """A running demo; its page's address."""
    with tempfile.TemporaryDirectory() as directory:
        program = (sys.executable, "-m", "bridge", "demo", "--dir", directory)
        process = await asyncio.create_subprocess_exec(
            *program, stdout=asyncio.subprocess.PIPE, start_new_session=True
        )
        assert process.stdout is not None
        try:
            while line := (await process.stdout.readline()).decode():
                if "Open http" in line:
                    yield line.split()[1]
                    break
            else:
                raise SystemExit("The demo did not start.")
        finally:
            process.send_signal(signal.SIGTERM)
            await process.stdout.read()
            await process.wait()


async def say(url: str, who: str, text: str) -> None:
    """Somebody else writes to #engineering."""
    body = {"as": who, "channel": "#engineering", "text": text}
    async with aiohttp.ClientSession() as session:
        await session.post(f"{url}playground/post", json=body)


async def talk(page: Page, url: str) -> None:
    """What the picture shows: a review, thanks, and a command that waits for a decision."""
    await page.goto(f"{url}?as=U01MAYACHEN&channel=C02ENGINEER")
    await expect(page.get_by_test_id("intro")).to_be_visible()
    await say(url, "priya", "@ada @grace good morning! What can you two do for us?")
    await expect(page.get_by_test_id("thread-summary")).to_contain_text("2 replies")
    await say(url, "jonas", "Morning. The retry queue is ready to ship from my side.")
    await say(url, "priya", "Lovely. Shall we have one more pair of eyes on it before lunch?")
    composer = page.get_by_test_id("composer")
    await composer.fill("@ada could you review the change to the queue?")
    await composer.press("Enter")
    root = page.locator(".channel").get_by_test_id("message").filter(has_text="could you review")
    await root.hover()
    await root.get_by_test_id("open-thread").click()
    pane = page.get_by_test_id("thread-pane")
    await expect(pane.get_by_text("tokens")).to_have_count(1)
    composer = page.get_by_test_id("thread-composer")
    await composer.fill("Thank you, I will change both. Please run date, so that we know when.")
    await composer.press("Enter")
    await expect(pane.get_by_test_id("action-approval_allow")).to_be_visible()
    await page.mouse.move(*SIZE)


def squeezed(png: bytes) -> bytes:
    """The same picture with its pixels packed as tightly as zlib can."""
    chunks, at = [], 8
    while at < len(png):
        size, kind = struct.unpack_from(">I4s", png, at)
        chunks.append((kind, png[at + 8 : at + 8 + size]))
        at += size + 12
    pixels = zlib.decompress(b"".join(data for kind, data in chunks if kind == b"IDAT"))
    kept = [(b"IHDR", chunks[0][1]), (b"IDAT", zlib.compress(pixels, 9)), (b"IEND", b"")]
    packed = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in kept
    )
    return png[:8] + b"".join(packed)


async def picture() -> bytes:
    """Start the demo, let people talk, take the picture."""
    expect.set_options(timeout=PATIENCE_MS)
    system = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    async with demo() as url, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=system, args=["--no-sandbox"])
        page = await browser.new_page(
            viewport={"width": SIZE[0], "height": SIZE[1]}, color_scheme="light"
        )
        await talk(page, url)
        taken = await page.screenshot()
        await browser.close()
    return squeezed(taken)


def main(out: Path) -> None:
    """Take the picture and write it to `out`."""
    taken = asyncio.run(picture())
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(taken)
    sys.stdout.write(f"{out}: {len(taken) // 1000} kB\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else OUT)
