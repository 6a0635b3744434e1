"""Requests are bounded, senders are believed only by named proxies, and answers carry safe headers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from services.control.app import PREFIX
from tests.fakes.api import Api, open_api


async def test_every_answer_carries_safe_headers(api: Api) -> None:
    for path in ("/me", "/unknown", "/openapi.json"):
        head = (await api.ask("admin", "GET", path)).headers
        assert head["X-Content-Type-Options"] == "nosniff"
        assert head["Content-Security-Policy"].startswith("default-src 'none'")
        assert head["Cache-Control"] == "no-store"
        assert head["Strict-Transport-Security"]


async def test_a_large_body_is_refused_with_and_without_its_length(tmp_path: Path) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield b" " * 1000

    async with open_api(tmp_path, max_body="2KiB") as api:
        head = {"Authorization": f"Bearer {api.tokens['admin']}", "Content-Type": "application/json"}
        for content in (b" " * 5000, pieces()):
            answer = await api.client.post(f"{PREFIX}/tenants/acme/accounts", content=content, headers=head)
            assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


async def test_a_body_that_never_ends_is_given_up(tmp_path: Path) -> None:
    async def never() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    async with open_api(tmp_path, timeout="1s") as api:
        head = {"Authorization": f"Bearer {api.tokens['admin']}", "Content-Type": "application/json"}
        answer = await api.client.post(f"{PREFIX}/tenants/acme/accounts", content=never(), headers=head)
        assert (answer.status_code, answer.json()["code"]) == (408, "timeout")


async def audited_address(api: Api, forwarded: str) -> str:
    await api.ask("operator", "POST", "/epoch/confirm", X_Forwarded_For=forwarded)
    entries = (await api.ask("operator", "GET", "/audit?limit=1")).json()["items"]
    address: str = entries[0]["address"]
    return address


async def test_nobody_but_a_named_proxy_says_where_a_request_comes_from(tmp_path: Path) -> None:
    async with open_api(tmp_path) as api:
        assert await audited_address(api, "203.0.113.7") == "192.0.2.9"
    proxies = ["192.0.2.0/24", "198.51.100.1"]
    other = tmp_path / "other"
    other.mkdir()
    async with open_api(other, proxies=proxies) as api:
        assert await audited_address(api, "203.0.113.7") == "203.0.113.7"
        assert await audited_address(api, "6.6.6.6, 203.0.113.7, 198.51.100.1") == "203.0.113.7"
        assert await audited_address(api, "6.6.6.6, nonsense") == "192.0.2.9"
