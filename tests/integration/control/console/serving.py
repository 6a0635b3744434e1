"""The console of an installation, and a browser that reads it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Browser, BrowserContext, Page, Request, async_playwright

from services.control.app import build_app
from services.control.build import control_on
from services.control.console.reader import LANGUAGE_COOKIE, THEME_COOKIE, ZONE_COOKIE
from services.control.server import listening_socket, server_for
from services.control.sessions import CLEAR_COOKIE
from services.control.state import Control, Tools
from services.fetcher.mailboxes.opening import open_account
from services.router.explaining import explain_mail
from shared.adapters.sql import open_store
from shared.config.values import Listen
from shared.operations.context import open_context
from shared.runtime.secret_box import open_secret_box
from tests.fakes.api import api_configuration
from tests.fakes.memory_broker import memory_broker
from tests.fakes.showcase import Showcase, fill
from tests.servers.available import require

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
        context.on("console", lambda told: self._note(_is_wrong(told.type, told.text), told.text))
        context.on("weberror", lambda error: self._note(True, str(error.error)))
        context.on("request", lambda request: self._note(self._is_foreign(request, origin), request.url))

    def _is_foreign(self, request: Request, origin: str) -> bool:
        return not request.url.startswith((origin, "data:"))

    def _note(self, is_wrong: bool, text: str) -> None:
        if is_wrong:
            self.found.append(text)


def _is_wrong(kind: str, text: str) -> bool:
    """Whether a page should not have written this. The browser itself notes each answer that is an error."""
    return kind in {"error", "warning"} and not text.startswith("Failed to load resource: the server resp")


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
        browser = await playwright.chromium.launch(executable_path=require("chromium"), args=[*FLAGS])
        try:
            yield browser
        finally:
            await browser.close()


@dataclass(frozen=True, slots=True)
class Console:
    """A console at `origin`, with what its installation has."""

    control: Control
    origin: str
    browser: Browser
    showcase: Showcase

    @asynccontextmanager
    async def read_by(
        self, name: str | None, *, width: int = 1280, language: str = "en", theme: str = "light"
    ) -> AsyncIterator[BrowserContext]:
        """A browser of somebody, signed in unless None. At the end no page may have done what none may do."""
        context = await self.browser.new_context(
            viewport={"width": width, "height": 900}, timezone_id="Europe/Berlin", reduced_motion="reduce"
        )
        complaints = Complaints([])
        complaints.watch(context, self.origin)
        cookies = {LANGUAGE_COOKIE: language, THEME_COOKIE: theme, ZONE_COOKIE: "Europe/Berlin"}
        if name is not None:
            link = await self.control.sign_ins.link(name)
            cookies[CLEAR_COOKIE] = (await self.control.sign_ins.sign_in_by_link(link)).secret
        await context.add_cookies([{"name": n, "value": v, "url": self.origin} for n, v in cookies.items()])
        context.set_default_timeout(WAIT)
        try:
            yield context
        finally:
            await context.close()
        assert complaints.found == []

    async def open(self, context: BrowserContext, path: str) -> Page:
        """Open a page; `{parked}` in its path is a mail that was parked, `{imported}` an import."""
        page = await context.new_page()
        await page.goto(
            self.origin + path.format(parked=self.showcase.parked[0], imported=self.showcase.imported)
        )
        return page


@asynccontextmanager
async def open_console(place: Path, browser: Browser) -> AsyncIterator[Console]:
    """Serve the console of an installation whose files are in `place`."""
    configuration = api_configuration(place)
    store = open_store(configuration.store.url.get_secret_value())
    await open_secret_box(configuration, store.secrets)
    await store.close()
    async with open_context(configuration) as context:
        control = control_on(context, Tools(open_account, explain_mail), memory_broker(context))
        showcase = await fill(control)
        async with served(control) as origin:
            yield Console(control, origin, browser, showcase)
        await control.logins.close()
