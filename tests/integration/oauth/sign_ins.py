"""Signs in at the private authorization server, as an owner's browser does."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx2

from shared.adapters.system_clock import SystemClock
from shared.config import from_mapping
from shared.model.oauth import GrantRef
from shared.operations.oauth_connect import connect_by_browser
from shared.operations.oauth_context import OAuthContext
from shared.ports.clock import Clock
from shared.runtime.oauth.opening import OAuth


def context_of(oauth: OAuth, clock: Clock | None = None) -> OAuthContext:
    return OAuthContext(from_mapping({}, {}, Path("/")), oauth, clock or SystemClock())


async def sign_in(oauth: OAuth, ref: GrantRef) -> str:
    """Sign in, and return what Mailferry says."""
    visits: list[asyncio.Task[None]] = []

    def open_browser(url: str) -> None:
        visits.append(asyncio.ensure_future(browse(url)))

    sentence = await connect_by_browser(context_of(oauth), ref, open_browser, never_asked)
    for visit in visits:
        await visit
    return sentence


async def browse(url: str) -> None:
    async with httpx2.AsyncClient(follow_redirects=True) as browser:
        await browser.get(url)


async def never_asked() -> str:
    raise AssertionError("the redirect leads to this machine")
