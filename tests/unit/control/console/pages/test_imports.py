"""The import page: a preview, the import, its rows, and who may."""

from __future__ import annotations

import csv
import io

import pytest

from shared.operations.import_runs import ImportRuns
from tests.fakes.api import Api
from tests.fakes.browser import Page, Reader
from tests.unit.control.console.conftest import SignIn

PASSWORD = "canary-pass-7c11"
TABLE = (
    "name,source,username,password,target,recipient\n"
    f"new,pop3s://pop.isp.example,new@isp.example,{PASSWORD},exchange,new@acme.example\n"
    f"bad,ftp://pop.isp.example,bad@isp.example,{PASSWORD},exchange,bad@acme.example\n"
)


async def upload(reader: Reader, text: str, **fields: str) -> Page:
    form = await reader.open("/imports")
    values = {"csrf": str(form.html.select("input[name=csrf]")[0]["value"]), "format": "csv", **fields}
    sent = await reader.client.post("/imports", data=values, files={"file": ("a.csv", text.encode())})
    return await reader.open(sent.headers["Location"])


async def carry_out(api: Api) -> None:
    while await ImportRuns(api.control.context, "me").work():
        pass


async def test_a_preview_says_what_would_become_of_each_row_and_saves_nothing(
    api: Api, sign_in: SignIn
) -> None:
    reader = await sign_in("anna")
    page = await upload(reader, TABLE, preview="yes")
    assert "This is a preview" in page.text
    assert page.html.select("#import[hx-get]")
    await carry_out(api)
    page = await reader.open(page.path)
    assert page.texts("td.name-cell") == ["acme/new", "acme/bad"]
    assert "would be added" in page.text
    assert "refused" in page.text
    assert "Nothing was saved" in page.text
    assert not page.html.select("#import[hx-get]")
    assert PASSWORD not in page.response.text
    assert (await api.ask("admin", "GET", "/tenants/acme/accounts/new")).status_code == 404


async def test_an_import_saves_the_good_rows_and_the_others_can_be_shown_alone(
    api: Api, sign_in: SignIn
) -> None:
    reader = await sign_in("anna")
    page = await upload(reader, TABLE, preview="no")
    await carry_out(api)
    refused = await reader.open(f"{page.path}?status=refused")
    assert refused.texts("td.name-cell") == ["acme/bad"]
    assert "ftp" in refused.text
    assert (await api.ask("admin", "GET", "/tenants/acme/accounts/new")).status_code == 200
    table = (await reader.open(f"{page.path}/rows.csv")).response.text
    rows = [*csv.DictReader(io.StringIO(table))]
    assert [(each["account"], each["status"]) for each in rows] == [
        ("acme/new", "added"),
        ("acme/bad", "refused"),
    ]
    listed = await reader.open("/imports")
    assert len(listed.html.select("td.name-cell a")) == 1


@pytest.mark.parametrize(
    ("text", "fields", "sentence"),
    [
        ("", {}, "Choose a file"),
        (TABLE, {"format": "excel"}, "Choose what made the file"),
    ],
)
async def test_what_is_missing_is_said(
    sign_in: SignIn, text: str, fields: dict[str, str], sentence: str
) -> None:
    page = await upload(await sign_in("anna"), text, **fields)
    assert sentence in page.texts(".notice-text")[0]


async def test_an_operator_names_the_tenant(api: Api, sign_in: SignIn) -> None:
    operator = await sign_in("otto")
    assert "which tenant" in (await upload(operator, TABLE)).texts(".notice-text")[0]
    page = await upload(operator, TABLE, tenant="acme", preview="yes")
    assert page.path.startswith("/imports/acme/")


async def test_others_see_no_imports(api: Api, sign_in: SignIn) -> None:
    page = await upload(await sign_in("anna"), TABLE, preview="yes")
    assert (await (await sign_in("fred")).open(page.path)).status == 404
    for name in ("sam", "olga", "arno"):
        reader = await sign_in(name)
        assert (await reader.open("/imports")).status == 403
        assert (await reader.open(page.path)).status in {403, 404}
        assert not (await reader.open("/accounts")).html.select("a[href^='/imports']")
