"""Tenants, targets and accounts are listed, shown, added, changed and removed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.sql.store import SqlStore, open_store
from shared.config.object_keys import InvalidObject, Surroundings
from shared.model.hosts import NO_LIMITS
from shared.model.sealed import SecretName
from shared.model.spec import Kind, Manager
from shared.operations.objects.adding import Actor
from shared.operations.objects.errors import AccountsExhausted, AlreadyThere, InUse, ManagedByFile, NotThere
from shared.operations.objects.objects import Objects
from shared.operations.objects.showing import ObjectState
from shared.ports.store import ANY, RevisionConflict, SpecChange, SpecFilter
from tests.fakes.clock import ManualClock
from tests.fakes.database import write_empty_database
from tests.fakes.registry import OpenBox

TENANT, TARGET, ACCOUNT = Kind.TENANT, Kind.TARGET, Kind.ACCOUNT
BY_COMMAND = Actor(Manager.COMMAND, "root@mail")
BY_API = Actor(Manager.API, "token 7")
SERVER = {"source": "pop3s://pop.isp.example", "username": "bob"}
BOB: Mapping[str, Any] = {
    "tenant": "acme",
    "name": "bob",
    "target": "exchange",
    "mailbox": "single",
    "recipient": "bob@acme.example",
    "password": "pässword 1",
    **SERVER,
}


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqlStore]:
    path = tmp_path / "m.db"
    write_empty_database(path)
    store = open_store(f"sqlite:///{path}")
    yield store
    await store.close()


@pytest.fixture
async def objects(store: SqlStore) -> Objects:
    made = Objects(
        store.registry, store.secrets, OpenBox(), ManualClock(), Surroundings({"PW": "secret"}, NO_LIMITS)
    )
    await made.add(TARGET, {"name": "exchange", "url": "smtp://mail.corp.example"}, BY_COMMAND)
    return made


async def password(store: SqlStore, account: str = "acme/bob") -> str | None:
    (spec,) = await store.registry.specs(ACCOUNT, [account])
    sealed = spec.secrets.get("password")
    name = SecretName("account", account, "password")
    return None if sealed is None else OpenBox().open(name, sealed).get_secret_value()


def problems(refused: pytest.ExceptionInfo[InvalidObject]) -> dict[str, str]:
    return dict(refused.value.found)


async def test_an_account_is_added_and_due_at_once(objects: Objects, store: SqlStore) -> None:
    added = await objects.add(ACCOUNT, BOB, BY_API)
    assert (added.id, added.name, added.tenant, added.target) == ("acme/bob", "bob", "acme", "exchange")
    assert (added.state, added.problem) == (ObjectState.ENABLED, None)
    assert (added.managed_by, added.origin) == (Manager.API, "token 7")
    (lease,) = await store.fetcher.lease_due("me", objects.clock.now(), objects.clock.now() + 60, 10)
    assert lease.fence.account == "acme/bob"


async def test_a_secret_is_never_shown_but_when_it_was_set(objects: Objects, store: SqlStore) -> None:
    added = await objects.add(ACCOUNT, BOB, BY_API)
    assert added.secrets == {"password": objects.clock.now()}
    (listed,) = (await objects.list(ACCOUNT)).objects
    assert listed == added
    assert "pässword" not in repr(added)
    assert await password(store) == "pässword 1"


async def test_a_password_in_the_url_is_sealed_like_any_other(objects: Objects, store: SqlStore) -> None:
    keys = {**BOB, "source": "pop3s://bob:s%20t@pop.isp.example", "username": None, "password": None}
    added = await objects.add(ACCOUNT, keys, BY_API)
    assert added.keys["source"] == "pop3s://bob@pop.isp.example"
    assert await password(store) == "s t"


async def test_all_problems_are_told_at_once_each_with_its_key(objects: Objects) -> None:
    with pytest.raises(InvalidObject) as refused:
        await objects.add(ACCOUNT, {**BOB, "poll": 0, "colour": "red", "target": "exchang"}, BY_API)
    found = problems(refused)
    assert set(found) == {"poll", "colour", "target"}
    assert found["target"] == '"target": there is no target "exchang"'
    assert 'account "acme/bob": unknown key "colour"' in str(refused.value)


@pytest.mark.parametrize(
    ("keys", "key"),
    [
        ({"source": "pop3s://a:%zz@h.example", "username": None, "password": None}, "source"),
        ({"name": None}, "name"),
        ({"name": ["a"]}, "name"),
        ({"tenant": 7}, "tenant"),
        ({"password": 7}, "password"),
        ({"target": None}, "target"),
        ({"domains": {"": 1}, "mailbox": "catch-all", "recipient": None}, "domains"),
    ],
)
async def test_keys_of_a_wrong_type_are_told_like_others(
    objects: Objects, keys: dict[str, Any], key: str
) -> None:
    with pytest.raises(InvalidObject) as refused:
        await objects.add(ACCOUNT, {**BOB, **keys}, BY_API)
    assert key in problems(refused)


async def test_an_id_that_is_taken_is_refused(objects: Objects) -> None:
    await objects.add(ACCOUNT, BOB, BY_API)
    with pytest.raises(AlreadyThere):
        await objects.add(ACCOUNT, BOB, BY_COMMAND)


async def test_a_change_touches_only_what_it_names(objects: Objects, store: SqlStore) -> None:
    await objects.add(ACCOUNT, {**BOB, "poll": "5m"}, BY_API)
    changed = await objects.change(ACCOUNT, "acme/bob", {"retention": "7d"}, BY_COMMAND)
    assert (changed.keys["retention"], changed.keys["poll"]) == ("7d", "5m")
    assert await password(store) == "pässword 1"
    assert changed.managed_by is Manager.API, "who made it"
    removed = await objects.change(ACCOUNT, "acme/bob", {"poll": None}, BY_API)
    assert "poll" not in removed.keys


async def test_a_secret_is_replaced_or_removed_with_null(objects: Objects, store: SqlStore) -> None:
    await objects.add(ACCOUNT, BOB, BY_API)
    await objects.change(ACCOUNT, "acme/bob", {"password": "2"}, BY_API)
    assert await password(store) == "2"
    changed = await objects.change(
        ACCOUNT, "acme/bob", {"password": None, "token": "t", "auth": ["xoauth2"]}, BY_API
    )
    assert set(changed.secrets) == {"token"}
    assert await password(store) is None


async def test_a_password_replaces_a_reference_and_the_other_way_round(objects: Objects) -> None:
    await objects.add(ACCOUNT, {**BOB, "password": None, "password_env": "PW"}, BY_COMMAND)
    changed = await objects.change(ACCOUNT, "acme/bob", {"password": "2"}, BY_API)
    assert "password_env" not in changed.keys
    changed = await objects.change(ACCOUNT, "acme/bob", {"password_env": "PW"}, BY_COMMAND)
    assert changed.secrets == {}


async def test_the_last_secret_cannot_be_removed(objects: Objects, store: SqlStore) -> None:
    await objects.add(ACCOUNT, BOB, BY_API)
    with pytest.raises(InvalidObject) as refused:
        await objects.change(ACCOUNT, "acme/bob", {"password": None}, BY_API)
    assert set(problems(refused)) == {"password"}
    assert await password(store) == "pässword 1"


async def test_what_changes_nothing_writes_nothing(objects: Objects) -> None:
    added = await objects.add(ACCOUNT, BOB, BY_API)
    again = await objects.change(ACCOUNT, "acme/bob", {**BOB}, BY_API, expected=added.revision)
    assert again.revision == added.revision


async def test_the_later_of_two_changes_that_saw_the_same_is_refused(objects: Objects) -> None:
    seen = (await objects.add(ACCOUNT, BOB, BY_API)).revision
    await objects.change(ACCOUNT, "acme/bob", {"poll": "5m"}, BY_API, expected=seen)
    with pytest.raises(RevisionConflict):
        await objects.change(ACCOUNT, "acme/bob", {"poll": "9m"}, BY_API, expected=seen)
    with pytest.raises(RevisionConflict):
        await objects.remove(ACCOUNT, "acme/bob", expected=seen)
    assert (await objects.show(ACCOUNT, "acme/bob")).keys["poll"] == "5m"


@pytest.mark.parametrize("keys", [{"name": "rob"}, {"tenant": "other"}])
async def test_a_new_id_is_refused_as_it_would_be_a_new_account(
    objects: Objects, keys: dict[str, str]
) -> None:
    await objects.add(ACCOUNT, BOB, BY_API)
    with pytest.raises(InvalidObject, match="fetches all mail that is still at its source") as refused:
        await objects.change(ACCOUNT, "acme/bob", keys, BY_API)
    assert set(problems(refused)) == set(keys)


async def test_an_account_is_disabled_and_enabled(objects: Objects, store: SqlStore) -> None:
    await objects.add(ACCOUNT, BOB, BY_API)
    disabled = await objects.disable(Kind.ACCOUNT, "acme/bob", BY_API)
    assert (disabled.state, disabled.keys["enabled"]) == (ObjectState.DISABLED, False)
    assert await store.fetcher.lease_due("me", 9e9, 9e9 + 1, 10) == []
    assert (await objects.enable(Kind.ACCOUNT, "acme/bob", BY_API)).state is ObjectState.ENABLED
    assert len(await store.fetcher.lease_due("me", 9e9, 9e9 + 1, 10)) == 1


async def test_an_account_is_removed_and_may_come_again_without_its_secrets(
    objects: Objects, store: SqlStore
) -> None:
    await objects.add(
        ACCOUNT,
        {**BOB, "srs_key": "0123456789abcdef0123456789abcdef", "sender": "srs", "srs_domain": "acme.example"},
        BY_API,
    )
    await objects.remove(ACCOUNT, "acme/bob")
    with pytest.raises(NotThere):
        await objects.show(ACCOUNT, "acme/bob")
    with pytest.raises(NotThere):
        await objects.remove(ACCOUNT, "acme/bob")
    again = await objects.add(ACCOUNT, {**BOB, "password": "new"}, BY_API)
    assert set(again.secrets) == {"password"}
    assert await password(store) == "new"


async def test_a_target_that_accounts_use_is_only_removed_by_force(objects: Objects) -> None:
    await objects.add(ACCOUNT, BOB, BY_API)
    with pytest.raises(InUse, match="still needed by 1 account; ") as refused:
        await objects.remove(TARGET, "exchange")
    assert refused.value.accounts == 1
    await objects.remove(TARGET, "exchange", force=True)
    (listed,) = (await objects.list(ACCOUNT)).objects
    assert (listed.state, listed.problem) == (ObjectState.UNUSABLE, 'there is no target "exchange"')
    assert '"target": there is no target "exchange"' in str((await objects.show(ACCOUNT, "acme/bob")).problem)


async def test_a_tenant_that_has_accounts_is_only_removed_by_force(objects: Objects) -> None:
    await objects.add(TENANT, {"name": "acme", "max_accounts": 1}, BY_API)
    await objects.add(ACCOUNT, BOB, BY_API)
    with pytest.raises(InUse):
        await objects.remove(TENANT, "acme")
    await objects.remove(TENANT, "acme", force=True)
    assert (await objects.show(ACCOUNT, "acme/bob")).state is ObjectState.ENABLED


async def test_a_tenant_has_no_more_accounts_than_it_may(objects: Objects) -> None:
    await objects.add(TENANT, {"name": "acme", "max_accounts": 1}, BY_API)
    await objects.add(ACCOUNT, BOB, BY_API)
    with pytest.raises(AccountsExhausted, match="max_accounts") as refused:
        await objects.add(ACCOUNT, {**BOB, "name": "rob"}, BY_API)
    assert refused.value.limit == 1
    await objects.add(ACCOUNT, {**BOB, "tenant": "other"}, BY_API)


async def test_what_a_file_manages_is_not_changed(objects: Objects, store: SqlStore) -> None:
    keys = {key: value for key, value in BOB.items() if key != "password"}
    change = SpecChange(ACCOUNT, "acme/bob", "acme", keys, True, Manager.FILE, "/etc/m.toml", ANY, "exchange")
    await store.registry.save_specs([change], 1.0)
    for refused in (
        objects.change(ACCOUNT, "acme/bob", {"poll": "5m"}, BY_API),
        objects.disable(Kind.ACCOUNT, "acme/bob", BY_COMMAND),
        objects.remove(ACCOUNT, "acme/bob"),
        objects.add(ACCOUNT, BOB, BY_API),
    ):
        with pytest.raises(ManagedByFile, match=r"/etc/m\.toml") as error:
            await refused
        assert error.value.file == "/etc/m.toml"


@pytest.mark.parametrize(
    "keys",
    [
        {"password": None, "password_file": "/etc/shadow"},
        {"password": None, "password_env": "PW"},
        {"password": None, "token_file": "/etc/shadow"},
        {"ca_file": "/etc/shadow"},
        {"verify_recipients": "file:/etc/shadow"},
    ],
)
async def test_the_api_names_no_file_and_no_variable(objects: Objects, keys: dict[str, str | None]) -> None:
    (key,) = (each for each, value in keys.items() if value)
    with pytest.raises(InvalidObject) as refused:
        await objects.add(ACCOUNT, {**BOB, **keys}, BY_API)
    assert set(problems(refused)) == {key}
    await objects.add(ACCOUNT, BOB, BY_API)
    with pytest.raises(InvalidObject):
        await objects.change(ACCOUNT, "acme/bob", keys, BY_API)


async def test_the_api_names_no_socket(objects: Objects) -> None:
    keys = {"name": "local", "url": "lmtp+unix:///run/docker.sock"}
    with pytest.raises(InvalidObject):
        await objects.add(TARGET, keys, BY_API)
    await objects.add(TARGET, keys, BY_COMMAND)


async def test_a_kept_password_is_not_sent_to_another_server(objects: Objects) -> None:
    await objects.add(ACCOUNT, BOB, BY_API)
    moved = {"source": "pop3s://pop.attacker.example"}
    with pytest.raises(InvalidObject, match="another server") as refused:
        await objects.change(ACCOUNT, "acme/bob", moved, BY_API)
    assert set(problems(refused)) == {"password"}
    await objects.change(ACCOUNT, "acme/bob", {**moved, "password": "2"}, BY_API)
    await objects.change(ACCOUNT, "acme/bob", {"source": "pop3s://pop.isp.example"}, BY_COMMAND)


async def test_a_new_account_inherits_the_defaults_but_no_login(objects: Objects, tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("of all")
    defaults = {"poll": "7m", "password_file": "pw", "retention": "3d"}
    operator = replace(objects, defaults=defaults, base=tmp_path)
    keys = {**BOB, "retention": "delete", "password": None}
    added = await operator.add(ACCOUNT, keys, BY_COMMAND)
    assert (added.keys["poll"], added.keys["retention"]) == ("7m", "delete")
    assert added.keys["password_file"] == str(tmp_path / "pw")
    with pytest.raises(InvalidObject) as refused:
        await operator.add(ACCOUNT, {**keys, "name": "rob"}, BY_API)
    assert set(problems(refused)) == {"password"}


async def test_defaults_do_not_have_to_fit_to_the_account_but_its_own_keys_do(objects: Objects) -> None:
    operator = replace(objects, defaults={"domains": {"acme.example": "keep"}})
    assert (await operator.add(ACCOUNT, BOB, BY_API)).problem is None
    assert (await operator.change(ACCOUNT, "acme/bob", {"poll": "5m"}, BY_API)).problem is None
    with pytest.raises(InvalidObject) as refused:
        await operator.change(ACCOUNT, "acme/bob", {"domains": {"acme.example": "keep"}}, BY_API)
    assert set(problems(refused)) == {"domains"}


async def test_the_list_is_filtered_and_has_pages(objects: Objects) -> None:
    for number in range(5):
        keys = {**BOB, "name": f"n{number}", "tenant": "acme" if number < 3 else "other"}
        await objects.add(ACCOUNT, keys, BY_API if number else BY_COMMAND)
    await objects.disable(Kind.ACCOUNT, "acme/n1", BY_API)
    first = await objects.list(ACCOUNT, limit=3)
    assert ([each.name for each in first.objects], first.after) == (["n0", "n1", "n2"], "acme/n2")
    rest = await objects.list(ACCOUNT, after=first.after or "", limit=3)
    assert ([each.name for each in rest.objects], rest.after) == (["n3", "n4"], None)

    async def names(only: SpecFilter) -> list[str]:
        return [each.name for each in (await objects.list(ACCOUNT, only)).objects]

    assert await names(SpecFilter(tenant="other")) == ["n3", "n4"]
    assert await names(SpecFilter(enabled=False)) == ["n1"]
    assert await names(SpecFilter(managed_by=Manager.COMMAND)) == ["n0"]
    assert await names(SpecFilter(name="n2")) == ["n2"]
    assert await names(SpecFilter(target="nowhere")) == []


async def test_a_target_of_a_tenant_goes_before_one_for_all(objects: Objects) -> None:
    await objects.add(TARGET, {"name": "exchange", "tenant": "acme", "url": "smtp://own.example"}, BY_API)
    assert (await objects.add(ACCOUNT, BOB, BY_API)).target == "acme/exchange"
