"""One's own password, one-time codes and sessions."""

from __future__ import annotations

from base64 import b32decode

from shared.access.one_time_codes import current_code
from tests.fakes.api import Api
from tests.fakes.browser import open_reader
from tests.unit.control.console.conftest import SignIn

PASSWORD = "a long password"
NOTICE = ".notice-text"


async def test_a_password_is_set_and_changed_by_who_knows_the_present_one(sign_in: SignIn) -> None:
    reader = await sign_in("anna")
    form = "form[action='/me/password']"
    page = await reader.send(await reader.open("/me"), form, new=PASSWORD, again=PASSWORD + "x")
    assert page.texts(NOTICE) == ["The two new passwords are not the same."]
    page = await reader.send(page, form, new=PASSWORD, again=PASSWORD)
    assert page.texts(NOTICE) == ["Your password is changed. Your other sessions have ended."]
    page = await reader.send(page, form, present="wrong", new=PASSWORD + "2", again=PASSWORD + "2")
    assert page.texts(NOTICE) == ["The present password is wrong"]


async def test_codes_are_set_up_with_the_app_shown_once_and_given_up(api: Api, sign_in: SignIn) -> None:
    reader = await sign_in("anna")
    page = await reader.send(await reader.open("/me"), "form[action='/me/codes']")
    key = page.texts("code")[0].replace(" ", "")
    now = api.control.context.clock.now()
    confirming = "form[action='/me/codes/confirm']"
    wrong = await reader.send(page, confirming, code="000000")
    assert wrong.texts(NOTICE)
    page = await reader.send(page, confirming, code=current_code(b32decode(key), now))
    codes = page.texts(".codes code")
    assert len(codes) >= 8
    page = await reader.open("/me")
    assert page.texts(".codes code") == []
    assert f"Recovery codes left: {len(codes)}" in page.text
    removing = "form[action='/me/codes/recovery']"
    page = await reader.send(page, removing, action="/me/codes/remove", code=codes[0])
    assert page.texts(NOTICE) == ["You are not asked for one-time codes any more."]


async def test_other_sessions_are_seen_and_ended(api: Api, sign_in: SignIn) -> None:
    reader = await sign_in("anna")
    async with open_reader(api, "anna") as other:
        ending = "form[action='/me/sessions/end']"
        page = await reader.send(await reader.open("/me"), ending)
        assert page.texts(NOTICE) == ["The session has ended."]
        assert page.texts(ending) == []
        assert (await other.open("/me")).one("form[action='/sign-in']")
    assert (await reader.open("/me")).texts("h1") == ["My access"]
