"""What is left of removed objects is deleted once nothing of it is in custody."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Select, and_, exists, or_, select

from shared.adapters.sql.registry.saving import forget_specs
from shared.adapters.sql.tables import KEPT, REMOVED, UNBACKED, UNSETTLED, accounts, messages, specs
from shared.adapters.sql.unit_of_work import Transaction, UnitOfWork
from shared.custody import decide
from shared.model.spec import Kind

SPEC, MESSAGE, ACCOUNT = specs.c, messages.c, accounts.c
MAILS_AT_ONCE = 500
"""Mails of removed accounts that one transaction marks as gone, so that it holds up no other for long."""
TARGET_KEPT = 7 * 86400.0
"""Seconds for which a removed target is kept: mail of accounts that moved to another one may be on its way to
it, and by default that is parked after five days. To look for such mail would read the whole table."""
LATE = 86400.0
"""Seconds after the end of its lease for which the event of a mail may still come: it waits in the broker
while routers or relays are down. A mail of an account that is there would be fetched again; of a removed one,
nobody fetches it."""
REASON = "the account was removed"


def forget_removed(transaction: Transaction, limit: int, now: float) -> list[str]:
    """Delete up to `limit` removed objects of which nothing is in custody; return them as `kind id`.

    Mail that is left at a removed account's source is not looked at any more, so it counts as gone. Targets
    wait for the accounts that were removed before them: their mail may need them.
    """
    done = _ids(transaction, _removed(Kind.ACCOUNT).where(~_in_custody(now)), limit)
    clean = [each for each in done if not _leave_mails(transaction, each, now)]
    forget_specs(transaction, Kind.ACCOUNT, clean, now)
    forgotten = [f"{Kind.ACCOUNT} {each}" for each in clean]
    for kind in (Kind.TARGET, Kind.TENANT):
        unused = _ids(transaction, _removed(kind).where(~_is_used(kind, now)), limit)
        forget_specs(transaction, kind, unused, now)
        forgotten += [f"{kind} {each}" for each in unused]
    return forgotten


def any_removed(transaction: Transaction) -> bool:
    """Return whether there are removed objects, which forgetting them may concern."""
    query = select(SPEC.id).where(REMOVED).limit(1)
    return transaction.connection.execute(query).first() is not None


def _removed(kind: Kind) -> Select[str]:
    return select(SPEC.id).where(SPEC.kind == kind.value, REMOVED)


def _ids(transaction: Transaction, query: Select[str], limit: int) -> Sequence[str]:
    return transaction.connection.execute(query.order_by(SPEC.id).limit(limit)).scalars().all()


def _in_custody(now: float) -> ColumnElement[bool]:
    """Whether an account is being visited, or mail of it is on its way or held in a blob alone."""
    visited = exists().where(ACCOUNT.id == SPEC.id, ACCOUNT.lease_until > now)
    under_way = and_(KEPT, UNSETTLED, MESSAGE.lease_until > now - LATE)
    held = and_(UNBACKED, or_(MESSAGE.blob.is_not(None), MESSAGE.lease_until > now))
    mails = [exists().where(MESSAGE.account == SPEC.id, each) for each in (under_way, held)]
    return or_(visited, *mails)


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
    other = specs.alias("other").c
    if kind is Kind.TENANT:
        of_tenant = other.kind.in_([Kind.ACCOUNT.value, Kind.TARGET.value])
        return exists().where(of_tenant, other.tenant == SPEC.id)
    mail = exists().where(MESSAGE.target == SPEC.id, UNBACKED)
    return or_(SPEC.removed_at > now - TARGET_KEPT, exists().where(other.target == SPEC.id), mail)
