"""What is left of removed objects is deleted once nothing of it is in custody."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, exists, or_, select

from shared.adapters.sql.registry.saving import forget_specs
from shared.adapters.sql.tables import KEPT, UNBACKED, UNSETTLED, messages, specs
from shared.adapters.sql.unit_of_work import Transaction, UnitOfWork
from shared.custody import decide
from shared.model.spec import Kind

SPEC, MESSAGE = specs.c, messages.c
MAILS_AT_ONCE = 2000
"""Mails of a removed account that one transaction marks as gone, so that it holds up no other for long."""
TARGET_KEPT = 7 * 86400.0
"""Seconds for which a removed target is kept: mail of accounts that moved to another one may be on its way to
it, and by default that is parked after five days. To look for such mail would read the whole table."""
REASON = "the account was removed"


def forget_removed(transaction: Transaction, limit: int, now: float) -> list[str]:
    """Delete up to `limit` removed objects of which nothing is in custody; return them as `kind id`.

    Mail that is left at a removed account's source is not looked at any more, so it counts as gone. Targets
    wait for the accounts that were removed before them: their mail may need them.
    """
    accounts = _removed(transaction, Kind.ACCOUNT, limit, ~_in_custody(SPEC.id, now))
    clean = [each for each in accounts if not _leave_mails(transaction, each, now)]
    forget_specs(transaction, Kind.ACCOUNT, clean)
    forgotten = [f"{Kind.ACCOUNT} {each}" for each in clean]
    for kind in (Kind.TARGET, Kind.TENANT):
        unused = _removed(transaction, kind, limit, ~_is_used(kind, now))
        forget_specs(transaction, kind, unused)
        forgotten += [f"{kind} {each}" for each in unused]
    return forgotten


def _removed(
    transaction: Transaction, kind: Kind, limit: int, condition: ColumnElement[bool]
) -> Sequence[str]:
    """Removed objects for which the condition holds. The others hold up none that come after them."""
    removed = and_(SPEC.kind == kind.value, SPEC.removed_at.is_not(None), condition)
    query = select(SPEC.id).where(removed).order_by(SPEC.id).limit(limit)
    return transaction.connection.execute(query).scalars().all()


def _in_custody(account: ColumnElement[str], now: float) -> ColumnElement[bool]:
    """Whether mail of the account is on its way, or held here alone."""
    on_its_way = and_(MESSAGE.account == account, KEPT, UNSETTLED, MESSAGE.lease_until > now)
    return or_(exists().where(on_its_way), exists().where(and_(MESSAGE.account == account, UNBACKED)))


def _leave_mails(transaction: Transaction, account: str, now: float) -> bool:
    """Mark mails of the account that are left at its source as gone; return whether there were any."""
    query = select(MESSAGE.id).where(MESSAGE.account == account, KEPT).limit(MAILS_AT_ONCE)
    left = transaction.connection.execute(query).scalars().all()
    work = UnitOfWork(transaction)
    work.load_leaving(left)
    for each in left:
        entry = decide.leave_at_source(work.messages.get(each), REASON, now)
        if entry is not None:
            work.apply(entry)
    work.save()
    return bool(left)


def _is_used(kind: Kind, now: float) -> ColumnElement[bool]:
    """Whether an account, removed or not, or mail needs the target; or whether the tenant has anything."""
    other = specs.alias("other")
    if kind is Kind.TENANT:
        return exists().where(and_(other.c.tenant == SPEC.id, other.c.kind != kind.value))
    accounts = exists().where(other.c.target == SPEC.id)
    mail = exists().where(and_(MESSAGE.target == SPEC.id, UNBACKED))
    return or_(SPEC.removed_at > now - TARGET_KEPT, accounts, mail)
