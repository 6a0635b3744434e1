"""The console on a port of its own, and a browser for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from playwright.async_api import Browser, BrowserContext, Page, Request, async_playwright

from services.control.app import build_app
from services.control.server import listening_socket, server_for
from services.control.sessions import CLEAR_COOKIE
from services.control.state import Control
from shared.config.values import Listen

CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WAIT = 40_000
"""Milliseconds for what normally takes some ten: a loaded machine stands still for seconds."""


@dataclass(slots=True)
class Complaints:
    """What no page may do: write an error, break its policy, ask another machine."""

    found: list[str]

    def watch(self, context: BrowserContext, origin: str) -> None:
        """Note what the pages of a browser do from now on."""
        context.on("console", lambda told: self._note(told.type in {"error", "warning"}, told.text))
        context.on("weberror", lambda error: self._note(True, str(error.error)))
        context.on("request", lambda request: self._note(self._is_foreign(request, origin), request.url))

    def _is_foreign(self, request: Request, origin: str) -> bool:
        return not request.url.startswith((origin, "data:"))

    def _note(self, is_wrong: bool, text: str) -> None:
        if is_wrong:
            self.found.append(text)


@asynccontextmanager
async def served(control: Control) -> AsyncIterator[str]:
    """Serve API and console on a free port; yield the URL."""
    listening = listening_socket(Listen("127.0.0.1", 0))
    server = server_for(build_app(control), control.settings)
    serving = asyncio.ensure_future(server.serve([listening]))
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


@asynccontextmanager
async def open_browser() -> AsyncIterator[Browser]:
    """Start Debian's Chromium, without a window."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS])
        try:
            yield browser
        finally:
            await browser.close()


async def sign_in(control: Control, context: BrowserContext, origin: str, name: str) -> None:
    """Give a browser the session of a person."""
    secret = (await control.sign_ins.sign_in_by_link(await control.sign_ins.link(name))).secret
    await context.add_cookies([{"name": CLEAR_COOKIE, "value": secret, "url": origin}])


async def open_page(context: BrowserContext, url: str) -> Page:
    """Open a page, and wait until it is there."""
    page = await context.new_page()
    page.set_default_timeout(WAIT)
    await page.goto(url)
    return page
