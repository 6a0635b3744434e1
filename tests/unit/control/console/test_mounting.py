"""Who may open which page: every page, opened by every role, about its own and about a foreign tenant."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from fastapi.routing import APIRoute, iter_route_contexts

from services.control.app import PREFIX
from services.control.callers import Needs
from shared.access import Access, Principal, access_to
from tests.fakes.api import Api
from tests.fakes.browser import PEOPLE
from tests.unit.control.console.conftest import SignIn

OPEN = {
    ("GET", "/sign-in"),
    ("POST", "/sign-in"),
    ("POST", "/sign-in/link"),
    ("POST", "/sign-out"),
    ("POST", "/preferences"),
    ("GET", "/static/{path:path}"),
    ("GET", "/oauth/callback"),
    ("GET", "/oauth/sign-in"),
    ("GET", "/connect"),
    ("POST", "/connect"),
    ("POST", "/connect/password"),
    ("GET", "/connect/test"),
    ("POST", "/connect/sign-in"),
    ("GET", "/me"),
    ("POST", "/me/password"),
    ("POST", "/me/codes"),
    ("POST", "/me/codes/confirm"),
    ("POST", "/me/codes/recovery"),
    ("POST", "/me/codes/remove"),
    ("POST", "/me/sessions/end"),
    ("POST", "/me/sessions/end-others"),
}
"""Pages for everybody. Those of a connect link ask for its secret, those of /me for a session alone."""
VALUES = {"tenant": "acme", "account": "info"}


def pages_of(api: Api) -> Iterator[tuple[str, str, Needs | None]]:
    for context in iter_route_contexts(api.app.routes):
        route, path = context.original_route, context.path or ""
        if isinstance(route, APIRoute) and not path.startswith(PREFIX):
            found = [each.call for each in route.dependant.dependencies if isinstance(each.call, Needs)]
            for method in route.methods or ():
                yield method, path, found[0] if found else None


async def test_every_page_names_the_permission_that_it_needs(api: Api) -> None:
    assert {(method, path) for method, path, needs in pages_of(api) if needs is None} == OPEN


@pytest.mark.parametrize("name", PEOPLE)
async def test_every_page_opens_for_each_role_by_the_table(api: Api, sign_in: SignIn, name: str) -> None:
    reader = await sign_in(name)
    new = PEOPLE[name]
    principal = Principal(name, new.role, new.tenant, new.accounts)
    for method, path, needs in pages_of(api):
        if needs is None or method != "GET":
            continue
        named = set(re.findall(r"{(\w+)}", path))
        tenant = "acme" if "tenant" in named else None if needs.of_service else new.tenant or ""
        account = "acme/info" if {"tenant", "account"} <= named else None
        wanted = access_to(principal, needs.permission, tenant=tenant, account=account)
        filled = re.sub(r"{(\w+)}", lambda match: VALUES.get(match[1], "none"), path)
        page = await reader.open(filled)
        told = f"{name} {path}: {page.status} {page.text[:200]}"
        if wanted is Access.ALLOWED:
            assert page.status in {200, 404, 409}, told
        else:
            assert page.status == (403 if wanted is Access.FORBIDDEN else 404), told
