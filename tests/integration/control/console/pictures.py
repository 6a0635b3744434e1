"""Takes pictures of all pages of the console, on an installation as a hosting provider has it.

    .venv/bin/python -m tests.integration.control.console.pictures DIRECTORY [PAGE …]

Look at them: no test sees that a page is ugly.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from tests.integration.control.console.serving import Console, open_browser, open_console

WIDTHS = (360, 1024, 1600)
LOOKS = (("light", "en"), ("dark", "de"))
PAGES = {
    "overview": "/",
    "accounts": "/accounts",
    "account": "/accounts/hansa-logistik/rechnungen",
    "account-settings": "/accounts/hansa-logistik/catchall/settings",
    "add": "/new-account",
    "imports": "/imports?tenant=hansa-logistik",
    "import": "/imports/{imported}",
    "connect": "/connect",
    "mails": "/messages",
    "mail": "/messages/{parked}",
    "parked": "/parked",
    "parked-mail": "/parked/{parked}",
    "lost": "/lost",
    "targets": "/targets",
    "target": "/targets/settings?name=exchange-hh",
    "target-add": "/targets/add",
    "tenants": "/tenants",
    "people": "/people",
    "tokens": "/tokens",
    "webhooks": "/webhooks",
    "live": "/live",
    "oauth": "/oauth-apps",
    "service": "/service",
    "me": "/me",
    "usage": "/usage",
    "audit": "/audit",
}
"""The pages of somebody who is signed in, by the names of their pictures. A new page is added here.

`{parked}` is a mail that was parked, `{imported}` an import.
"""


async def main(place: Path, wanted: list[str]) -> None:
    """Take the pictures."""
    with tempfile.TemporaryDirectory() as directory:
        async with open_browser() as browser, open_console(Path(directory), browser) as console:
            for width in WIDTHS:
                for theme, language in LOOKS:
                    await take(console, place, wanted, width, theme, language)


async def take(
    console: Console, place: Path, wanted: list[str], width: int, theme: str, language: str
) -> None:
    """Take a picture of each page; all of it, but for the widest."""
    for name, path in {"sign-in": "/sign-in", **PAGES}.items():
        if wanted and name not in wanted:
            continue
        who = None if name == "sign-in" else "otto"
        async with console.read_by(who, width=width, language=language, theme=theme) as context:
            page = await console.open(context, path)
            picture = place / f"{name}-{width}-{theme}.png"
            await page.screenshot(path=picture, full_page=width != WIDTHS[-1])


if __name__ == "__main__":
    Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2:]))
