"""Login tests of settings that are not saved: what they show, what they keep, and who may begin them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from shared.model.spec import Kind, Manager
from shared.operations.login_runs import GONE, LONGEST, MOST_OF_TENANT
from shared.operations.objects import Actor
from shared.ports.store import StoredLoginTest
from tests.fakes.api import SETTINGS, Api, open_api
from tests.fakes.login_tests import ended
from tests.fakes.sources import FakeSource

RIGHT = "the right password"
MAILS = {
    "1": b"Message-ID: <1@x.example>\r\nDelivered-To: bob@acme.example\r\nTo: all@lists.example\r\n\r\n",
    "2": b"Message-ID: <2@x.example>\r\nTo: eve@acme.example\r\n\r\n",
}
DRAFT = {"source": "pop3://127.0.0.1", "tls": "off", "username": "all@acme.example", "password": RIGHT}
CATCH_ALL = {**DRAFT, "mailbox": "catch-all", "domains": {"acme.example": "keep"}}


@pytest.fixture
def source() -> FakeSource:
    return FakeSource(RIGHT, mails=MAILS)


@pytest.fixture
async def api(tmp_path: Path, source: FakeSource) -> AsyncIterator[Api]:
    async with open_api(tmp_path, source.open) as made:
        yield made


async def tried(api: Api, caller: str, **wanted: Any) -> dict[str, Any]:
    begun = await api.ask(caller, "POST", "/login-tests", wanted)
    assert begun.status_code == 202, begun.text
    assert not begun.json()["done"]
    return await ended(api, f"/login-tests/{begun.json()['id']}", caller)


async def test_a_server_and_a_login_are_tried_before_anything_else_is_known(api: Api) -> None:
    told = await tried(api, "admin", tenant="acme", settings=DRAFT)
    assert (told["ok"], told["account"], told["mailbox"]) == (True, "", None)
    wrong = await tried(api, "admin", tenant="acme", settings={**DRAFT, "password": "wrong"})
    states = {each["name"]: each["state"] for each in wrong["steps"]}
    assert (wrong["ok"], states["TLS"], states["credentials"]) == (False, "done", "failed")
    accounts = (await api.ask("admin", "GET", "/tenants/acme/accounts")).json()["items"]
    assert [each["name"] for each in accounts] == ["info"]


async def test_it_is_shown_who_would_get_the_mails_of_a_catch_all_mailbox(api: Api) -> None:
    told = await tried(api, "admin", tenant="acme", settings=CATCH_ALL, mails=10)
    mailbox = told["mailbox"]
    assert (mailbox["seen"], mailbox["total"]) == (2, 2)
    shown = {
        each["uid"]: (each["field"], [to["address"] for to in each["recipients"]])
        for each in mailbox["mails"]
    }
    assert shown == {"1": ("Delivered-To", ["bob@acme.example"]), "2": ("To", ["eve@acme.example"])}


async def test_a_password_of_a_draft_is_kept_nowhere(api: Api) -> None:
    await tried(api, "admin", tenant="acme", settings={**DRAFT, "password": "canary-draft-7f2"})
    for file in api.database.parent.glob(f"{api.database.name}*"):
        assert b"canary-draft-7f2" not in file.read_bytes()


async def test_a_changed_account_is_tried_with_the_kept_password_at_its_own_server_alone(
    api: Api, source: FakeSource
) -> None:
    source.secrets = frozenset({SETTINGS["password"]})
    assert (await tried(api, "admin", account="acme/info", settings={"username": "sales"}))["ok"]
    assert source.logins[-1].login.username == "sales"
    elsewhere = {"account": "acme/info", "settings": {"source": "pop3://thief.example"}}
    refused = await api.ask("admin", "POST", "/login-tests", elsewhere)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "password")
    target = {"account": "acme/info", "settings": {"target": "other"}}
    assert (await api.ask("owner", "POST", "/login-tests", target)).json()["code"] == "grant_refused"


async def test_headers_behind_a_kept_password_are_for_those_who_may_read_mail(
    api: Api, source: FakeSource
) -> None:
    source.secrets = frozenset({SETTINGS["password"], RIGHT})
    for caller in ("owner", "support"):
        answer = await api.ask(caller, "POST", "/login-tests", {"account": "acme/info", "mails": 5})
        assert (answer.status_code, answer.json()["code"]) == (403, "not_permitted")
    own = await tried(api, "owner", account="acme/info", settings={"password": RIGHT}, mails=5)
    assert own["mailbox"]["total"] == 2
    assert (await tried(api, "admin", account="acme/info", mails=5))["mailbox"]["total"] == 2
    audit = (await api.ask("auditor", "GET", "/audit?limit=1")).json()["items"]
    assert [(each["action"], each["object"]) for each in audit] == [("account.explain", "acme/info")]


async def test_tests_of_drafts_are_for_who_may_add_accounts_and_shown_to_whoever_began_them(api: Api) -> None:
    body = {"tenant": "acme", "settings": DRAFT}
    for caller, status in {"support": 403, "owner": 403, "auditor": 403, "foreign admin": 404}.items():
        assert (await api.ask(caller, "POST", "/login-tests", body)).status_code == status
    begun = (await api.ask("operator", "POST", "/login-tests", body)).json()
    assert (await api.ask("admin", "GET", f"/login-tests/{begun['id']}")).status_code == 404
    assert (await ended(api, f"/login-tests/{begun['id']}", "operator"))["ok"]


async def test_people_of_a_tenant_reach_no_private_network_unless_it_is_trusted(
    api: Api, source: FakeSource
) -> None:
    for caller in ("admin", "operator"):
        await tried(api, caller, tenant="acme", settings=DRAFT)
    await api.control.objects.change(Kind.TENANT, "acme", {"trusted": True}, Actor(Manager.API, "test"))
    await tried(api, "admin", tenant="acme", settings=DRAFT)
    kept = [each.endpoint.addresses.public_only for each in source.logins]
    assert kept == [True, False, False]


async def test_what_is_wrong_with_the_settings_is_told_by_key(api: Api) -> None:
    for settings, key in (
        ({**DRAFT, "source": "gopher://x"}, "source"),
        ({"source": DRAFT["source"], "username": "x"}, "password"),
        ({**DRAFT, "password_file": "/etc/passwd"}, "password_file"),
    ):
        answer = await api.ask("admin", "POST", "/login-tests", {"tenant": "acme", "settings": settings})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, key)
    policy = {"tenant": "acme", "settings": {**DRAFT, "addresses": "any"}}
    assert (await api.ask("admin", "POST", "/login-tests", policy)).json()["code"] == "grant_refused"
    both = {"tenant": "acme", "account": "acme/info", "settings": DRAFT}
    assert (await api.ask("admin", "POST", "/login-tests", both)).status_code == 422


async def test_tests_of_another_process_are_shown_and_end_with_it(api: Api) -> None:
    context = api.control.context
    report: dict[str, Any] = {
        "ok": None,
        "sentence": "",
        "step": None,
        "advice": None,
        "steps": [{"name": "name", "state": "running"}],
        "details": {},
        "mailbox": None,
    }
    now = context.clock.now()
    alive = StoredLoginTest("a1", "acme", "acme/info", "", "x", now, report)
    dead = StoredLoginTest("d1", "acme", "acme/info", "", "x", now - LONGEST - 1, report)
    for each in (dead, alive):
        await context.onboarding.add_login_test(each, MOST_OF_TENANT, 0.0)
    shown = (await api.ask("owner", "GET", "/login-tests/a1")).json()
    assert (shown["done"], shown["steps"]) == (False, [{"name": "name", "state": "running"}])
    shown = (await api.ask("owner", "GET", "/login-tests/d1")).json()
    assert (shown["done"], shown["sentence"]) == (True, GONE)


async def test_a_tenant_has_a_limited_number_of_tests_under_way(api: Api) -> None:
    context, now = api.control.context, api.control.context.clock.now()
    for number in range(MOST_OF_TENANT):
        waiting = StoredLoginTest(f"w{number}", "acme", "acme/info", "", "x", now, {})
        assert await context.onboarding.add_login_test(waiting, MOST_OF_TENANT, 0.0)
    answer = await api.ask("admin", "POST", "/login-tests", {"account": "acme/info"})
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert (await tried(api, "foreign admin", account="other/info"))["done"]
