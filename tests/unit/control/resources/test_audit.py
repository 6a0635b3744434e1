"""The audit tells who did what, to those of the tenant alone, without secrets."""

from __future__ import annotations

from tests.fakes.api import Api

ANNA = {"name": "Anna@acme.example", "role": "admin", "tenant": "acme", "password": "a long password"}


async def test_changes_are_audited_without_secrets(api: Api) -> None:
    await api.ask("admin", "POST", "/members", ANNA)
    [entry] = (await api.ask("auditor", "GET", "/audit?limit=1")).json()["items"]
    assert (entry["action"], entry["object"]) == ("member.add", "anna@acme.example")
    assert entry["who"].startswith("token:")
    assert (await api.ask("foreign admin", "GET", "/audit")).json()["items"] == []
