"""People sign in and out, and pages lead there those who are not."""

from __future__ import annotations

import pytest

from services.control.console.view import local_path
from services.control.sessions import CLEAR_COOKIE, COOKIE
from shared.access import Role
from shared.operations.people import NewUser, Users
from tests.fakes.api import Api
from tests.unit.control.console.conftest import SignIn

PASSWORD = "a long password"


@pytest.fixture
async def person(api: Api) -> str:
    """Somebody with a password."""
    await Users(api.control.context).add(NewUser("paula", Role.OPERATOR, password=PASSWORD))
    return "paula"


async def test_a_page_leads_to_the_sign_in_and_from_there_back(person: str, sign_in: SignIn) -> None:
    reader = await sign_in(None)
    page = await reader.open("/?x=1&y=2")
    assert page.path == "/sign-in?next=%2F%3Fx%3D1%26y%3D2"
    page = await reader.send(page, "form[action='/sign-in']", name=person, password=PASSWORD)
    assert (page.status, page.path) == (200, "/?x=1&y=2")
    page = await reader.send(page, "form[action='/sign-out']")
    assert page.path == "/sign-in"
    assert (await reader.open("/")).path == "/sign-in"


async def test_a_wrong_password_is_told_in_the_readers_language(sign_in: SignIn) -> None:
    reader = await sign_in(None, **{"Accept-Language": "de"})
    page = await reader.send(
        await reader.open("/sign-in"), "form[action='/sign-in']", name="otto", password="no"
    )
    assert page.status == 401
    assert page.texts("[role=alert]") == ["Name, Passwort oder Code sind falsch"]
    assert page.one("#name")["value"] == "otto"


async def test_a_link_signs_in_once(api: Api, sign_in: SignIn) -> None:
    await sign_in("otto")
    secret = await api.control.sign_ins.link("otto")
    reader, other = await sign_in(None), await sign_in(None)
    page = await reader.send(await reader.open("/sign-in"), "form[data-link-sign-in]", secret=secret)
    assert (page.status, page.path) == (200, "/")
    again = await other.send(await other.open("/sign-in"), "form[data-link-sign-in]", secret=secret)
    assert again.status == 401
    assert "was used before" in again.texts("[role=alert]")[0]


async def test_a_form_without_the_sessions_token_is_refused(sign_in: SignIn) -> None:
    reader = await sign_in("otto")
    page = await reader.send(await reader.open("/"), "form[action='/sign-out']", csrf="0" * 64)
    assert page.status == 403
    assert (await reader.open("/")).path == "/"


async def test_a_form_of_another_site_is_refused(sign_in: SignIn) -> None:
    reader = await sign_in(None)
    answer = await reader.client.post("/sign-in", data={}, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("host", "wanted"), [("127.0.0.1:8464", CLEAR_COOKIE), ("[::1]", CLEAR_COOKIE), ("api.example", COOKIE)]
)
async def test_the_cookie_is_for_tls_but_on_this_machine(
    api: Api, sign_in: SignIn, host: str, wanted: str
) -> None:
    await sign_in("otto")
    data = {"secret": await api.control.sign_ins.link("otto"), "next": "/"}
    answer = await api.client.post(f"http://{host}/sign-in/link", data=data)
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith(f"{wanted}=")
    assert ("Secure" in cookie) is (wanted == COOKIE)
    assert "HttpOnly" in cookie


@pytest.mark.parametrize("path", ["//evil.example", "https://evil.example", "/\\evil.example", "", "/x\ny"])
def test_a_sign_in_leads_to_no_other_server(path: str) -> None:
    assert local_path(path) == "/"
