"""People of other tenants are not there, and a password is never repeated."""

from __future__ import annotations

from tests.fakes.api import Api

ANNA = {"name": "Anna@acme.example", "role": "admin", "tenant": "acme", "password": "a long password"}


async def test_a_password_is_not_repeated_where_it_is_refused(api: Api) -> None:
    answer = await api.ask("admin", "POST", "/members", {**ANNA, "password": "secret-7"})
    assert answer.status_code == 422
    assert "secret-7" not in answer.text


async def test_people_of_other_tenants_are_not_found(api: Api) -> None:
    await api.ask("admin", "POST", "/members", ANNA)
    path = "/members/anna@acme.example"
    for method in ("GET", "DELETE"):
        answer = await api.ask("foreign admin", method, path, If_Match="*")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert (await api.ask("foreign admin", "GET", "/members")).json()["items"] == []
