"""Takes pictures of all pages of the console, on an installation as a hosting provider has it.

    .venv/bin/python -m tests.integration.control.console.pictures DIRECTORY [PAGE …]

Look at them: no test sees that a page is ugly.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from playwright.async_api import Browser

from services.control.build import control_on
from services.control.console.reader import LANGUAGE_COOKIE, THEME_COOKIE, ZONE_COOKIE
from services.control.state import Control, Tools
from services.fetcher.mailboxes.opening import open_account
from services.router.explaining import explain_mail
from shared.adapters.sql import open_store
from shared.operations.context import open_context
from shared.runtime.secret_box import open_secret_box
from tests.fakes.api import api_configuration
from tests.fakes.showcase import fill
from tests.integration.control.console.serving import open_browser, open_page, served, sign_in

ZONE = "Europe/Berlin"
WIDTHS = (360, 1024, 1600)
HEIGHT = 900
PAGES = {
    "overview": "/",
    "accounts": "/accounts",
    "account": "/accounts/hansa-logistik/rechnungen",
    "account-settings": "/accounts/hansa-logistik/catchall/settings",
}
"""The pages of somebody who is signed in, by the names of their pictures."""


async def main(place: Path, wanted: list[str]) -> None:
    """Take the pictures."""
    with tempfile.TemporaryDirectory() as directory:
        configuration = api_configuration(Path(directory))
        store = open_store(configuration.store.url.get_secret_value())
        await open_secret_box(configuration, store.secrets)
        await store.close()
        async with open_context(configuration) as context, open_browser() as browser:
            control = control_on(context, Tools(open_account, explain_mail))
            await fill(control)
            async with served(control) as origin:
                await take(control, browser, origin, place, wanted)
            await control.logins.close()


async def take(control: Control, browser: Browser, origin: str, place: Path, wanted: list[str]) -> None:
    """Take each page at each width, light in English and dark in German."""
    for width in WIDTHS:
        for theme, language in (("light", "en"), ("dark", "de")):
            context = await browser.new_context(
                viewport={"width": width, "height": HEIGHT}, timezone_id=ZONE, reduced_motion="reduce"
            )
            chosen = {LANGUAGE_COOKIE: language, THEME_COOKIE: theme, ZONE_COOKIE: ZONE}
            await context.add_cookies([{"name": n, "value": v, "url": origin} for n, v in chosen.items()])
            pages = {"sign-in": "/sign-in", **PAGES}
            for name, path in pages.items():
                if wanted and name not in wanted:
                    continue
                if name == "sign-in":
                    await context.clear_cookies(name="mailferry-without-tls")
                else:
                    await sign_in(control, context, origin, "otto")
                page = await open_page(context, origin + path)
                await page.screenshot(path=place / f"{name}-{width}-{theme}.png", full_page=width != 1600)
                await page.close()
            await context.close()


if __name__ == "__main__":
    Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2:]))
