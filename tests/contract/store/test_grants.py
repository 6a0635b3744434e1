"""What the store promises about OAuth grants: one refresh at a time, and tokens that are never torn apart."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from shared.adapters.sql.store import SqlStore
from shared.model.oauth import GrantState
from shared.model.sealed import Sealed
from shared.model.spec import Kind, Manager
from shared.ports.store import ANY, LeaseLost, Release, Schedule, SpecChange, VisitReport
from shared.ports.store.oauth import AppWrite, Grant, GrantLease, Refusal, Renewal, SealedTokens

NOW = 1_700_000_000.0
BOX, OTHER = "account:acme/box", "account:acme/other"
NO_LEASE = GrantLease("", 0)


def sealed(text: str) -> Sealed:
    return Sealed("key 1", text.encode())


def renewal(lease: GrantLease, access: str, refresh: str | None = None, *, at: float = NOW) -> Renewal:
    tokens = SealedTokens(sealed(access), None if refresh is None else sealed(refresh))
    return Renewal(lease, tokens, "mail", at, at + 3600, at + 2700)


def refusal(
    lease: GrantLease, state: GrantState = GrantState.RETRYING, *, app_until: float | None = None
) -> Refusal:
    return Refusal(lease, state, "It does not answer.", NOW + 100, app_until)


async def register(store: SqlStore, name: str = "box") -> None:
    """Have the account in the registry."""
    keys = {"name": name, "tenant": "acme"}
    change = SpecChange(
        Kind.ACCOUNT,
        f"acme/{name}",
        "acme",
        keys,
        True,
        Manager.API,
        "",
        ANY,
        schedule=Schedule(f"acme/{name}", 60.0, enabled=True),
    )
    await store.registry.save_specs([change], NOW)


async def connect(store: SqlStore, grant: str = BOX, *, app: str = "google", at: float = NOW) -> None:
    await store.oauth.put_grant(
        grant, app, "box@acme.com", at, renewal(NO_LEASE, "access 1", "refresh 1", at=at)
    )


async def lease(store: SqlStore, grant: str = BOX, *, now: float = NOW) -> GrantLease:
    leased = await store.oauth.lease_grant(grant, "keeper", now, now + 120)
    assert leased is not None
    return leased


async def known(store: SqlStore, grant: str = BOX) -> Grant:
    stored = await store.oauth.grant(grant)
    assert stored is not None
    return stored.grant


async def tokens(store: SqlStore, grant: str = BOX) -> tuple[Sealed | None, Sealed | None]:
    stored = await store.oauth.grant(grant)
    assert stored is not None
    return stored.access, stored.refresh


async def test_a_new_grant_has_its_tokens_and_is_due_before_they_end(store: SqlStore) -> None:
    assert await store.oauth.grant(BOX) is None
    assert await store.oauth.next_due() is None
    await connect(store)
    assert await tokens(store) == (sealed("access 1"), sealed("refresh 1"))
    grant = await known(store)
    assert (grant.state, grant.app, grant.username) == (GrantState.VALID, "google", "box@acme.com")
    assert (grant.consented_at, grant.issued_at, grant.expires_at) == (NOW, NOW, NOW + 3600)
    assert await store.oauth.next_due() == NOW + 2700


async def test_only_what_is_due_is_leased_the_longest_overdue_first(store: SqlStore) -> None:
    await connect(store, BOX, at=NOW)
    await connect(store, OTHER, at=NOW - 1000)
    assert await store.oauth.lease_due("keeper", NOW, NOW + 120, 10) == []
    due = await store.oauth.lease_due("keeper", NOW + 3000, NOW + 3120, 10)
    assert [each.id for each in due] == [OTHER, BOX]
    assert await store.oauth.lease_due("another", NOW + 3000, NOW + 3120, 10) == []
    assert [each.id for each in await store.oauth.lease_due("another", NOW + 3121, NOW + 3241, 1)] == [OTHER]


async def test_of_two_keepers_at_once_each_grant_goes_to_one(
    store: SqlStore, another: Callable[[], SqlStore]
) -> None:
    names = [f"account:acme/box{number}" for number in range(20)]
    for name in names:
        await connect(store, name, at=NOW - 3000)
    second = another()
    batches = await asyncio.gather(
        *(
            each.oauth.lease_due(name, NOW, NOW + 120, 7)
            for _ in range(2)
            for name, each in (("first", store), ("second", second))
        )
    )
    leased = [each.id for batch in batches for each in batch]
    assert len(leased) == len(set(leased))
    rest = await store.oauth.lease_due("first", NOW, NOW + 120, 100)
    assert sorted([*leased, *(each.id for each in rest)]) == sorted(names)


async def test_a_grant_that_is_held_is_given_to_nobody_else(store: SqlStore) -> None:
    await connect(store)
    held = await lease(store)
    assert await store.oauth.lease_grant(BOX, "another", NOW + 119, NOW + 239) is None
    assert (await known(store)).lease_until == NOW + 120
    await store.oauth.return_lease(held)
    assert await store.oauth.lease_grant(BOX, "another", NOW + 1, NOW + 121) is not None


async def test_a_lease_of_a_clock_that_was_ahead_is_over(store: SqlStore) -> None:
    await connect(store)
    await lease(store, now=NOW + 86400)
    assert await store.oauth.lease_grant(BOX, "another", NOW, NOW + 120) is not None


async def test_both_tokens_of_a_refresh_are_stored_and_the_lease_ends(store: SqlStore) -> None:
    await connect(store)
    await store.oauth.record_renewal(renewal(await lease(store), "access 2", "refresh 2", at=NOW + 50))
    assert await tokens(store) == (sealed("access 2"), sealed("refresh 2"))
    grant = await known(store)
    assert (grant.issued_at, grant.refreshed_at, grant.lease_until) == (NOW + 50, NOW + 50, None)


async def test_the_old_refresh_token_stays_where_none_came(store: SqlStore) -> None:
    await connect(store)
    await store.oauth.record_renewal(renewal(await lease(store), "access 2"))
    assert await tokens(store) == (sealed("access 2"), sealed("refresh 1"))


async def test_who_lost_the_lease_writes_nothing(store: SqlStore) -> None:
    await connect(store)
    late = await lease(store)
    current = await lease(store, now=NOW + 121)
    with pytest.raises(LeaseLost, match="Another process"):
        await store.oauth.record_renewal(renewal(late, "late", "late"))
    with pytest.raises(LeaseLost):
        await store.oauth.record_refusal(refusal(late), NOW)
    await store.oauth.return_lease(late)
    await store.oauth.record_renewal(renewal(current, "access 2", "refresh 2"))
    with pytest.raises(LeaseLost):
        await store.oauth.record_renewal(renewal(current, "twice", "twice"))
    assert await tokens(store) == (sealed("access 2"), sealed("refresh 2"))


async def test_a_sign_in_during_a_refresh_wins(store: SqlStore) -> None:
    await connect(store)
    held = await lease(store)
    await store.oauth.put_grant(
        BOX, "google", "new@acme.com", NOW, renewal(NO_LEASE, "access 9", "refresh 9")
    )
    with pytest.raises(LeaseLost):
        await store.oauth.record_renewal(renewal(held, "old", "old"))
    assert await tokens(store) == (sealed("access 9"), sealed("refresh 9"))
    assert (await known(store)).username == "new@acme.com"


async def test_an_account_whose_visits_failed_is_visited_once_its_owner_has_signed_in(
    store: SqlStore,
) -> None:
    await store.fetcher.sync_accounts([Schedule("acme/box", 60.0, enabled=True)], NOW)
    [visit] = await store.fetcher.lease_due("fetcher", NOW, NOW + 60, 10)
    await store.fetcher.release_leases(
        [Release(visit.fence, VisitReport("no token", failed=True), NOW, NOW + 3600)]
    )
    assert await store.fetcher.lease_due("fetcher", NOW + 1, NOW + 61, 10) == []
    await connect(store, OTHER, at=NOW + 1)
    assert await store.fetcher.lease_due("fetcher", NOW + 1, NOW + 61, 10) == []
    await connect(store, BOX, at=NOW + 1)
    assert len(await store.fetcher.lease_due("fetcher", NOW + 1, NOW + 61, 10)) == 1


async def test_a_failure_keeps_the_tokens_and_counts(store: SqlStore) -> None:
    await connect(store)
    for failures in (1, 2):
        await store.oauth.record_refusal(refusal(await lease(store)), NOW)
        grant = await known(store)
        assert (grant.failures, grant.state) == (failures, GrantState.RETRYING)
    grant = await known(store)
    assert grant.problem == "It does not answer."
    assert grant.due_at == NOW + 100
    assert await tokens(store) == (sealed("access 1"), sealed("refresh 1"))
    await store.oauth.record_renewal(renewal(await lease(store), "access 2"))
    grant = await known(store)
    assert (grant.failures, grant.state, grant.problem) == (0, GrantState.VALID, None)


async def test_an_access_token_that_a_mail_server_refused_is_over(store: SqlStore) -> None:
    await connect(store)
    await store.oauth.record_refusal(refusal(await lease(store)), NOW + 50)
    assert (await known(store)).expires_at == NOW + 3600
    refused = refusal(await lease(store))._replace(access_is_over=True)
    await store.oauth.record_refusal(refused, NOW + 60)
    assert (await known(store)).expires_at == NOW + 60


async def test_of_a_refused_app_one_grant_at_a_time_is_tried(store: SqlStore) -> None:
    for number in range(5):
        await connect(store, f"account:acme/box{number}", at=NOW - 3000)
    await connect(store, OTHER, app="microsoft", at=NOW - 3000)
    first = await lease(store, "account:acme/box0")
    await store.oauth.record_refusal(refusal(first, GrantState.APP_BROKEN, app_until=NOW + 900), NOW)
    due = await store.oauth.lease_due("keeper", NOW + 200, NOW + 320, 10)
    assert [each.id for each in due] == [OTHER]
    await store.oauth.record_renewal(renewal(due[0], "access 2", at=NOW + 200))
    [probe] = await store.oauth.lease_due("keeper", NOW + 901, NOW + 1021, 10)
    assert probe.id == "account:acme/box1"
    assert await store.oauth.lease_due("another", NOW + 902, NOW + 1022, 10) == []
    state = (await store.oauth.app_states())["google"]
    assert (state.problem, state.problem_since) == ("It does not answer.", NOW)

    await store.oauth.record_renewal(renewal(probe, "access 2", at=NOW + 950))
    assert (await store.oauth.app_states())["google"].problem is None
    due = await store.oauth.lease_due("keeper", NOW + 951, NOW + 1071, 10)
    assert {each.id for each in due} == {f"account:acme/box{number}" for number in (0, 2, 3, 4)}


async def test_a_revoked_grant_has_no_tokens_and_is_not_refreshed(store: SqlStore) -> None:
    assert await store.oauth.give_back([BOX], NOW, NOW + 600) == []
    await connect(store)
    held = await lease(store)
    assert await store.oauth.give_back([BOX], NOW, NOW + 600) == [BOX]
    assert (await known(store)).state is GrantState.REVOKING
    assert await tokens(store) == (None, sealed("refresh 1"))
    assert await store.oauth.lease_grant(BOX, "keeper", NOW + 9999, NOW + 10119) is None
    assert await store.oauth.lease_due("keeper", NOW + 9999, NOW + 10119, 10) == []
    [to_tell] = await store.oauth.lease_revocations("keeper", NOW, NOW + 120, 10)
    await register(store)
    await store.oauth.end_revocation(to_tell)
    assert (await known(store)).state is GrantState.REVOKED
    assert await tokens(store) == (None, None)
    assert await store.oauth.lease_grant(BOX, "keeper", NOW + 9999, NOW + 10119) is None
    assert await store.oauth.lease_due("keeper", NOW + 9999, NOW + 10119, 10) == []
    with pytest.raises(LeaseLost):
        await store.oauth.record_renewal(renewal(held, "late", "late"))
    assert await tokens(store) == (None, None)
    await connect(store)
    assert (await known(store)).state is GrantState.VALID


async def test_grants_without_an_owner_begin_once(store: SqlStore) -> None:
    await connect(store)
    await store.oauth.ensure_grants([(BOX, "google", "box@acme.com"), (OTHER, "app", "o@acme.com")], NOW)
    await store.oauth.ensure_grants([(OTHER, "app", "o@acme.com")], NOW + 5)
    assert [each.id for each in await store.oauth.grants()] == [BOX, OTHER]
    assert await tokens(store) == (sealed("access 1"), sealed("refresh 1"))
    assert [each.id for each in await store.oauth.lease_due("keeper", NOW, NOW + 120, 10)] == [OTHER]


async def test_the_grants_of_a_tenant_are_listed_by_page(store: SqlStore) -> None:
    mine = [BOX, OTHER, "target:acme/exchange"]
    foreign = ["account:acme-2/box", "account:acme0/box", "account:bcme/box", "target:acme", "target:other/x"]
    await store.oauth.ensure_grants([(each, "app", "u") for each in (*mine, *foreign)], NOW)
    assert [each.id for each in await store.oauth.tenant_grants("acme", "", 10)] == mine
    assert [each.id for each in await store.oauth.tenant_grants("acme", BOX, 1)] == [OTHER]
    assert await store.oauth.tenant_grants("none", "", 10) == []


async def test_an_app_is_kept_with_its_sealed_secret(store: SqlStore) -> None:
    await store.oauth.put_app(AppWrite("mine", '{"client_id": "a"}', sealed("secret")), NOW)
    await store.oauth.put_app(AppWrite("mine", '{"client_id": "b"}'), NOW)
    state = (await store.oauth.app_states())["mine"]
    assert (state.spec, state.secret) == ('{"client_id": "b"}', sealed("secret"))


async def test_an_app_is_written_only_as_it_was_read(store: SqlStore) -> None:
    put = store.oauth.put_app
    assert await put(AppWrite("mine", "{}", sealed("secret"), expected=0), NOW) == 1
    assert await put(AppWrite("mine", "{}", expected=0), NOW) is None
    assert await put(AppWrite("mine", '{"client_id": "b"}', expected=1), NOW) == 2
    assert await put(AppWrite("mine", '{"client_id": "c"}', expected=1), NOW) is None
    assert await put(AppWrite("mine", '{"client_id": "d"}'), NOW) == 3
    state = (await store.oauth.app_states())["mine"]
    assert (state.spec, state.secret, state.revision) == ('{"client_id": "d"}', sealed("secret"), 3)
    assert await put(AppWrite("mine", "{}", drops_secret=True, expected=3), NOW) == 4
    assert (await store.oauth.app_states())["mine"].secret is None
    assert await store.oauth.remove_app("mine", NOW, NOW + 1, 3) is None
    assert await store.oauth.remove_app("mine", NOW, NOW + 1, 4) is not None


async def test_of_apps_that_are_added_at_once_one_is_kept(store: SqlStore) -> None:
    puts = (store.oauth.put_app(AppWrite("mine", "{}", expected=0), NOW) for _ in range(5))
    assert sorted(await asyncio.gather(*puts), key=str) == [1, None, None, None, None]
