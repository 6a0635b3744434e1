"""The registry is changed. All changes of one transaction get the same new revision.

The row with the revision is locked first, so changes come one after the other and nobody who reads by
revision overlooks one that was begun earlier and committed later.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import update

from shared.adapters.sql.leases.schedule import enter_schedules, forget_schedules, stop_schedules
from shared.adapters.sql.oauth_revocations import give_back
from shared.adapters.sql.registry.holding import apply_holders
from shared.adapters.sql.registry.reading import FIELDS, count_specs
from shared.adapters.sql.secrets import put_secrets, remove_secrets
from shared.adapters.sql.tables import registry, specs
from shared.adapters.sql.unit_of_work import Transaction
from shared.model.oauth import REVOKE_FOR, account_grant, target_grant
from shared.model.sealed import SecretName
from shared.model.spec import Kind
from shared.ports.store import (
    ABSENT,
    ANY,
    RevisionConflict,
    SealedSecret,
    SpecChange,
    SpecFilter,
    TenantFull,
)

ONLY_ROW = 1


def save_specs(transaction: Transaction, changes: Sequence[SpecChange], now: float) -> int:
    """Write these objects; return the new revision. Raises `RevisionConflict` and `TenantFull`."""
    revision = _next_revision(transaction)
    known = _known(transaction, [(each.kind, each.id) for each in changes])
    _check(known, {(each.kind, each.id): each.expected for each in changes})
    connection, bulk = transaction
    rows = []
    for each in changes:
        there = known.get((each.kind, each.id))
        created = there.created_at if there is not None and there.removed_at is None else now
        rows.append(
            (
                each.kind.value,
                each.id,
                each.tenant,
                each.target,
                json.dumps(each.keys, ensure_ascii=False, sort_keys=True),
                each.enabled,
                revision,
                each.managed_by.value,
                each.origin,
                float(created),
                float(now),
                None,
            )
        )
    bulk.put(connection, specs, FIELDS, rows)
    _check_room(transaction, changes)
    _drop_old_secrets(transaction, known, now)
    _save_secrets(transaction, changes, now)
    enter_schedules(transaction, [each.schedule for each in changes if each.schedule is not None], now)
    accounts = [each for each in changes if each.kind is Kind.ACCOUNT and each.schedule is None]
    stop_schedules(transaction, [each.id for each in accounts if not each.enabled])
    _apply_holders(transaction, {(each.kind, each.id): each.enabled for each in changes}, known, now)
    return revision


def remove_specs(transaction: Transaction, kind: Kind, expected: Mapping[str, int], now: float) -> int:
    """Remove these objects; return the new revision. Raises `RevisionConflict`."""
    revision = _next_revision(transaction)
    ids = sorted(expected)
    known = _known(transaction, [(kind, each) for each in ids])
    _check(known, {(kind, each): at for each, at in expected.items()})
    removed = [
        (kind.value, each, revision, float(now), float(now), False)
        for each in ids
        if (there := known.get((kind, each))) is not None and there.removed_at is None
    ]
    columns = ("kind", "id", "revision", "changed_at", "removed_at", "enabled")
    transaction.bulk.update(transaction.connection, specs, columns, removed)
    if kind is Kind.ACCOUNT:
        stop_schedules(transaction, ids)
    _apply_holders(transaction, {(kind, each): True for each in ids}, known, now)
    return revision


def forget_specs(transaction: Transaction, kind: Kind, ids: Sequence[str], now: float) -> None:
    """Delete removed objects with their secrets and schedules. Who knows them forgets them by himself.

    Their sign-ins are given back; tokens are kept until that is done.
    """
    connection, bulk = transaction
    bulk.delete(connection, specs, [(kind.value, each) for each in ids])
    remove_secrets(transaction, kind.value, ids)
    _give_sign_ins_back(transaction, kind, ids, now)
    if kind is Kind.ACCOUNT:
        forget_schedules(transaction, ids)


class _Known(NamedTuple):
    """What is there of an object."""

    revision: int
    created_at: float
    removed_at: float | None
    enabled: bool

    @property
    def holds(self) -> bool:
        """Whether it keeps its accounts from being visited."""
        return self.removed_at is None and not self.enabled


def _next_revision(transaction: Transaction) -> int:
    """Lock the registry against other changes, and return the revision of this one."""
    change = (
        update(registry)
        .where(registry.c.id == ONLY_ROW)
        .values(revision=registry.c.revision + 1)
        .returning(registry.c.revision)
    )
    revision: int = transaction.connection.execute(change).scalar_one()
    return revision


def _known(transaction: Transaction, keys: Sequence[tuple[Kind, str]]) -> dict[tuple[Kind, str], _Known]:
    connection, bulk = transaction
    rows = bulk.select(
        connection,
        specs,
        ("kind", "id"),
        [(kind.value, name) for kind, name in keys],
        fields=("kind", "id", "revision", "created_at", "removed_at", "enabled"),
    )
    return {(Kind(row[0]), row[1]): _Known(row[2], row[3], row[4], bool(row[5])) for row in rows}


def _apply_holders(
    transaction: Transaction,
    enabled: Mapping[tuple[Kind, str], bool],
    known: Mapping[tuple[Kind, str], _Known],
    now: float,
) -> None:
    """Have the accounts visited or not, as tenants and targets are enabled now that were not before, or are
    not any more.
    """
    held = {key for key, there in known.items() if there.holds}
    changed = [
        key for key, now_enabled in enabled.items() if key[0] is Kind.ACCOUNT or now_enabled is (key in held)
    ]
    for kind in Kind:
        if ids := [name for of, name in changed if of is kind]:
            apply_holders(transaction, kind, ids, now)


def _check(known: Mapping[tuple[Kind, str], _Known], expected: Mapping[tuple[Kind, str], int]) -> None:
    """Raise `RevisionConflict` where an object is not as it was expected. A removed one may come again."""
    changed = []
    for key, at in expected.items():
        there = known.get(key)
        is_there = there is not None and there.removed_at is None
        actual = there.revision if there is not None and is_there else ABSENT
        if at not in (ANY, actual):
            changed.append(f"{key[0].value} {key[1]}")
    if changed:
        raise RevisionConflict(changed)


def _check_room(transaction: Transaction, changes: Sequence[SpecChange]) -> None:
    """Raise `TenantFull`. Others wait for the registry's row meanwhile, so no two fill the same place."""
    limits = {each.tenant: each.most_in_tenant for each in changes if each.most_in_tenant is not None}
    for tenant, most in limits.items():
        if count_specs(transaction, Kind.ACCOUNT, SpecFilter(tenant=tenant)) > most:
            raise TenantFull(tenant, most)


