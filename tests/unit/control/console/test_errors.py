"""Errors are pages for people, and problems for programs."""

from __future__ import annotations

import pytest

from services.control.console.view import PAGE_HEADERS
from tests.fakes.api import Api
from tests.unit.control.console.conftest import SignIn


async def test_what_is_not_there_is_told_on_a_page(sign_in: SignIn) -> None:
    reader = await sign_in("otto")
    page = await reader.open("/nothing")
    assert page.status == 404
    assert page.texts("h1") == ["There is nothing here"]
    assert page.texts("nav a")


async def test_a_token_does_not_open_the_console(api: Api) -> None:
    answer = await api.client.get("/", headers={"Authorization": f"Bearer {api.tokens['operator']}"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in")


async def test_htmx_is_led_to_the_sign_in_as_a_whole_page(api: Api) -> None:
    answer = await api.client.get("/", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, "/sign-in")


@pytest.mark.parametrize("path", ["/", "/sign-in", "/nothing"])
async def test_every_page_allows_no_foreign_and_no_inline_script(sign_in: SignIn, path: str) -> None:
    reader = await sign_in("otto")
    page = await reader.open(path)
    policy = page.response.headers["Content-Security-Policy"]
    assert policy == PAGE_HEADERS["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert page.response.headers["Cache-Control"] == "no-store"
    assert not [each for each in page.html.select("script") if not each.get("src")]
    assert not page.html.select("style,[style],[onclick]")
