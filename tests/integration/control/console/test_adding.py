"""Adding an account against a real Dovecot, and connecting a mailbox by a link, in a real browser."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from services.control.resources.connecting import connecting
from shared.model.spec import Kind
from shared.operations.people import LinkUnusable
from tests.fakes.showcase import ACTOR
from tests.integration.control.console.serving import Console
from tests.servers.dovecot import Dovecot, Login

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_an_account_is_added_with_a_wrong_password_and_then_the_right_one(
    console: Console, dovecot: Dovecot, dovecot_user: Login
) -> None:
    async with console.read_by("otto") as context:
        page = await console.open(context, "/new-account")
        await page.fill("#address", "somebody@gmail.com")
        await page.fill("#tenant", "hansa-logistik")
        await page.click("button:has-text('Find the server')")
        await expect(page.locator(".found")).to_contain_text("imap.gmail.com")
        await page.fill("#source", f"imap://{dovecot.host}:{dovecot.imap_port}")
        await page.select_option("#tls", "off")
        await page.fill("#username", dovecot_user.name)
        await page.fill("#password", "wrong")
        await page.click("button:has-text('Test the login')")
        await expect(page.locator("#login-test .alert-danger")).to_be_visible()
        await expect(page.locator(".step-failed")).to_contain_text("Log in")
        await page.fill("#password", dovecot_user.password)
        await page.click("button:has-text('Test the login')")
        await expect(page.locator("#login-test .alert-success")).to_be_visible()
        await page.fill("#name", "new")
        await page.fill("#recipient", "somebody@hansa-logistik.example")
        await page.select_option("#target", "exchange-hh")
        await page.click("button:has-text('Save')")
        await expect(page.locator("h1")).to_contain_text("hansa-logistik/new")
        assert "is added" in await page.inner_text(".notice-text")


async def test_a_link_connects_a_mailbox_once_and_never_twice(
    console: Console, dovecot: Dovecot, dovecot_user: Login
) -> None:
    settings = {
        "tenant": "hansa-logistik",
        "name": "linked",
        "source": f"imap://{dovecot.host}:{dovecot.imap_port}",
        "tls": "off",
        "username": dovecot_user.name,
        "password": "not known yet",
        "target": "exchange-hh",
        "mailbox": "single",
        "recipient": "linked@hansa-logistik.example",
        "enabled": False,
    }
    await console.control.objects.add(Kind.ACCOUNT, settings, ACTOR)
    async with console.read_by("otto") as context:
        page = await console.open(context, "/accounts/hansa-logistik/linked")
        await page.click("button:has-text('Link for the owner')")
        secret = (await page.inner_text("code.secret")).partition("#")[2]
    async with console.read_by(None) as context:
        page = await console.open(context, f"/connect#{secret}")
        await page.fill("#password", "wrong")
        await page.get_by_role("button", name="Connect").click()
        await expect(page.locator("#login-test .alert-danger")).to_be_visible()
        await page.fill("#password", dovecot_user.password)
        await page.get_by_role("button", name="Connect").click()
        await expect(page.locator("#login-test .alert-success")).to_be_visible()
        assert secret not in page.url
    async with console.read_by(None) as context:
        page = await console.open(context, "/connect")
        await expect(page.locator("#password")).to_have_count(0)
    with pytest.raises(LinkUnusable):
        await connecting(console.control).open(secret)
