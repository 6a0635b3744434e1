"""What the store promises about the registry of tenants, targets and accounts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.adapters.sql.store import SqlStore
from shared.model.message import MessageStatus
from shared.model.sealed import Sealed
from shared.model.spec import Kind, Manager
from shared.ports.store import (
    ABSENT,
    ANY,
    AccountQuery,
    Release,
    RevisionConflict,
    Schedule,
    SpecChange,
    SpecFilter,
    VisitReport,
)
from tests.fakes.mail_lives import ACCOUNT as ACCOUNT_ID
from tests.fakes.mail_lives import BOB, LEASE, Lives, routed

NOW = 1000.0
LATER = NOW + 60
DAY = 86400.0
YEAR = 365 * DAY
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


async def test_the_mail_of_a_removed_account_is_done_before_the_account_is_forgotten(lives: Lives) -> None:
    registry = lives.store.registry
    await registry.save_specs([target(), account(ACCOUNT_ID)], lives.now)
    message, spooled = await lives.routed("m1"), await lives.routed("m2", blob="blob")
    early = {spooled: "taken away"}
    await registry.remove_specs(ACCOUNT, {ACCOUNT_ID: ANY}, lives.now)
    await lives.store.fetcher.record_gone(lives.fence, early, lives.now)
    await lives.store.fetcher.return_leases({lives.fence: 0.0}, lives.now)
    assert await registry.forget_removed(10, lives.now) == []
    await lives.deliver(message)
    assert await registry.forget_removed(10, lives.now + LEASE) == []
    await lives.deliver(spooled)
    # The copy at the source counts as gone first; then nothing is left.
    assert await registry.forget_removed(10, lives.now) == []
    assert await registry.forget_removed(10, lives.now) == [f"account {ACCOUNT_ID}"]
    assert await lives.is_sound()


async def test_a_mail_of_a_removed_account_whose_event_comes_late_is_delivered(lives: Lives) -> None:
    registry = lives.store.registry
    await registry.save_specs([target(), account(ACCOUNT_ID)], lives.now)
    late, never = await lives.fetched("m1"), await lives.fetched("m2")
    await registry.remove_specs(ACCOUNT, {ACCOUNT_ID: ANY}, lives.now)
    await lives.store.fetcher.return_leases({lives.fence: 0.0}, lives.now)
    lives.now += LEASE + 60
    assert await registry.forget_removed(10, lives.now) == []
    await lives.route(routed(late, BOB))
    await lives.deliver(late)
    assert (await lives.state(late)).status is MessageStatus.SETTLED
    lives.now += DAY + LEASE
    await registry.forget_removed(10, lives.now)
    assert await registry.forget_removed(10, lives.now) == [f"account {ACCOUNT_ID}"]
    assert (await lives.state(never)).status is MessageStatus.GONE
    assert await lives.is_sound()


async def test_a_mail_that_its_source_lost_does_not_keep_a_removed_account_for_ever(lives: Lives) -> None:
    registry = lives.store.registry
    await registry.save_specs([account(ACCOUNT_ID)], lives.now)
    lost = await lives.routed("m1")
    await lives.store.fetcher.record_gone(lives.fence, {lost: "taken away"}, lives.now)
    await lives.store.fetcher.return_leases({lives.fence: 0.0}, lives.now)
    await registry.remove_specs(ACCOUNT, {ACCOUNT_ID: ANY}, lives.now)
    assert await registry.forget_removed(10, lives.now) == []
    assert await registry.forget_removed(10, lives.now + LEASE) == [f"account {ACCOUNT_ID}"]
    assert [each.id for each in await lives.store.operator.left_behind(10)] == [lost]


async def test_a_removed_account_that_is_being_visited_is_not_forgotten(store: SqlStore) -> None:
    await store.registry.save_specs([account()], NOW)
    assert await due(store, NOW) == ["acme/bob"]
    await store.registry.remove_specs(ACCOUNT, {"acme/bob": ANY}, NOW)
    assert await store.registry.forget_removed(10, NOW + 59) == []
    assert await store.registry.forget_removed(10, NOW + 60) == ["account acme/bob"]


async def test_accounts_that_wait_for_their_mail_hold_up_no_others(lives: Lives) -> None:
    registry = lives.store.registry
    names = [ACCOUNT_ID, "acme/x", "acme/y", "acme/z"]
    await registry.save_specs([target(), *map(account, names)], lives.now)
    await lives.fetched("m1")
    await registry.remove_specs(ACCOUNT, dict.fromkeys(names, ANY), lives.now)
    await registry.remove_specs(TARGET, {"exchange": ANY}, lives.now)
    assert await registry.forget_removed(2, lives.now) == ["account acme/x", "account acme/y"]
    assert await registry.forget_removed(2, lives.now) == ["account acme/z"]
    assert await registry.forget_removed(2, lives.now) == []


async def test_a_target_and_a_tenant_are_forgotten_after_their_accounts(store: SqlStore) -> None:
    tenant = SpecChange(Kind.TENANT, "acme", "acme", {}, True, Manager.FILE, "", ANY)
    await store.registry.save_specs([tenant, target(), account()], NOW)
    for kind, name in ((Kind.TENANT, "acme"), (TARGET, "exchange")):
        await store.registry.remove_specs(kind, {name: ANY}, NOW)
    assert await store.registry.forget_removed(10, NOW) == []
    await store.registry.remove_specs(ACCOUNT, {"acme/bob": ANY}, NOW)
    assert await store.registry.forget_removed(10, NOW) == ["account acme/bob", "tenant acme"]
    assert await store.registry.forget_removed(10, NOW + YEAR) == ["target exchange"]


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


async def test_the_secret_of_a_removed_account_does_not_come_back(store: SqlStore) -> None:
    await store.registry.save_specs([account(sealed=Sealed("k1", b"old owner's"))], NOW)
    await store.registry.remove_specs(ACCOUNT, {"acme/bob": ANY}, NOW)
    await store.registry.save_specs([account(expected=ABSENT)], LATER)
    assert [each.secrets for each in await store.registry.specs(ACCOUNT, ["acme/bob"])] == [{}]


async def test_an_account_that_was_changed_during_its_visit_is_due_at_once(store: SqlStore) -> None:
    await store.registry.save_specs([account("acme/changed"), account("acme/same")], NOW)
    leases = await store.fetcher.lease_due("me", NOW, LATER, 10)
    await store.registry.save_specs([account("acme/changed", note="new password")], NOW + 1)
    await store.fetcher.release_leases(
        [Release(each.fence, VisitReport(), NOW + 2, NOW + 3600, each.revision) for each in leases]
    )
    assert await due(store, NOW + 2) == ["acme/changed"]


async def test_a_target_that_is_no_longer_granted_is_gone_for_the_account(store: SqlStore) -> None:
    await store.registry.save_specs([target(tenants=["other"]), account()], NOW)
    (found,) = await store.registry.specs(ACCOUNT, ["acme/bob"])
    assert found.is_target_gone
    await store.registry.save_specs([target(tenants=["other", "acme"])], NOW)
    (found,) = await store.registry.specs(ACCOUNT, ["acme/bob"])
    assert not found.is_target_gone


async def test_a_removed_account_keeps_its_removed_target_for_its_mail(store: SqlStore) -> None:
    await store.registry.save_specs([target(), account()], NOW)
    await store.registry.remove_specs(ACCOUNT, {"acme/bob": ANY}, NOW)
    await store.registry.remove_specs(TARGET, {"exchange": ANY}, NOW)
    (found,) = await store.registry.specs(ACCOUNT, ["acme/bob"])
    assert not found.is_target_gone


async def test_a_removed_target_stays_while_an_account_of_the_same_name_needs_it(store: SqlStore) -> None:
    same = SpecChange(ACCOUNT, "acme/x", "acme", {}, True, Manager.FILE, "/etc/m.toml", ANY, target="acme/x")
    await store.registry.save_specs([target("acme/x"), same], NOW)
    await store.registry.remove_specs(TARGET, {"acme/x": ANY}, NOW)
    assert await store.registry.forget_removed(10, NOW + YEAR) == []
    await store.registry.remove_specs(ACCOUNT, {"acme/x": ANY}, NOW)
    assert await store.registry.forget_removed(10, NOW + YEAR) == ["account acme/x", "target acme/x"]


async def test_a_removed_target_stays_while_mail_may_be_on_its_way_to_it(store: SqlStore) -> None:
    await store.registry.save_specs([target(expected=ABSENT)], NOW)
    await store.registry.remove_specs(TARGET, {"exchange": ANY}, NOW)
    assert await store.registry.forget_removed(10, NOW + 86400) == []
    assert await store.registry.forget_removed(10, NOW + YEAR) == ["target exchange"]


async def test_a_removed_account_whose_mail_is_held_keeps_no_other_from_being_forgotten(
    store: SqlStore, lives: Lives
) -> None:
    names = ["acme/box", "acme/done"]
    await store.registry.save_specs([target(), *map(account, names)], NOW)
    await lives.fetched("m1")
    await store.registry.remove_specs(ACCOUNT, dict.fromkeys(names, ANY), NOW)
    assert await store.registry.forget_removed(1, lives.now) == ["account acme/done"]
    after_its_lease = lives.now + 1_000_000
    assert (
        await store.registry.forget_removed(1, after_its_lease) == []
    )  # its mail is left at the source first
    assert await store.registry.forget_removed(1, after_its_lease) == ["account acme/box"]


async def test_a_disabled_account_is_leased_only_by_its_name(store: SqlStore) -> None:
    await store.registry.save_specs([account(enabled=False)], NOW)
    assert await store.fetcher.lease_these("me", ["acme/bob"], NOW, LATER, only_enabled=True) == []
    assert await store.fetcher.fences_of(["acme/bob"]) == {}
    assert len(await store.fetcher.lease_these("me", ["acme/bob"], NOW, LATER)) == 1


@pytest.mark.parametrize("kind", [Kind.TENANT, TARGET])
async def test_accounts_of_a_disabled_tenant_or_target_are_not_visited_until_it_is_enabled(
    store: SqlStore, kind: Kind
) -> None:
    holder = replace(target(), kind=kind, id="acme" if kind is Kind.TENANT else "exchange")
    other = replace(account("other/eve"), target="elsewhere")
    await store.registry.save_specs([holder, account(), account("acme/off", enabled=False), other], NOW)
    await store.registry.save_specs([replace(holder, enabled=False)], NOW)
    assert await due(store, NOW) == ["other/eve"]
    await store.registry.save_specs([account(note="changed")], NOW)
    assert await due(store, NOW) == []
    [held] = [
        each
        for each in (await store.operator.account_page(AccountQuery(), NOW)).accounts
        if each.account == "acme/bob"
    ]
    assert (held.enabled, held.disabled_holder) == (False, kind)
    await store.registry.save_specs([holder], NOW + 1)
    assert await due(store, NOW + 1) == ["acme/bob"]


async def test_accounts_of_a_disabled_target_that_is_removed_are_held_by_it_no_more(store: SqlStore) -> None:
    await store.registry.save_specs([replace(target(), enabled=False), account()], NOW)
    assert await due(store, NOW) == []
    await store.registry.remove_specs(TARGET, {"exchange": ANY}, NOW)
    assert await due(store, NOW) == ["acme/bob"]
