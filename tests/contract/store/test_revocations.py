"""What the store promises about grants that end: tokens go when the provider was told, and not before."""

from __future__ import annotations

import pytest

from shared.adapters.sql.store import SqlStore
from shared.model.oauth import REVOKE_FOR, GrantState
from shared.model.sealed import Sealed
from shared.model.spec import Kind
from shared.ports.store import ANY, LeaseLost
from shared.ports.store.oauth import AppWrite, GrantLease, Removal
from tests.contract.store.test_grants import BOX, NOW, OTHER, connect, known, register, sealed, tokens

UNTIL = NOW + 7 * 86400


async def told(store: SqlStore, now: float = NOW) -> list[GrantLease]:
    return [*await store.oauth.lease_revocations("keeper", now, now + 120, 10)]


async def is_there(store: SqlStore, grant: str = BOX) -> bool:
    return await store.oauth.grant(grant) is not None


async def test_the_grant_of_a_removed_account_goes_when_the_provider_was_told(store: SqlStore) -> None:
    await register(store)
    await connect(store)
    await store.registry.remove_specs(Kind.ACCOUNT, {"acme/box": ANY}, NOW)
    assert (await known(store)).state is GrantState.VALID, "a visit that is under way may need it"
    assert await store.registry.forget_removed(10, NOW) == ["account acme/box"]
    grant = await known(store)
    assert (grant.state, grant.revoke_until) == (GrantState.REVOKING, NOW + REVOKE_FOR)
    [lease] = await told(store)
    assert await told(store) == []
    assert await tokens(store) == (None, sealed("refresh 1"))
    await store.oauth.end_revocation(lease)
    assert not await is_there(store)
    with pytest.raises(LeaseLost):
        await store.oauth.end_revocation(lease)


async def test_a_grant_without_a_refresh_token_goes_with_its_account(store: SqlStore) -> None:
    await register(store)
    await store.oauth.ensure_grants([(BOX, "itself", "box@acme.com")], NOW)
    await store.registry.remove_specs(Kind.ACCOUNT, {"acme/box": ANY}, NOW)
    await store.registry.forget_removed(10, NOW)
    assert not await is_there(store)


async def test_an_account_of_the_same_name_needs_a_sign_in_of_its_own(store: SqlStore) -> None:
    await register(store)
    await connect(store)
    await store.registry.remove_specs(Kind.ACCOUNT, {"acme/box": ANY}, NOW)
    await register(store)
    assert (await known(store)).state is GrantState.REVOKING
    [lease] = await told(store)
    await store.oauth.end_revocation(lease)
    assert (await known(store)).state is GrantState.REVOKED


async def test_a_sign_in_meanwhile_is_not_ended(store: SqlStore) -> None:
    await connect(store)
    await store.oauth.give_back([BOX], NOW, UNTIL)
    [lease] = await told(store)
    await connect(store)
    with pytest.raises(LeaseLost):
        await store.oauth.end_revocation(lease)
    assert (await known(store)).state is GrantState.VALID


async def test_a_provider_that_could_not_be_told_is_told_later(store: SqlStore) -> None:
    await connect(store)
    await store.oauth.give_back([BOX], NOW, UNTIL)
    [lease] = await told(store)
    await store.oauth.postpone_revocation(lease, "no answer", NOW + 60)
    assert await told(store, NOW + 59) == []
    assert await store.oauth.give_back([BOX], NOW + 59, UNTIL + 59) == [BOX]
    grant = await known(store)
    assert (grant.problem, grant.failures, grant.revoke_until) == ("no answer", 1, UNTIL)
    assert [each.id for each in await told(store, NOW + 60)] == [BOX]
    assert [each.id for each in await told(store, NOW + 181)] == [BOX], "the first process was killed"
    assert await store.oauth.lease_revocation(BOX, "another", NOW + 190, NOW + 310) is None


@pytest.mark.parametrize(("app", "same"), [("google", True), ("microsoft", False)])
async def test_another_grant_on_the_same_sign_in_is_known(store: SqlStore, app: str, same: bool) -> None:
    await connect(store)
    await connect(store, OTHER, app=app)
    await store.oauth.give_back([BOX], NOW, UNTIL)
    assert await store.oauth.has_same_sign_in(BOX) is same
    await store.oauth.give_back([OTHER], NOW, UNTIL)
    assert not await store.oauth.has_same_sign_in(BOX)


async def test_a_removed_app_goes_with_its_last_grant(store: SqlStore) -> None:
    await store.oauth.put_app(AppWrite("google", "{}", Sealed("key 1", b"secret")), NOW)
    await connect(store)
    await store.oauth.ensure_grants([(OTHER, "google", "o@acme.com")], NOW)
    assert await store.oauth.remove_app("google", NOW, UNTIL) == Removal(2, 1)
    assert await store.oauth.remove_app("google", NOW, UNTIL) is None
    assert not await is_there(store, OTHER)
    state = (await store.oauth.app_states())["google"]
    assert (state.removed_at, state.secret) == (NOW, Sealed("key 1", b"secret"))
    [lease] = await told(store)
    await store.oauth.end_revocation(lease)
    assert await store.oauth.app_states() == {}
    await store.oauth.put_app(AppWrite("google", "{}"), NOW)
    assert (await store.oauth.app_states())["google"].secret is None


async def test_an_app_without_grants_goes_at_once(store: SqlStore) -> None:
    assert await store.oauth.remove_app("google", NOW, UNTIL) is None
    await store.oauth.put_app(AppWrite("google", "{}"), NOW)
    assert await store.oauth.remove_app("google", NOW, UNTIL) == Removal(0, 0)
    assert await store.oauth.app_states() == {}


async def test_an_app_with_more_grants_than_a_statement_has_values_is_removed(store: SqlStore) -> None:
    await store.oauth.put_app(AppWrite("google", "{}"), NOW)
    many = [(f"account:acme/box{number}", "google", "box@acme.com") for number in range(1200)]
    await store.oauth.ensure_grants(many, NOW)
    assert await store.oauth.remove_app("google", NOW, UNTIL) == Removal(1200, 0)
    assert await store.oauth.grants() == []
