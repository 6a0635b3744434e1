"""Who may what: every route, asked by every role, about its own and about a foreign tenant."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from fastapi.routing import APIRoute, iter_route_contexts

from services.control.app import PREFIX
from services.control.callers import Needs
from shared.access import Access, Permission, access_to
from shared.access.roles import Principal
from tests.fakes.api import CALLERS, Api

OPEN = {
    ("GET", "/me"),
    ("POST", "/sessions"),
    ("POST", "/sessions/by-link"),
    ("DELETE", "/sessions/current"),
    ("GET", "/providers"),
    ("POST", "/me/password"),
    ("GET", "/me/codes"),
    ("POST", "/me/codes"),
    ("POST", "/me/codes/confirm"),
    ("POST", "/me/codes/recovery"),
    ("POST", "/me/codes/remove"),
    ("GET", "/me/sessions"),
    ("DELETE", "/me/sessions"),
    ("DELETE", "/me/sessions/{session}"),
    ("POST", "/connect/open"),
    ("POST", "/connect/password"),
    ("POST", "/connect/sign-in"),
    ("GET", "/connect/tests/{test}"),
}
"""Routes for everybody who is signed in, signs in, or has a link."""
VALUES = {"tenant": "acme", "account": "info", "target": "none", "user": "none", "token": "none"}


def needs_of(api: Api) -> Iterator[tuple[str, str, Needs | None]]:
    for context in iter_route_contexts(api.app.routes):
        route = context.original_route
        if isinstance(route, APIRoute) and (context.path or "").startswith(PREFIX):
            found = [each.call for each in route.dependant.dependencies if isinstance(each.call, Needs)]
            for method in route.methods or ():
                yield method, (context.path or "").removeprefix(PREFIX), found[0] if found else None


def principal(name: str) -> Principal:
    new = CALLERS[name]
    return Principal(name, new.role, new.tenant, new.accounts, new.scope, "id")


async def test_every_route_names_the_permission_that_it_needs(api: Api) -> None:
    routes = [*needs_of(api)]
    assert len(routes) > 40
    assert {(method, path) for method, path, needs in routes if needs is None} == OPEN


@pytest.mark.parametrize("caller", CALLERS)
async def test_every_route_answers_each_role_by_the_table(api: Api, caller: str) -> None:
    who = principal(caller)
    api.control.streams.are_ending = True  # a stream ends after its first look
    for method, path, needs in needs_of(api):
        if needs is None:
            continue
        named = set(re.findall(r"{(\w+)}", path))
        tenant = "acme" if "tenant" in named else None if needs.of_service else who.tenant or ""
        account = "acme/info" if "account" in named and "tenant" in named else None
        wanted = access_to(who, needs.permission, tenant=tenant, account=account)
        filled = re.sub(r"{(\w+)}", lambda match: VALUES.get(match[1], "none"), path)
        answer = await api.ask(caller, method, filled, {} if method in {"POST", "PATCH"} else None)
        code = answer.json()["code"] if answer.status_code >= 400 else ""
        told = f"{caller} {method} {path}: {answer.status_code} {code}"
        if wanted is Access.FORBIDDEN:
            assert (answer.status_code, code) == (403, "not_permitted"), told
        elif wanted is Access.HIDDEN:
            assert (answer.status_code, code) == (404, "not_found"), told
        else:
            assert code not in {"not_permitted", "not_signed_in"}, told
            assert answer.status_code < 500, told


@pytest.mark.parametrize("path", ["/tenants/other/accounts/info", "/tenants/none/accounts/info"])
@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
async def test_a_foreign_object_is_answered_like_one_that_does_not_exist(
    api: Api, method: str, path: str
) -> None:
    """Nothing is looked up before, so both answers take as long."""
    asked: list[object] = []
    store = api.control.context.registry.store
    original = type(store).specs
    body: dict[str, str] | None = {} if method == "PATCH" else None

    async def counted(self: object, *arguments: object) -> object:
        asked.append(arguments)
        return await original(self, *arguments)  # type: ignore[arg-type] # passed on as they are

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(store), "specs", counted)
        answer = await api.ask("admin", method, path, body, If_Match="*")
    assert (answer.status_code, asked) == (404, [])
    missing = await api.ask("admin", "GET", "/tenants/acme/accounts/none")
    assert answer.json() == missing.json()


@pytest.mark.parametrize("secret", ["", "mf_", "mf_" + "A" * 43, "mf_" + "A" * 5000, "x" * 46])
async def test_a_wrong_token_is_refused(api: Api, secret: str) -> None:
    path = PREFIX + "/tenants"
    answer = await api.client.get(path, headers={"Authorization": f"Bearer {secret}"})
    assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_a_scope_narrows_a_token(api: Api) -> None:
    new = {"name": "reader", "role": "admin", "tenant": "acme", "scope": ["accounts.read"]}
    made = (await api.ask("admin", "POST", "/tokens", new)).json()
    head = {"Authorization": f"Bearer {made['secret']}"}
    accounts = await api.client.get(f"{PREFIX}/tenants/acme/accounts", headers=head)
    assert accounts.status_code == 200
    assert (await api.client.get(f"{PREFIX}/audit", headers=head)).status_code == 403
    await api.ask("admin", "DELETE", f"/tokens/{made['id']}")
    again = await api.client.get(f"{PREFIX}/tenants/acme/accounts", headers=head)
    assert again.status_code == 401


@pytest.mark.parametrize(
    "new",
    [
        {"name": "x", "role": "operator"},
        {"name": "x", "role": "admin", "tenant": "other"},
        {"name": "x", "role": "support"},
        {"name": "x", "role": "owner", "tenant": "acme", "accounts": ["other/info"]},
    ],
)
async def test_nobody_gives_more_than_he_has(api: Api, new: dict[str, object]) -> None:
    for path in ("/tokens", "/members"):
        answer = await api.ask("admin", "POST", path, new)
        assert (answer.status_code, answer.json()["code"]) == (403, "grant_refused")


async def test_an_owner_changes_his_password_and_not_the_recipient(api: Api) -> None:
    path = "/tenants/acme/accounts/info"
    changed = await api.ask("owner", "PATCH", path, {"password": "another"}, If_Match="*")
    assert changed.status_code == 200
    refused = await api.ask("owner", "PATCH", path, {"recipient": "me@evil.example"}, If_Match="*")
    assert refused.json()["code"] == "grant_refused"
    listed = (await api.ask("owner", "GET", "/tenants/acme/accounts")).json()["items"]
    assert [each["id"] for each in listed] == ["acme/info"]


async def test_only_an_operator_says_which_networks_are_reached(api: Api) -> None:
    path, keys = "/tenants/acme/accounts/info", {"addresses": "any"}
    refused = await api.ask("admin", "PATCH", path, keys, If_Match="*")
    assert refused.json()["code"] == "grant_refused"
    assert (await api.ask("operator", "PATCH", path, keys, If_Match="*")).status_code == 200


async def test_the_rate_of_a_token_is_limited(api: Api) -> None:
    head = {"Authorization": "Bearer mf_wrong"}
    answers = [await api.client.get(f"{PREFIX}/me", headers=head) for _ in range(200)]
    answer = next(each for each in answers if each.status_code == 429)
    assert answer.json()["code"] == "too_many_requests"
    assert int(answer.headers["Retry-After"]) >= 1


def test_the_table_gives_nobody_but_operators_what_belongs_to_the_service() -> None:
    admin = principal("admin")
    assert access_to(admin, Permission.SERVICE_READ, tenant=None) is Access.FORBIDDEN
    assert access_to(admin, Permission.TARGETS_WRITE, tenant=None) is Access.FORBIDDEN
    assert access_to(admin, Permission.TARGETS_WRITE, tenant="acme") is Access.ALLOWED
