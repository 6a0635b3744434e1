"""What the store promises about sealed secrets."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from shared.adapters.sql.secrets import put_secrets
from shared.adapters.sql.store import SqlStore
from shared.adapters.sql.unit_of_work import Transaction
from shared.model.sealed import Sealed, SecretName
from shared.ports.store import Resealed, SealedSecret

NOW = 100.0
OLD, NEW = "old-key", "new-key"


def secret(id_: str, field: str = "password", key: str = OLD, data: bytes = b"\0\xff sealed") -> SealedSecret:
    return SealedSecret(SecretName("account", id_, field), Sealed(key, data + id_.encode()))


BOX, TOKEN, OTHER = secret("acme/box"), secret("acme/box", "token"), secret("zeta/box", key=NEW)


async def names(store: SqlStore, key: str = "none of them") -> list[SecretName]:
    return [each.name for each in await store.secrets.sealed_under_other_keys(key, None, 100)]


async def test_secrets_are_found_by_the_objects_they_belong_to(store: SqlStore) -> None:
    target = SealedSecret(SecretName("target", "acme/box", "password"), Sealed(OLD, b"of a target"))
    await store.secrets.put_secrets([BOX, TOKEN, OTHER, target], NOW)
    assert await store.secrets.sealed_secrets("account", ["acme/box", "unknown"]) == {
        ("acme/box", "password"): BOX.sealed,
        ("acme/box", "token"): TOKEN.sealed,
    }
    assert await store.secrets.sealed_secrets("account", []) == {}


async def test_a_secret_takes_the_place_of_an_earlier_one_with_its_name(store: SqlStore) -> None:
    later = secret("acme/box", key=NEW, data=b"later")
    await store.secrets.put_secrets([BOX, TOKEN], NOW)
    await store.secrets.put_secrets([secret("acme/box", data=b"between"), later], NOW + 1)
    assert await store.secrets.sealed_secrets("account", ["acme/box"]) == {
        ("acme/box", "password"): later.sealed,
        ("acme/box", "token"): TOKEN.sealed,
    }


async def test_secrets_are_removed_by_object_or_by_field(store: SqlStore) -> None:
    await store.secrets.put_secrets([BOX, TOKEN, OTHER], NOW)
    await store.secrets.remove_secrets("account", ["acme/box", "unknown"], ["token", "unknown"])
    assert await names(store) == [BOX.name, OTHER.name]
    await store.secrets.remove_secrets("target", ["acme/box"])
    await store.secrets.remove_secrets("account", ["zeta/box"], [])
    await store.secrets.remove_secrets("account", [])
    assert await names(store) == [BOX.name, OTHER.name]
    await store.secrets.remove_secrets("account", ["acme/box"])
    assert await names(store) == [OTHER.name]


async def test_a_thousand_secrets_are_set_read_and_removed_at_once(store: SqlStore) -> None:
    many = [secret(f"acme/{number}") for number in range(1000)]
    ids = [each.name.id for each in many]
    await store.secrets.put_secrets(many, NOW)
    assert len(await store.secrets.sealed_secrets("account", ids)) == 1000
    await store.secrets.remove_secrets("account", ids)
    assert await store.secrets.key_counts() == {}


async def test_secrets_under_other_keys_come_by_name_in_portions(store: SqlStore) -> None:
    await store.secrets.put_secrets([TOKEN, OTHER, BOX, secret("beta/box", key="a third")], NOW)
    first = await store.secrets.sealed_under_other_keys(NEW, None, 2)
    assert first == [BOX, TOKEN]
    assert [each.name.id for each in await store.secrets.sealed_under_other_keys(NEW, TOKEN.name, 2)] == [
        "beta/box"
    ]
    assert await store.secrets.sealed_under_other_keys(NEW, OTHER.name, 2) == []


async def test_secrets_are_counted_by_their_keys(store: SqlStore) -> None:
    assert await store.secrets.key_counts() == {}
    await store.secrets.put_secrets([BOX, TOKEN, OTHER], NOW)
    assert await store.secrets.key_counts() == {OLD: 2, NEW: 1}


async def test_a_secret_is_sealed_anew_and_stays_as_old_as_it_was(store: SqlStore) -> None:
    after = Sealed(NEW, b"anew")
    await store.secrets.put_secrets([BOX, TOKEN], NOW)
    assert await store.secrets.reseal([Resealed(BOX.name, BOX.sealed, after)]) == 1
    assert await store.secrets.sealed_secrets("account", ["acme/box"]) == {
        ("acme/box", "password"): after,
        ("acme/box", "token"): TOKEN.sealed,
    }
    assert await store.runner.read(_times) == [NOW, NOW]


def _times(transaction: Transaction) -> list[float]:
    return [*transaction.connection.exec_driver_sql("SELECT set_at FROM secrets").scalars()]


async def test_a_secret_that_was_set_or_removed_meanwhile_is_not_sealed_anew(
    store: SqlStore, another: Callable[[], SqlStore]
) -> None:
    """Or a password that was just changed would be the old one again."""
    await store.secrets.put_secrets([BOX, TOKEN, OTHER], NOW)
    changed = secret("acme/box", data=b"changed")
    await another().secrets.put_secrets([changed], NOW + 1)
    await another().secrets.remove_secrets("account", ["zeta/box"])
    anew = [Resealed(each.name, each.sealed, Sealed(NEW, b"anew")) for each in (BOX, TOKEN, OTHER)]
    assert await store.secrets.reseal(anew) == 1
    assert await store.secrets.sealed_secrets("account", ["acme/box", "zeta/box"]) == {
        ("acme/box", "password"): changed.sealed,
        ("acme/box", "token"): Sealed(NEW, b"anew"),
    }
    assert await store.secrets.reseal([]) == 0


async def test_secrets_are_set_in_the_transaction_of_what_they_belong_to(store: SqlStore) -> None:
    class Failed(Exception):
        """The rest of the transaction."""

    def change(transaction: Transaction) -> None:
        put_secrets(transaction, [BOX], NOW)
        raise Failed

    with pytest.raises(Failed):
        await store.runner.write(change)
    assert await store.secrets.key_counts() == {}


async def test_a_schema_before_there_were_secrets_holds_none(store: SqlStore) -> None:
    def rename(transaction: Transaction) -> None:
        transaction.connection.exec_driver_sql("ALTER TABLE secrets RENAME TO put_aside")

    def rename_back(transaction: Transaction) -> None:
        transaction.connection.exec_driver_sql("ALTER TABLE put_aside RENAME TO secrets")

    await store.runner.write(rename)
    try:
        assert await store.secrets.key_counts() == {}
    finally:
        await store.runner.write(rename_back)
