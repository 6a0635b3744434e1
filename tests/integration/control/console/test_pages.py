"""What every page owes its readers, in a real browser. A new page is added to `PAGES` of `pictures`."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from tests.integration.control.console.pictures import PAGES
from tests.integration.control.console.serving import Console

pytestmark = pytest.mark.asyncio(loop_scope="session")
GRAVE = {"serious", "critical"}
LOOKS = [(360, "dark", "de"), (1280, "light", "en")]


def axe() -> str:
    """The script of axe-core."""
    spec = importlib.util.find_spec("axe_playwright_python")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).with_name("axe.min.js").read_text(encoding="utf-8")


@pytest.mark.parametrize(("width", "theme", "language"), LOOKS)
async def test_every_page_is_accessible_fits_and_asks_no_other_machine(
    console: Console, width: int, theme: str, language: str
) -> None:
    """That no page breaks its policy or asks elsewhere is looked at where the browser is closed."""
    script = axe()
    found: list[str] = []
    for who, pages in ((None, {"sign-in": "/sign-in"}), ("otto", PAGES)):
        async with console.read_by(who, width=width, theme=theme, language=language) as context:
            for name, path in pages.items():
                page = await console.open(context, path)
                await page.evaluate(script)
                told = await page.evaluate("axe.run({resultTypes: ['violations']})")
                found += [
                    f"{name}: {each['id']} {[node['html'][:120] for node in each['nodes'][:3]]}"
                    for each in told["violations"]
                    if each["impact"] in GRAVE
                ]
                if await page.evaluate("document.documentElement.scrollWidth") > width:
                    found.append(f"{name}: wider than {width} pixels")
                await page.close()
    assert found == []
