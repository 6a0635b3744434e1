"""The console as people use it: in a browser, by mouse and by keyboard."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from services.control.console.reader import LANGUAGE_COOKIE
from shared.operations.events import Event
from shared.ports.store.events import ConditionChange, EventRecord
from tests.integration.control.console.serving import Console

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_link_signs_in_once_without_tls_on_this_machine(console: Console) -> None:
    link = f"/sign-in#{await console.control.sign_ins.link('otto')}"
    async with console.read_by(None) as context:
        page = await console.open(context, link)
        await expect(page.get_by_role("heading", name="Overview")).to_be_visible()
        assert "#" not in page.url
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    async with console.read_by(None) as context:
        page = await context.new_page()
        async with page.expect_response(re.compile("/sign-in/link$")) as answer:
            await page.goto(console.origin + link)
        assert (await answer.value).status == 401


async def test_an_account_is_paused_and_resumed_by_keyboard(console: Console) -> None:
    async with console.read_by("otto") as context:
        page = await console.open(context, "/accounts/weber-soehne/info")
        await page.get_by_role("button", name="Pause").focus()
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("weber-soehne/info is paused.")).to_be_visible()
        await page.get_by_role("button", name="Undo").focus()
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("weber-soehne/info is visited again.")).to_be_visible()


async def test_the_list_follows_what_is_typed_and_chosen_accounts_are_acted_upon(console: Console) -> None:
    async with console.read_by("otto") as context:
        page = await console.open(context, "/accounts")
        await page.get_by_role("searchbox").fill("nordlicht/")
        await expect(page.locator("td.name-cell")).to_have_count(10)
        await expect(page).to_have_url(re.compile("q=nordlicht"))
        await expect(page.get_by_role("button", name="Check now")).to_be_hidden()
        await page.get_by_label("Choose all on this page").check()
        await expect(page.locator("[data-count]")).to_have_text("10")
        await page.get_by_role("button", name="Check now").click()
        await expect(page.get_by_text("10 accounts are checked now.")).to_be_visible()
        await expect(page.locator("td.name-cell")).to_have_count(10)


async def test_removing_is_possible_only_once_the_name_is_typed(console: Console) -> None:
    async with console.read_by("otto") as context:
        page = await console.open(context, "/accounts/weber-soehne/support")
        await page.get_by_role("button", name="Remove …").click()
        remove = page.get_by_role("button", name="Remove", exact=True)
        await expect(remove).to_be_disabled()
        await page.keyboard.press("Escape")
        await expect(remove).to_be_hidden()
        await page.get_by_role("button", name="Remove …").click()
        await page.keyboard.type("weber-soehne/support")
        await remove.click()
        await expect(page.get_by_text("weber-soehne/support is removed.")).to_be_visible()


async def test_a_hostile_answer_is_text_and_turns_nothing_around(console: Console) -> None:
    async with console.read_by("otto") as context:
        page = await console.open(context, "/accounts?light=red")
        cell = page.get_by_text("<script>alert(1)</script>")
        await expect(cell).to_have_count(1)
        assert "\u202e" not in await page.content()


async def test_language_and_colours_are_chosen_and_kept(console: Console) -> None:
    async with console.read_by("otto") as context:
        page = await console.open(context, "/accounts")
        await page.get_by_label("Language").select_option("de")
        await expect(page.get_by_role("heading", name="Konten")).to_be_visible()
        await page.get_by_label("Farben").select_option("dark")
        await expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
        await page.goto(console.origin)
        await expect(page.get_by_role("heading", name="Übersicht")).to_be_visible()
        kept = {each.get("name"): each.get("value") for each in await context.cookies()}
        assert kept[LANGUAGE_COOKIE] == "de"


async def test_what_happens_appears_by_itself_and_leads_to_its_account(console: Console) -> None:
    async with console.read_by("otto") as context:
        page = await context.new_page()
        async with page.expect_response(re.compile("/events/stream")):
            await page.goto(f"{console.origin}/live")
        account = "weber-soehne/<b>odd</b>"
        happened = EventRecord(1.0, Event.ACCOUNT_FAILING, account, "weber-soehne", account, "No password.")
        change = ConditionChange("account odd", None, 1.0, happened)
        assert await console.control.context.events.record_changes([change]) == 1
        row = page.get_by_role("row").filter(has_text="No password.")
        await expect(row).to_contain_text(account)
        await expect(row).to_contain_text("Visits fail")
