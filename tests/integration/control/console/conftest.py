"""One browser and one installation for all tests of a worker: starting them takes longer than most tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.integration.control.console.serving import Console, open_browser, open_console


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium."""
    async with open_browser() as started:
        yield started


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def console(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Console]:
    """The console of an installation with accounts in all lights, see `showcase`."""
    async with open_console(tmp_path_factory.mktemp("console"), browser) as opened:
        yield opened
