"""What the store promises about the registry of tenants, targets and accounts."""

from __future__ import annotations

import pytest

from shared.adapters.sql.store import SqlStore
from shared.model.sealed import Sealed
from shared.model.spec import Kind, Manager
from shared.ports.store import ABSENT, ANY, RevisionConflict, Schedule, SpecChange, SpecFilter
from tests.fakes.mail_lives import Lives

NOW = 1000.0
LATER = NOW + 60
ACCOUNT, TARGET = Kind.ACCOUNT, Kind.TARGET


def target(name: str = "exchange", expected: int = ANY, **keys: object) -> SpecChange:
    return SpecChange(TARGET, name, "", keys, True, Manager.FILE, "/etc/m.toml", expected)


def account(
    name: str = "acme/bob", expected: int = ANY, *, enabled: bool = True, **more: object
) -> SpecChange:
    tenant = name.partition("/")[0]
    sealed = more.pop("sealed", None)
    return SpecChange(
        ACCOUNT,
        name,
        tenant,
        more,
        enabled,
        Manager.FILE,
        "/etc/m.toml",
        expected,
        target="exchange",
        schedule=Schedule(name, 60.0, enabled, "pop.isp.example"),
        secrets={} if sealed is None else {"password": sealed},  # type: ignore[dict-item] # a sealed one
    )


async def due(store: SqlStore, now: float) -> list[str]:
    return sorted(lease.fence.account for lease in await store.fetcher.lease_due("me", now, now + 60, 10))


async def test_an_object_comes_back_as_it_was_saved(store: SqlStore) -> None:
    sealed = Sealed("k1", b"\0\xffsealed")
    assert await store.registry.registry_revision() == 0
    assert await store.registry.save_specs([target(), account(note="grüß", sealed=sealed)], NOW) == 1
    (found,) = await store.registry.specs(ACCOUNT, ["acme/bob", "acme/nobody"])
    assert (found.id, found.tenant, found.target, found.keys) == (
        "acme/bob",
        "acme",
        "exchange",
        {"note": "grüß"},
    )
    assert (found.revision, found.created_at, found.changed_at, found.removed_at) == (1, NOW, NOW, None)
    assert (found.managed_by, found.origin, found.enabled) == (Manager.FILE, "/etc/m.toml", True)
    assert found.secrets == {"password": sealed}
    assert not found.is_target_gone
    assert await store.registry.registry_revision() == 1


async def test_a_new_account_is_due_at_once_and_a_changed_one_again(store: SqlStore) -> None:
    await store.registry.save_specs([target(), account()], NOW)
    (lease,) = await store.fetcher.lease_due("me", NOW, LATER, 10)
    assert (lease.fence.account, lease.revision) == ("acme/bob", 1)
    await store.fetcher.return_leases({lease.fence: 0.0}, NOW + 500)
    assert await due(store, NOW + 1) == []
    await store.registry.save_specs([account(note="new")], NOW + 2)
    (lease,) = await store.fetcher.lease_due("me", NOW + 2, LATER, 10)
    assert lease.revision == 2


async def test_a_disabled_account_is_not_leased(store: SqlStore) -> None:
    await store.registry.save_specs([target(), account(enabled=False)], NOW)
    assert await due(store, NOW) == []


async def test_the_changes_since_a_revision_are_told(store: SqlStore) -> None:
    await store.registry.save_specs([target()], NOW)
    await store.registry.save_specs([account("acme/a"), account("acme/b")], NOW)
    changes = await store.registry.changes_since(1, 10)
    assert changes == (2, frozenset({(ACCOUNT, "acme/a"), (ACCOUNT, "acme/b")}))
    assert await store.registry.changes_since(2, 10) == (2, frozenset())
    assert await store.registry.changes_since(0, 2) == (2, None)


async def test_who_saw_an_older_revision_is_refused_and_nothing_is_written(store: SqlStore) -> None:
    await store.registry.save_specs([target(), account()], NOW)
    await store.registry.save_specs([account(expected=1, note="first")], NOW)
    with pytest.raises(RevisionConflict, match="account acme/bob"):
        await store.registry.save_specs([target(note="x"), account(expected=1, note="second")], NOW)
    (bob,) = await store.registry.specs(ACCOUNT, ["acme/bob"])
    (exchange,) = await store.registry.specs(TARGET, ["exchange"])
    assert (bob.keys, exchange.keys) == ({"note": "first"}, {})
    assert await store.registry.registry_revision() == 2


async def test_what_is_there_cannot_be_added(store: SqlStore) -> None:
    await store.registry.save_specs([account(expected=ABSENT)], NOW)
    with pytest.raises(RevisionConflict):
        await store.registry.save_specs([account(expected=ABSENT)], NOW)


async def test_objects_are_listed_page_by_page_and_filtered(store: SqlStore) -> None:
    names = ["acme/a", "acme/b", "other/c"]
    await store.registry.save_specs([target(), *map(account, names)], NOW)
    assert [each.id for each in await store.registry.list_specs(ACCOUNT, "", 2)] == ["acme/a", "acme/b"]
    assert [each.id for each in await store.registry.list_specs(ACCOUNT, "acme/b", 2)] == ["other/c"]
    only = SpecFilter(tenant="acme")
    assert [each.id for each in await store.registry.list_specs(ACCOUNT, "", 9, only)] == ["acme/a", "acme/b"]
    assert await store.registry.count_specs(ACCOUNT, only) == 2
    assert await store.registry.count_specs(ACCOUNT, SpecFilter(target="exchange")) == 3
    assert await store.registry.count_specs(ACCOUNT, SpecFilter(origin="/other.toml")) == 0


