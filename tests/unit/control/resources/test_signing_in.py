"""People sign in, get a cookie that only our pages can use, and are locked out for longer and longer."""

from __future__ import annotations

from services.control.sessions import COOKIE
from tests.fakes.api import Api

PASSWORD = "a long password"
ANNA = {"name": "Anna@acme.example", "role": "admin", "tenant": "acme", "password": PASSWORD}
CREDENTIALS = {"name": "anna@acme.example", "password": PASSWORD}


async def test_a_person_signs_in_and_out(api: Api) -> None:
    assert (await api.ask("admin", "POST", "/members", ANNA)).status_code == 201
    answer = await api.ask(None, "POST", "/sessions", CREDENTIALS)
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    for flag in ("Secure", "HttpOnly", "SameSite=lax", "Path=/"):
        assert flag in cookie
    assert "Domain" not in cookie
    me = (await api.ask(None, "GET", "/me")).json()
    assert (me["name"], me["tenant"]) == ("anna@acme.example", "acme")
    forged = await api.ask(None, "POST", "/tokens", {"name": "x", "role": "admin", "tenant": "acme"})
    assert (forged.status_code, forged.json()["code"]) == (403, "csrf_token_missing")
    own = await api.ask(None, "DELETE", "/sessions/current", X_CSRF_Token=me["csrf_token"])
    assert own.status_code == 204
    api.client.cookies.set(COOKIE, cookie.partition("=")[2].partition(";")[0])
    assert (await api.ask(None, "GET", "/me")).status_code == 401


async def test_wrong_passwords_lock_out_for_longer_and_longer(api: Api) -> None:
    await api.ask("admin", "POST", "/members", ANNA)
    codes: list[str] = []
    while "too_many_tries" not in codes and len(codes) < 12:
        wrong = await api.ask(None, "POST", "/sessions", {**CREDENTIALS, "password": "wrong"})
        codes.append(wrong.json()["code"])
    assert codes[:3] == ["sign_in_refused"] * 3
    assert codes[-1] == "too_many_tries"
    right = await api.ask(None, "POST", "/sessions", CREDENTIALS)
    assert right.json()["code"] == "too_many_tries"


async def test_an_unknown_name_is_answered_like_a_wrong_password(api: Api) -> None:
    await api.ask("admin", "POST", "/members", ANNA)
    wrong = await api.ask(None, "POST", "/sessions", {**CREDENTIALS, "password": "wrong"})
    unknown = await api.ask(None, "POST", "/sessions", {"name": "nobody", "password": "wrong"})
    assert wrong.json() == unknown.json()


async def test_a_link_signs_in_once(api: Api) -> None:
    await api.ask("admin", "POST", "/members", {**ANNA, "password": None})
    secret = await api.control.sign_ins.link("anna@acme.example")
    first = await api.ask(None, "POST", "/sessions/by-link", {"secret": secret})
    again = await api.ask(None, "POST", "/sessions/by-link", {"secret": secret})
    assert (first.status_code, again.json()["code"]) == (200, "link_unusable")


async def test_a_changed_person_is_signed_out(api: Api) -> None:
    await api.ask("admin", "POST", "/members", ANNA)
    await api.ask(None, "POST", "/sessions", CREDENTIALS)
    path = "/members/anna@acme.example"
    tag = (await api.ask("admin", "GET", path)).headers["ETag"]
    changed = await api.ask("admin", "PATCH", path, {"enabled": False}, If_Match=tag)
    assert changed.status_code == 200
    assert (await api.ask(None, "GET", "/me")).status_code == 401
    refused = await api.ask(None, "POST", "/sessions", CREDENTIALS)
    assert refused.json()["code"] == "sign_in_refused"
    late = await api.ask("admin", "DELETE", path, If_Match=tag)
    assert late.status_code == 412
