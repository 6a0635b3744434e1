"""Objects that people of a tenant add, or whose server they change, connect to no private network."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.api import SETTINGS, TARGET, Api, open_api

INFO = "/tenants/acme/accounts/info"
ANY = {"If_Match": "*"}


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with open_api(tmp_path) as made:
        yield made


async def addresses(api: Api, path: str) -> Any:
    return (await api.ask("operator", "GET", path)).json()["settings"].get("addresses")


async def test_what_people_of_a_tenant_add_is_kept_to_public_addresses(api: Api) -> None:
    await api.ask("admin", "POST", "/tenants/acme/accounts", {**SETTINGS, "name": "new"})
    await api.ask("admin", "POST", "/tenants/acme/targets", {**TARGET, "name": "own"})
    await api.ask("operator", "POST", "/tenants/acme/targets", {**TARGET, "name": "theirs"})
    assert await addresses(api, "/tenants/acme/accounts/new") == "public"
    assert await addresses(api, "/tenants/acme/targets/own") == "public"
    assert await addresses(api, "/tenants/acme/targets/theirs") is None


async def test_a_changed_server_is_kept_to_public_addresses_and_other_keys_change_nothing(api: Api) -> None:
    await api.ask("operator", "PATCH", INFO, {"addresses": "any"}, **ANY)
    await api.ask("admin", "PATCH", INFO, {"poll": "5m"}, **ANY)
    assert await addresses(api, INFO) == "any"
    moved = {"source": "pop3://10.0.0.1", "password": "x"}
    for caller in ("owner", "admin"):
        assert (await api.ask(caller, "PATCH", INFO, moved, **ANY)).status_code == 200
        assert await addresses(api, INFO) == "public"
    refused = await api.ask("admin", "PATCH", INFO, {"addresses": None}, **ANY)
    assert refused.json()["code"] == "grant_refused"


async def test_a_trusted_tenant_names_servers_in_private_networks(api: Api) -> None:
    tenant = "/tenants/acme"
    assert (await api.ask("admin", "PATCH", tenant, {"trusted": True}, **ANY)).status_code == 403
    await api.ask("operator", "PATCH", tenant, {"trusted": True}, **ANY)
    await api.ask("admin", "POST", "/tenants/acme/accounts", {**SETTINGS, "name": "new"})
    assert await addresses(api, "/tenants/acme/accounts/new") is None
