"""The registry is read: its revision, what changed, and the objects with their sealed secrets."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence

from sqlalchemy import ColumnElement, and_, func, or_, select, true

from shared.adapters.sql.bulk import Row
from shared.adapters.sql.secrets import sealed_secrets
from shared.adapters.sql.tables import registry, specs
from shared.adapters.sql.unit_of_work import Transaction
from shared.model.sealed import Sealed
from shared.model.spec import Kind, Manager, Spec
from shared.ports.store import Changes, Extent, SpecFilter

SPEC = specs.c
FIELDS = (
    "kind",
    "id",
    "tenant",
    "target",
    "spec",
    "enabled",
    "revision",
    "managed_by",
    "origin",
    "created_at",
    "changed_at",
    "removed_at",
)


def registry_revision(transaction: Transaction) -> int:
    """Return the revision of the latest change."""
    found: int | None = transaction.connection.execute(select(registry.c.revision)).scalar()
    return found or 0


def registry_extent(transaction: Transaction) -> Extent:
    """Return how many accounts are enabled, and whether they belong to several tenants."""
    enabled = and_(SPEC.kind == Kind.ACCOUNT.value, SPEC.enabled)
    query = select(func.count(), func.min(SPEC.tenant), func.max(SPEC.tenant)).where(enabled)
    count, first, last = transaction.connection.execute(query).one()
    return Extent(count, first != last)


def changes_since(transaction: Transaction, revision: int, limit: int) -> Changes:
    """Return which objects were changed after `revision`, if no more than `limit`."""
    now = registry_revision(transaction)
    if now <= revision:
        return Changes(now, frozenset())
    query = select(SPEC.kind, SPEC.id).where(SPEC.revision > revision).limit(limit + 1)
    rows = transaction.connection.execute(query).all()
    if len(rows) > limit:
        return Changes(now, None)
    return Changes(now, frozenset((Kind(row.kind), row.id) for row in rows))


def specs_of(transaction: Transaction, kind: Kind, ids: Sequence[str]) -> list[Spec]:
    """Return these objects; unknown ids are passed over."""
    connection, bulk = transaction
    keys = [(kind.value, each) for each in sorted(set(ids))]
    return _with_the_rest(transaction, bulk.select(connection, specs, ("kind", "id"), keys, fields=FIELDS))


def list_specs(transaction: Transaction, kind: Kind, after: str, limit: int, only: SpecFilter) -> list[Spec]:
    """Return up to `limit` objects after `after`, by id."""
    columns = [SPEC[name] for name in FIELDS]
    query = select(*columns).where(SPEC.kind == kind.value, SPEC.id > after, _condition(only))
    rows = transaction.connection.execute(query.order_by(SPEC.id).limit(limit)).all()
    return _with_the_rest(transaction, rows)


def count_specs(transaction: Transaction, kind: Kind, only: SpecFilter) -> int:
    """Return how many objects there are."""
    query = select(func.count()).select_from(specs).where(SPEC.kind == kind.value, _condition(only))
    return transaction.connection.execute(query).scalar_one()


def _condition(only: SpecFilter) -> ColumnElement[bool]:
    conditions: list[ColumnElement[bool]] = [true()]
    if only.tenant is not None:
        conditions.append(SPEC.tenant == only.tenant)
    if only.origin is not None:
        conditions.append(SPEC.origin == only.origin)
    if only.target is not None:
        conditions.append(SPEC.target == only.target)
    if only.enabled is not None:
        conditions.append(SPEC.enabled == only.enabled)
    if only.managed_by is not None:
        conditions.append(SPEC.managed_by == only.managed_by.value)
    if only.name is not None:
        conditions.append(or_(SPEC.id == only.name, SPEC.id == SPEC.tenant + "/" + only.name))
    if not only.with_removed:
        conditions.append(SPEC.removed_at.is_(None))
    return and_(*conditions)


def _with_the_rest(transaction: Transaction, rows: Sequence[Row]) -> list[Spec]:
    """The specs of these rows, with their secrets and whether their targets are there."""
    sealed: dict[tuple[str, str], dict[str, Sealed]] = defaultdict(dict)
    for kind in {row[0] for row in rows}:
        of_kind = sealed_secrets(transaction, kind, [row[1] for row in rows])
        for (name, field), secret in of_kind.items():
            sealed[kind, name][field] = secret
    there = _targets(transaction, {row[3] for row in rows if row[3] is not None})
    found = [_spec(row, sealed.get((row[0], row[1]), {}), there) for row in rows]
    return sorted(found, key=lambda each: each.id)


def _targets(transaction: Transaction, names: set[str]) -> set[str]:
    """Those of the targets that are in the registry."""
    connection, bulk = transaction
    keys = [(Kind.TARGET.value, each) for each in sorted(names)]
    rows = bulk.select(connection, specs, ("kind", "id"), keys, fields=("id",), only="t.removed_at IS NULL")
    return {row[0] for row in rows}


def _spec(row: Row, sealed: Mapping[str, Sealed], there: set[str]) -> Spec:
    kind, name, tenant, target, keys, enabled, revision, managed_by, origin, created, changed, removed = row
    return Spec(
        kind=Kind(kind),
        id=name,
        tenant=tenant,
        target=target,
        keys=json.loads(keys),
        enabled=bool(enabled),
        revision=revision,
        managed_by=Manager(managed_by),
        origin=origin,
        created_at=created,
        changed_at=changed,
        removed_at=removed,
        is_target_gone=target is not None and target not in there,
        secrets=sealed,
    )
