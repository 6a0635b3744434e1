"""Mail that is not done, or is parked, of accounts that are not in the registry or were removed from it.

The database looks at each account that has a schedule and no spec, not at each mail: mails whose copy stays
at the source may be millions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    CompoundSelect,
    Select,
    and_,
    exists,
    func,
    literal,
    null,
    or_,
    select,
    union_all,
)

from shared.adapters.sql.account_conditions import ACCOUNT, MESSAGE, RECIPIENT, SPEC
from shared.adapters.sql.tables import KEPT, UNBACKED, accounts, messages, recipients, specs
from shared.adapters.sql.unit_of_work import Transaction
from shared.model.spec import Kind
from shared.ports.store.accounts import UnregisteredAccount, UnregisteredMail

NAMED = 6
"""Accounts whose names are told."""


def unregistered_mail(transaction: Transaction) -> UnregisteredMail:
    """Return what is not done of accounts that are not in the registry, removed ones left out."""
    found = _by_account(union_all(*_undone(with_removed=False)))
    totals = select(
        func.count(),
        func.coalesce(func.sum(found.c.at_source), 0),
        func.coalesce(func.sum(found.c.here), 0),
    )
    connection = transaction.connection
    number, at_source, here = connection.execute(totals).one()
    if not number:
        return UnregisteredMail()
    names = connection.execute(select(found.c.account).order_by(found.c.account).limit(NAMED)).scalars()
    return UnregisteredMail(number, int(at_source), int(here), tuple(names))


def unregistered_accounts(transaction: Transaction, limit: int) -> Sequence[UnregisteredAccount]:
    """Return accounts that are not in the registry, or were removed, and have mail, by name."""
    found = _by_account(union_all(*_undone(with_removed=True), _parked()))
    query = (
        select(found, ACCOUNT.visited_at, SPEC.removed_at)
        .outerjoin_from(found, accounts, ACCOUNT.id == found.c.account)
        .outerjoin(specs, and_(SPEC.kind == Kind.ACCOUNT.value, SPEC.id == found.c.account))
        .order_by(found.c.account)
        .limit(limit)
    )
    return [
        UnregisteredAccount(
            row.account, int(row.at_source), int(row.here), int(row.parked), row.visited_at, row.removed_at
        )
        for row in transaction.connection.execute(query)
    ]


def _undone(*, with_removed: bool) -> tuple[Select[Any], Select[Any]]:
    """The mails that are not done, by account: those at their source, and those held here alone."""
    at_source = (
        select(func.count())
        .select_from(messages)
        .where(MESSAGE.account == ACCOUNT.id, KEPT, MESSAGE.settled_at.is_(None), ~MESSAGE.unbacked)
        .scalar_subquery()
    )
    zero = literal(0)
    registered = _registered(ACCOUNT.id, with_removed=with_removed)
    stays = select(
        ACCOUNT.id.label("account"), at_source.label("at_source"), zero.label("here"), zero.label("parked")
    ).where(~registered)
    held = (
        select(MESSAGE.account, zero, func.count(), zero)
        .where(UNBACKED, MESSAGE.blob.is_not(None), ~_registered(MESSAGE.account, with_removed=with_removed))
        .group_by(MESSAGE.account)
    )
    return stays, held


def _parked() -> Select[Any]:
    zero = literal(0)
    return (
        select(MESSAGE.account, zero, zero, func.count())
        .join_from(recipients, messages, MESSAGE.id == RECIPIENT.message)
        .where(RECIPIENT.parked_at.is_not(None), ~_registered(MESSAGE.account, with_removed=True))
        .group_by(MESSAGE.account)
    )


def _registered(account: Any, *, with_removed: bool) -> Any:
    """Whether an account is in the registry; one that was removed is not, where those are asked for, too."""
    here = exists().where(SPEC.kind == Kind.ACCOUNT.value, SPEC.id == account)
    return here.where(SPEC.removed_at.is_(null())) if with_removed else here


def _by_account(parts: CompoundSelect[Any]) -> Any:
    """One row for each account that has any of it."""
    each = parts.subquery()
    sums = [func.sum(each.c[name]).label(name) for name in ("at_source", "here", "parked")]
    grouped = select(each.c.account, *sums).group_by(each.c.account).subquery()
    some = or_(grouped.c.at_source > 0, grouped.c.here > 0, grouped.c.parked > 0)
    return select(grouped).where(some).subquery()