def _drop_old_secrets(transaction: Transaction, known: Mapping[tuple[Kind, str], _Known], now: float) -> None:
    """Remove the secrets of removed objects: one of the same name may be somebody else's."""
    for kind in Kind:
        gone = [name for (of, name), each in known.items() if of is kind and each.removed_at is not None]
        remove_secrets(transaction, kind.value, gone)
        _give_sign_ins_back(transaction, kind, gone, now)


def _give_sign_ins_back(transaction: Transaction, kind: Kind, ids: Sequence[str], now: float) -> None:
    grant = {Kind.ACCOUNT: account_grant, Kind.TARGET: target_grant}.get(kind)
    if grant is not None and ids:
        give_back(transaction, [grant(each) for each in ids], now, now + REVOKE_FOR, stays=False)


def _save_secrets(transaction: Transaction, changes: Sequence[SpecChange], now: float) -> None:
    given = []
    for each in changes:
        sealed = {field: secret for field, secret in each.secrets.items() if secret is not None}
        kind = each.kind.value
        given += [SealedSecret(SecretName(kind, each.id, field), secret) for field, secret in sealed.items()]
        if removed := each.secrets.keys() - sealed.keys():
            remove_secrets(transaction, kind, [each.id], removed)
    put_secrets(transaction, given, now)
