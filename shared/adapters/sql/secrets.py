"""Sealed secrets. The functions take a transaction, so that a spec and its secrets are written together."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import func, inspect, select, tuple_

from shared.adapters.sql.runner import TransactionRunner
from shared.adapters.sql.tables import secrets
from shared.adapters.sql.unit_of_work import Transaction
from shared.model.sealed import Sealed, SecretName
from shared.ports.store.secrets import Resealed, SealedSecret

SECRET = secrets.c
COLUMNS = (*SecretName._fields, "key", "sealed")
"""A sealed secret."""


def sealed_secrets(
    transaction: Transaction, kind: str, ids: Collection[str]
) -> dict[tuple[str, str], Sealed]:
    """Return all secrets of these objects, by id and field."""
    connection, bulk = transaction
    rows = bulk.select(connection, secrets, ("kind", "id"), [(kind, each) for each in ids], fields=COLUMNS)
    return {(id_, field): Sealed(key, bytes(data)) for _kind, id_, field, key, data in rows}


def secrets_set_at(transaction: Transaction, kind: str, ids: Collection[str]) -> dict[tuple[str, str], float]:
    """Return when each secret of these objects was set, by id and field."""
    connection, bulk = transaction
    keys, fields = [(kind, each) for each in ids], ("id", "field", "set_at")
    rows = bulk.select(connection, secrets, ("kind", "id"), keys, fields=fields)
    return {(id_, field): float(set_at) for id_, field, set_at in rows}


def put_secrets(transaction: Transaction, given: Sequence[SealedSecret], now: float) -> None:
    """Set these secrets, in place of what was there. Of several with one name the last one counts."""
    sealed = dict(given)
    rows = [(*name, sealed[name].key, sealed[name].data, float(now)) for name in sorted(sealed)]
    transaction.bulk.put(transaction.connection, secrets, (*COLUMNS, "set_at"), rows)


def remove_secrets(
    transaction: Transaction, kind: str, ids: Collection[str], fields: Collection[str] | None = None
) -> None:
    """Remove the secrets of these objects, or only those in `fields`."""
    connection, bulk = transaction
    keys = [(kind, each) for each in ids]
    rows = bulk.select(connection, secrets, ("kind", "id"), keys, fields=("kind", "id", "field"), lock=True)
    bulk.delete(connection, secrets, [row for row in rows if fields is None or row[2] in fields])


def sealed_under_other_keys(
    transaction: Transaction, key: str, after: SecretName | None, limit: int
) -> list[SealedSecret]:
    """Return up to `limit` secrets that are not sealed under `key`, by name, from beyond `after` on."""
    place = tuple_(SECRET.kind, SECRET.id, SECRET.field)
    query = select(*(SECRET[each] for each in COLUMNS)).where(SECRET.key != key)
    if after is not None:
        query = query.where(place > tuple_(*after))
    rows = transaction.connection.execute(query.order_by(SECRET.kind, SECRET.id, SECRET.field).limit(limit))
    return [
        SealedSecret(SecretName(row.kind, row.id, row.field), Sealed(row.key, bytes(row.sealed)))
        for row in rows
    ]


def reseal(transaction: Transaction, resealed: Sequence[Resealed]) -> int:
    """Replace each secret that is still as it was read; return how many that were."""
    connection, bulk = transaction
    keys = sorted({each.name for each in resealed})
    rows = bulk.select(connection, secrets, SecretName._fields, keys, fields=COLUMNS, lock=True)
    there = {SecretName(*row[:3]): Sealed(row[3], bytes(row[4])) for row in rows}
    changed = [
        (*each.name, each.after.key, each.after.data)
        for each in resealed
        if there.get(each.name) == each.before
    ]
    bulk.update(connection, secrets, COLUMNS, changed)
    return len(changed)


def key_counts(transaction: Transaction) -> dict[str, int]:
    """Return how many secrets are sealed under each key; none where the schema is too old for them."""
    connection = transaction.connection
    if not inspect(connection).has_table(secrets.name):
        return {}
    query = select(SECRET.key, func.count().label("number")).group_by(SECRET.key).order_by(SECRET.key)
    return {row.key: row.number for row in connection.execute(query)}


class SqlSecretStore:
    """The port `SecretStore` in SQL."""

    def __init__(self, runner: TransactionRunner) -> None:
        self._runner = runner

    async def sealed_secrets(self, kind: str, ids: Collection[str]) -> Mapping[tuple[str, str], Sealed]:
        """Return all secrets of these objects, by id and field."""
        return await self._runner.read(sealed_secrets, kind, ids)

    async def secrets_set_at(self, kind: str, ids: Collection[str]) -> Mapping[tuple[str, str], float]:
        """Return when each secret of these objects was set, by id and field."""
        return await self._runner.read(secrets_set_at, kind, ids)

    async def put_secrets(self, given: Sequence[SealedSecret], now: float) -> None:
        """Set these secrets, in place of what was there."""
        await self._runner.write(put_secrets, given, now)

    async def remove_secrets(
        self, kind: str, ids: Collection[str], fields: Collection[str] | None = None
    ) -> None:
        """Remove the secrets of these objects, or only those in `fields`."""
        await self._runner.write(remove_secrets, kind, ids, fields)

    async def sealed_under_other_keys(
        self, key: str, after: SecretName | None, limit: int
    ) -> Sequence[SealedSecret]:
        """Return secrets that are not sealed under `key`, by name, from beyond `after` on."""
        return await self._runner.read(sealed_under_other_keys, key, after, limit)

    async def reseal(self, resealed: Sequence[Resealed]) -> int:
        """Replace each secret that is still as it was read; return how many that were."""
        return await self._runner.write(reseal, resealed)

    async def key_counts(self) -> Mapping[str, int]:
        """Return how many secrets are sealed under each key, by the key's id."""
        return await self._runner.read(key_counts)
