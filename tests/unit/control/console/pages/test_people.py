"""People and tokens: added, shown a secret once, disabled, ended."""

from __future__ import annotations

from tests.fakes.api import Api
from tests.unit.control.console.conftest import SignIn

ADD_PERSON, ADD_TOKEN = "form[action='/people/add']", "form[action='/tokens/add']"


async def test_a_person_is_added_and_its_link_is_shown_once(sign_in: SignIn) -> None:
    reader = await sign_in("anna")
    page = await reader.send(await reader.open("/people"), ADD_PERSON, name="Nina", role="support")
    [link] = page.texts("code.secret")
    assert "nina" in page.text
    assert (await reader.open("/people")).texts("code.secret") == []
    other = await sign_in(None)
    signed = await other.send(
        await other.open("/sign-in"), "form[data-link-sign-in]", secret=link.partition("#")[2]
    )
    assert (signed.status, signed.path) == (200, "/")


async def test_nobody_gives_more_than_he_may_do(sign_in: SignIn) -> None:
    reader = await sign_in("anna")
    page = await reader.send(await reader.open("/people"), ADD_PERSON, name="nina", role="operator")
    assert "operator belongs to no tenant" in page.texts(".notice-text")[0]
    page = await reader.send(await reader.open("/people"), ADD_PERSON, name="No Name!", role="support")
    assert page.texts(".notice-text")[0].startswith("A name has")


async def test_a_person_is_disabled_with_undo_and_removed_by_name(sign_in: SignIn) -> None:
    await sign_in("sam")
    reader = await sign_in("anna")
    page = await reader.open("/people")
    row = "form[action='/people/disable']:has(input[value=sam])"
    page = await reader.send(page, row)
    assert page.texts(".notice-text") == ["sam cannot sign in any more."]
    page = await reader.send(page, ".notice form")
    assert page.texts(".notice-text") == ["sam can sign in again."]
    removing = "form[action='/people/remove']:has(input[value=sam])"
    page = await reader.send(page, removing, confirmed="sam")
    assert page.texts(".notice-text")[0].startswith("sam is removed")


async def test_a_token_is_made_shown_once_and_ended(api: Api, sign_in: SignIn) -> None:
    reader = await sign_in("anna")
    page = await reader.send(await reader.open("/tokens"), ADD_TOKEN, name="crm", role="support", days="30")
    [secret] = page.texts("code.secret")
    asked = await api.client.get("/api/v1/me", headers={"Authorization": f"Bearer {secret}"})
    assert asked.json()["tenant"] == "acme"
    page = await reader.open("/tokens")
    assert page.texts("code.secret") == []
    ending = "tr:has(code):has(strong:-soup-contains('crm')) form"
    page = await reader.send(page, ending, confirmed="another")
    assert page.texts(".notice-text") == ["Nothing was ended: the name was not repeated."]
    page = await reader.send(page, ending, confirmed="crm")
    assert page.texts(".notice-text") == ["The token crm has ended."]
    asked = await api.client.get("/api/v1/me", headers={"Authorization": f"Bearer {secret}"})
    assert asked.status_code == 401


async def test_people_of_another_tenant_are_not_there(sign_in: SignIn) -> None:
    await sign_in("sam")
    fred = await sign_in("fred")
    page = await fred.open("/people")
    assert "sam" not in page.text
    csrf = str(page.one("dialog#add input[name=csrf]")["value"])
    refused = await fred.client.post("/people/disable", data={"csrf": csrf, "name": "sam"})
    assert refused.status_code == 404


async def test_what_is_no_act_changes_nobody(sign_in: SignIn, api: Api) -> None:
    otto = await sign_in("otto")
    await sign_in("sam")
    csrf = str((await otto.open("/people")).one("form[action='/sign-out'] input[name=csrf]")["value"])
    answer = await otto.client.post("/people/anything", data={"csrf": csrf, "name": "sam"})
    assert answer.status_code == 422
    sam = await api.control.context.access.user("sam")
    assert sam is not None
    assert sam.enabled
