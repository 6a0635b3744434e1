"""Imports through the API: what is taken, what becomes of rows, and who may see it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shared.access import Principal, Role
from shared.model.spec import Kind
from shared.operations import import_runs
from shared.operations.import_runs import BUSY, ImportRuns
from shared.operations.importing import Choices, ImportedRow, SaveResult, save
from shared.operations.imports import Imports, NewImport
from shared.operations.people import Doer, NewUser, Users
from shared.operations.permitted_objects import PermittedObjects
from shared.ports.store import IMPORT_TEXT_KIND, StoredImportRow
from tests.fakes.api import Api, open_api
from tests.fakes.clock import ManualClock

PASSWORD = "canary-pass-3b77"
HEADER = "name,source,username,password,target,recipient\n"
PATH = "/tenants/acme/imports"


def table(*names: str) -> str:
    return HEADER + "".join(
        f"{name},pop3s://pop.isp.example,{name}@isp.example,{PASSWORD},exchange,{name}@acme.example\n"
        for name in names
    )


async def begin(api: Api, text: str, caller: str = "admin", **given: object) -> str:
    answer = await api.ask(caller, "POST", PATH, {"format": "csv", "text": text, **given})
    assert (answer.status_code, answer.json()["state"]) == (202, "waiting")
    assert answer.headers["Location"] == f"/api/v1{PATH}/{answer.json()['id']}"
    return str(answer.json()["id"])


async def rows(api: Api, name: str) -> list[tuple[str, str]]:
    answer = await api.ask("admin", "GET", f"{PATH}/{name}/rows")
    return [(each["account"], each["status"]) for each in answer.json()["items"]]


async def carry_out(api: Api, name: str, holder: str = "p1") -> dict[str, object]:
    assert await ImportRuns(api.control.context, holder).work()
    found: dict[str, object] = (await api.ask("admin", "GET", f"{PATH}/{name}")).json()
    return found


async def accounts(api: Api) -> int:
    return await api.control.context.registry.store.count_specs(Kind.ACCOUNT)


async def test_accounts_are_added_as_if_each_had_been_added_alone(api: Api) -> None:
    name = await begin(api, table("info", "anna", "bert"))
    ended = await carry_out(api, name)
    assert (ended["state"], ended["total"], ended["done"]) == ("done", 3, 3)
    assert await rows(api, name) == [
        ("acme/info", "unchanged"),
        ("acme/anna", "added"),
        ("acme/bert", "added"),
    ]
    shown = (await api.ask("admin", "GET", "/tenants/acme/accounts/anna")).json()
    assert shown["settings"]["addresses"] == "public"
    assert [*shown["secrets"]] == ["password"]
    audited = (await api.ask("admin", "GET", "/audit")).json()["items"]
    assert [each["action"] for each in audited] == [
        "import.end",
        "account.add",
        "account.add",
        "import.begin",
    ]
    assert PASSWORD not in json.dumps(audited)


async def test_a_dry_run_says_what_would_be_and_saves_nothing(api: Api) -> None:
    before = await accounts(api)
    name = await begin(api, table("anna"), dry_run=True)
    assert (await carry_out(api, name))["counts"] == {"would be added": 1}
    assert await accounts(api) == before


async def test_the_limit_of_a_tenant_holds_for_imports_and_their_dry_runs(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_runs, "BATCH", 1)
    await api.ask("operator", "PATCH", "/tenants/acme", {"max_accounts": 2}, If_Match="*")
    trial = await begin(api, table("anna", "bert"), dry_run=True)
    await carry_out(api, trial)
    assert await rows(api, trial) == [("acme/anna", "would be added"), ("acme/bert", "refused")]
    name = await begin(api, table("anna", "bert"))
    await carry_out(api, name)
    assert await rows(api, name) == [("acme/anna", "added"), ("acme/bert", "refused")]


async def test_rows_that_name_files_of_the_server_are_refused_unread(api: Api, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    text = (
        "name,source,username,password_file,password_env,target,recipient\n"
        f"anna,pop3s://pop.isp.example,anna,{secret},,exchange,anna@acme.example\n"
        "bert,pop3s://pop.isp.example,bert,,HOME,exchange,bert@acme.example\n"
    )
    name = await begin(api, text, "operator")
    await carry_out(api, name)
    answer = (await api.ask("operator", "GET", f"{PATH}/{name}/rows")).json()["items"]
    assert [each["status"] for each in answer] == ["refused", "refused"]
    assert all("can be named only in a file and by command" in each["sentence"] for each in answer)
    assert "secret" not in json.dumps(answer)


async def test_rows_of_another_tenant_become_the_tenants_own(api: Api) -> None:
    text = (
        table("anna").replace("name,source", "tenant,name,source").replace("anna,pop3s", "other,anna,pop3s")
    )
    name = await begin(api, text)
    await carry_out(api, name)
    assert await rows(api, name) == [("acme/anna", "added")]


async def test_the_text_is_sealed_and_forgotten_at_the_end(api: Api) -> None:
    name = await begin(api, table("anna"))
    secrets = api.control.context.secrets
    assert await secrets.secrets_set_at(IMPORT_TEXT_KIND, [name])
    for suffix in ("", "-wal"):
        path = api.database.with_name(api.database.name + suffix)
        assert not path.exists() or PASSWORD.encode() not in path.read_bytes()
    await carry_out(api, name)
    assert not await secrets.secrets_set_at(IMPORT_TEXT_KIND, [name])


class Killed(BaseException):
    """What nothing catches, as nothing catches a kill."""


def _killed_at(account: str) -> Callable[..., StoredImportRow]:
    told = import_runs._told

    def dies(number: int, row: ImportedRow, result: SaveResult, *, is_dry_run: bool) -> StoredImportRow:
        if row.account_id == account:
            raise Killed
        return told(number, row, result, is_dry_run=is_dry_run)

    return dies


async def test_an_import_goes_on_where_another_process_was_killed(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_runs, "BATCH", 1)
    name = await begin(api, table("anna", "bert", "carl"))
    context = api.control.context
    now = context.clock.now()
    first = ImportRuns(context, "killed")
    with monkeypatch.context() as patched:
        patched.setattr(import_runs, "_told", _killed_at("acme/bert"))
        with pytest.raises(Killed):
            await first.work()
    assert not await ImportRuns(context, "second").work()
    later = ImportRuns(replace(context, clock=ManualClock(now + BUSY + 1)), "second")
    assert await later.work()
    # The second account was saved by the process that was killed before it could say so.
    assert await rows(api, name) == [
        ("acme/anna", "added"),
        ("acme/bert", "unchanged"),
        ("acme/carl", "added"),
    ]


async def _token(api: Api) -> tuple[str, str]:
    """A token of an admin of acme: its id and its secret."""
    made = await api.ask("admin", "POST", "/tokens", {"name": "ci", "role": "admin", "tenant": "acme"})
    assert made.status_code == 201, made.json()
    return made.json()["id"], made.json()["secret"]


async def test_an_import_ends_before_the_next_rows_once_its_token_is_revoked(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, secret = await _token(api)
    api = replace(api, tokens={**api.tokens, "ci": secret})
    monkeypatch.setattr(import_runs, "BATCH", 1)
    name = await begin(api, table("anna", "bert"), "ci")

    async def saves_and_is_revoked(*arguments: Any) -> Any:
        saved = await save(*arguments)
        assert (await api.ask("admin", "DELETE", f"/tokens/{token}")).status_code == 204
        return saved

    monkeypatch.setattr(import_runs, "save", saves_and_is_revoked)
    ended = await carry_out(api, name)
    assert (ended["state"], ended["done"], ended["total"]) == ("failed", 1, 2)
    assert "the token that began this import was revoked" in str(ended["problem"])
    assert await rows(api, name) == [("acme/anna", "added")]
    assert await accounts(api) == 3


@pytest.mark.parametrize(
    ("change", "problem"),
    [({"role": Role.SUPPORT}, "may not add accounts"), ({"enabled": False}, "is disabled or removed")],
)
async def test_an_import_of_a_person_who_may_not_add_any_more_adds_nothing(
    api: Api, change: Mapping[str, Any], problem: str
) -> None:
    context = api.control.context
    users = Users(context)
    await users.add(NewUser("anna", Role.ADMIN, "acme"))
    permitted = PermittedObjects(
        context, api.control.objects, Principal("anna", Role.ADMIN, "acme"), Doer("anna", "192.0.2.9")
    )
    begun = await Imports(permitted).begin("acme", NewImport("csv", table("anna"), Choices()))
    await users.change("anna", None, **change)
    ended = await carry_out(api, begun.stored.id)
    assert (ended["state"], ended["done"]) == ("failed", 0)
    assert problem in str(ended["problem"])
    assert await accounts(api) == 2


async def test_a_file_that_is_not_in_its_form_fails_with_its_line(api: Api) -> None:
    name = await begin(api, "no table\n")
    ended = await carry_out(api, name)
    assert (ended["state"], ended["done"]) == ("failed", 0)
    assert str(ended["problem"]).startswith("line 1: ")


async def test_an_import_is_seen_by_its_tenant_alone_and_by_those_who_may_add(api: Api) -> None:
    name = await begin(api, table("anna"))
    for caller, status in (("foreign admin", 404), ("support", 403), ("owner", 403), ("operator", 200)):
        assert (await api.ask(caller, "GET", f"{PATH}/{name}")).status_code == status
    assert (await api.ask("foreign admin", "GET", f"/tenants/other/imports/{name}")).status_code == 404
    assert (await api.ask("foreign admin", "GET", f"/tenants/other/imports/{name}/rows")).status_code == 404
    listed = (await api.ask("admin", "GET", PATH)).json()["items"]
    assert [each["id"] for each in listed] == [name]


async def test_too_many_imports_and_too_large_ones_are_refused(api: Api) -> None:
    for _ in range(3):
        await begin(api, table("anna"))
    answer = await api.ask("admin", "POST", PATH, {"format": "csv", "text": table("anna")})
    assert (answer.status_code, answer.json()["code"]) == (409, "limit_reached")
    answer = await api.ask("admin", "POST", PATH, {"format": "csv", "text": "x" * 4_000_001})
    assert answer.status_code == 422
    answer = await api.ask("admin", "POST", PATH, {"format": "csv", "text": "x" * (4 << 20)})
    assert answer.status_code == 413


async def test_a_row_names_no_app_that_opens_mailboxes_without_consent(tmp_path: Path) -> None:
    app = {
        "name": "for-all",
        "provider": "microsoft",
        "client_id": "id",
        "flow": "client-credentials",
        "directory": "acme.com",
        "client_secret": "s",
    }
    text = (
        "name,source,username,auth,oauth_app,target,recipient\n"
        "boss,imaps://outlook.office365.com,boss@other.example,oauth,for-all,exchange,boss@acme.example\n"
    )
    async with open_api(tmp_path, apps=[app]) as api:
        for is_dry_run in (True, False):
            name = await begin(api, text, dry_run=is_dry_run)
            await carry_out(api, name)
            [row] = (await api.ask("admin", "GET", f"{PATH}/{name}/rows")).json()["items"]
            assert (row["status"], "only an operator" in row["sentence"]) == ("refused", True), row[
                "sentence"
            ]
        assert await accounts(api) == 2
