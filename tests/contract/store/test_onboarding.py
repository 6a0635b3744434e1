"""What the store promises about connect links, sign-ins in a browser, login tests and imports."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from shared.adapters.sql.access.connecting import KEPT
from shared.adapters.sql.access.imports import KEPT as IMPORT_KEPT
from shared.adapters.sql.access.login_tests import KEPT as TEST_KEPT
from shared.adapters.sql.store import SqlStore
from shared.model.sealed import Sealed, SecretName
from shared.model.spec import Kind, Manager
from shared.ports.store import (
    ABSENT,
    IMPORT_TEXT_KIND,
    Authorization,
    ConnectLink,
    ImportPart,
    NewGrant,
    RevisionConflict,
    SealedSecret,
    SpecChange,
    StoredImport,
    StoredImportRow,
    StoredLoginTest,
    TenantFull,
)
from shared.ports.store.oauth import GrantLease, Renewal, SealedTokens

LINK = ConnectLink("l1", "digest", "acme/info", None, "otto", 100.0, 200.0)
GRANT = NewGrant(
    "account:acme/info",
    "app",
    "info@acme.example",
    Renewal(
        GrantLease("account:acme/info", 0),
        SealedTokens(Sealed("k", b"a"), Sealed("k", b"r")),
        "mail",
        150.0,
        3750.0,
        2700.0,
    ),
)
BEGUN = Authorization("state", "link", "l1", "link:l1", 100.0, 1000.0, Sealed("k", b"v"))
TEST = StoredLoginTest("t1", "acme", "acme/info", "", "otto", 100.0, {"ok": None})


def account(name: str, *, most: int | None = None, expected: int = ABSENT) -> SpecChange:
    return SpecChange(
        Kind.ACCOUNT,
        f"acme/{name}",
        "acme",
        {"name": name},
        True,
        Manager.API,
        "otto",
        expected,
        most_in_tenant=most,
    )


async def test_a_link_is_read_as_it_was_written(store: SqlStore) -> None:
    new = replace(LINK, id="l2", digest="other", account="acme/new", keys={"name": "ü"}, created_at=101.0)
    for link in (LINK, new):
        await store.onboarding.add_connect_link(link)
    assert await store.onboarding.connect_link("digest") == LINK
    assert await store.onboarding.connect_link("none") is None
    assert await store.onboarding.connect_link_by_id("l2") == new
    assert await store.onboarding.connect_links("acme", None, "", 10) == [new, LINK]
    assert await store.onboarding.connect_links("acme", None, "l2", 10) == [LINK]
    assert await store.onboarding.connect_links("acme", ["acme/new"], "", 10) == [new]
    assert await store.onboarding.connect_links("other", None, "", 10) == []


async def test_a_link_is_used_by_one_of_many(store: SqlStore) -> None:
    await store.onboarding.add_connect_link(LINK)
    uses = [store.onboarding.use_connect_link("l1", 150.0, [account(f"a{n}")], GRANT) for n in range(8)]
    assert sorted(await asyncio.gather(*uses)) == [False] * 7 + [True]
    assert await store.registry.count_specs(Kind.ACCOUNT) == 1
    stored = await store.oauth.grant(GRANT.id)
    assert stored is not None
    assert stored.refresh == Sealed("k", b"r")
    found = await store.onboarding.connect_link_by_id("l1")
    assert found is not None
    assert (found.used_at, found.is_open(150.0)) == (150.0, False)


async def test_a_link_stays_open_where_nothing_could_be_written(store: SqlStore) -> None:
    await store.onboarding.add_connect_link(LINK)
    with pytest.raises(RevisionConflict):
        await store.onboarding.use_connect_link("l1", 150.0, [account("info", expected=7)])
    assert await store.onboarding.connect_link("digest") == LINK
    assert await store.onboarding.use_connect_link("l1", 150.0, [])


async def test_a_link_that_was_revoked_or_has_expired_is_not_used(store: SqlStore) -> None:
    await store.onboarding.add_connect_link(LINK)
    assert not await store.onboarding.use_connect_link("l1", LINK.expires_at, [])
    assert await store.onboarding.revoke_connect_link("l1", 150.0)
    assert not await store.onboarding.revoke_connect_link("l1", 151.0)
    assert not await store.onboarding.use_connect_link("l1", 152.0, [])
    assert not await store.onboarding.count_link_try("l1", 10, 152.0)
    later = LINK.expires_at + KEPT + 1
    await store.onboarding.add_connect_link(
        replace(LINK, id="l2", digest="d2", created_at=later, expires_at=later)
    )
    assert await store.onboarding.connect_link_by_id("l1") is None


async def test_tries_by_a_link_are_counted_up_to_a_limit(store: SqlStore) -> None:
    await store.onboarding.add_connect_link(LINK)
    tries = [await store.onboarding.count_link_try("l1", 2, 150.0) for _ in range(3)]
    assert tries == [True, True, False]
    await store.onboarding.note_link_opened("l1", 150.0)
    await store.onboarding.note_link_opened("l1", 160.0)
    assert await store.onboarding.connect_link("digest") == replace(LINK, tries=2, opened_at=150.0)


async def test_a_sign_in_comes_back_once_and_in_time(store: SqlStore) -> None:
    await store.onboarding.add_authorization(BEGUN)
    taken = await asyncio.gather(*(store.onboarding.take_authorization("state", 200.0) for _ in range(8)))
    assert [each for each in taken if each is not None] == [BEGUN]
    await store.onboarding.add_authorization(BEGUN)
    assert await store.onboarding.take_authorization("state", BEGUN.expires_at) is None
    await store.onboarding.add_authorization(BEGUN)
    await store.onboarding.add_authorization(replace(BEGUN, digest="s2", created_at=1001.0))
    assert await store.onboarding.take_authorization("state", 200.0) is None


async def test_login_tests_of_a_tenant_are_limited_while_they_are_under_way(store: SqlStore) -> None:
    onboarding = store.onboarding
    assert await onboarding.add_login_test(TEST, 1, 0.0)
    assert not await onboarding.add_login_test(replace(TEST, id="t2"), 1, 0.0)
    assert await onboarding.add_login_test(replace(TEST, id="t3", tenant="other"), 1, 0.0)
    assert await onboarding.add_login_test(replace(TEST, id="t4", begun_at=300.0), 1, 120.0)
    await onboarding.write_login_test("t4", {"ok": True, "said": "a \0 b"}, is_done=True)
    told = await onboarding.login_test("t4")
    assert told == replace(TEST, id="t4", begun_at=300.0, report={"ok": True, "said": "a \0 b"}, is_done=True)
    assert await onboarding.add_login_test(replace(TEST, id="t5", begun_at=301.0), 1, 120.0)
    await onboarding.add_login_test(replace(TEST, id="t6", begun_at=300.0 + TEST_KEPT), 1, 9e9)
    assert await onboarding.login_test("t1") is None


async def test_two_at_once_do_not_exceed_the_accounts_of_a_tenant(store: SqlStore) -> None:
    await store.registry.save_specs([account("a0")], 1.0)
    added = await asyncio.gather(
        *(store.registry.save_specs([account(f"b{n}", most=3)], 2.0) for n in range(6)),
        return_exceptions=True,
    )
    assert [type(each) for each in added if isinstance(each, Exception)] == [TenantFull] * 4
    assert await store.registry.count_specs(Kind.ACCOUNT) == 3


def wanted(name: str, tenant: str = "acme", at: float = 100.0) -> tuple[StoredImport, SealedSecret]:
    text = SealedSecret(SecretName(IMPORT_TEXT_KIND, name, "text"), Sealed("k", b"t"))
    return StoredImport(name, tenant, {"format": "csv"}, "otto", at), text


def row(number: int, status: str = "added") -> StoredImportRow:
    return StoredImportRow(number, number + 1, f"acme/{number}", status, "", [{"line": number}])


async def test_an_import_is_worked_on_by_one_at_a_time(store: SqlStore) -> None:
    onboarding = store.onboarding
    assert await onboarding.add_import(*wanted("i1"), 2)
    taken = await asyncio.gather(*(onboarding.take_import(f"p{n}", 100.0, 160.0) for n in range(6)))
    [stored] = [each for each in taken if each is not None]
    assert stored == wanted("i1")[0]
    assert await onboarding.take_import("late", 159.0, 200.0) is None
    assert await onboarding.take_import("late", 160.0, 200.0) is not None
    part = ImportPart(0, 3, [], [row(1)])
    assert not await onboarding.write_import_part("i1", "p0", part, 300.0)
    assert await onboarding.write_import_part("i1", "late", part, 300.0)
    assert not await onboarding.write_import_part("i1", "late", part, 300.0)
    assert not await onboarding.end_import("i1", "p0", "", 170.0)
    assert await onboarding.import_rows("i1", 0, 10) == [row(1)]


async def test_an_import_ends_and_its_text_is_forgotten(store: SqlStore) -> None:
    onboarding = store.onboarding
    assert await onboarding.add_import(*wanted("i1"), 1)
    assert not await onboarding.add_import(*wanted("i2"), 1)
    assert await store.secrets.secrets_set_at(IMPORT_TEXT_KIND, ["i1", "i2"]) == {("i1", "text"): 100.0}
    assert await onboarding.take_import("p", 100.0, 160.0)
    rows = [row(1), row(2, "refused"), row(3)]
    assert await onboarding.write_import_part("i1", "p", ImportPart(0, 3, [{"line": 1}], rows), 160.0)
    assert await onboarding.end_import("i1", "p", "x\0y", 150.0)
    ended = await onboarding.import_by_id("i1")
    assert ended is not None
    assert (ended.total, ended.done, ended.ended_at, ended.problem) == (
        3,
        3,
        150.0,
        "x\N{REPLACEMENT CHARACTER}y",
    )
    assert await onboarding.import_counts("i1") == {"added": 2, "refused": 1}
    assert await onboarding.import_rows("i1", 1, 1) == [row(2, "refused")]
    assert await onboarding.import_rows("i1", 0, 10, "refused") == [row(2, "refused")]
    assert await store.secrets.secrets_set_at(IMPORT_TEXT_KIND, ["i1"]) == {}
    assert await onboarding.take_import("p", 900.0, 960.0) is None


async def test_imports_are_listed_by_tenant_and_forgotten_after_a_month(store: SqlStore) -> None:
    onboarding = store.onboarding
    for name, tenant in (("i1", "acme"), ("i2", "acme"), ("i3", "other")):
        assert await onboarding.add_import(*wanted(name, tenant), 5)
    assert [each.id for each in await onboarding.imports("acme", "", 10)] == ["i2", "i1"]
    assert [each.id for each in await onboarding.imports("acme", "i2", 10)] == ["i1"]
    assert await onboarding.add_import(*wanted("i4", at=101.0 + IMPORT_KEPT), 5)
    assert [each.id for each in await onboarding.imports("acme", "", 10)] == ["i4"]
    assert await store.secrets.secrets_set_at(IMPORT_TEXT_KIND, ["i1"]) == {}
