"""People change their password, set one-time codes up, and end their sessions."""

from __future__ import annotations

import base64
from typing import Any

import httpx2
import pytest

from services.control.sessions import COOKIE
from shared.access.one_time_codes import STEP, current_code
from tests.fakes.api import Api

PASSWORD, OTHER = "a long password", "another long password"
ANNA = {"name": "anna@acme.example", "role": "admin", "tenant": "acme", "password": PASSWORD}


async def signed_in(api: Api, **more: str) -> httpx2.Response:
    given = {"name": ANNA["name"], "password": PASSWORD, **more}
    return await api.ask(None, "POST", "/sessions", given)


class Person:
    """Somebody who is signed in."""

    def __init__(self, api: Api, answer: httpx2.Response) -> None:
        assert answer.status_code == 200, answer.text
        self.api, self.csrf = api, answer.json()["csrf_token"]
        self.cookie = answer.cookies[COOKIE]

    async def ask(self, method: str, path: str, json: object = None) -> httpx2.Response:
        self.api.client.cookies.clear()
        headers = {"X_CSRF_Token": self.csrf, "Cookie": f"{COOKIE}={self.cookie}"}
        return await self.api.ask(None, method, path, json, **headers)


@pytest.fixture
async def anna(api: Api) -> Person:
    assert (await api.ask("admin", "POST", "/members", ANNA)).status_code == 201
    return Person(api, await signed_in(api))


async def set_up(person: Person, shift: int = 0) -> tuple[bytes, list[str]]:
    """Set codes up with the code of now or of a later step; return the key and the recovery codes."""
    made = (await person.ask("POST", "/me/codes", {"present": PASSWORD})).json()
    key = base64.b32decode(made["secret"] + "=" * (-len(made["secret"]) % 8))
    code = code_at(person.api, key, shift)
    confirmed = await person.ask("POST", "/me/codes/confirm", {"code": code})
    assert confirmed.status_code == 200, confirmed.text
    return key, confirmed.json()["secret"]


def code_at(api: Api, key: bytes, shift: int) -> str:
    return current_code(key, api.control.context.clock.now() + shift * STEP)


async def test_a_password_is_replaced_by_who_knows_it_and_other_sessions_end(api: Api, anna: Person) -> None:
    elsewhere = Person(api, await signed_in(api))
    wrong = await anna.ask("POST", "/me/password", {"present": "wrong", "new": OTHER})
    assert (wrong.status_code, wrong.json()["code"]) == (403, "password_wrong")
    short = await anna.ask("POST", "/me/password", {"present": PASSWORD, "new": "short"})
    assert short.status_code == 422
    right = await anna.ask("POST", "/me/password", {"present": PASSWORD, "new": OTHER})
    assert right.status_code == 204
    assert (await anna.ask("GET", "/me")).status_code == 200
    assert (await elsewhere.ask("GET", "/me")).status_code == 401
    assert (await signed_in(api)).json()["code"] == "sign_in_refused"
    assert (await signed_in(api, password=OTHER)).status_code == 200


async def test_codes_are_asked_for_once_one_was_confirmed(api: Api, anna: Person) -> None:
    begun = await anna.ask("POST", "/me/codes", {"present": "wrong"})
    assert begun.json()["code"] == "password_wrong"
    begun = await anna.ask("POST", "/me/codes", {"present": PASSWORD})
    assert begun.json()["uri"].startswith("otpauth://totp/Mailferry:anna%40acme.example?secret=")
    assert (await signed_in(api)).status_code == 200
    wrong = await anna.ask("POST", "/me/codes/confirm", {"code": "000000"})
    assert (wrong.status_code, wrong.json()["code"]) == (403, "code_wrong")
    key, recovery = await set_up(anna)
    assert len(set(recovery)) == 10
    assert (await anna.ask("GET", "/me/codes")).json() == {"set_up": True, "recovery_codes": 10}
    assert (await signed_in(api)).json()["code"] == "code_needed"
    code = code_at(api, key, 1)
    assert (await signed_in(api, code=code)).status_code == 200
    assert (await signed_in(api, code=code)).json()["code"] == "sign_in_refused"


