"""Links for the owners of mailboxes: who may make, see and revoke them."""

from __future__ import annotations

from tests.fakes.api import SETTINGS, Api

LINKS = "/tenants/acme/connect-links"
NEW = {key: value for key, value in SETTINGS.items() if key != "password"} | {"name": "new"}


async def test_a_link_is_shown_with_its_secret_once(api: Api) -> None:
    answer = await api.ask("admin", "POST", LINKS, {"account": "info"})
    made = answer.json()
    assert answer.status_code == 201
    assert made["url"] == f"https://ferry.example/connect#{made['secret']}"
    shown = (await api.ask("owner", "GET", f"{LINKS}/{made['id']}")).json()
    assert (shown["account"], shown["status"], shown["is_new"]) == ("acme/info", "open", False)
    assert made["secret"] not in str(shown)
    assert made["secret"].encode() not in api.database.read_bytes()
    audit = (await api.ask("auditor", "GET", "/audit?limit=1")).json()["items"]
    assert [each["action"] for each in audit] == ["connect_link.create"]


async def test_links_are_for_those_who_may_change_the_source(api: Api) -> None:
    made = (await api.ask("admin", "POST", LINKS, {"account": "info"})).json()
    for caller, code in {"support": "not_permitted", "foreign admin": "not_found"}.items():
        for method, path in (("POST", LINKS), ("GET", LINKS), ("DELETE", f"{LINKS}/{made['id']}")):
            body = {"account": "info"} if method == "POST" else None
            assert (await api.ask(caller, method, path, body)).json()["code"] == code
    elsewhere = f"/tenants/other/connect-links/{made['id']}"
    assert (await api.ask("operator", "GET", elsewhere)).status_code == 404


async def test_an_owner_sees_and_makes_links_of_own_accounts_alone(api: Api) -> None:
    await api.ask("admin", "POST", LINKS, {"settings": NEW})
    mine = await api.ask("owner", "POST", LINKS, {"account": "info"})
    assert mine.status_code == 201
    listed = (await api.ask("owner", "GET", LINKS)).json()["items"]
    assert [each["id"] for each in listed] == [mine.json()["id"]]
    assert (await api.ask("owner", "POST", LINKS, {"account": "other"})).status_code == 404
    assert (await api.ask("owner", "POST", LINKS, {"settings": NEW})).status_code == 403
    assert len((await api.ask("admin", "GET", f"{LINKS}?limit=1")).json()["items"]) == 1
    assert len((await api.ask("admin", "GET", f"{LINKS}?account=info")).json()["items"]) == 1


async def test_a_revoked_link_opens_nothing(api: Api) -> None:
    made = (await api.ask("admin", "POST", LINKS, {"account": "info"})).json()
    path = f"{LINKS}/{made['id']}"
    assert (await api.ask("admin", "DELETE", path)).status_code == 204
    again = await api.ask("admin", "DELETE", path)
    assert again.json()["detail"] == "the link is revoked already"
    opened = await api.ask(None, "POST", "/connect/open", {"secret": made["secret"]})
    assert (opened.status_code, opened.json()["code"]) == (401, "link_unusable")


async def test_what_is_wrong_with_a_new_account_is_told_to_who_makes_the_link(api: Api) -> None:
    for wrong, status, told in (
        ({**NEW, "target": "none"}, 422, "none"),
        ({**NEW, "name": "info"}, 409, "already"),
        ({**NEW, "password": "x"}, 409, "leave it out"),
        ({**NEW, "password_file": "/etc/passwd"}, 422, "password_file"),
        ({**NEW, "auth": "oauth", "oauth_app": "none"}, 422, "There is no OAuth app"),
    ):
        answer = await api.ask("admin", "POST", LINKS, {"settings": wrong})
        assert (answer.status_code, told in answer.text) == (status, True), answer.text
    assert (await api.ask("admin", "POST", LINKS, {"account": "none"})).status_code == 404
    assert (await api.ask("admin", "POST", LINKS, {})).status_code == 422
