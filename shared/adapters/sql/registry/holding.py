"""Which accounts are visited: those that are enabled, and whose tenant and target are.

The schedule of an account says it (`accounts.enabled`), so that leasing accounts asks nothing else.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import ColumnElement, and_, or_, select, update

from shared.adapters.sql.engine import allow_scans
from shared.adapters.sql.leases.schedule import (
    lock_accounts,
    make_accounts_due,
    make_overdue_accounts_due,
)
from shared.adapters.sql.tables import accounts, specs
from shared.adapters.sql.unit_of_work import Transaction
from shared.model.spec import Kind

SPEC, ACCOUNT = specs.c, accounts.c
_HOLDER = specs.alias("holder")
HOLDER_OF_ACCOUNT = or_(
    and_(_HOLDER.c.kind == Kind.TENANT.value, _HOLDER.c.id == SPEC.tenant),
    and_(_HOLDER.c.kind == Kind.TARGET.value, _HOLDER.c.id == SPEC.target),
)
DISABLED_HOLDER = (
    select(_HOLDER.c.kind)
    .where(HOLDER_OF_ACCOUNT, _HOLDER.c.removed_at.is_(None), ~_HOLDER.c.enabled)
    .order_by(_HOLDER.c.kind.desc())
    .limit(1)
    .correlate(specs)
    .scalar_subquery()
)
"""`tenant` or `target` where that of the account is disabled, else null."""


def apply_holders(transaction: Transaction, kind: Kind, ids: Collection[str], now: float) -> None:
    """Have the accounts with these ids, or those of these tenants or targets, visited or not, by what is
    enabled now. Those that are enabled by this are due at once.
    """
    if kind is Kind.TARGET:
        allow_scans(transaction.connection)
    wanted = and_(SPEC.enabled, DISABLED_HOLDER.is_(None))
    differing = (
        select(SPEC.id, SPEC.enabled, wanted.label("wanted"))
        .join_from(specs, accounts, ACCOUNT.id == SPEC.id)
        .where(SPEC.kind == Kind.ACCOUNT.value, _of(kind).in_(ids), ACCOUNT.enabled != wanted)
    )
    found = transaction.connection.execute(differing).all()
    for enabled in (False, True):
        names = sorted(row.id for row in found if bool(row.wanted) is enabled)
        if not names:
            continue
        lock_accounts(transaction, ACCOUNT.id.in_(names))
        transaction.connection.execute(update(accounts).where(ACCOUNT.id.in_(names)).values(enabled=enabled))
        if enabled:
            make_accounts_due(transaction, names, now)
            make_overdue_accounts_due(transaction, names, now)


def _of(kind: Kind) -> ColumnElement[str]:
    """The column of an account's spec that names an object of this kind."""
    columns: dict[Kind, ColumnElement[str]] = {
        Kind.ACCOUNT: SPEC.id,
        Kind.TENANT: SPEC.tenant,
        Kind.TARGET: SPEC.target,
    }
    return columns[kind]
