"""Erasure through the API: an address is found, exported, and taken out; custody comes first."""

from __future__ import annotations

import hashlib
import json

import pytest

from shared.adapters.sql import open_store
from tests.fakes.api import Api
from tests.fakes.mail_lives import BOB, EVE, Lives

PATH = "/tenants/acme/erasures"


async def lives_of(api: Api) -> Lives:
    lives = Lives(open_store(f"sqlite://{api.database}"))
    await lives.lease()
    return lives


async def park(api: Api, lives: Lives, raw: bytes) -> str:
    writer = await api.control.context.blobs.create("blob-1")
    await writer.write(raw)
    await writer.commit(durable=False)
    mail = await lives.routed("uid 2", BOB)
    await lives.park(mail)
    return mail


async def test_an_address_is_exported_and_erased_and_the_audit_certifies_it(api: Api) -> None:
    lives = await lives_of(api)
    done = await lives.settled("uid 1")
    parked = await park(api, lives, b"To: bob@corp.example\r\n\r\nHello\r\n")
    other = await lives.routed("uid 3", EVE)
    await lives.deliver(other)
    trial = (await api.ask("admin", "POST", PATH, {"address": BOB, "dry_run": True})).json()
    assert (trial["found"], trial["erased"], trial["certificate"]) == (2, 0, None)
    export = await api.ask("admin", "GET", f"{PATH}/export?address={BOB}")
    told = [json.loads(line) for line in export.text.splitlines()]
    assert [each["id"] for each in told] == [parked, done]
    assert (told[0]["raw"] is None, told[1]["raw"] is None) == (False, True)
    first = (await api.ask("admin", "POST", PATH, {"address": BOB})).json()
    assert (first["found"], first["erased"], first["kept"], first["next"]) == (2, 1, [parked], None)
    wanted = {"address": BOB.upper(), "include_custody": True}
    second = (await api.ask("admin", "POST", PATH, wanted)).json()
    assert (second["found"], second["erased"], second["discarded"], second["blobs"]) == (1, 1, 1, 1)
    assert [each async for each in api.control.context.blobs.list_names()] == []
    assert (await api.ask("admin", "GET", f"/messages?q={BOB}")).json()["items"] == []
    assert await lives.is_sound()
    await lives.store.close()
    [entry, *_] = (await api.ask("auditor", "GET", "/audit")).json()["items"]
    assert (entry["action"], entry["object"]) == ("mail.erase", second["certificate"])
    digest = hashlib.sha256(f"acme\0{BOB}".encode()).hexdigest()
    assert (entry["after"]["address_sha256"], entry["after"]["complete"]) == (digest, True)
    assert BOB not in json.dumps(entry)


async def test_what_is_no_address_is_refused(api: Api) -> None:
    answer = await api.ask("admin", "POST", PATH, {"address": "bob"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
    assert (await api.ask("admin", "GET", f"{PATH}/export?address=bob")).status_code == 422


@pytest.mark.parametrize(("caller", "status"), [("foreign admin", 404), ("support", 403), ("owner", 403)])
async def test_others_may_not_erase(api: Api, caller: str, status: int) -> None:
    assert (await api.ask(caller, "POST", PATH, {"address": BOB})).status_code == status
    assert (await api.ask(caller, "GET", f"{PATH}/export?address={BOB}")).status_code == status
