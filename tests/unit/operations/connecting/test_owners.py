"""The owner of a mailbox opens a link, gives the password, and it is kept only if the login works."""

from __future__ import annotations

import asyncio
from typing import Any

from shared.model.spec import Kind
from shared.operations.connecting.owners import MOST_TRIES
from tests.fakes.api import SETTINGS, Api
from tests.fakes.login_tests import ended
from tests.fakes.sources import FakeSource
from tests.unit.operations.connecting.conftest import RIGHT

LINKS = "/tenants/acme/connect-links"
INFO = "/tenants/acme/accounts/info"
NEW = {key: value for key, value in SETTINGS.items() if key != "password"} | {"name": "new"}


async def link(api: Api, **wanted: object) -> str:
    made = await api.ask("admin", "POST", LINKS, wanted or {"account": "info"})
    assert made.status_code == 201, made.text
    return str(made.json()["secret"])


async def tried(api: Api, secret: str, password: str) -> dict[str, Any]:
    begun = await api.ask(None, "POST", "/connect/password", {"secret": secret, "password": password})
    assert begun.status_code == 202, begun.text
    return await ended(api, f"/connect/tests/{begun.json()['id']}")


async def test_a_link_says_what_it_is_for_as_often_as_it_is_opened(api: Api) -> None:
    secret = await link(api)
    for _ in range(2):
        shown = (await api.ask(None, "POST", "/connect/open", {"secret": secret})).json()
        assert (shown["username"], shown["server"], shown["way"]) == ("info", "127.0.0.1", "password")
    [listed] = (await api.ask("admin", "GET", LINKS)).json()["items"]
    assert listed["opened_at"] is not None


async def test_a_right_password_is_kept_and_uses_the_link_up(api: Api, source: FakeSource) -> None:
    secret = await link(api)
    told = await tried(api, secret, RIGHT)
    assert (told["ok"], [each["state"] for each in told["steps"]]) == (True, ["done"] * 8)
    again = await api.ask(None, "POST", "/connect/password", {"secret": secret, "password": RIGHT})
    assert again.json()["code"] == "link_unusable"
    begun = await api.ask("operator", "POST", "/login-tests", {"account": "acme/info"})
    assert (await ended(api, f"/login-tests/{begun.json()['id']}", "operator"))["ok"]
    assert source.logins[-1].login.password.get_secret_value() == RIGHT
    audit = (await api.ask("auditor", "GET", "/audit?limit=1")).json()["items"]
    assert [(each["action"], each["address"]) for each in audit] == [("connect_link.use", "192.0.2.9")]


async def test_a_wrong_password_is_not_kept_and_leaves_the_link_open(api: Api) -> None:
    secret, before = await link(api), (await api.ask("admin", "GET", INFO)).json()["revision"]
    told = await tried(api, secret, "wrong")
    assert (told["ok"], told["step"]) == (False, "credentials")
    assert (await api.ask("admin", "GET", INFO)).json()["revision"] == before
    assert (await tried(api, secret, RIGHT))["ok"]


async def test_of_two_at_once_one_connects_the_mailbox(api: Api, source: FakeSource) -> None:
    source.secrets = frozenset({"one", "two"})
    secret = await link(api)
    results = await asyncio.gather(*(tried(api, secret, password) for password in ("one", "two")))
    assert sorted(each["ok"] for each in results) == [False, True]
    [lost] = [each for each in results if not each["ok"]]
    assert lost["sentence"] == "this link was used before or has expired; ask for a new one"


async def test_logins_by_one_link_are_limited(api: Api) -> None:
    secret = await link(api)
    for _ in range(MOST_TRIES):
        assert not (await tried(api, secret, "wrong"))["ok"]
    more = await api.ask(None, "POST", "/connect/password", {"secret": secret, "password": RIGHT})
    assert (more.status_code, more.json()["code"]) == (409, "link_exhausted")


async def test_a_new_account_is_added_when_its_owner_has_connected_it(api: Api) -> None:
    secret = await link(api, settings=NEW)
    path = "/tenants/acme/accounts/new"
    assert (await api.ask("admin", "GET", path)).status_code == 404
    assert (await tried(api, secret, RIGHT))["ok"]
    added = (await api.ask("admin", "GET", path)).json()
    assert (added["state"], list(added["secrets"])) == ("enabled", ["password"])
    assert added["settings"]["addresses"] == "public"


async def test_a_name_that_was_taken_meanwhile_is_told(api: Api) -> None:
    secret = await link(api, settings=NEW)
    await api.ask("admin", "POST", "/tenants/acme/accounts", {**NEW, "password": "x"})
    told = await tried(api, secret, RIGHT)
    assert (told["ok"], "already" in told["sentence"]) == (False, True)


async def test_a_link_of_a_removed_account_says_so(api: Api) -> None:
    secret = await link(api)
    await api.control.objects.remove(Kind.ACCOUNT, "acme/info")
    answer = await api.ask(None, "POST", "/connect/open", {"secret": secret})
    assert answer.status_code == 404


async def test_a_wrong_secret_opens_nothing(api: Api) -> None:
    for secret in ("", "x", "A" * 43):
        answer = await api.ask(None, "POST", "/connect/open", {"secret": secret})
        assert (answer.status_code, answer.json()["code"]) == (401, "link_unusable")


async def test_other_login_tests_are_not_shown_to_owners_of_links(api: Api) -> None:
    begun = (await api.ask("admin", "POST", "/login-tests", {"account": "acme/info"})).json()
    assert (await api.ask(None, "GET", f"/connect/tests/{begun['id']}")).status_code == 404