async def test_a_recovery_code_signs_in_once_however_it_is_typed(api: Api, anna: Person) -> None:
    _, recovery = await set_up(anna)
    typed = recovery[0].upper().replace("-", " ")
    assert (await signed_in(api, code=typed)).status_code == 200
    assert (await signed_in(api, code=recovery[0])).status_code == 401
    assert (await anna.ask("GET", "/me/codes")).json()["recovery_codes"] == 9
    renewed = await anna.ask("POST", "/me/codes/recovery", {"code": recovery[1]})
    assert len(renewed.json()["secret"]) == 10
    assert (await signed_in(api, code=recovery[2])).status_code == 401


async def test_codes_are_removed_by_who_has_one_or_by_an_admin(api: Api, anna: Person) -> None:
    _, recovery = await set_up(anna)
    wrong = await anna.ask("POST", "/me/codes/remove", {"code": "000000"})
    assert wrong.json()["code"] == "code_wrong"
    assert (await anna.ask("POST", "/me/codes/remove", {"code": recovery[0]})).status_code == 204
    assert (await signed_in(api)).status_code == 200
    await set_up(anna, shift=1)
    path = f"/members/{ANNA['name']}/codes"
    assert (await api.ask("support", "DELETE", path)).status_code == 403
    assert (await api.ask("foreign admin", "DELETE", path)).status_code == 404
    assert (await api.ask("admin", "DELETE", path)).status_code == 204
    assert (await anna.ask("GET", "/me")).status_code == 401
    assert (await signed_in(api)).status_code == 200


async def test_a_sign_in_link_does_not_stand_for_the_code(api: Api, anna: Person) -> None:
    key, _ = await set_up(anna)
    made = await api.ask("admin", "POST", f"/members/{ANNA['name']}/sign-in-link")
    assert made.json()["url"].endswith(f"/sign-in#{made.json()['secret']}")
    given = {"secret": made.json()["secret"]}
    assert (await api.ask(None, "POST", "/sessions/by-link", given)).json()["code"] == "code_needed"
    right = {**given, "code": code_at(api, key, 1)}
    assert (await api.ask(None, "POST", "/sessions/by-link", right)).status_code == 200
    assert (await api.ask(None, "POST", "/sessions/by-link", right)).status_code == 401


async def test_wrong_codes_lock_out_like_wrong_passwords(api: Api, anna: Person) -> None:
    await set_up(anna)
    codes = [(await signed_in(api, code="000000")).json()["code"] for _ in range(4)]
    assert codes == ["sign_in_refused"] * 3 + ["too_many_tries"]
    removed = await anna.ask("POST", "/me/codes/remove", {"code": "000000"})
    assert removed.json()["code"] == "too_many_tries"


async def test_sessions_are_listed_and_ended(api: Api, anna: Person) -> None:
    second = Person(api, await signed_in(api))
    third = Person(api, await signed_in(api))
    listed: list[dict[str, Any]] = (await anna.ask("GET", "/me/sessions")).json()["items"]
    assert [each["address"] for each in listed] == ["192.0.2.9"] * 3
    assert [each["current"] for each in listed].count(True) == 1
    assert anna.cookie not in str(listed)
    [mine] = [each for each in (await second.ask("GET", "/me/sessions")).json()["items"] if each["current"]]
    assert (await anna.ask("DELETE", f"/me/sessions/{mine['id']}")).status_code == 204
    assert (await second.ask("GET", "/me")).status_code == 401
    assert (await anna.ask("DELETE", f"/me/sessions/{mine['id']}")).status_code == 404
    assert (await anna.ask("DELETE", "/me/sessions")).status_code == 204
    assert (await third.ask("GET", "/me")).status_code == 401
    assert (await api.ask("admin", "DELETE", f"/members/{ANNA['name']}/sessions")).status_code == 204
    assert (await anna.ask("GET", "/me")).status_code == 401


async def test_a_token_has_neither_password_nor_codes(api: Api) -> None:
    for method, path in (("GET", "/me/codes"), ("GET", "/me/sessions"), ("DELETE", "/me/sessions")):
        answer = await api.ask("admin", method, path)
        assert (answer.status_code, answer.json()["code"]) == (403, "session_needed")
