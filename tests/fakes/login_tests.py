"""Waits for login tests of the API."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.fakes.api import Api


async def ended(api: Api, path: str, caller: str | None = None) -> dict[str, Any]:
    """Ask for a login test until it is done."""
    async with asyncio.timeout(40):
        while True:
            told: dict[str, Any] = (await api.ask(caller, "GET", path)).json()
            if told["done"]:
                return told
            await asyncio.sleep(0)