async def test_an_account_whose_target_is_gone_is_told(store: SqlStore) -> None:
    await store.registry.save_specs([account()], NOW)
    (found,) = await store.registry.specs(ACCOUNT, ["acme/bob"])
    assert found.is_target_gone
    await store.registry.save_specs([target()], NOW)
    (found,) = await store.registry.specs(ACCOUNT, ["acme/bob"])
    assert not found.is_target_gone
    await store.registry.remove_specs(TARGET, {"exchange": ANY}, NOW)
    (found,) = await store.registry.specs(ACCOUNT, ["acme/bob"])
    assert found.is_target_gone


async def test_a_removed_account_is_not_visited_and_is_forgotten_with_its_secrets(store: SqlStore) -> None:
    sealed = Sealed("k1", b"sealed")
    await store.registry.save_specs([target(), account(sealed=sealed)], NOW)
    assert await store.registry.remove_specs(ACCOUNT, {"acme/bob": 1}, LATER) == 2
    assert await due(store, LATER) == []
    assert await store.registry.list_specs(ACCOUNT, "", 9) == []
    (found,) = await store.registry.specs(ACCOUNT, ["acme/bob"])
    assert (found.removed_at, found.revision) == (LATER, 2)
    assert await store.registry.forget_removed(10, LATER) == ["account acme/bob"]
    assert await store.registry.specs(ACCOUNT, ["acme/bob"]) == []
    await store.registry.save_specs([account()], LATER)
    (again,) = await store.registry.specs(ACCOUNT, ["acme/bob"])
    assert (again.created_at, again.secrets) == (LATER, {})


async def test_a_removed_account_stays_until_its_mail_is_done(store: SqlStore, lives: Lives) -> None:
    await store.registry.save_specs([target(), account("acme/box")], NOW)
    await lives.fetched("m1")
    await store.registry.remove_specs(ACCOUNT, {"acme/box": ANY}, NOW)
    await store.registry.remove_specs(TARGET, {"exchange": ANY}, NOW)
    assert await store.registry.forget_removed(10, NOW) == []


async def test_a_secret_is_kept_replaced_or_removed(store: SqlStore) -> None:
    old, new = Sealed("k1", b"old"), Sealed("k2", b"new")
    await store.registry.save_specs([account(sealed=old)], NOW)
    await store.registry.save_specs([account(note="x")], NOW)
    assert [each.secrets for each in await store.registry.specs(ACCOUNT, ["acme/bob"])] == [{"password": old}]
    await store.registry.save_specs([account(sealed=new)], NOW)
    assert [each.secrets for each in await store.registry.specs(ACCOUNT, ["acme/bob"])] == [{"password": new}]
    gone = SpecChange(
        ACCOUNT, "acme/bob", "acme", {}, True, Manager.FILE, "", ANY, secrets={"password": None}
    )
    await store.registry.save_specs([gone], NOW)
    assert [each.secrets for each in await store.registry.specs(ACCOUNT, ["acme/bob"])] == [{}]


async def test_objects_are_found_by_name_manager_and_whether_they_are_visited(store: SqlStore) -> None:
    one, other, third = account("acme/bob"), account("other/bob", enabled=False), account("acme/eve")
    await store.registry.save_specs([target(), target("bob"), one, other, third], NOW)

    async def names(only: SpecFilter) -> list[str]:
        return [each.id for each in await store.registry.list_specs(ACCOUNT, "", 10, only)]

    assert await names(SpecFilter(name="bob")) == ["acme/bob", "other/bob"]
    assert await names(SpecFilter(name="acme/bob")) == ["acme/bob"]
    assert await names(SpecFilter(name="ob")) == []
    assert await names(SpecFilter(enabled=False)) == ["other/bob"]
    assert await names(SpecFilter(enabled=True)) == ["acme/bob", "acme/eve"]
    assert await names(SpecFilter(managed_by=Manager.API)) == []
    assert await store.registry.count_specs(ACCOUNT, SpecFilter(managed_by=Manager.FILE)) == 3
    (found,) = await store.registry.list_specs(TARGET, "", 10, SpecFilter(name="bob"))
    assert found.id == "bob"


async def test_an_object_that_comes_again_has_no_secret_of_the_former(store: SqlStore) -> None:
    await store.registry.save_specs([target(), account(sealed=Sealed("k1", b"old"))], NOW)
    await store.registry.remove_specs(ACCOUNT, {"acme/bob": ANY}, NOW)
    await store.registry.save_specs([account()], LATER)
    (found,) = await store.registry.specs(ACCOUNT, ["acme/bob"])
    assert found.secrets == {}


async def test_it_is_known_when_a_secret_was_set(store: SqlStore) -> None:
    await store.registry.save_specs([target(), account(sealed=Sealed("k1", b"old"))], NOW)
    await store.registry.save_specs([account(note="new")], LATER)
    found = await store.secrets.secrets_set_at("account", ["acme/bob", "acme/nobody"])
    assert found == {("acme/bob", "password"): NOW}
